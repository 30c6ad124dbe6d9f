/* Noticing that what was a table is none any more.
 *
 * A kernel that frees a table need not say so: it may just use the frame for something else, and then each
 * store would cost an exit. Such stores give themselves away:
 *   - they straddle entries, write zeros over zeros, or make entries that no kernel would
 *   - they go to the root of an address space that is not loaded
 *   - they sweep the frame with zeros from its first byte on (a kernel that unmaps so much in order loses
 * nothing either: the table is shadowed again when it is next walked, and that is one exit instead of many)
 *   - a device writes there
 * Some of these in a row, and the frame's shadows are dropped. To be wrong costs a hidden fault, so this need
 * not be clever. */
#include "page.h"

#define SUSPICION_LIMIT 4
#define SWEEP_LIMIT     16  /* entries */
#define BLOCK_BYTES     512 /* what a disk writes at least */

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

static void judge(struct shadow *s, pfn_t f, uint64_t was, uint64_t is, bool straddles)
{
    uint8_t *suspicion = &s->frames[f.n].suspicion;

    if (straddles)
        *suspicion += 2;
    else if (is_root_not_loaded(s, f) || (!was && !is))
        *suspicion += 1;
    else if (is & PTE_PRESENT)
        *suspicion = entry_is_plausible(s, is) ? 0 : *suspicion + 2;
    else if (!is)
        *suspicion = 0;
}

static void follow_sweep(struct shadow_guest_frame *f, unsigned index, uint64_t is)
{
    if (is || (index && index != f->swept))
        f->swept = 0;
    else
        f->swept = (uint16_t)(index + 1);
}

/* True: the frame is no table any more. */
static bool drop(struct shadow *s, pfn_t f)
{
    s->frames[f.n].suspicion = 0;
    s->frames[f.n].swept = 0;
    shadow_drop_tables(s, f);
    s->stats.floods++;
    return !shadow_frame_is_table(s, f);
}

bool shadow_note_store(struct shadow *s, gpa_t gpa, unsigned size, uint64_t was, uint64_t is)
{
    pfn_t f = gpa_to_pfn(gpa);

    judge(s, f, was, is, gpa % sizeof is + size > sizeof is);
    follow_sweep(&s->frames[f.n], page_offset(gpa) / sizeof is, is);
    if (s->frames[f.n].suspicion < SUSPICION_LIMIT && s->frames[f.n].swept < SWEEP_LIMIT)
        return false;
    return drop(s, f);
}

void shadow_note_block(struct shadow *s, gpa_t gpa, uint64_t bytes)
{
    if (bytes >= BLOCK_BYTES && shadow_frame_is_table(s, gpa_to_pfn(gpa)))
        drop(s, gpa_to_pfn(gpa));
}

bool shadow_give_up_table(struct shadow *s, pfn_t f)
{
    if (!shadow_frame_is_table(s, f))
        return true;
    shadow_begin(s, true);
    return drop(s, f);
}
