/* mmu_update and update_va_mapping: stores to page tables, checked.
 *   1. one store: decode (changes nothing), take what the new entry refers to, write, drop the old one's
 *   2. a list, all or nothing: a store that is refused undoes those before it, backwards
 *   3. the hypercalls
 *
 * Stale translations: a store that takes a right away leaves the TLB with a translation that the tables no
 * longer have, and the frame behind it may be a table a moment later. So it marks the domain stale, and
 * nothing of the guest runs before the TLB is flushed (pv_settle). Not-present entries are never cached: the
 * common fault needs no flush. */
#include "domain.h"
#include "frame_types.h"
#include "guest_access.h"
#include "hypercall.h"
#include "tables.h"

/* 1. One store. */
struct store {
    maddr_t at;
    int level;
    uint64_t before, after;
};

static int decode_store(const struct pv_domain *d, const struct pv_update *u, struct store *s)
{
    mfn_t table = maddr_to_mfn(u->at);
    if (u->at % sizeof(uint64_t))
        return -PV_EINVAL;
    if (!pv_frame_is_own(d, table))
        return -PV_EPERM;
    unsigned index = (unsigned)(page_offset(u->at) / sizeof(uint64_t));
    s->at = u->at;
    s->level = pv_frame_level(d, table);
    if (s->level == 0)
        return -PV_EINVAL;
    if (s->level == PT_LEVELS && index == PV_RESERVED_SLOT)
        return -PV_EPERM;
    s->after = u->entry;
    s->before = ((const uint64_t *)d->ops->frame(d->ctx, table))[index];
    return pv_entry_check(s->after);
}

/* Do both refer to the same frame in the same way? Then no count changes: accessed and dirty bits, swap
 * places. */
static bool same_reference(const struct store *s)
{
    if (!((s->before | s->after) & PTE_PRESENT))
        return true;
    uint64_t matters = PTE_PRESENT | PTE_FRAME_MASK | (s->level == 1 ? PTE_WRITE : 0);
    return !((s->before ^ s->after) & matters);
}

static bool takes_rights(const struct store *s)
{
    if (!(s->before & PTE_PRESENT))
        return false;
    if (!(s->after & PTE_PRESENT) || (s->before ^ s->after) & PTE_FRAME_MASK)
        return true;
    uint64_t lost = s->before & ~s->after & (PTE_WRITE | PTE_USER);
    return lost || (s->after & ~s->before & PTE_NX);
}

static int perform_store(struct pv_domain *d, const struct store *s)
{
    const struct pv_path path = { maddr_to_mfn(s->at), NULL };
    bool same = same_reference(s);
    if (!same) {
        int error = pv_entry_take(d, s->level, s->after, &path);
        if (error)
            return error;
    }
    d->ops->write_entry(d->ctx, s->at, s->after);
    if (!same)
        pv_entry_drop(d, s->level, s->before);
    d->stale |= takes_rights(s);
    return 0;
}

/* On success *u holds the entry that was there before. */
static int apply_update(struct pv_domain *d, struct pv_update *u, struct store *s)
{
    int error = decode_store(d, u, s);
    if (!error)
        error = perform_store(d, s);
    if (!error)
        u->entry = s->before;
    return error;
}

/* 2. A list. Undone backwards, each store finds the state that it left, so the entry before can be taken
 * again: it was held together with the new one when that was taken. */
static void undo_updates(struct pv_domain *d, struct pv_update *list, uint64_t count)
{
    struct store s;
    while (count-- > 0)
        if (apply_update(d, &list[count], &s))
            pv_crash(d, "a refused list of updates cannot be undone");
}

static int apply_list(struct pv_domain *d, struct pv_update *list, uint64_t count)
{
    struct store s;
    for (uint64_t i = 0; i < count; i++) {
        int error = pv_tables_are_too_many(d) ? -PV_E2BIG : apply_update(d, &list[i], &s);
        if (error) {
            undo_updates(d, list, i);
            return error;
        }
    }
    return 0;
}

/* 3. The hypercalls. */
static void note_result(struct pv_domain *d, int error)
{
    if (!error)
        d->ops->note_progress(d->ctx, PV_TABLE_UPDATED);
}

static bool too_many(struct pv_domain *d, uint64_t count)
{
    if (count > PV_MAX_UPDATES - d->updates_in_exit)
        return true;
    d->updates_in_exit += (unsigned)count;
    return false;
}

int64_t pv_call_mmu_update(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    uint64_t count = args[1];
    if (too_many(d, count))
        return -PV_E2BIG;
    if (pv_copy_from_guest(d, d->updates, args[0], count * sizeof(d->updates[0])))
        return -PV_EFAULT;
    int error = apply_list(d, d->updates, count);
    note_result(d, error);
    return error;
}

int64_t pv_call_update_va(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    struct pv_walk w;
    struct store s;
    if (!pv_walk(d, d->kernel_root, args[0], &w))
        return -PV_EFAULT;
    if (too_many(d, 1))
        return -PV_E2BIG;
    struct pv_update u = { .at = w.at, .entry = args[1] };
    int error = apply_update(d, &u, &s);
    /* The level 1 table may be reached at other addresses too: where rights went, pv_settle flushes them all.
     */
    if (!error && s.before & PTE_PRESENT && !takes_rights(&s))
        d->ops->flush_page(d->ctx, args[0]);
    note_result(d, error);
    return error;
}
