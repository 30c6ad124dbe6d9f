/* Every combination of P, W, U and NX in the entry of the page and in one entry above it, for all kinds of
 * access, with CR0.WP and without. Accessed and dirty bits are clear before each. */
#include "torture.h"

#define A gva_at(1, 2, 3, 4)

static uint64_t bits_of(unsigned n)
{
    return (n & 1 ? PTE_PRESENT : 0) | (n & 2 ? PTE_WRITE : 0) | (n & 4 ? PTE_USER : 0) |
           (n & 8 ? PTE_NX : 0);
}

static void try_all_accesses(void)
{
    static const uint32_t kinds[] = { 0, PF_ERR_WRITE, PF_ERR_FETCH };

    for (unsigned user = 0; user < 2; user++)
        for (unsigned i = 0; i < 3; i++)
            check_access(A, kinds[i] | (user ? PF_ERR_USER : 0), data_word(0, i));
}

static void try_leaf(int leaf, gpa_t page, int upper)
{
    uint64_t *page_entry = entry_of(A, leaf), *upper_entry = entry_of(A, upper);
    uint64_t table = *upper_entry & PTE_FRAME_MASK;

    for (unsigned n = 0; n < 256; n++) {
        set_entry(page_entry, page | bits_of(n % 16) | (leaf > 1 ? PTE_LARGE : 0));
        set_entry(upper_entry, table | bits_of(n / 16));
        flush(A);
        try_all_accesses();
    }
    set_entry(upper_entry, table | ENTRY_TABLE);
}

void group_rights(void)
{
    gpa_t small = frame_gpa(take_frame());

    fill_data(large_gpa(0) + (A & (LARGE_BYTES - 1)));
    for (int wp = 1; wp >= 0; wp--) {
        set_wp(wp);
        for (int upper = wp ? 4 : 2; upper > 1; upper -= 2)
            try_leaf(1, small, upper);
    }
    set_wp(true);
    set_entry(entry_of(A, 2), 0);
    try_leaf(2, large_gpa(0), 3);
    fill_data(small);
}
