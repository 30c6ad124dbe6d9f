/* Page tables, in the order of the code:
 *   1. entries: well-formed? take and drop what they refer to
 *   2. a frame becomes a table: all of its entries are taken, or none
 *   3. a frame stops being a table: all are dropped */
#include "tables.h"
#include "frame_types.h"

/* 1. Entries. */
int pv_entry_check(uint64_t entry)
{
    if (!(entry & PTE_PRESENT))
        return 0;
    return entry & ~PV_ENTRY_ALLOWED ? -PV_EINVAL : 0;
}

int pv_entry_take(struct pv_domain *d, int level, uint64_t entry, const struct pv_path *path)
{
    if (!(entry & PTE_PRESENT))
        return 0;
    mfn_t m = pv_entry_frame(entry);
    if (level > 1)
        return pv_table_get(d, m, level - 1, path);
    return entry & PTE_WRITE ? pv_type_get(d, m, PV_FRAME_WRITABLE) : pv_ref_get(d, m);
}

void pv_entry_drop(struct pv_domain *d, int level, uint64_t entry)
{
    if (!(entry & PTE_PRESENT))
        return;
    mfn_t m = pv_entry_frame(entry);
    if (level > 1)
        pv_table_put(d, m);
    else if (entry & PTE_WRITE)
        pv_type_put(d, m);
    else
        pv_ref_put(d, m);
}

static void drop_entries(struct pv_domain *d, mfn_t m, int level, unsigned count)
{
    const uint64_t *entries = d->ops->frame(d->ctx, m);
    for (unsigned i = 0; i < count; i++)
        if (level < PT_LEVELS || i != PV_RESERVED_SLOT) /* the monitor's is not the guest's to drop */
            pv_entry_drop(d, level, entries[i]);
}

/* 2. A frame becomes a table. */
static void write_monitor_slot(struct pv_domain *d, mfn_t root, uint64_t entry)
{
    d->ops->write_entry(d->ctx, mfn_to_maddr(root) + PV_RESERVED_SLOT * sizeof(uint64_t), entry);
}

/* Where KVM itself shadows, it may still remember the frame as the table that it once was, and it did not see what the
 * host wrote there since. Stores by the monitor it does see. */
static void store_anew(struct pv_domain *d, mfn_t m)
{
    const uint64_t *entries = d->ops->frame(d->ctx, m);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        d->ops->write_entry(d->ctx, mfn_to_maddr(m) + i * sizeof(uint64_t), entries[i]);
    d->frames[m.n].host_wrote = 0;
    d->stored_anew++;
}

static bool path_contains(const struct pv_path *path, mfn_t m)
{
    for (; path; path = path->above)
        if (path->table.n == m.n)
            return true;
    return false;
}

static int take_entries(struct pv_domain *d, mfn_t m, int level, const struct pv_path *above)
{
    const struct pv_path path = { m, above };
    const uint64_t *entries = d->ops->frame(d->ctx, m);
    if (level == PT_LEVELS && entries[PV_RESERVED_SLOT] != 0)
        return -PV_EPERM;
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        int error = pv_entry_check(entries[i]);
        if (!error)
            error = pv_entry_take(d, level, entries[i], &path);
        if (error) {
            drop_entries(d, m, level, i);
            return error;
        }
    }
    return 0;
}

/* The frame gets its type before its entries are looked at, so that a writable mapping of the table itself,
 * anywhere below, is refused like any other. */
int pv_table_get(struct pv_domain *d, mfn_t m, int level, const struct pv_path *path)
{
    if (path_contains(path, m))
        return -PV_ELOOP;
    int error = pv_type_get(d, m, (enum pv_frame_type)(PV_FRAME_L1 + level - 1));
    if (error || d->frames[m.n].type_count > 1)
        return error;
    d->tables_in_exit++;
    error = take_entries(d, m, level, path);
    if (error) {
        pv_type_put(d, m);
        return error;
    }
    if (d->frames[m.n].host_wrote)
        store_anew(d, m);
    if (level == PT_LEVELS)
        write_monitor_slot(d, m, d->monitor_entry);
    return 0;
}

/* 3. A frame stops being a table. */
void pv_table_put(struct pv_domain *d, mfn_t m)
{
    int level = pv_frame_level(d, m);
    if (d->frames[m.n].type_count == 1) {
        if (level == PT_LEVELS)
            write_monitor_slot(d, m, 0);
        d->tables_in_exit++;
        drop_entries(d, m, level, PT_ENTRIES);
    }
    pv_type_put(d, m);
}

bool pv_tables_are_too_many(const struct pv_domain *d)
{
    return d->tables_in_exit >= PV_MAX_TABLES;
}
