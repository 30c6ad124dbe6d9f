#include <stdlib.h>
#include "vmm/store_list.h"

#define FIRST_ROOM 1024

bool store_list_add(struct store_list *l, maddr_t at, uint64_t entry)
{
    if (l->nr == l->room) {
        size_t room = l->room ? l->room * 2 : FIRST_ROOM;
        void *stores = realloc(l->stores, room * sizeof(l->stores[0]));
        if (!stores)
            return false;
        l->stores = stores;
        l->room = room;
    }
    l->stores[l->nr].at = at;
    l->stores[l->nr++].entry = entry;
    return true;
}

void store_list_free(struct store_list *l)
{
    free(l->stores);
    *l = (struct store_list){ 0 };
}
