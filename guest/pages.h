/* Pages of programs: what an entry of level 1 says of one, and who maps a frame.
 *
 *   present    as the CPU sees it
 *   parked     pfn << 12 | ENTRY_PARKED: in a frame, but its region has no rights, so the CPU must fault
 *   swapped    place << 12 | ENTRY_SWAPPED: in swap only
 *   zero       nowhere: the page comes from its region's file, or is zeros
 *
 * A frame is referred to by present and parked entries (its sharers), a place by swapped ones and by the
 * frames of pages that came from there. */
#pragma once
#include "frames.h"
#include "spaces.h"
#include "tables.h"

#define ENTRY_PARKED  (1ull << 1)
#define ENTRY_SWAPPED (1ull << 2)

/* The frame that an entry refers to, or NO_FRAME. */
pfn_t entry_page(uint64_t entry);
bool entry_is_swapped(uint64_t entry);
uint32_t entry_place(uint64_t entry);
uint64_t entry_for_place(uint32_t place);

/* The entry for a page in a frame, as the region's rights allow: writable if nobody else would see the
 * writes. state: PTE_ACCESSED and PTE_DIRTY, as they shall be; a parked entry has none, the frame keeps them.
 */
uint64_t page_entry(const struct region *r, pfn_t f, uint64_t state);

/* An entry is about to go, or has gone: drop its reference to a frame (freed with its place if it was the
 * last one) or to a place. */
void page_release(uint64_t entry);
/* Another entry refers to the same, in a space that was forked. */
void page_share(uint64_t entry);

/* The entries that refer to a frame, one after the other. Start with a zeroed struct and .frame; the entry
 * that was given last may be changed. False: no more. */
struct mapping {
    pfn_t frame;
    struct space *space;
    struct slot slot;
    uint64_t entry;
    unsigned found;
};
bool page_next_mapping(struct mapping *m);
static inline gva_t frame_address(pfn_t f)
{
    return (gva_t)frame_of(f)->vpn << PAGE_SHIFT;
}
