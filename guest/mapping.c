/* What a space maps: 1. map, unmap, protect, discard, 2. gaps and the heap. */
#include "frames.h"
#include "kernel.h"
#include "pages.h"
#include "regions.h"
#include "spaces.h"
#include "tables.h"

/* Mappings are placed below; the stack is above. Both within the last GiB, so that they share page tables.
 * Where a table starts, so that large mappings fill theirs. */
#define MMAP_TOP (page_round_up(USER_TOP + 1) - (64ull << 20))
#define MMAP_END (64ull << 10) /* nothing is placed below, lest a null pointer work */

/* 1. Map, unmap, protect, discard. */

static bool is_range(gva_t start, gva_t end)
{
    return start < end && end <= USER_TOP && !page_offset(start) && !page_offset(end);
}

static unsigned pages_in(const struct space *s, gva_t start, gva_t end)
{
    unsigned n = 0;
    struct slot at;
    for (gva_t a = start; (a = tables_next(s, a, end, &at)) < end; a += PAGE_SIZE)
        n++;
    return n;
}

/* [start, end) lies in one table. If that table has nothing else, its entries are left as they are: it goes
 * as a whole, which is one store to a live table instead of one for each page. */
static void drop_pages_of_table(const struct space *s, pfn_t table, gva_t start, gva_t end)
{
    bool all = pages_in(s, start, end) == tables_entries(table);
    struct slot at;
    for (gva_t a = start; (a = tables_next(s, a, end, &at)) < end; a += PAGE_SIZE) {
        uint64_t entry = slot_read(at);
        if (!all)
            tables_set(s, a, at, 0);
        page_release(entry);
    }
    if (all)
        tables_forget_entries(table);
}

static void drop_pages(const struct space *s, gva_t start, gva_t end)
{
    pfn_t table;
    for (gva_t base = start; (base = tables_next_table(s, base, &table)) < end;) {
        gva_t table_end = base + pt_entry_span(2);
        drop_pages_of_table(s, table, base > start ? base : start, table_end < end ? table_end : end);
        base = table_end;
    }
    tables_prune(s, start, end);
}

bool space_has_hole(const struct space *s, gva_t start, gva_t end)
{
    for (const struct region_node *n = regions_find(s, start); n && n->r.start <= start; n = n->next) {
        if (n->r.end >= end)
            return false;
        start = n->r.end;
    }
    return start < end;
}

bool space_is_free(const struct space *s, gva_t start, gva_t end)
{
    const struct region_node *n = regions_after(s, start);
    return !n || n->r.start >= end;
}

/* Does [start, end) leave something of a region on both sides? Only then unmapping makes one more. */
static bool is_inside_a_region(const struct space *s, gva_t start, gva_t end)
{
    const struct region_node *n = regions_find(s, start);
    return n && n->r.start < start && n->r.end > end;
}

int space_unmap(struct space *s, gva_t start, gva_t end)
{
    if (!is_range(start, end))
        return -EINVAL;
    if (is_inside_a_region(s, start, end) && !regions_reserve(s, 1))
        return -ENOMEM;
    regions_remove(s, start, end);
    drop_pages(s, start, end);
    return 0;
}

int space_map(struct space *s, const struct region *r)
{
    if (!is_range(r->start, r->end) || (r->rights & ~(ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC)))
        return -EINVAL;
    if (r->kind == REGION_FILE && (!r->file || page_offset(r->file_offset)))
        return -EINVAL;
    if (!regions_reserve(s, 2))
        return -ENOMEM;
    regions_remove(s, r->start, r->end);
    drop_pages(s, r->start, r->end);
    regions_insert(s, r);
    regions_unite(s, r->start, r->end);
    return 0;
}

static bool stays_read_only(const struct space *s, gva_t start, gva_t end)
{
    for (const struct region_node *n = regions_after(s, start); n && n->r.start < end; n = n->next)
        if (n->r.stays_read_only)
            return true;
    return false;
}

int space_protect(struct space *s, gva_t start, gva_t end, unsigned rights)
{
    if (!is_range(start, end) || (rights & ~(ACCESS_READ | ACCESS_WRITE | ACCESS_EXEC)))
        return -EINVAL;
    if (space_has_hole(s, start, end))
        return -ENOMEM;
    if ((rights & ACCESS_WRITE) && stays_read_only(s, start, end))
        return -EACCES;
    if (!regions_reserve(s, 2))
        return -ENOMEM;
    regions_cut(s, start);
    regions_cut(s, end);
    for (struct region_node *n = regions_find(s, start); n && n->r.start < end; n = n->next) {
        n->r.rights = rights;
        struct slot at;
        for (gva_t a = n->r.start; (a = tables_next(s, a, n->r.end, &at)) < n->r.end; a += PAGE_SIZE) {
            uint64_t entry = slot_read(at);
            pfn_t f = entry_page(entry);
            if (!pfn_is_valid(f))
                continue;
            uint64_t state = entry & PTE_PRESENT ? entry & (PTE_ACCESSED | PTE_DIRTY) : 0;
            uint64_t now = page_entry(&n->r, f, state);
            if (now != entry)
                tables_set(s, a, at, now);
        }
    }
    regions_unite(s, start, end);
    return 0;
}

int space_discard(struct space *s, gva_t start, gva_t end)
{
    if (!is_range(start, end))
        return -EINVAL;
    drop_pages(s, start, end);
    return space_has_hole(s, start, end) ? -ENOMEM : 0;
}

const struct region *space_region(const struct space *s, gva_t address)
{
    const struct region_node *n = regions_find(s, address);
    return n ? &n->r : NULL;
}

/* 2. Gaps and the heap. */

/* Where a region starts to be in the way: a stack may still grow. */
static gva_t lowest_start(const struct region *r)
{
    if (!r->grows_down || r->end - r->start >= STACK_LIMIT)
        return r->start;
    return r->end > STACK_LIMIT ? r->end - STACK_LIMIT : 0;
}

gva_t space_find_gap(const struct space *s, uint64_t bytes)
{
    if (!bytes || bytes > USER_TOP)
        return 0;
    bytes = page_round_up(bytes);
    gva_t best = 0, low = MMAP_END;
    for (const struct region_node *n = s->regions;; n = n->next) {
        gva_t high = n && lowest_start(&n->r) < MMAP_TOP ? lowest_start(&n->r) : MMAP_TOP;
        if (high > low && high - low >= bytes)
            best = high - bytes;
        if (!n)
            return best;
        if (n->r.end > low)
            low = n->r.end;
    }
}

void space_set_brk_start(struct space *s, gva_t start)
{
    s->brk_start = s->brk_end = start;
}

gva_t space_brk(struct space *s, gva_t end)
{
    gva_t from = page_round_up(s->brk_end), to = page_round_up(end);
    if (!s->brk_start || end < s->brk_start || end > MMAP_TOP)
        return s->brk_end;
    if (to > from) {
        const struct region_node *above = regions_after(s, from);
        if (above && lowest_start(&above->r) < to)
            return s->brk_end;
        struct region heap = {
            .start = from, .end = to, .kind = REGION_ANONYMOUS, .rights = ACCESS_READ | ACCESS_WRITE
        };
        if (space_map(s, &heap) < 0)
            return s->brk_end;
    } else if (to < from && space_unmap(s, to, from) < 0) {
        return s->brk_end;
    }
    s->brk_end = end;
    return end;
}
