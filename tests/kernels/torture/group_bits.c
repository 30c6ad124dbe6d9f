/* Accessed and dirty bits: when they come, that they come again, and when they do not come. check_access()
 * looks at those of its own walk; here the ones beside it are looked at, too. */
#include "torture.h"

#define A gva_at(2, 3, 4, 5)
#define B gva_at(2, 3, 4, 6) /* the same frame, in the same table */
#define C gva_at(3, 0, 0, 0) /* and in another */

static void expect_bits(const uint64_t *entry, uint64_t bits, const char *when)
{
    uint64_t is = *(const volatile uint64_t *)entry & (PTE_ACCESSED | PTE_DIRTY);

    note(is);
    check(is == bits, "%s: the bits are %lx, not %lx", when, is, bits);
}

static void clear_bits(uint64_t *entry, uint64_t bits)
{
    set_entry(entry, *entry & ~bits);
    flush(A);
}

/* The page of A is mapped at this level, with neither bit set. */
static void try_page(int leaf, uint32_t by)
{
    uint64_t *entry = entry_of(A, leaf);

    expect_bits(entry, 0, "before");
    check_access(A, by, 0);
    expect_bits(entry, PTE_ACCESSED, "read");
    check_access(A, by | PF_ERR_WRITE, 1);
    expect_bits(entry, PTE_ACCESSED | PTE_DIRTY, "written");
    clear_bits(entry, PTE_DIRTY);
    check_access(A, by, 0);
    expect_bits(entry, PTE_ACCESSED, "read when clean");
    check_access(A, by | PF_ERR_WRITE, 2);
    expect_bits(entry, PTE_ACCESSED | PTE_DIRTY, "written when clean");
    clear_bits(entry, PTE_ACCESSED);
    check_access(A, by, 0);
    expect_bits(entry, PTE_ACCESSED | PTE_DIRTY, "read when dirty");
    clear_bits(entry, PTE_ACCESSED | PTE_DIRTY);
    check_access(A, by | PF_ERR_WRITE, 3);
    expect_bits(entry, PTE_ACCESSED | PTE_DIRTY, "written at once");
}

static void try_tables(int leaf, uint32_t by)
{
    for (int level = PT_LEVELS; level > leaf; level--) {
        clear_bits(entry_of(A, level), PTE_ACCESSED);
        check_access(A, by, 0);
        expect_bits(entry_of(A, level), PTE_ACCESSED, "a table's");
    }
}

static void try_aliases(gpa_t page)
{
    map(A, page, ENTRY_DATA);
    map(B, page, ENTRY_DATA);
    map(C, page, ENTRY_DATA);
    flush_all();
    check_write(A, 4);
    expect_bits(entry_of(B, 1), 0, "an alias");
    check_reads_as(C, 4);
    expect_bits(entry_of(C, 1), PTE_ACCESSED, "an alias that is read");
    expect_bits(entry_of(B, 1), 0, "an alias");
}

/* What is refused makes nothing dirty. */
static void try_refused(gpa_t page)
{
    map(A, page, PTE_PRESENT);
    flush_all();
    check_access(A, PF_ERR_WRITE, 5);
    check(!(*entry_of(A, 1) & PTE_DIRTY), "a page that is not writable became dirty");
    check_access(A, PF_ERR_WRITE | PF_ERR_USER, 6);
    check(!(*entry_of(A, 1) & PTE_DIRTY), "a page of the kernel became dirty");
    set_wp(false);
    check_write(A, 7);
    expect_bits(entry_of(A, 1), PTE_ACCESSED | PTE_DIRTY, "written against its rights");
    set_wp(true);
}

static void try_kind(int leaf, uint32_t by)
{
    try_page(leaf, by);
    try_tables(leaf, by);
}

void group_bits(void)
{
    gpa_t page = frame_gpa(take_frame());

    for (uint32_t by = 0; by <= PF_ERR_USER; by += PF_ERR_USER) {
        map(A, page, ENTRY_DATA);
        flush_all();
        try_kind(1, by);
    }
    try_aliases(page);
    try_refused(page);
    set_entry(entry_of(A, 2), large_gpa(1) | ENTRY_DATA | PTE_LARGE);
    flush_all();
    try_kind(2, 0);
}
