/* The map of swap: a byte for each place, with its number of holders. */
#include "swap.h"
#include "kernel.h"
#include "space.h"

#define PLACE_BAD 255

_Static_assert(MAX_SPACES + 1 < PLACE_BAD, "a place has at most one holder for each space, and a frame");

static struct {
    unsigned disk;
    uint8_t *holders;
    uint32_t end;  /* places are below */
    uint32_t next; /* where to look first */
    uint64_t good, free;
} swap;

uint64_t swap_map_bytes(uint64_t sectors, uint64_t nr_frames)
{
    uint64_t places = sectors / SECTORS_PER_PAGE;
    uint64_t limit = nr_frames * PAGE_SIZE / 16;
    if (places > limit)
        kprintf("swap: %lu of its %lu places are used, for want of memory to keep track of them\n", limit,
                places);
    return places < limit ? places : limit;
}

void swap_init(unsigned disk, uint64_t sectors, void *map, uint64_t map_bytes)
{
    uint64_t places = sectors / SECTORS_PER_PAGE;
    swap.disk = disk;
    swap.holders = map;
    swap.end = (uint32_t)(places < map_bytes ? places : map_bytes);
    swap.next = 0;
    swap.good = swap.free = swap.end;
}

uint32_t swap_take(void)
{
    if (!swap.free)
        return NO_PLACE;
    while (swap.holders[swap.next])
        swap.next = swap.next + 1 < swap.end ? swap.next + 1 : 0;
    swap.holders[swap.next] = 1;
    swap.free--;
    return swap.next;
}

void swap_hold(uint32_t place)
{
    kassert(place < swap.end && swap.holders[place] && swap.holders[place] < PLACE_BAD - 1);
    swap.holders[place]++;
}

void swap_release(uint32_t place)
{
    kassert(place < swap.end && swap.holders[place] && swap.holders[place] != PLACE_BAD);
    if (--swap.holders[place] == 0)
        swap.free++;
}

unsigned swap_holders(uint32_t place)
{
    kassert(place < swap.end);
    return swap.holders[place];
}

void swap_mark_bad(uint32_t place)
{
    kassert(place < swap.end && swap.holders[place] == 1);
    swap.holders[place] = PLACE_BAD;
    swap.good--;
}

unsigned swap_disk(void)
{
    return swap.disk;
}

uint64_t swap_sector(uint32_t place)
{
    return place * SECTORS_PER_PAGE;
}

uint64_t swap_all_places(void)
{
    return swap.end;
}

uint64_t swap_places(void)
{
    return swap.good;
}

uint64_t swap_free(void)
{
    return swap.free;
}
