/* Address spaces as a whole: 1. which there are, 2. making and dropping, 3. fork. */
#include "evict.h"
#include "frames.h"
#include "kernel.h"
#include "pages.h"
#include "regions.h"
#include "spaces.h"
#include "tables.h"

/* 1. Which there are. */

static struct space spaces[MAX_SPACES];
static const struct space *loaded;
static struct address_root idle_root; /* maps the kernel only */

struct space *spaces_next(const struct space *after)
{
    for (struct space *s = after ? &spaces[after - spaces] + 1 : spaces; s < spaces + MAX_SPACES; s++)
        if (s->live)
            return s;
    return NULL;
}

bool space_is_loaded(const struct space *s)
{
    return s == loaded;
}

void space_load(struct space *s)
{
    if (s == loaded)
        return;
    platform->root_load(&s->root);
    loaded = s;
}

/* 2. Making and dropping. */

static bool create_root(struct address_root *root)
{
    pfn_t f[2];
    unsigned n = 0;
    kassert(platform->nr_root_frames <= 2);
    while (n < platform->nr_root_frames && pfn_is_valid(f[n] = memory_take_frame()))
        n++;
    if (n == platform->nr_root_frames) {
        *root = platform->root_create(f);
        return true;
    }
    while (n-- > 0)
        memory_give_frame(f[n]);
    return false;
}

void spaces_init(void)
{
    memset(spaces, 0, sizeof spaces);
    loaded = NULL;
    if (!create_root(&idle_root))
        panic("no memory for the first page table");
}

struct space *space_create(void)
{
    for (struct space *s = spaces; s < spaces + MAX_SPACES; s++) {
        if (s->live)
            continue;
        if (!create_root(&s->root))
            return NULL;
        s->live = true;
        s->starved = false;
        s->regions = NULL;
        s->nr_regions = 0;
        s->brk_start = s->brk_end = 0;
        return s;
    }
    return NULL;
}

void space_destroy(struct space *s)
{
    if (space_is_loaded(s)) {
        platform->root_load(&idle_root);
        loaded = NULL;
    }
    /* The entries need not be cleared one by one: their tables go. */
    struct slot at;
    for (gva_t a = 0; (a = tables_next(s, a, USER_TOP, &at)) < USER_TOP; a += PAGE_SIZE)
        page_release(slot_read(at));
    regions_remove(s, 0, USER_TOP);
    tables_drop(s);
    platform->root_destroy(&s->root);
    memory_give_frame(s->root.kernel);
    if (pfn_is_valid(s->root.user))
        memory_give_frame(s->root.user);
    s->live = false;
}

/* 3. Fork. */

static bool copy_regions(struct space *child, const struct space *parent)
{
    if (!regions_reserve(child, parent->nr_regions))
        return false;
    for (const struct region_node *n = parent->regions; n; n = n->next)
        regions_insert(child, &n->r);
    child->brk_start = parent->brk_start;
    child->brk_end = parent->brk_end;
    return true;
}

/* Copy what one table of the parent says into a new one that is not linked yet; pages become read-only in
 * both. */
static void share_table(pfn_t from, pfn_t to)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t entry = platform->read_entry(from, i);
        if (!entry)
            continue;
        page_share(entry);
        if ((entry & PTE_PRESENT) && (entry & PTE_WRITE)) {
            entry &= ~PTE_WRITE;
            platform->write_entry(from, i, entry);
        }
        tables_fill(to, i, entry);
    }
}

static bool share_pages(struct space *child, const struct space *parent)
{
    for (gva_t a = 0;; a += pt_entry_span(2)) {
        /* All frames first: an eviction half-way would miss the table that is not linked yet. */
        if (!evict_ensure(FRAMES_LOW + PT_LEVELS - 1) && frames_free() < PT_LEVELS - 1)
            return false;
        pfn_t from;
        a = tables_next_table(parent, a, &from);
        if (a == USER_TOP)
            return true;
        pfn_t to = tables_new();
        share_table(from, to);
        tables_link(child, a, to);
    }
}

struct space *space_fork(struct space *parent)
{
    struct space *child = space_create();
    if (!child)
        return NULL;
    bool complete = copy_regions(child, parent) && share_pages(child, parent);
    if (space_is_loaded(parent))
        platform->flush_all();
    if (complete)
        return child;
    space_destroy(child);
    return NULL;
}
