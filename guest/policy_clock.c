/* Clock: a hand goes round the frames and takes the first page that was not accessed since it passed last
 * (Corbato, "A Paging Experiment with the Multics System", 1968). */
#include "policy.h"

static uint64_t hand;

static void start(uint64_t seed)
{
    (void)seed;
    hand = 0;
}

static void ignore(pfn_t f)
{
    (void)f;
}

static pfn_t pick(void)
{
    for (uint64_t steps = 2 * frames_end(); steps > 0; steps--) {
        pfn_t f = pfn(hand);
        hand = hand + 1 < frames_end() ? hand + 1 : 0;
        const struct frame *d = frame_of(f);
        if (frame_is_page(d) && !d->leaving && !evict_test_accessed(f))
            return f;
    }
    return pfn(NO_FRAME);
}

const struct policy policy_clock = {
    .name = "clock", .start = start, .page_came = ignore, .page_gone = ignore, .pick = pick
};
