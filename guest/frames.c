/* Frame descriptors and the free list. */
#include "frames.h"
#include "kernel.h"

static struct {
    struct frame *all;
    uint64_t end;   /* frame numbers are below */
    uint64_t count; /* managed */
    uint64_t free;
    uint32_t first_free;
} frames = { .first_free = NO_LINK };

/* Cut whole frames off the start of the first range that has enough. */
static pfn_t carve(struct frame_range *ranges, unsigned n, uint64_t count)
{
    for (unsigned i = 0; i < n; i++) {
        if (ranges[i].count < count)
            continue;
        pfn_t first = ranges[i].first;
        ranges[i].first.n += count;
        ranges[i].count -= count;
        return first;
    }
    panic("no room for the %lu frames that describe memory", count);
}

void *frames_init(const struct boot_info *boot, uint64_t more_bytes)
{
    struct frame_range ranges[MAX_FREE_RANGES];
    memcpy(ranges, boot->free, sizeof ranges);

    kassert(boot->nr_frames < NO_LINK && boot->nr_free <= MAX_FREE_RANGES);
    uint64_t bytes = page_round_up(boot->nr_frames * sizeof(struct frame));
    uint64_t all_bytes = bytes + page_round_up(more_bytes);
    pfn_t first = carve(ranges, boot->nr_free, all_bytes >> PAGE_SHIFT);
    memset(pfn_to_virt(first), 0, all_bytes);

    frames.all = pfn_to_virt(first);
    frames.end = boot->nr_frames;
    frames.count = frames.free = 0;
    frames.first_free = NO_LINK;
    for (unsigned i = boot->nr_free; i-- > 0;) /* backwards, so that low frames are taken first */
        for (uint64_t k = ranges[i].count; k-- > 0;) {
            frame_of(pfn(ranges[i].first.n + k))->kind = FRAME_KERNEL;
            frames_give(pfn(ranges[i].first.n + k));
            frames.count++;
        }
    return (char *)frames.all + bytes;
}

struct frame *frame_of(pfn_t f)
{
    kassert(f.n < frames.end);
    return &frames.all[f.n];
}

pfn_t frames_take(enum frame_kind kind)
{
    if (frames.first_free == NO_LINK)
        return pfn(NO_FRAME);
    pfn_t f = pfn(frames.first_free);
    struct frame *d = frame_of(f);
    kassert(d->kind == FRAME_FREE);
    frames.first_free = d->next;
    frames.free--;
    *d = (struct frame){ .next = NO_LINK, .prev = NO_LINK, .place = NO_PLACE, .kind = (uint8_t)kind };
    return f;
}

void frames_give(pfn_t f)
{
    struct frame *d = frame_of(f);
    kassert(d->kind != FRAME_FREE && d->kind != FRAME_RESERVED);
    *d = (struct frame){ .next = frames.first_free, .place = NO_PLACE, .kind = FRAME_FREE };
    frames.first_free = (uint32_t)f.n;
    frames.free++;
}

void frame_zero(pfn_t f)
{
    memset(pfn_to_virt(f), 0, PAGE_SIZE);
}

bool frame_is_page(const struct frame *f)
{
    return f->kind == FRAME_FILE || f->kind == FRAME_ANONYMOUS;
}

uint64_t frames_end(void)
{
    return frames.end;
}

uint64_t frames_count(void)
{
    return frames.count;
}

uint64_t frames_free(void)
{
    return frames.free;
}

void frame_list_append(struct frame_list *l, pfn_t f)
{
    struct frame *d = frame_of(f);
    d->next = NO_LINK;
    d->prev = l->last;
    if (l->last == NO_LINK)
        l->first = (uint32_t)f.n;
    else
        frame_of(pfn(l->last))->next = (uint32_t)f.n;
    l->last = (uint32_t)f.n;
}

void frame_list_remove(struct frame_list *l, pfn_t f)
{
    struct frame *d = frame_of(f);
    if (d->prev == NO_LINK)
        l->first = d->next;
    else
        frame_of(pfn(d->prev))->next = d->next;
    if (d->next == NO_LINK)
        l->last = d->prev;
    else
        frame_of(pfn(d->next))->prev = d->prev;
    d->next = d->prev = NO_LINK;
}
