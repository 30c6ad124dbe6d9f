/* One line a group: how many checks, how many of them were wrong, and a sum over what was seen. */
#include "torture.h"

#define MOST_TOLD 5

static const char *group;
static unsigned checks, wrong, all_wrong;
static uint64_t sum;

void group_begin(const char *name)
{
    group = name;
    checks = wrong = 0;
    sum = 0xcbf29ce484222325ull; /* FNV-1a */
}

void note(uint64_t value)
{
    sum = (sum ^ value) * 0x100000001b3ull;
}

void check(bool holds, const char *format, ...)
{
    char text[200];
    va_list args;

    checks++;
    if (holds)
        return;
    all_wrong++;
    if (wrong++ >= MOST_TOLD)
        return;
    va_start(args, format);
    kvsnprintf(text, sizeof(text), format, args);
    va_end(args);
    kprintf("%s: check %u: %s\n", group, checks, text);
}

void group_end(void)
{
    kprintf("%s: %u checks, %u wrong, sum %08x\n", group, checks, wrong, (unsigned)(sum ^ sum >> 32));
}

unsigned nr_failures(void)
{
    return all_wrong;
}
