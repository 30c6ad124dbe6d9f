/* One frame at several addresses; one table in several places; a table that maps itself. */
#include "torture.h"

#define A    gva_at(5, 0, 0, 0)
#define B    gva_at(6, 1, 2, 3)
#define C    gva_at(300, 4, 4, 4) /* in the upper half */
#define D    gva_at(5, 7, 0, 0)
#define SELF 200 /* the root's slot that holds the root */

static void one_frame(gpa_t page)
{
    const gva_t at[] = { A, B, C, A + PAGE_SIZE };

    for (unsigned i = 0; i < 4; i++)
        map(at[i], page, i == 3 ? ENTRY_DATA & ~PTE_WRITE : ENTRY_DATA);
    for (unsigned i = 0; i < 4; i++) {
        check_write(at[i], i + 100);
        for (unsigned j = 0; j < 4; j++)
            check_reads_as(at[j], i < 3 ? i + 100 : 102);
    }
    map(B, 0, 0);
    flush(B);
    check_faults(B, 0, 0);
    check_reads_as(C, 102);
}

/* D's level 2 entry leads to the table of A, with fewer rights. */
static void one_table(gpa_t page, gpa_t other)
{
    gpa_t table = gpa_of(entry_of(A, 1));

    map(A, page, ENTRY_DATA);
    set_entry(entry_of(D, 2), (table & ~PAGE_MASK) | PTE_PRESENT | PTE_USER);
    set_entry(entry_of(D + LARGE_BYTES, 2), (table & ~PAGE_MASK) | PTE_PRESENT | PTE_WRITE | PTE_NX);
    flush_all();
    check_write(A, 7);
    check_reads_as(D, 7);
    check_faults(D, PF_ERR_WRITE, PF_ERR_WRITE | PF_ERR_PRESENT);
    check_write(D + LARGE_BYTES, 8);
    check_faults(D + LARGE_BYTES, PF_ERR_USER, PF_ERR_USER | PF_ERR_PRESENT);
    check_faults(D + LARGE_BYTES, PF_ERR_FETCH, PF_ERR_FETCH | PF_ERR_PRESENT);
    map(A, other, ENTRY_DATA);
    flush_all();
    check_reads_as(D + 16, data_word(other, 2));
    check_access(D + 16, PF_ERR_USER, 0);
    check_reads_as(D + LARGE_BYTES + 16, data_word(other, 2));
    map(A, 0, 0);
    flush_all();
    check_faults(D, 0, 0);
    check_faults(D + LARGE_BYTES, PF_ERR_WRITE, PF_ERR_WRITE);
}

/* A level 3 table in two slots of the root, one of them with user rights taken. */
static void one_tree(gpa_t page)
{
    gva_t there = gva_at(7, 1, 2, 3);

    map(B, page, ENTRY_DATA);
    set_entry(entry_of(there, 4), *entry_of(B, 4) & ~PTE_USER);
    check_write(there, 9);
    check_reads_as(B, 9);
    check_access(B, PF_ERR_USER, 0);
    check_faults(there, PF_ERR_USER, PF_ERR_USER | PF_ERR_PRESENT);
    set_entry(entry_of(there, 4), 0);
    flush(there);
    check_faults(there, 0, 0);
    check_reads_as(B, 9);
}

/* Through the slot SELF: entries of all levels, as data, at addresses of their own. */
static uint64_t self_address(gva_t a, int level)
{
    unsigned path[] = {
        SELF, SELF, SELF, SELF, pt_index(a, 4), pt_index(a, 3), pt_index(a, 2), pt_index(a, 1)
    };
    const unsigned *p = &path[4 - level];

    return gva_at(p[0], p[1], p[2], p[3]) + p[4] * sizeof(uint64_t);
}

static void self_map(gpa_t page, gpa_t other)
{
    map(A, page, ENTRY_DATA | ENTRY_USED);
    set_entry((uint64_t *)phys(root) + SELF, root | PTE_PRESENT | PTE_WRITE);
    for (int level = 1; level <= PT_LEVELS; level++) {
        check_read(self_address(A, level));
        check_reads_as(self_address(A, level), *entry_of(A, level));
    }
    check_write(self_address(A, 1), other | ENTRY_DATA);
    flush(A);
    check_reads_as(A + 24, data_word(other, 3));
    check_write(self_address(A, 1), 0);
    flush(A);
    check_faults(A, 0, 0);
    check_write(self_address(A, 3), *entry_of(A, 3) & ~PTE_USER);
    check_write(self_address(A, 1), page | ENTRY_DATA);
    flush(A);
    check_faults(A, PF_ERR_USER, PF_ERR_USER | PF_ERR_PRESENT);
    check_reads_as(A + 24, data_word(page, 3));
    check_faults(self_address(A, 2), PF_ERR_USER, PF_ERR_USER | PF_ERR_PRESENT);
    check_write(self_address(gva_at(SELF, 0, 0, 0), 4), 0);
    flush_all();
    check_faults(self_address(A, 4), 0, 0);
}

void group_alias(void)
{
    gpa_t page = frame_gpa(take_frame()), other = frame_gpa(take_frame());

    one_frame(page);
    one_table(page, other);
    one_tree(page);
    self_map(page, other);
}
