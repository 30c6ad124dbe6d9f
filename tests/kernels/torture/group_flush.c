/* What makes the CPU forget: INVLPG, CR3, CR4.PGE; and registers that change what entries mean. */
#include "torture.h"

#define A        gva_at(15, 0, 0, 0)
#define NR_PAGES 8

static gpa_t one, other;

static void swap_frames(uint64_t bits)
{
    for (unsigned i = 0; i < NR_PAGES; i++) {
        uint64_t *entry = entry_of(A + i * PAGE_SIZE, 1);
        bool is_one = (*entry & PTE_FRAME_MASK) == one;

        set_entry(entry, (is_one ? other : one) | bits);
    }
}

static void check_frames(gpa_t frame)
{
    for (unsigned i = 0; i < NR_PAGES; i++)
        check_reads_as(A + i * PAGE_SIZE, data_word(frame, 0));
}

static void by_cr3(void)
{
    swap_frames(ENTRY_DATA);
    flush_all();
    check_frames(one);
    swap_frames(ENTRY_DATA);
    cr3_write(root | PTE_PWT | PTE_PCD); /* the same root, said otherwise */
    check_frames(other);
    cr3_write(root);
}

static void by_invlpg(void)
{
    swap_frames(ENTRY_DATA);
    for (unsigned i = 0; i < NR_PAGES; i++)
        flush(A + i * PAGE_SIZE + i * 123);
    check_frames(one);
    flush(gva_at(99, 1, 1, 1)); /* where nothing is */
    flush(1ull << 47);          /* and where nothing can be */
    check_frames(one);
}

#define CR4_KEPT (CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT)

/* Global pages outlive CR3 loads, or not: that is the CPU's choice. INVLPG and CR4.PGE end them. */
static void global_pages(void)
{
    cr4_write(CR4_KEPT | CR4_PGE);
    swap_frames(ENTRY_DATA | PTE_GLOBAL);
    flush_all();
    for (unsigned i = 0; i < NR_PAGES; i++)
        flush(A + i * PAGE_SIZE);
    check_frames(other);
    swap_frames(ENTRY_DATA | PTE_GLOBAL);
    cr4_write(CR4_KEPT);
    check_frames(one);
    cr4_write(CR4_KEPT | CR4_PGE);
    swap_frames(ENTRY_DATA | PTE_GLOBAL);
    cr4_write(CR4_KEPT);
    cr4_write(CR4_KEPT | CR4_PGE);
    check_frames(other);
    cr4_write(CR4_KEPT);
    swap_frames(ENTRY_DATA);
    flush_all();
    check_frames(one);
}

/* CR0.WP acts at once. */
static void write_protection(void)
{
    map(A, one, PTE_PRESENT | PTE_USER);
    flush(A);
    for (unsigned i = 0; i < 3; i++) {
        check_faults(A, PF_ERR_WRITE, PF_ERR_WRITE | PF_ERR_PRESENT);
        set_wp(false);
        check_write(A, data_word(one, 0));
        check_faults(A, PF_ERR_WRITE | PF_ERR_USER, PF_ERR_WRITE | PF_ERR_USER | PF_ERR_PRESENT);
        set_wp(true);
    }
}

/* Without EFER.NXE the bit is reserved, and error codes do not tell fetches. */
static void no_execute(void)
{
    map(A, one, PTE_PRESENT | PTE_NX);
    map(A + PAGE_SIZE, one, PTE_PRESENT);
    map(A + 2 * PAGE_SIZE, 0, 0);
    flush_all();
    check_faults(A, PF_ERR_FETCH, PF_ERR_FETCH | PF_ERR_PRESENT);
    set_nxe(false);
    check_faults(A, 0, PF_ERR_PRESENT | PF_ERR_RESERVED);
    check_faults(A, PF_ERR_FETCH, PF_ERR_PRESENT | PF_ERR_RESERVED);
    check_access(A + PAGE_SIZE, PF_ERR_FETCH, 0);
    check_faults(A + 2 * PAGE_SIZE, PF_ERR_FETCH, 0);
    set_nxe(true);
    check_reads_as(A, data_word(one, 0));
    check_faults(A, PF_ERR_FETCH, PF_ERR_FETCH | PF_ERR_PRESENT);
}

void group_flush(void)
{
    one = frame_gpa(take_frame());
    other = frame_gpa(take_frame());
    for (unsigned i = 0; i < NR_PAGES; i++)
        map(A + i * PAGE_SIZE, other, ENTRY_DATA);
    by_cr3();
    by_invlpg();
    global_pages();
    write_protection();
    no_execute();
}
