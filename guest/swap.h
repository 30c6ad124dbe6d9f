/* The places in swap: each holds one page, and counts who refers to it: entries of page tables, and the frame
 * of a page that came from there. */
#pragma once
#include "frames.h"

#define SECTORS_PER_PAGE (PAGE_SIZE / 512)

/* Bytes that swap_init needs for so many sectors; so much swap as one sixteenth of the memory can describe is
 * used. */
uint64_t swap_map_bytes(uint64_t sectors, uint64_t nr_frames);
void swap_init(unsigned disk, uint64_t sectors, void *map, uint64_t map_bytes);

/* A free place with one reference, or NO_PLACE. */
uint32_t swap_take(void);
void swap_hold(uint32_t place);
void swap_release(uint32_t place); /* the last one frees it */
unsigned swap_holders(uint32_t place);
/* A write to it failed: it has one holder, and is never given again. */
void swap_mark_bad(uint32_t place);

unsigned swap_disk(void);
uint64_t swap_sector(uint32_t place);
uint64_t swap_all_places(void); /* places are below */
uint64_t swap_places(void);     /* that are not bad */
uint64_t swap_free(void);
