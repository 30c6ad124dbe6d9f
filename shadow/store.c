/* Stores to tables: a value lands in the guest's table and in its shadows at once. And the other side of
 * tracking: noticing that what was a table is none any more.
 *
 * A kernel that frees a table need not say so: it may just use the frame for something else, and then each
 * store would cost an exit. Such stores give themselves away: they straddle entries, write zeros over zeros
 * (a frame being cleared), or entries that no kernel would write; or they go to the root of an address space
 * that is not loaded. Some of these in a row, and the frame's shadows are dropped. To be wrong costs one
 * hidden fault, so this need not be clever. */
#include "page.h"

#define SUSPICION_LIMIT 4

/* The bytes lie in one page. */
void shadow_apply_bytes(struct shadow *s, gpa_t gpa, const void *from, uint64_t bytes)
{
    pfn_t f = gpa_to_pfn(gpa);
    uint8_t *frame = s->ops->guest_frame(s->ctx, f);
    uint64_t first = page_offset(gpa) / sizeof(uint64_t),
             last = (page_offset(gpa) + bytes - 1) / sizeof(uint64_t);

    memcpy(frame + page_offset(gpa), from, bytes);
    for (uint64_t i = first; i <= last && shadow_frame_is_table(s, f); i++)
        shadow_sync_all(s, f, (unsigned)i);
}

static void count_store(struct shadow_stats *stats, uint64_t old, uint64_t new)
{
    bool was = old & PTE_PRESENT, is = new &PTE_PRESENT;

    if (old == new)
        stats->stores_same++;
    else if (was == is)
        stats->stores_changed++;
    else if (is)
        stats->stores_added++;
    else
        stats->stores_removed++;
}

/* Would a kernel put this present entry into a table? */
static bool entry_is_plausible(const struct shadow *s, uint64_t entry)
{
    return !guest_entry_is_reserved(entry, 1, s->maxphyaddr, s->paging.nxe) &&
           s->ops->place(s->ctx, pfn(pte_frame_number(entry))).kind != SHADOW_PLACE_NONE;
}

static bool is_root_not_loaded(const struct shadow *s, pfn_t f)
{
    uint32_t lower_levels = table_bit(PT_LEVELS, 0) - 1;

    return !(s->frames[f.n].tables & lower_levels) && f.n != s->paging.root.n;
}

static void judge_store(struct shadow *s, pfn_t f, uint64_t old, uint64_t new, bool straddles)
{
    uint8_t *suspicion = &s->frames[f.n].suspicion;

    if (straddles)
        *suspicion += 2;
    else if (is_root_not_loaded(s, f) || (!old && !new))
        *suspicion += 1;
    else if (new &PTE_PRESENT)
        *suspicion = entry_is_plausible(s, new) ? 0 : *suspicion + 2;
    else if (!new)
        *suspicion = 0;
}

static bool drop_if_flooded(struct shadow *s, pfn_t f)
{
    if (s->frames[f.n].suspicion < SUSPICION_LIMIT)
        return false;
    s->frames[f.n].suspicion = 0;
    shadow_drop_tables(s, f);
    s->stats.floods++;
    return !shadow_frame_is_table(s, f);
}

bool shadow_store(struct shadow *s, gpa_t gpa, uint64_t value, unsigned size)
{
    pfn_t f = gpa_to_pfn(gpa);
    const uint64_t *entry = s->ops->guest_frame(s->ctx, f);
    uint64_t old;

    if (!entry || size < 1 || size > sizeof value || page_offset(gpa) + size > PAGE_SIZE)
        return false;
    shadow_begin(s, true);
    entry += page_offset(gpa) / sizeof *entry;
    old = *entry;
    shadow_apply_bytes(s, gpa, &value, size);
    if (!shadow_frame_is_table(s, f)) {
        s->stats.stores_plain++;
        return false;
    }
    count_store(&s->stats, old, *entry);
    judge_store(s, f, old, *entry, gpa % sizeof value + size > sizeof value);
    return drop_if_flooded(s, f);
}
