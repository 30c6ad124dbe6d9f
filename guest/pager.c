/* The life of a page fault: 1. is it allowed, 2. the page is here, 3. the page must be made.
 *
 * A fault queues its changes of page tables and returns; they go out with the return to the program. It takes
 * its frames from the reserve, sends pages out to fill that up, and rings the disks once for all it reads and
 * writes. */
#include "blk.h"
#include "evict.h"
#include "kernel.h"
#include "pages.h"
#include "policy.h"
#include "regions.h"
#include "swap.h"

struct fault {
    struct space *space;
    const struct region *region;
    gva_t page;
    bool write;
    uint64_t entry; /* what the page table says now */
};

/* 1. Is it allowed? */

/* The region to touch; a stack grows to reach the address. */
static const struct region *region_to_touch(struct space *s, gva_t a)
{
    struct region_node *n = regions_after(s, a);
    if (!n || n->r.start <= a)
        return n ? &n->r : NULL;
    gva_t page = a & ~PAGE_MASK;
    if (!n->r.grows_down || n->r.end - page > STACK_LIMIT)
        return NULL;
    /* Keep a page's distance, to catch what overruns it. */
    if (page < PAGE_SIZE || regions_find(s, page - PAGE_SIZE))
        return NULL;
    n->r.start = page;
    return &n->r;
}

/* On x86, what can be written or executed can be read. */
static bool is_allowed(unsigned rights, unsigned access)
{
    return rights && !(access & ~rights & (ACCESS_WRITE | ACCESS_EXEC));
}

/* 2. The page is here, in a frame. */

/* A write to what others see goes to a copy. A file's page that nobody else holds becomes anonymous where it
 * lies, since no other copy of it is kept in memory. */
static bool must_copy(const struct fault *f)
{
    pfn_t held = entry_page(f->entry);
    return f->write && frame_of(held)->sharers > 1;
}

static enum touch make_usable(const struct fault *f)
{
    pfn_t held = entry_page(f->entry);
    uint64_t state = f->entry & PTE_PRESENT ? f->entry & (PTE_ACCESSED | PTE_DIRTY) : 0;
    if (f->write) {
        frame_of(held)->kind = FRAME_ANONYMOUS;
        state |= PTE_ACCESSED | PTE_DIRTY;
    }
    uint64_t entry = page_entry(f->region, held, state);
    if (entry != f->entry)
        tables_map(f->space, f->page, entry);
    return TOUCH_OK;
}

/* 3. The page must be made: zeros, a copy, or from a disk. */

enum source { FROM_NOTHING, FROM_FRAME, FROM_SWAP, FROM_FILE, FROM_BEYOND };

static enum source find_source(const struct fault *f)
{
    const struct region *r = f->region;
    uint64_t offset = f->page - r->start;
    if (pfn_is_valid(entry_page(f->entry)))
        return FROM_FRAME;
    if (entry_is_swapped(f->entry))
        return FROM_SWAP;
    if (r->kind == REGION_ANONYMOUS || offset >= r->file_bytes)
        return FROM_NOTHING;
    return r->file_offset + offset < r->file->size_bytes ? FROM_FILE : FROM_BEYOND;
}

/* How many bytes of a page come from the file. */
static uint64_t file_part(const struct fault *f)
{
    const struct region *r = f->region;
    uint64_t offset = f->page - r->start;
    uint64_t bytes = r->file_bytes - offset;
    uint64_t left = r->file->size_bytes - (r->file_offset + offset);
    if (bytes > left)
        bytes = left;
    return bytes < PAGE_SIZE ? bytes : PAGE_SIZE;
}

static struct blk_request read_request(const struct fault *f, enum source source, pfn_t into)
{
    struct blk_request read = { .data = pfn_to_virt(into), .bytes = PAGE_SIZE };
    if (source == FROM_SWAP) {
        read.disk = swap_disk();
        read.sector = swap_sector(entry_place(f->entry));
    } else {
        uint64_t offset = f->region->file_offset + (f->page - f->region->start);
        read.disk = archive_disk();
        read.sector = f->region->file->start_sector + offset / 512;
        read.bytes = (uint32_t)((file_part(f) + 511) & ~511ull);
    }
    return read;
}

/* Fill the frame, and let pages go out meanwhile if it is time; `tables` more frames will be taken. The only
 * disk notification of a fault is here. */
