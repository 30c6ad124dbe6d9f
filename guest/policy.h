/* Which page goes when frames run out: a table of operations for each policy, chosen by name at the start.
 * All are deterministic. A policy only ranks; evict.c decides whether the page can go, writes it and unmaps
 * it. */
#pragma once
#include "frames.h"

struct policy {
    const char *name;
    void (*start)(uint64_t seed);
    /* A frame holds a page now; it does not any more, or is on its way out. */
    void (*page_came)(pfn_t f);
    void (*page_gone)(pfn_t f);
    /* The page to go next, NO_FRAME if there is none. It stays with the policy until page_gone(). Asked again
     * at once it gives another one, if there is: the last one could not go. */
    pfn_t (*pick)(void);
};

extern const struct policy policy_clock, policy_fifo, policy_lru, policy_random;
extern const struct policy *policy;

/* False if there is none of that name; NULL is the default, clock. */
bool policy_choose(const char *name, uint64_t seed);

/* Has the page been accessed since it was asked last? Reads and clears the bit in all entries that map it, of
 * which few are cleared for one fault: when those are used up, says no. In evict.c. */
bool evict_test_accessed(pfn_t f);
