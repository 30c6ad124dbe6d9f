/* Random: any page. The generator is Marsaglia's xorshift64 ("Xorshift RNGs", 2003), seeded, so that a run
 * can be repeated. */
#include "policy.h"

static uint64_t state;

static void start(uint64_t seed)
{
    state = seed ? seed : 0x9e3779b97f4a7c15ull; /* zero would stay zero */
}

static void ignore(pfn_t f)
{
    (void)f;
}

static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* The first page from a random frame on. */
static pfn_t pick(void)
{
    uint64_t at = next_random() % frames_end();
    for (uint64_t i = 0; i < frames_end(); i++) {
        pfn_t f = pfn((at + i) % frames_end());
        const struct frame *d = frame_of(f);
        if (frame_is_page(d) && !d->leaving)
            return f;
    }
    return pfn(NO_FRAME);
}

const struct policy policy_random = {
    .name = "random", .start = start, .page_came = ignore, .page_gone = ignore, .pick = pick
};