static enum blk_result fill_frame(const struct fault *f, enum source source, pfn_t into, unsigned tables)
{
    bool reading = source == FROM_SWAP || source == FROM_FILE;
    struct blk_request read = { .result = BLK_DONE };
    struct eviction out;

    if (source == FROM_FRAME)
        memcpy(pfn_to_virt(into), pfn_to_virt(entry_page(f->entry)), PAGE_SIZE);
    else if (source == FROM_NOTHING)
        frame_zero(into);
    evict_start(&out, reading || frames_free() < FRAMES_LOW + tables ? FRAMES_HIGH + tables : 0);
    if (reading) {
        platform->note_step(PV_STEP_PAGE_IN);
        read = read_request(f, source, into);
        blk_submit(&read);
    }
    blk_run();
    evict_finish(&out);
    if (source == FROM_FILE && read.result == BLK_DONE) {
        uint64_t bytes = file_part(f);
        memset((char *)pfn_to_virt(into) + bytes, 0, PAGE_SIZE - bytes);
    }
    return read.result;
}

/* A forked page came back from swap to be read: whoever else waits for the same place gets it too, and it is
 * shared again. */
static void share_with_others(const struct fault *f, pfn_t frame, uint32_t place)
{
    for (struct space *s = NULL; swap_holders(place) > 1 && (s = spaces_next(s)) != NULL;) {
        struct slot at;
        if (s == f->space || !tables_find(s, f->page, &at) || slot_read(at) != entry_for_place(place))
            continue;
        const struct region_node *n = regions_find(s, f->page);
        kassert(n);
        frame_of(frame)->sharers++; /* first, so that no entry is made writable */
        tables_set(s, f->page, at, page_entry(&n->r, frame, 0));
        swap_release(place);
    }
}

/* Let the page table say that the page is in this frame. */
static void install(struct fault *f, enum source source, pfn_t frame)
{
    struct frame *d = frame_of(frame);
    struct slot at;
    /* A page that was copied may have gone out itself meanwhile. */
    f->entry = tables_find(f->space, f->page, &at) ? slot_read(at) : 0;
    d->kind = source == FROM_FILE && !f->write ? FRAME_FILE : FRAME_ANONYMOUS;
    d->vpn = gva_to_vpn(f->page).n & ((1ull << 36) - 1);
    d->sharers = 1;
    if (source == FROM_SWAP) {
        d->place = entry_place(f->entry); /* with the reference that the entry had */
        if (!f->write)
            share_with_others(f, frame, d->place);
    }
    uint64_t state = f->write ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
    tables_map(f->space, f->page, page_entry(f->region, frame, state));
    if (source == FROM_FRAME)
        page_release(f->entry);
    policy->page_came(frame);
    evict_page_came(frame);
}

static enum touch make_page(struct fault *f)
{
    enum source source = find_source(f);
    if (source == FROM_BEYOND)
        return TOUCH_IO_ERROR;
    unsigned tables = tables_missing(f->space, f->page);
    if (frames_free() < 1 + tables)
        return TOUCH_NO_MEMORY;
    pfn_t frame = frames_take(FRAME_KERNEL);
    platform->note_step(PV_STEP_FRAME_ALLOCATED);

    enum blk_result result = fill_frame(f, source, frame, tables);
    if (result == BLK_DONE) {
        install(f, source, frame);
        return TOUCH_OK;
    }
    if (result != BLK_LOST) /* the disk may still store to it then: never used again */
        frames_give(frame);
    return TOUCH_IO_ERROR;
}

enum touch space_touch(struct space *s, gva_t address, unsigned access)
{
    if (address >= USER_TOP)
        return TOUCH_UNMAPPED;
    struct fault f = { .space = s,
                       .region = region_to_touch(s, address),
                       .page = address & ~PAGE_MASK,
                       .write = access & ACCESS_WRITE };
    if (!f.region)
        return TOUCH_UNMAPPED;
    if (!is_allowed(f.region->rights, access))
        return TOUCH_FORBIDDEN;

    /* Only if the reserve is used up, since pages that should have gone out before could not. */
    evict_ensure(PT_LEVELS);
    struct slot at;
    if (tables_find(s, f.page, &at))
        f.entry = slot_read(at);
    if (pfn_is_valid(entry_page(f.entry)) && !must_copy(&f))
        return make_usable(&f);
    return make_page(&f);
}
