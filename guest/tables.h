/* The page tables of a space, over platform->read_entry and write_entry.
 *
 * New tables are filled before they are linked, from level 1 upwards: whoever watches stores to live tables
 * sees one store for a page that comes in, however many levels were missing. Tables count their entries, so
 * that empty ones are found without being read. */
#pragma once
#include "spaces.h"

/* An entry of level 1. */
struct slot {
    pfn_t table;
    unsigned index;
};

uint64_t slot_read(struct slot at);
/* Where the entry for an address is; false if a table is missing on the way. */
bool tables_find(const struct space *s, gva_t a, struct slot *at);
/* How many tables are missing: tables_map for that address takes as many free frames. */
unsigned tables_missing(const struct space *s, gva_t a);

/* Store an entry of a table that is there, and drop the CPU's memory of what it said before. */
void tables_set(const struct space *s, gva_t a, struct slot at, uint64_t entry);
/* The same, adding the tables that are missing. The frames are there: see tables_missing(). */
void tables_map(const struct space *s, gva_t a, uint64_t entry);

/* The first address from `from` whose entry is not zero, and its slot; `end` if there is none below. */
gva_t tables_next(const struct space *s, gva_t from, gva_t end, struct slot *at);
/* The first level 1 table from `from` on: the first address that it maps; USER_TOP if there is none. */
gva_t tables_next_table(const struct space *s, gva_t from, pfn_t *table);

/* How many entries of a level 1 table are not zero; and: whatever they say, they count no more, since tables_prune() is about
 * to take the table. */
unsigned tables_entries(pfn_t table);
void tables_forget_entries(pfn_t table);

/* A zeroed table, of which the platform knows nothing yet; an entry that was zero in it, by a plain store; and how to link one
 * of level 1 (tables above are added). For fork. */
pfn_t tables_new(void);
void tables_fill(pfn_t table, unsigned index, uint64_t entry);
void tables_link(const struct space *s, gva_t a, pfn_t table);

/* Give empty tables in [start, end) back. */
void tables_prune(const struct space *s, gva_t start, gva_t end);
/* Give all tables back, whatever they still say. */
void tables_drop(const struct space *s);
