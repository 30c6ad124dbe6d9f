/* A growing list of where stores to page tables went, in order: for when the monitor cannot be run to work off its own,
 * which is bounded. */
#pragma once
#include <stddef.h>
#include "address.h"

struct store_list {
    maddr_t *at;
    size_t nr, room;
};

/* False: no memory for it. */
bool store_list_add(struct store_list *l, maddr_t at);
void store_list_free(struct store_list *l);
