/* Inside the shadow MMU: what its files share. Nobody else includes this.
 *
 * A shadow page is one table that the CPU walks. It is the shadow of a guest's table (named by frame, level
 * and role), or a direct page, which splinters a part of a large page and has no table of the guest behind
 * it. Page i is machine frame first_frame + i, so pages and frames need no map between them.
 *
 * A slot is one entry of one shadow page: page * 512 + index. Whoever is pointed at (a guest frame by leaf
 * slots, a shadow page by its parents) has a head, and the slots that point at it hang there in a list:
 * links.c. */
#pragma once
#include <stddef.h>
#include "shadow.h"

#define NONE 0xffffffffu

/* A role is what changes the meaning of a guest's entry. For the user's role WP does not matter, and is off.
 */
#define ROLE_USER (1u << 0)
#define ROLE_WP   (1u << 1)
#define ROLE_NXE  (1u << 2)
#define NR_ROLES  8

struct shadow_page {
    pfn_t pfn;          /* the guest's table; of a direct page: the first frame that it maps */
    uint32_t hash_next; /* also links the free pages, and those that rest */
    uint32_t newer, older;
    uint64_t stamp; /* of the last call that used it */
    uint8_t level;
    uint8_t role;
    bool direct;
    bool used;
    bool dying;
    bool unsettled; /* the guest may store to this table unseen until the next shadow_enter() */
};

/* Neighbours in the list of a head. prev of the first is HEAD | head; of a slot that points at nothing: NONE.
 */
struct shadow_link {
    uint32_t next, prev;
};

#define LINK_HEAD 0x80000000u

/* What is known of a guest frame. */
struct shadow_guest_frame {
    uint32_t tables;   /* which shadows of it as a table exist: bit (level - 1) * NR_ROLES + role. Tracked if
                          not 0 */
    uint8_t suspicion; /* stores in a row that no kernel makes to a live table */
    bool evicted;      /* a shadow of it was evicted */
    uint16_t swept;    /* entries that were cleared in order, from the first on */
};

void *memcpy(void *to, const void *from, __SIZE_TYPE__ n);
void *memset(void *to, int c, __SIZE_TYPE__ n);

static inline uint32_t page_number(const struct shadow *s, const struct shadow_page *p)
{
    return (uint32_t)(p - s->pages);
}

static inline mfn_t page_mfn(const struct shadow *s, const struct shadow_page *p)
{
    return mfn(s->first_frame.n + page_number(s, p));
}

static inline const uint64_t *page_table(const struct shadow *s, const struct shadow_page *p)
{
    return s->ops->table(s->ctx, page_mfn(s, p));
}

/* The page that the link spte of an upper level leads to. */
static inline struct shadow_page *spte_page(const struct shadow *s, uint64_t spte)
{
    return &s->pages[pte_frame_number(spte) - s->first_frame.n];
}

static inline uint32_t slot_of(const struct shadow *s, const struct shadow_page *p, unsigned index)
{
    return page_number(s, p) * PT_ENTRIES + index;
}

static inline uint32_t head_of_page(const struct shadow *s, const struct shadow_page *p)
{
    return page_number(s, p);
}

static inline uint32_t head_of_pfn(const struct shadow *s, pfn_t f)
{
    return s->nr_frames + (uint32_t)f.n;
}

static inline uint32_t table_bit(unsigned level, unsigned role)
{
    return 1u << ((level - 1) * NR_ROLES + role);
}

/* A root that must stay: of the guest's CR3, or the one that the CPU is on, since the monitor runs on it
 * until it loads the next one. */
static inline bool page_is_root_in_use(const struct shadow *s, const struct shadow_page *p)
{
    return p->level == PT_LEVELS && (p->pfn.n == s->paging.root.n || page_number(s, p) == s->loaded);
}

static inline bool is_monitor_entry(const struct shadow *s, const struct shadow_page *p, unsigned index)
{
    return p->level == PT_LEVELS && index == s->monitor_slot;
}

/* links.c */
void shadow_link_add(struct shadow *s, uint32_t slot, uint32_t head);
void shadow_link_remove(struct shadow *s, uint32_t slot);

/* pages.c: what a page is found by; how hard to try to get one. */
struct page_key {
    pfn_t pfn;
    uint8_t level, role;
    bool direct;
};

enum effort {
    WHEN_FREE, /* ahead of need: takes a free frame, as long as the call's allowance lasts */
    FOR_SURE,  /* needed, by what the guest trapped for: evicts the least recently used page if it must */
};

void shadow_pages_init(struct shadow *s);
struct shadow_page *shadow_page_find(const struct shadow *s, struct page_key k);
struct shadow_page *shadow_page_create(struct shadow *s, struct page_key k, enum effort e);
void shadow_page_touch(struct shadow *s, struct shadow_page *p);
/* Take it out of all its parents, and free it with what only it held. Its frame is all zero then. In a store it rests
 * first, until shadow_pages_rested(): the guest has trapped, and what the CPU remembers is flushed before it goes on. */
void shadow_page_free(struct shadow *s, struct shadow_page *p);
void shadow_pages_rested(struct shadow *s);

/* entry.c: one entry of a shadow page. */
void shadow_write_spte(struct shadow *s, const struct shadow_page *p, unsigned index, uint64_t spte);
void shadow_set_spte(struct shadow *s, struct shadow_page *p, unsigned index, uint64_t spte, uint32_t head);
uint64_t shadow_guest_entry(const struct shadow *s, const struct shadow_page *p, unsigned index);
void shadow_sync_entry(struct shadow *s, struct shadow_page *p, unsigned index, enum effort e);
void shadow_sync_page(struct shadow *s, struct shadow_page *p);

/* tracking.c */
void shadow_track(struct shadow *s, struct shadow_page *p);
void shadow_untrack(struct shadow *s, struct shadow_page *p);
void shadow_settle(struct shadow *s);
/* An entry of the guest's table f changed: bring all shadows of it in step. */
void shadow_sync_all(struct shadow *s, pfn_t f, unsigned index);
/* The frame is not used as a table any more: drop its shadows, but for the roots in use. */
void shadow_drop_tables(struct shadow *s, pfn_t f);

/* cpu.c */
struct shadow_page *shadow_root_page(struct shadow *s);

/* fault.c: begin a public call; set the bits of an allowed access, in the guest's tables and in the shadow.
 */
void shadow_begin(struct shadow *s, bool in_store);
uint64_t shadow_commit_walk(struct shadow *s, const struct guest_walk *w, uint32_t access);
void shadow_flush_all(struct shadow *s);

/* flood.c: a store, or a device's block, was written to a table. Is it one still? note_store: true if it
 * ceased to be. */
bool shadow_note_store(struct shadow *s, gpa_t gpa, unsigned size, uint64_t was, uint64_t is);
void shadow_note_block(struct shadow *s, gpa_t gpa, uint64_t bytes);

/* store.c */
void shadow_apply_bytes(struct shadow *s, gpa_t gpa, const void *from, uint64_t bytes);
