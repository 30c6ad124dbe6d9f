/* First in, first out: the page that came in first goes, used or not. */
#include "policy.h"

static struct frame_list pages;

static void start(uint64_t seed)
{
    (void)seed;
    pages = frame_list_empty();
}

static void page_came(pfn_t f)
{
    frame_list_append(&pages, f);
}

static void page_gone(pfn_t f)
{
    frame_list_remove(&pages, f);
}

static pfn_t pick(void)
{
    if (pages.first == NO_LINK)
        return pfn(NO_FRAME);
    pfn_t f = pfn(pages.first);
    frame_list_remove(&pages, f);
    frame_list_append(&pages, f); /* if it cannot go, it waits another round */
    return f;
}

const struct policy policy_fifo = {
    .name = "fifo", .start = start, .page_came = page_came, .page_gone = page_gone, .pick = pick
};
