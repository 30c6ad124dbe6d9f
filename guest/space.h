/* Address spaces: what a program may touch, and what it maps now.
 *
 * A space is a sorted list of regions (what may be there) over a page table (what is there). A page comes in
 * at its first touch (pager.c), goes out when frames run out (a policy picks, evict.c writes), and is shared after fork until written.
 * All functions take addresses of programs; they check them, since programs are not trusted. */
#pragma once
#include "archive.h"
#include "platform.h"

enum region_kind { REGION_ANONYMOUS, REGION_FILE };

/* Rights of a region and accesses, as bits. */
#define ACCESS_READ  1u
#define ACCESS_WRITE 2u
#define ACCESS_EXEC  4u

struct region {
    gva_t start, end; /* page-aligned, end excluded */
    enum region_kind kind;
    unsigned rights;         /* ACCESS_* */
    bool stays_read_only;    /* space_protect gives no right to write: a shared mapping, which nobody would see the writes of */
    bool grows_down;         /* a stack: a touch below start, down to its limit, extends it */
    const struct file *file; /* REGION_FILE: private mapping; bytes beyond file_bytes are zero */
    uint64_t file_offset;    /* of start; page-aligned */
    uint64_t file_bytes;     /* how many bytes from start come from the file, and are zero beyond; mmap: the whole
                              * length, so that pages wholly beyond the file's end are TOUCH_IO_ERROR */
};

#define MAX_REGIONS 256
#define MAX_SPACES  16
#define STACK_LIMIT (8ull << 20)

struct space; /* space.c */

/* How a touch ended. */
enum touch {
    TOUCH_OK,
    TOUCH_UNMAPPED,  /* no region there: SIGSEGV, SEGV_MAPERR */
    TOUCH_FORBIDDEN, /* the region's rights forbid it: SIGSEGV, SEGV_ACCERR */
    TOUCH_IO_ERROR,  /* the disk failed, or beyond the file's last page: SIGBUS */
    TOUCH_NO_MEMORY, /* neither a frame nor a place in swap: the program is killed */
};

/* An empty space, or NULL if there is no memory. */
struct space *space_create(void);
/* Drop all pages and tables. The space is not loaded, or another is loaded before anything runs. */
void space_destroy(struct space *s);
/* A copy that shares all pages copy-on-write; NULL if there is no memory. */
struct space *space_fork(struct space *s);
void space_load(struct space *s);

/* Map, unmap, change rights of [start, end), page-aligned, below USER_TOP. 0, -EINVAL, -ENOMEM (no region left, or for
 * protect: a hole in the range), -EACCES (protect: see stays_read_only). space_map replaces what was there. */
int space_map(struct space *s, const struct region *r);
int space_unmap(struct space *s, gva_t start, gva_t end);
int space_protect(struct space *s, gva_t start, gva_t end, unsigned rights);
/* The pages of [start, end) as if never touched; regions stay. 0; -ENOMEM if there is a hole, beside which it is done. */
int space_discard(struct space *s, gva_t start, gva_t end);
bool space_has_hole(const struct space *s, gva_t start, gva_t end);
bool space_is_free(const struct space *s, gva_t start, gva_t end); /* nothing but a hole */
/* The region that holds the address, or NULL. Valid until the next change. */
const struct region *space_region(const struct space *s, gva_t address);
/* The highest gap of so many bytes below the mmap area's top; 0 if none. */
gva_t space_find_gap(const struct space *s, uint64_t bytes);
/* The heap's end: as brk(2), returns the new end or the old one if it cannot be. set_brk_start once, by exec. */
void space_set_brk_start(struct space *s, gva_t start);
gva_t space_brk(struct space *s, gva_t end);

/* Make the page at address present as access needs: the whole of fault handling, called for page faults, and by the three
 * below before the kernel reaches into a program's memory. */
enum touch space_touch(struct space *s, gva_t address, unsigned access);

/* Kernel pointer to the bytes at address, good to the end of that page and until the next call of a function of this
 * header (another touch may evict it; *space_pin* is not needed for one page at a time). NULL with *why set. */
void *space_reach(struct space *s, gva_t address, unsigned access, enum touch *why);

/* Copy out of, or into, a program's memory. 0 or -EFAULT (a part may have been copied), also if the disk fails, as on
 * Linux. If memory runs out the answer is the same, and space_is_starved() tells. */
int space_read(struct space *s, void *to, gva_t from, uint64_t bytes);
int space_write(struct space *s, gva_t to, const void *from, uint64_t bytes);
/* A string with its NUL into to[size]. Its length, -EFAULT or -ENAMETOOLONG. */
int space_read_string(struct space *s, char *to, gva_t from, uint64_t size);
/* Has one of these, or space_reach, ever met TOUCH_NO_MEMORY? Then its process is to be killed before it runs again. */
bool space_is_starved(const struct space *s);

/* Once, at start: hand the free memory over, attach swap (its sectors; 0: none), choose the policy by name. False: no such policy. */
bool memory_init(const struct boot_info *boot, const char *policy, uint64_t seed);
/* A zeroed frame for the kernel itself (not evictable); evicts if it must. NO_FRAME if nothing is left. */
pfn_t memory_take_frame(void);
void memory_give_frame(pfn_t f);
/* For messages: frames in all, free, and in use by pages of programs; places in swap, and free ones. */
struct memory_state {
    uint64_t frames, free, resident, swap, swap_free;
};
struct memory_state memory_state(void);
