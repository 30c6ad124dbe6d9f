/* Who points at whom: for each guest frame the slots that map it, for each shadow page its parents' slots.
 * Doubly linked, so that taking one mapping away is not slow for a guest that maps one frame from everywhere;
 * by number, so that a slot costs 8 bytes. */
#include "page.h"

void shadow_link_add(struct shadow *s, uint32_t slot, uint32_t head)
{
    uint32_t first = s->heads[head];

    s->links[slot] = (struct shadow_link){ .next = first, .prev = LINK_HEAD | head };
    if (first != NONE)
        s->links[first].prev = slot;
    s->heads[head] = slot;
}

void shadow_link_remove(struct shadow *s, uint32_t slot)
{
    struct shadow_link l = s->links[slot];

    if (l.prev == NONE)
        return;
    if (l.prev & LINK_HEAD)
        s->heads[l.prev & ~LINK_HEAD] = l.next;
    else
        s->links[l.prev].next = l.next;
    if (l.next != NONE)
        s->links[l.next].prev = l.prev;
    s->links[slot].prev = NONE;
}
