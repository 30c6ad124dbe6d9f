/* The page tables of a space: 1. looking, 2. storing and adding, 3. taking away. */
#include "tables.h"
#include "frames.h"
#include "kernel.h"

#define TABLE_BITS (PTE_WRITE | PTE_USER | PTE_ACCESSED)

/* 1. Looking. */

uint64_t slot_read(struct slot at)
{
    return platform->read_entry(at.table, at.index);
}

/* Go down from the root to the table of level `until`, or to the last one there is; returns the level
 * reached. */
static int descend(const struct space *s, gva_t a, int until, pfn_t *table)
{
    int level = PT_LEVELS;
    *table = s->root.kernel;
    while (level > until) {
        uint64_t entry = platform->read_entry(*table, pt_index(a, level));
        if (!(entry & PTE_PRESENT))
            break;
        *table = platform->entry_frame(entry);
        level--;
    }
    return level;
}

bool tables_find(const struct space *s, gva_t a, struct slot *at)
{
    at->index = pt_index(a, 1);
    return descend(s, a, 1, &at->table) == 1;
}

unsigned tables_missing(const struct space *s, gva_t a)
{
    pfn_t table;
    return (unsigned)descend(s, a, 1, &table) - 1;
}

/* The first address after what one entry of this level maps around a. */
static gva_t next_span(gva_t a, int level)
{
    return (a | (pt_entry_span(level) - 1)) + 1;
}

gva_t tables_next_table(const struct space *s, gva_t from, pfn_t *table)
{
    while (from < USER_TOP) {
        int level = descend(s, from, 1, table);
        if (level == 1)
            return from & ~(pt_entry_span(2) - 1);
        from = next_span(from, level);
    }
    return USER_TOP;
}

gva_t tables_next(const struct space *s, gva_t from, gva_t end, struct slot *at)
{
    while (from < end) {
        gva_t base = tables_next_table(s, from, &at->table);
        if (base > from)
            from = base;
        gva_t table_end = next_span(from, 2);
        for (; from < end && from < table_end; from += PAGE_SIZE) {
            at->index = pt_index(from, 1);
            if (slot_read(*at))
                return from;
        }
    }
    return end;
}

/* 2. Storing and adding. */

/* Every store to a table of ours passes here, for the count of its entries. */
static void store(pfn_t table, unsigned index, uint64_t entry)
{
    struct frame *d = frame_of(table);
    bool was = platform->read_entry(table, index) != 0;
    d->entries = (uint16_t)(d->entries + (entry != 0) - was);
    platform->write_entry(table, index, entry);
}

void tables_set(const struct space *s, gva_t a, struct slot at, uint64_t entry)
{
    bool was_present = slot_read(at) & PTE_PRESENT;
    store(at.table, at.index, entry);
    if (was_present && space_is_loaded(s))
        platform->flush_page(a);
}

pfn_t tables_new(void)
{
    pfn_t table = frames_take(FRAME_TABLE);
    kassert(pfn_is_valid(table));
    frame_zero(table);
    return table;
}

void tables_fill(pfn_t table, unsigned index, uint64_t entry)
{
    uint64_t *entries = pfn_to_virt(table);
    entries[index] = entry;
    frame_of(table)->entries++;
}

/* Store `entry` for an address as an entry of that level: directly if the table is there, else in a new one,
 * and so on up. */
static void store_at_level(const struct space *s, gva_t a, int level, uint64_t entry)
{
    pfn_t table;
    int reached = descend(s, a, level, &table);
    for (; level < reached; level++) {
        pfn_t added = tables_new();
        tables_fill(added, pt_index(a, level), entry);
        platform->table_created(added, level);
        entry = platform->make_entry(added, TABLE_BITS);
    }
    if (level == PT_LEVELS)
        platform->write_root_entry(&s->root, pt_index(a, level), entry);
    else
        store(table, pt_index(a, level), entry);
}

void tables_map(const struct space *s, gva_t a, uint64_t entry)
{
    struct slot at;
    if (tables_find(s, a, &at))
        tables_set(s, a, at, entry);
    else
        store_at_level(s, a, 1, entry);
}

void tables_link(const struct space *s, gva_t a, pfn_t table)
{
    platform->table_created(table, 1);
    store_at_level(s, a, 2, platform->make_entry(table, TABLE_BITS));
}

/* 3. Taking away. */

unsigned tables_entries(pfn_t table)
{
    return frame_of(table)->entries;
}

void tables_forget_entries(pfn_t table)
{
    frame_of(table)->entries = 0;
}

/* Unlink what is below `table`, of that level, in [start, end): empty tables, or all. base: the first address
 * it maps. Returns how many went. */
static unsigned prune(const struct space *s, pfn_t table, int level, gva_t base, gva_t start, gva_t end,
                      bool all)
{
    unsigned gone = 0;
    uint64_t span = pt_entry_span(level);
    unsigned nr = level == PT_LEVELS ? PT_ENTRIES / 2 : PT_ENTRIES; /* half of a root is the kernel's */
    unsigned first = start > base ? (unsigned)((start - base) / span) : 0;

    for (unsigned i = first; i < nr && base + i * span < end; i++) {
        uint64_t entry = platform->read_entry(table, i);
        if (!(entry & PTE_PRESENT))
            continue;
        pfn_t child = platform->entry_frame(entry);
        if (level > 2)
            gone += prune(s, child, level - 1, base + i * span, start, end, all);
        if (!all && frame_of(child)->entries)
            continue;
        if (level == PT_LEVELS)
            platform->write_root_entry(&s->root, i, 0);
        else
            store(table, i, 0);
        platform->table_retired(child, level - 1);
        frames_give(child);
        gone++;
    }
    return gone;
}

void tables_prune(const struct space *s, gva_t start, gva_t end)
{
    /* The CPU may remember the way to a table, too. */
    if (prune(s, s->root.kernel, PT_LEVELS, 0, start, end, false) && space_is_loaded(s))
        platform->flush_all();
}

void tables_drop(const struct space *s)
{
    prune(s, s->root.kernel, PT_LEVELS, 0, 0, USER_TOP, true);
}
