/* What an address space is made of, for the files that implement space.h. */
#pragma once
#include "space.h"

struct region_node {
    struct region r;
    struct region_node *next; /* higher addresses */
};

struct space {
    bool live;
    bool starved; /* the kernel wanted a page of it, and there was no memory */
    struct address_root root;
    struct region_node *regions; /* sorted, apart from each other */
    unsigned nr_regions;
    gva_t brk_start, brk_end; /* of the heap; the end is a byte's address */
};

/* No spaces, and a root without programs, to be loaded while there is none. Takes its frames. */
void spaces_init(void);
/* The live spaces, one after the other: NULL to start with, NULL at the end. */
struct space *spaces_next(const struct space *after);
/* Is it the one that the CPU uses: do changes of its entries need a flush? */
bool space_is_loaded(const struct space *s);
