#include <stdlib.h>
#include "vmm/store_list.h"

#define FIRST_ROOM 1024

bool store_list_add(struct store_list *l, maddr_t at)
{
    if (l->nr == l->room) {
        size_t room = l->room ? l->room * 2 : FIRST_ROOM;
        void *list = realloc(l->at, room * sizeof(l->at[0]));
        if (!list)
            return false;
        l->at = list;
        l->room = room;
    }
    l->at[l->nr++] = at;
    return true;
}

void store_list_free(struct store_list *l)
{
    free(l->at);
    *l = (struct store_list){ 0 };
}
