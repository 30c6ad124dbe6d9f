/* Least recently used, as far as accessed bits tell: pages are kept in the order in which they were last
 * *seen* to have been used. Each pick samples some frames in turn, and moves those that were used to the
 * young end; the oldest that is still unused goes. */
#include "policy.h"

#define SAMPLES   16
#define REPRIEVES 32

static struct frame_list pages; /* oldest first */
static uint64_t hand;

static void start(uint64_t seed)
{
    (void)seed;
    pages = frame_list_empty();
    hand = 0;
}

static void page_came(pfn_t f)
{
    frame_list_append(&pages, f);
}

static void page_gone(pfn_t f)
{
    frame_list_remove(&pages, f);
}

static void make_youngest(pfn_t f)
{
    frame_list_remove(&pages, f);
    frame_list_append(&pages, f);
}

static void sample(void)
{
    unsigned pages_left = SAMPLES;
    for (uint64_t steps = frames_end(); steps > 0 && pages_left > 0; steps--) {
        pfn_t f = pfn(hand);
        hand = hand + 1 < frames_end() ? hand + 1 : 0;
        const struct frame *d = frame_of(f);
        if (!frame_is_page(d) || d->leaving)
            continue;
        pages_left--;
        if (evict_test_accessed(f))
            make_youngest(f);
    }
}

static pfn_t pick(void)
{
    sample();
    for (unsigned i = 0; pages.first != NO_LINK; i++) {
        pfn_t f = pfn(pages.first);
        bool used = i < REPRIEVES && evict_test_accessed(f);
        make_youngest(f); /* also when it is picked: if it cannot go, another one is next */
        if (!used)
            return f;
    }
    return pfn(NO_FRAME);
}

const struct policy policy_lru = {
    .name = "lru", .start = start, .page_came = page_came, .page_gone = page_gone, .pick = pick
};
