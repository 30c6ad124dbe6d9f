/* The choice of a policy by name. */
#include "policy.h"
#include "kernel.h"

static const struct policy *const policies[] = { &policy_clock, &policy_fifo, &policy_lru, &policy_random };

const struct policy *policy = &policy_clock;

bool policy_choose(const char *name, uint64_t seed)
{
    for (unsigned i = 0; i < sizeof policies / sizeof policies[0]; i++)
        if (!name || !strcmp(policies[i]->name, name)) {
            policy = policies[i];
            policy->start(seed);
            return true;
        }
    return false;
}
