/* The frames of memory: a descriptor for each, and the list of the free ones.
 *
 * A frame that holds a program's page is mapped at the same address in every space that maps it, since pages
 * become shared by fork only: its vpn and the number of sharers are the whole reverse map. */
#pragma once
#include "platform.h"

enum frame_kind {
    FRAME_RESERVED, /* not ours to give: the kernel's image, what the boot took, the descriptors */
    FRAME_FREE,
    FRAME_KERNEL,    /* the kernel's own, or on its way to become one of the following */
    FRAME_TABLE,     /* a page table, levels 1 to 3 */
    FRAME_FILE,      /* a page as it is in a file: dropped rather than written */
    FRAME_ANONYMOUS, /* a page whose content is nowhere else, unless it is clean and has a place in swap */
};

#define NO_PLACE UINT32_MAX /* no place in swap */

struct frame {
    uint32_t next, prev;  /* in the free list (next alone) or in the policy's list */
    uint32_t place;       /* FRAME_ANONYMOUS: where in swap a copy is, or was; holds a reference */
    uint8_t kind;         /* enum frame_kind */
    uint8_t sharers;      /* pages: how many spaces hold it */
    uint16_t entries;     /* FRAME_TABLE: how many of its entries are not zero */
    uint64_t vpn : 36;    /* pages: where it is mapped */
    uint64_t dirty : 1;   /* pages: written, beside what the entries that map it say */
    uint64_t leaving : 1; /* pages: on the way to swap */
};

_Static_assert(sizeof(struct frame) == 24, "descriptors stay small: small guests are the point");

/* Take over the free memory of boot, with the descriptors and more_bytes for the caller carved out of it.
 * Returns the latter, zeroed; panics if they do not fit. */
void *frames_init(const struct boot_info *boot, uint64_t more_bytes);

/* The descriptor of a frame; f < frames_end(). */
struct frame *frame_of(pfn_t f);

/* A free frame, with whatever content, as that kind; NO_FRAME if there is none. Never evicts. */
pfn_t frames_take(enum frame_kind kind);
void frames_give(pfn_t f);
void frame_zero(pfn_t f);
/* Does it hold a page of a program? */
bool frame_is_page(const struct frame *f);

uint64_t frames_end(void);   /* frame numbers are below */
uint64_t frames_count(void); /* all that are managed */
uint64_t frames_free(void);

/* A list of frames through next and prev, for policies that keep an order. */
struct frame_list {
    uint32_t first, last;
};
#define NO_LINK UINT32_MAX

static inline struct frame_list frame_list_empty(void)
{
    return (struct frame_list){ NO_LINK, NO_LINK };
}

void frame_list_append(struct frame_list *l, pfn_t f);
void frame_list_remove(struct frame_list *l, pfn_t f);
