/* The shadow pages, a bounded number of them:
 *   1. found by what they are the shadow of (a hash)
 *   2. ordered by use (a list), for eviction
 *   3. created, from free frames or by eviction
 *   4. freed: out of the parents, the entries cleared, and whatever loses its last parent by that goes too; those that
 *      stores free rest before they are used again */
#include "page.h"

/* 1. The hash. */
static uint32_t *bucket_of(const struct shadow *s, pfn_t f)
{
    uint64_t mixed = f.n * 0x9e3779b97f4a7c15ull; /* Fibonacci hashing */

    return &s->buckets[(mixed >> 32) & s->bucket_mask];
}

static bool page_has_key(const struct shadow_page *p, struct page_key k)
{
    return p->pfn.n == k.pfn.n && p->level == k.level && p->role == k.role && p->direct == k.direct;
}

struct shadow_page *shadow_page_find(const struct shadow *s, struct page_key k)
{
    for (uint32_t n = *bucket_of(s, k.pfn); n != NONE; n = s->pages[n].hash_next) {
        if (page_has_key(&s->pages[n], k))
            return &s->pages[n];
    }
    return NULL;
}

static void hash_insert(struct shadow *s, struct shadow_page *p)
{
    uint32_t *bucket = bucket_of(s, p->pfn);

    p->hash_next = *bucket;
    *bucket = page_number(s, p);
}

static void hash_remove(struct shadow *s, struct shadow_page *p)
{
    uint32_t *at = bucket_of(s, p->pfn);

    while (*at != page_number(s, p))
        at = &s->pages[*at].hash_next;
    *at = p->hash_next;
}

/* 2. The order of use. */
static void order_insert(struct shadow *s, struct shadow_page *p)
{
    uint32_t n = page_number(s, p);

    p->newer = NONE;
    p->older = s->newest;
    if (s->newest != NONE)
        s->pages[s->newest].newer = n;
    else
        s->oldest = n;
    s->newest = n;
}

static void order_remove(struct shadow *s, struct shadow_page *p)
{
    if (p->newer != NONE)
        s->pages[p->newer].older = p->older;
    else
        s->newest = p->older;
    if (p->older != NONE)
        s->pages[p->older].newer = p->newer;
    else
        s->oldest = p->newer;
}

void shadow_page_touch(struct shadow *s, struct shadow_page *p)
{
    p->stamp = s->stamp;
    if (p->newer == NONE)
        return;
    order_remove(s, p);
    order_insert(s, p);
}

/* 3. Creation. The pool is larger than what one call holds on to, so there is always somebody to evict. */
static void evict_one(struct shadow *s)
{
    struct shadow_page *p = &s->pages[s->oldest];

    while (p->stamp == s->stamp || page_is_root_in_use(s, p))
        p = &s->pages[p->newer];
    if (p->pfn.n < s->nr_pfns)
        s->frames[p->pfn.n].evicted = true;
    s->stats.tables_evicted++;
    shadow_page_free(s, p);
}

static bool may_take_frame(struct shadow *s, enum effort e)
{
    if (e == FOR_SURE) {
        if (!s->nr_free)
            evict_one(s);
        return true;
    }
    if (!s->nr_free || !s->ahead_left)
        return false;
    s->ahead_left--;
    return true;
}

static struct shadow_page *take_free(struct shadow *s)
{
    struct shadow_page *p = &s->pages[s->free_head];

    s->free_head = p->hash_next;
    s->nr_free--;
    s->stats.tables_made++;
    s->stats.tables_in_use++;
    if (s->stats.tables_peak < s->stats.tables_in_use)
        s->stats.tables_peak = s->stats.tables_in_use;
    return p;
}

/* A page that was evicted comes back: this is why there was a fault, if there was no better reason. */
static void note_return(struct shadow *s, struct page_key k)
{
    if (k.pfn.n >= s->nr_pfns || !s->frames[k.pfn.n].evicted)
        return;
    s->frames[k.pfn.n].evicted = false;
    if (s->reason == SHADOW_HIDDEN_TABLE)
        s->reason = SHADOW_HIDDEN_EVICTED;
}

struct shadow_page *shadow_page_create(struct shadow *s, struct page_key k, enum effort e)
{
    struct shadow_page *p;

    if (!may_take_frame(s, e))
        return NULL;
    note_return(s, k);
    p = take_free(s);
    memset(&s->links[slot_of(s, p, 0)], 0xff, PT_ENTRIES * sizeof s->links[0]); /* NONE everywhere */
    *p = (struct shadow_page){
        .pfn = k.pfn, .level = k.level, .role = k.role, .direct = k.direct, .used = true
    };
    hash_insert(s, p);
    order_insert(s, p);
    if (p->level == PT_LEVELS)
        shadow_write_spte(s, p, s->monitor_slot, s->monitor_entry);
    if (!p->direct)
        shadow_track(s, p);
    return p;
}

/* 4. Freeing. */
static void leave_parents(struct shadow *s, struct shadow_page *p)
{
    uint32_t *parents = &s->heads[head_of_page(s, p)];

    while (*parents != NONE)
        shadow_set_spte(s, &s->pages[*parents / PT_ENTRIES], *parents % PT_ENTRIES, 0, NONE);
}

static void clear_entries(struct shadow *s, struct shadow_page *p)
{
    const uint64_t *table = page_table(s, p);

    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        if (table[i])
            shadow_set_spte(s, p, i, 0, NONE);
    }
}

static void give_back(struct shadow *s, struct shadow_page *p)
{
    *p = (struct shadow_page){ .hash_next = s->free_head };
    s->free_head = page_number(s, p);
    s->nr_free++;
}

static void rest(struct shadow *s, struct shadow_page *p)
{
    *p = (struct shadow_page){ .hash_next = s->resting_head };
    s->resting_head = page_number(s, p);
    s->nr_resting++;
}

void shadow_page_free(struct shadow *s, struct shadow_page *p)
{
    p->dying = true;
    leave_parents(s, p);
    clear_entries(s, p);
    hash_remove(s, p);
    order_remove(s, p);
    if (!p->direct)
        shadow_untrack(s, p);
    shadow_flush_all(s); /* the CPU may know the way to it */
    s->stats.tables_in_use--;
    if (s->in_store)
        rest(s, p);
    else
        give_back(s, p);
}

void shadow_pages_rested(struct shadow *s)
{
    while (s->resting_head != NONE) {
        struct shadow_page *p = &s->pages[s->resting_head];

        s->resting_head = p->hash_next;
        give_back(s, p);
    }
    s->nr_resting = 0;
}

void shadow_pages_init(struct shadow *s)
{
    s->newest = s->oldest = s->free_head = s->resting_head = s->loaded = NONE;
    for (uint32_t n = s->nr_frames; n-- > 0;) {
        s->pages[n] = (struct shadow_page){ .hash_next = s->free_head };
        s->free_head = n;
    }
    s->nr_free = s->nr_frames;
}

unsigned shadow_table_level(const struct shadow *s, mfn_t m)
{
    return s->pages[m.n - s->first_frame.n].level;
}
