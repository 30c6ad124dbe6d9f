/* The audit: count again, from the tables themselves, everything that the frame table says.
 *   1. forget   what the last audit counted
 *   2. count    every table's entries, the roots, the pins, the shared-info page
 *   3. compare  each frame's counts, and what must hold of its type
 *
 * All frames that are typed as tables are counted, not only those that are reached from a root: a table that
 * nothing refers to would be found in step 3, having a type count and no use. Nothing here uses the code that
 * it checks. */
#include "memory_functions.h"
#include "pv.h"
#include "x86_paging.h"

struct audit {
    const struct pv_domain *d;
    void (*report)(void *arg, const char *text, uint64_t mfn);
    void *arg;
    unsigned disagreements;
};

static void check(struct audit *a, bool holds, const char *otherwise, uint64_t m)
{
    if (holds)
        return;
    a->disagreements++;
    if (a->report)
        a->report(a->arg, otherwise, m);
}

/* 2. Count. */
static void count_use(struct audit *a, uint64_t m, unsigned type, const char *otherwise)
{
    struct pv_frame_info *f = &a->d->frames[m];
    f->audit_refs++;
    if (type == PV_FRAME_NONE)
        return;
    f->audit_types++;
    check(a, f->type == type, otherwise, m);
}

static void count_entry(struct audit *a, uint64_t table, int level, uint64_t entry)
{
    if (!(entry & PTE_PRESENT))
        return;
    uint64_t m = pte_frame_number(entry);
    check(a, !(entry & (PTE_GLOBAL | PTE_LARGE | (0x7ffull << 52))), "an entry has a reserved bit", table);
    if (m >= a->d->nr_mfns || a->d->frames[m].owner != a->d->id)
        check(a, false, "an entry names a frame that is not the domain's", table);
    else if (level > 1)
        count_use(a, m, (unsigned)(PV_FRAME_L1 + level - 2),
                  "a table is in use at a level that is not its own");
    else
        count_use(a, m, entry & PTE_WRITE ? PV_FRAME_WRITABLE : PV_FRAME_NONE,
                  "a frame that is no data is mapped writable");
}

static void count_table(struct audit *a, uint64_t m, int level)
{
    const uint64_t *entries = a->d->ops->frame(a->d->ctx, mfn(m));
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if (level == PT_LEVELS && i == PV_RESERVED_SLOT)
            check(a, entries[i] == a->d->monitor_entry, "the monitor's slot of a root is not the monitor's",
                  m);
        else
            count_entry(a, m, level, entries[i]);
    }
}

static void count_root(struct audit *a, mfn_t root)
{
    bool own = root.n < a->d->nr_mfns && a->d->frames[root.n].owner == a->d->id;
    check(a, own, "a root is not the domain's", root.n);
    if (own)
        count_use(a, root.n, PV_FRAME_L4, "a root is no level 4 table");
}

static void count_frame(struct audit *a, uint64_t m)
{
    const struct pv_frame_info *f = &a->d->frames[m];
    if (f->type >= PV_FRAME_L1 && f->type <= PV_FRAME_L4)
        count_table(a, m, f->type - PV_FRAME_L1 + 1);
    if (f->pinned)
        count_use(a, m, f->type, "");
}

/* 3. Compare. */
static void compare_frame(struct audit *a, uint64_t m)
{
    const struct pv_frame_info *f = &a->d->frames[m];
    check(a, f->type_count == f->audit_types, "the type count is wrong", m);
    check(a, f->ref_count == f->audit_refs, "the reference count is wrong", m);
    check(a, f->type <= PV_FRAME_L4, "the type is unknown", m);
    check(a, (f->type == PV_FRAME_NONE) == (f->type_count == 0),
          "the type and its count contradict each other", m);
    check(a, !f->pinned || f->type >= PV_FRAME_L1, "a pinned frame is no table", m);
}

static void compare_nobodys_frame(struct audit *a, uint64_t m)
{
    const struct pv_frame_info *f = &a->d->frames[m];
    check(a, !f->type && !f->pinned && !f->type_count && !f->ref_count, "a frame of nobody is in use", m);
}

/* Call visit for each frame of this owner. */
static void for_frames(struct audit *a, uint16_t owner, void (*visit)(struct audit *a, uint64_t m))
{
    for (uint64_t m = 0; m < a->d->nr_mfns; m++)
        if (a->d->frames[m].owner == owner)
            visit(a, m);
}

/* 1. Forget. */
static void forget_frame(struct audit *a, uint64_t m)
{
    a->d->frames[m].audit_types = a->d->frames[m].audit_refs = 0;
}

unsigned pv_audit(const struct pv_domain *d, void (*report)(void *arg, const char *text, uint64_t mfn),
                  void *arg)
{
    struct audit a = { .d = d, .report = report, .arg = arg };
    for_frames(&a, d->id, forget_frame);
    for_frames(&a, d->id, count_frame);
    count_root(&a, d->kernel_root);
    if (mfn_is_valid(d->user_root))
        count_root(&a, d->user_root);
    count_use(&a, d->shared_info_mfn.n, PV_FRAME_WRITABLE, "the shared-info page is no data");
    for_frames(&a, d->id, compare_frame);
    for_frames(&a, PV_DOMAIN_NONE, compare_nobodys_frame);
    return a.disagreements;
}
