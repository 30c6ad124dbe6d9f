/* The paging torture: a kernel that does to its page tables what no kernel should, and checks that the CPU
 * does what the manual says. Each group of checks prints one line, with a sum over all that was seen (values,
 * error codes, addresses, accessed and dirty bits), so that two machines that print the same did the same.
 *
 *   main.c      the groups, in order
 *   report.c    checks, sums
 *   frames.c    a pool of frames, each with words that tell it
 *   tables.c    making page tables
 *   model.c     what an access should do: the manual's rules, once more
 *   access.c    an access, done and compared with the model
 *   group_*.c   the groups
 *
 * What a TLB remembers differs between CPUs: so what takes rights away is flushed before it is relied on. */
#pragma once
#include "native_insn.h"
#include "native_kernel.h"

/* 1. Checks. check: at most so many failures of a group are told in full. note: into the group's sum. */
void group_begin(const char *name);
void group_end(void);
void check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
void note(uint64_t value);
unsigned nr_failures(void);

/* 2. Frames 0 to NR_FRAMES - 1, and two large ones of 2 MiB, at fixed places: so the sums do not depend on
 * the image. A data frame's word i holds data_word(frame, i): as an entry it is not present, as code it is
 * "nop; ret". */
#define NR_FRAMES    96
#define NR_LARGE     2
#define LARGE_BYTES  (2ull << 20)
#define GIANT_BYTES  (1ull << 30)
#define CODE_OF_DATA 0xc390u

#define FRAMES_START (4ull << 20)
#define LARGE_START  (8ull << 20)
#define FRAMES_END   (LARGE_START + NR_LARGE * LARGE_BYTES)

static inline gpa_t frame_gpa(unsigned n)
{
    return FRAMES_START + n * PAGE_SIZE;
}

static inline gpa_t large_gpa(unsigned n)
{
    return LARGE_START + n * LARGE_BYTES;
}

uint64_t data_word(gpa_t frame, unsigned index);
void fill_data(gpa_t frame);
/* All frames are free, and data. Frames are then taken from the first on: as they are, or cleared. */
void frames_reset(void);
unsigned take_frame(void);
gpa_t take_table(void);

/* 3. Tables. root_new: a root with the kernel and the aids of user mode in it. use_root: CR3. */
#define KERNEL_SLOT 511
#define USER_SLOT   100
#define ENTRY_USED  (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY)
#define ENTRY_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define ENTRY_DATA  (PTE_PRESENT | PTE_WRITE | PTE_USER)

extern gpa_t root; /* in use */

gpa_t root_new(void);
void use_root(gpa_t root_gpa);
/* The boot tables again, so that all frames are free. */
void leave_roots(void);
/* An address by its indexes, from the root down. */
gva_t gva_at(unsigned i4, unsigned i3, unsigned i2, unsigned i1);
/* The entry that maps a at a level, in the root in use; tables that lack on the way are made. */
uint64_t *entry_of(gva_t a, int level);
void map(gva_t a, gpa_t to, uint64_t bits);
void map_large(gva_t a, int level, gpa_t to, uint64_t bits);
/* A store that the compiler neither splits nor leaves out. */
void set_entry(uint64_t *entry, uint64_t value);
void flush(gva_t a);
void flush_all(void);
/* CR0.WP, EFER.NXE, as the model is to know them, too. */
void set_wp(bool on);
void set_nxe(bool on);
extern bool wp_is_on, nxe_is_on;
extern bool has_giant; /* pages of 1 GiB */

/* 4. The model. access: PF_ERR_WRITE, PF_ERR_USER, PF_ERR_FETCH. */
struct walk {
    bool works;
    uint32_t error;                /* if it does not */
    gpa_t to;                      /* if it does */
    int leaf;                      /* level of the last entry that was looked at */
    gpa_t entry_at[PT_LEVELS + 1]; /* by level */
};

struct walk walk_tables(gpa_t root_gpa, gva_t a, uint32_t access);
void model_init(void);

/* 5. Do it and compare: whether it faults, error code and CR2, the value, accessed and dirty bits on the way.
 * The TLB must hold nothing stale. value: what is written. Returns what was read. A fetch whose target is no
 * code becomes a read. */
uint64_t check_access(gva_t a, uint32_t access, uint64_t value);
uint64_t check_read(gva_t a);
void check_write(gva_t a, uint64_t value);
/* It reads so, or it faults with this error code. */
void check_reads_as(gva_t a, uint64_t value);
void check_faults(gva_t a, uint32_t access, uint32_t error);
void user_aids_init(void);
/* Where user mode sees one of its snippets of code: read, write or call what rdi says, and INT3. */
extern char user_read[], user_write[], user_fetch[];
gva_t user_code_at(const char *snippet);
#define USER_STACK_TOP (gva_at(USER_SLOT, 0, 0, 2))

extern struct random dice;

void group_rights(void);
void group_bits(void);
void group_remap(void);
void group_alias(void);
void group_stores(void);
void group_reuse(void);
void group_levels(void);
void group_large(void);
void group_flush(void);
void group_faults(void);
void group_roots(void);
void group_random(void);
