/* Stores to tables: a value lands in the guest's table and, entry by entry, in all shadows of it. */
#include "page.h"

/* The bytes lie in one page. */
void shadow_apply_bytes(struct shadow *s, gpa_t gpa, const void *from, uint64_t bytes)
{
    uint64_t first = page_offset(gpa) / sizeof(uint64_t);
    uint64_t last = (page_offset(gpa) + bytes - 1) / sizeof(uint64_t);
    pfn_t f = gpa_to_pfn(gpa);
    uint8_t *frame = s->ops->guest_frame(s->ctx, f);

    memcpy(frame + page_offset(gpa), from, bytes);
    for (uint64_t i = first; i <= last && shadow_frame_is_table(s, f); i++)
        shadow_sync_all(s, f, (unsigned)i);
}

static void count_store(struct shadow_stats *stats, uint64_t was, uint64_t is)
{
    if (was == is)
        stats->stores_same++;
    else if ((was & PTE_PRESENT) == (is & PTE_PRESENT))
        stats->stores_changed++;
    else if (is & PTE_PRESENT)
        stats->stores_added++;
    else
        stats->stores_removed++;
}

bool shadow_store(struct shadow *s, gpa_t gpa, uint64_t value, unsigned size)
{
    const uint64_t *entry = s->ops->guest_frame(s->ctx, gpa_to_pfn(gpa));
    uint64_t was;

    if (!entry || size < 1 || size > sizeof value || page_offset(gpa) + size > PAGE_SIZE)
        return false;
    shadow_begin(s, true);
    entry += page_offset(gpa) / sizeof *entry;
    was = *entry;
    shadow_apply_bytes(s, gpa, &value, size);
    if (!shadow_frame_is_table(s, gpa_to_pfn(gpa))) {
        s->stats.stores_plain++;
        return false;
    }
    count_store(&s->stats, was, *entry);
    return shadow_note_store(s, gpa, size, was, *entry);
}
