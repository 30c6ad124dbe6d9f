/* Eviction: 1. accessed bits, for the policies, 2. pages that stay, 3. one page goes, 4. as many as are
 * needed. */
#include "evict.h"
#include "kernel.h"
#include "pages.h"
#include "policy.h"
#include "swap.h"

/* 1. Accessed bits. Few are cleared at a time: each is an update of a page table, and those of one fault
 * should fit the batch that goes out with the return to the program. */
#define UPDATES_PER_EVICTION 160 /* that are begun; a page that many share may go beyond it */
#define CLEARS_PER_EVICTION  64
#define SINGLE_FLUSHES       8

static unsigned updates, clears_left;
static unsigned nr_flushes; /* of the loaded space; beyond SINGLE_FLUSHES, one for all */
static gva_t flushes[SINGLE_FLUSHES];

bool evict_test_accessed(pfn_t f)
{
    bool accessed = false;
    for (struct mapping m = { .frame = f }; page_next_mapping(&m);) {
        if (!(m.entry & PTE_PRESENT) || !(m.entry & PTE_ACCESSED) || !clears_left)
            continue;
        accessed = true;
        clears_left--;
        updates++;
        platform->write_entry(m.slot.table, m.slot.index, m.entry & ~PTE_ACCESSED);
        if (!space_is_loaded(m.space))
            continue;
        if (nr_flushes < SINGLE_FLUSHES)
            flushes[nr_flushes] = frame_address(f);
        nr_flushes++;
    }
    return accessed;
}

static void flush_cleared(void)
{
    if (nr_flushes > SINGLE_FLUSHES)
        platform->flush_all();
    else
        for (unsigned i = 0; i < nr_flushes; i++)
            platform->flush_page(flushes[i]);
    nr_flushes = 0;
}

/* 2. Pages that stay: the last ones that came in. A program must have all pages of an instruction at once to
 * get any further, and has not got there while its last faults are those. If only they could go, memory is
 * used up: to let them go would bring the same faults back, for ever. */
static pfn_t newcomers[EVICT_NEWCOMERS];
static unsigned next_newcomer;

void evict_start_newcomers(void)
{
    for (unsigned i = 0; i < EVICT_NEWCOMERS; i++)
        newcomers[i] = pfn(NO_FRAME);
}

void evict_page_came(pfn_t f)
{
    newcomers[next_newcomer] = f;
    next_newcomer = (next_newcomer + 1) % EVICT_NEWCOMERS;
}

/* A frame that was freed and holds another page now is a newcomer by that one. */
static bool is_newcomer(pfn_t f)
{
    for (unsigned i = 0; i < EVICT_NEWCOMERS; i++)
        if (newcomers[i].n == f.n)
            return true;
    return false;
}

/* 3. One page goes. */

/* Let all entries that refer to the frame say `entry` instead, and free it. */
static void unmap(pfn_t f, uint64_t entry)
{
    struct frame *d = frame_of(f);
    for (struct mapping m = { .frame = f }; page_next_mapping(&m);) {
        if (entry_is_swapped(entry))
            swap_hold(entry_place(entry));
        tables_set(m.space, frame_address(f), m.slot, entry);
    }
    if (d->place != NO_PLACE)
        swap_release(d->place);
    frames_give(f);
}

static bool is_dirty(pfn_t f)
{
    bool dirty = frame_of(f)->dirty;
    for (struct mapping m = { .frame = f }; page_next_mapping(&m);)
        dirty |= (m.entry & PTE_PRESENT) && (m.entry & PTE_DIRTY);
    return dirty;
}

/* Its own place, if no other page is still to come from there, or a new one. */
static uint32_t place_to_write(const struct frame *d)
{
    if (!blk_is_alive(swap_disk()))
        return NO_PLACE;
    return d->place != NO_PLACE && swap_holders(d->place) == 1 ? d->place : swap_take();
}

static bool start_write(struct eviction *e, pfn_t f)
{
    struct frame *d = frame_of(f);
    uint32_t place = place_to_write(d);
    if (place == NO_PLACE)
        return false;
    policy->page_gone(f);
    d->leaving = 1;
    unsigned i = e->nr_writes++;
    e->writes[i].frame = f;
    e->writes[i].place = place;
    e->writes[i].request = (struct blk_request){ .disk = swap_disk(),
                                                 .write = true,
                                                 .sector = swap_sector(place),
                                                 .data = pfn_to_virt(f),
                                                 .bytes = PAGE_SIZE };
    blk_submit(&e->writes[i].request);
    return true;
}

static bool send_out(struct eviction *e, pfn_t f)
{
    const struct frame *d = frame_of(f);
    unsigned sharers = d->sharers;
    if (is_newcomer(f))
        return false;
    if (is_dirty(f)) {
        if (!start_write(e, f))
            return false;
    } else {
        /* In its file, or in swap, or still all zeros. */
        policy->page_gone(f);
        unmap(f, d->place != NO_PLACE ? entry_for_place(d->place) : 0);
    }
    updates += sharers;
    platform->note_step(PV_STEP_VICTIM_OUT);
    return true;
}

/* 4. As many as are needed. */

/* What the policy picks cannot always go: swap may be full. Then any page will do that can. */
static bool send_one_out(struct eviction *e)
{
    for (unsigned tries = 0; tries < EVICT_BATCH; tries++) {
        pfn_t f = policy->pick();
        if (!pfn_is_valid(f))
            return false;
        if (send_out(e, f))
            return true;
    }
    for (uint64_t i = 0; i < frames_end(); i++) {
        const struct frame *d = frame_of(pfn(i));
        if (frame_is_page(d) && !d->leaving && send_out(e, pfn(i)))
            return true;
    }
    return false;
}

void evict_start(struct eviction *e, uint64_t frames)
{
    e->nr_writes = 0;
    clears_left = CLEARS_PER_EVICTION;
    updates = 0;
    for (unsigned i = 0; i < EVICT_BATCH && frames_free() + e->nr_writes < frames; i++)
        if (updates >= UPDATES_PER_EVICTION || !send_one_out(e))
            break;
    flush_cleared();
}

void evict_finish(struct eviction *e)
{
    for (unsigned i = 0; i < e->nr_writes; i++) {
        pfn_t f = e->writes[i].frame;
        struct frame *d = frame_of(f);
        uint32_t place = e->writes[i].place;
        d->leaving = 0;
        if (e->writes[i].request.result == BLK_DONE) {
            uint32_t former = d->place;
            d->place = place;
            if (former != NO_PLACE && former != place)
                swap_release(former);
            unmap(f, entry_for_place(place));
        } else {
            if (d->place == place)
                d->place = NO_PLACE;
            swap_mark_bad(place);
            policy->page_came(f);
        }
    }
    e->nr_writes = 0;
}

/* Tables of pages that were dropped, since their files have them, may be empty. Not in the course of things:
 * taking a table away costs more than an eviction. */
static bool reclaim_tables(void)
{
    uint64_t before = frames_free();
    for (const struct space *s = NULL; (s = spaces_next(s)) != NULL;)
        tables_prune(s, 0, USER_TOP);
    return frames_free() > before;
}

bool evict_ensure(uint64_t frames)
{
    for (unsigned rounds = 0; frames_free() < frames && rounds < frames + EVICT_BATCH; rounds++) {
        struct eviction e;
        uint64_t before = frames_free();
        evict_start(&e, frames);
        bool tried = e.nr_writes > 0;
        blk_run();
        evict_finish(&e);
        if (frames_free() == before && !tried && !reclaim_tables())
            break;
    }
    return frames_free() >= frames;
}
