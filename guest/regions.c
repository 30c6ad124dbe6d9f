/* Regions: 1. the pool of nodes, 2. looking, 3. changing the list. */
#include "regions.h"
#include "kernel.h"

/* 1. The pool: frames cut into nodes, which stay nodes. */

#define NODES_PER_FRAME (PAGE_SIZE / sizeof(struct region_node))

static struct {
    struct region_node *first;
    unsigned free;
} pool;

void regions_init(void)
{
    pool.first = NULL;
    pool.free = 0;
}

bool regions_reserve(const struct space *s, unsigned n)
{
    if (s->nr_regions + n > MAX_REGIONS)
        return false;
    while (pool.free < n) {
        pfn_t f = memory_take_frame();
        if (!pfn_is_valid(f))
            return false;
        struct region_node *nodes = pfn_to_virt(f);
        for (unsigned i = 0; i < NODES_PER_FRAME; i++) {
            nodes[i].next = pool.first;
            pool.first = &nodes[i];
        }
        pool.free += NODES_PER_FRAME;
    }
    return true;
}

static struct region_node *take_node(struct space *s)
{
    struct region_node *n = pool.first;
    kassert(n);
    pool.first = n->next;
    pool.free--;
    s->nr_regions++;
    return n;
}

static void give_node(struct space *s, struct region_node *n)
{
    n->next = pool.first;
    pool.first = n;
    pool.free++;
    s->nr_regions--;
}

/* 2. Looking. */

struct region_node *regions_after(const struct space *s, gva_t a)
{
    struct region_node *n = s->regions;
    while (n && n->r.end <= a)
        n = n->next;
    return n;
}

struct region_node *regions_find(const struct space *s, gva_t a)
{
    struct region_node *n = regions_after(s, a);
    return n && n->r.start <= a ? n : NULL;
}

/* 3. Changing. */

void regions_insert(struct space *s, const struct region *r)
{
    struct region_node **at = &s->regions;
    while (*at && (*at)->r.start < r->start)
        at = &(*at)->next;
    struct region_node *n = take_node(s);
    n->r = *r;
    n->next = *at;
    *at = n;
}

/* The part of a region from a on. */
static struct region upper_part(const struct region *r, gva_t a)
{
    struct region part = *r;
    uint64_t below = a - r->start;
    part.start = a;
    part.file_offset += below;
    part.file_bytes = r->file_bytes > below ? r->file_bytes - below : 0;
    return part;
}

/* Only the part below a stays. */
static void end_at(struct region *r, gva_t a)
{
    r->end = a;
    if (r->file_bytes > a - r->start)
        r->file_bytes = a - r->start;
}

void regions_cut(struct space *s, gva_t a)
{
    struct region_node *n = regions_find(s, a);
    if (!n || n->r.start == a)
        return;
    struct region upper = upper_part(&n->r, a);
    end_at(&n->r, a);
    regions_insert(s, &upper);
}

void regions_remove(struct space *s, gva_t start, gva_t end)
{
    struct region_node *below = regions_find(s, start);
    if (below && below->r.end > end)
        regions_cut(s, start);
    else if (below && below->r.start < start)
        end_at(&below->r, start);
    /* The upper edge needs no cut: what lies below it goes. */
    struct region_node **at = &s->regions;
    while (*at && (*at)->r.start < end) {
        struct region_node *n = *at;
        if (n->r.end <= start) {
            at = &n->next;
        } else if (n->r.end > end) {
            n->r = upper_part(&n->r, end);
            break;
        } else {
            *at = n->next;
            give_node(s, n);
        }
    }
}

static bool continues(const struct region *a, const struct region *b)
{
    if (a->end != b->start || a->kind != b->kind || a->rights != b->rights ||
        a->grows_down != b->grows_down || a->stays_read_only != b->stays_read_only)
        return false;
    if (a->kind == REGION_ANONYMOUS)
        return true;
    uint64_t bytes = a->end - a->start;
    return a->file == b->file && a->file_offset + bytes == b->file_offset && a->file_bytes == bytes;
}

void regions_unite(struct space *s, gva_t start, gva_t end)
{
    for (struct region_node *n = s->regions; n && n->r.end <= end;) {
        struct region_node *next = n->next;
        if (n->r.end < start || !next || !continues(&n->r, &next->r)) {
            n = next;
            continue;
        }
        n->r.end = next->r.end;
        n->r.file_bytes += next->r.file_bytes;
        n->next = next->next;
        give_node(s, next);
    }
}
