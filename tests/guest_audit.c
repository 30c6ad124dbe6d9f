#include <stdio.h>
#include <stdlib.h>
#include "guest_audit.h"
#include "kernel.h"
#include "pages.h"
#include "swap.h"

static unsigned bad;
static uint8_t *sharers, *holders;
static uint64_t swap_end;

static void disagree(const char *what, uint64_t which, uint64_t counted, uint64_t said)
{
    fprintf(stderr, "audit: %s %lu: counted %lu, said to be %lu\n", what, which, counted, said);
    bad++;
}

static void count_space(const struct space *s)
{
    struct slot at;
    for (gva_t a = 0; (a = tables_next(s, a, USER_TOP, &at)) < USER_TOP; a += PAGE_SIZE) {
        uint64_t entry = slot_read(at);
        pfn_t f = entry_page(entry);
        const struct region *r = space_region(s, a);
        if (!r)
            disagree("regions at page", a >> PAGE_SHIFT, 0, 1);
        if (entry_is_swapped(entry))
            holders[entry_place(entry)]++;
        else if (!pfn_is_valid(f))
            disagree("entry", a >> PAGE_SHIFT, 0, entry);
        if (!pfn_is_valid(f))
            continue;
        sharers[f.n]++;
        if (frame_address(f) != a)
            disagree("address of frame", f.n, a, frame_address(f));
        if ((entry & PTE_PRESENT) && (entry & PTE_WRITE) &&
            (!r || !(r->rights & ACCESS_WRITE) || frame_of(f)->sharers != 1 ||
             frame_of(f)->kind != FRAME_ANONYMOUS))
            disagree("writable entry of frame", f.n, 1, 0);
    }
}

static void check_table(pfn_t table, int level, uint64_t *tables)
{
    unsigned entries = 0;
    for (unsigned i = 0; i < (level == PT_LEVELS ? PT_ENTRIES / 2 : PT_ENTRIES); i++) {
        uint64_t entry = platform->read_entry(table, i);
        entries += entry != 0;
        if (level > 1 && (entry & PTE_PRESENT))
            check_table(platform->entry_frame(entry), level - 1, tables);
    }
    if (level == PT_LEVELS)
        return;
    ++*tables;
    if (entries != frame_of(table)->entries)
        disagree("entries of table", table.n, entries, frame_of(table)->entries);
}

static void check_frames(uint64_t linked_tables)
{
    uint64_t free = 0, tables = 0;
    for (uint64_t i = 0; i < frames_end(); i++) {
        const struct frame *d = frame_of(pfn(i));
        free += d->kind == FRAME_FREE;
        tables += d->kind == FRAME_TABLE;
        if (d->leaving)
            disagree("leaving frame", i, 0, 1);
        if (sharers[i] != (frame_is_page(d) ? d->sharers : 0))
            disagree("sharers of frame", i, sharers[i], d->sharers);
        if (frame_is_page(d) && d->place != NO_PLACE)
            holders[d->place]++;
    }
    if (free != frames_free())
        disagree("free frames", 0, free, frames_free());
    if (tables != linked_tables)
        disagree("tables", 0, linked_tables, tables);
}

static void check_swap(void)
{
    uint64_t free = 0, good = 0;
    for (uint32_t i = 0; i < swap_end; i++) {
        unsigned said = swap_holders(i);
        free += said == 0;
        good += said != 255;
        if (said != holders[i] && !(said == 255 && holders[i] == 0))
            disagree("holders of place", i, holders[i], said);
    }
    if (free != swap_free())
        disagree("free places", 0, free, swap_free());
    if (good != swap_places())
        disagree("good places", 0, good, swap_places());
}

unsigned guest_audit(void)
{
    uint64_t tables = 0;
    bad = 0;
    swap_end = swap_all_places();
    sharers = calloc(frames_end(), 1);
    holders = calloc(swap_end + 1, 1);
    for (const struct space *s = NULL; (s = spaces_next(s)) != NULL;) {
        count_space(s);
        check_table(s->root.kernel, PT_LEVELS, &tables);
    }
    check_frames(tables);
    check_swap();
    free(sharers);
    free(holders);
    return bad;
}
