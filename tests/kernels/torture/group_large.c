/* Pages of 2 MiB and of 1 GiB: split, joined, with reserved bits, over what is mapped in small pages, too. */
#include "torture.h"

#define A gva_at(12, 1, 1, 0)
#define B gva_at(13, 1, 1, 3) /* one page of the same memory */
#define G gva_at(14, 1, 0, 0)

static gpa_t part(unsigned page)
{
    return large_gpa(0) + page * PAGE_SIZE;
}

static void is_what_it_maps(void)
{
    map_large(A, 2, large_gpa(0), ENTRY_DATA);
    map(B, part(3), ENTRY_DATA);
    for (unsigned i = 0; i < PT_ENTRIES; i += 73)
        check_reads_as(A + i * PAGE_SIZE + 8, data_word(part(i), 1));
    check_write(A + 3 * PAGE_SIZE, 11);
    check_reads_as(B, 11);
    check_access(B, PF_ERR_USER | PF_ERR_WRITE, data_word(part(3), 0));
    check_reads_as(A + 3 * PAGE_SIZE, data_word(part(3), 0));
    check_access(A + 510 * PAGE_SIZE, PF_ERR_USER | PF_ERR_FETCH, 0);
    check_faults(A + LARGE_BYTES, 0, 0);
}

/* The same memory in 512 pages, one of them not writable; and in one again. */
static void is_split(void)
{
    gpa_t table = take_table();
    uint64_t *entries = phys(table), large = *entry_of(A, 2);

    for (unsigned i = 0; i < PT_ENTRIES; i++)
        set_entry(&entries[i], part(i) | (i == 4 ? PTE_PRESENT : ENTRY_DATA));
    for (unsigned round = 0; round < 2; round++) {
        set_entry(entry_of(A, 2), table | ENTRY_TABLE);
        flush_all();
        check_faults(A + 4 * PAGE_SIZE, PF_ERR_WRITE, PF_ERR_WRITE | PF_ERR_PRESENT);
        check_reads_as(A + 5 * PAGE_SIZE, data_word(part(5), 0));
        check_write(A + 6 * PAGE_SIZE, data_word(part(6), 0));
        set_entry(entry_of(A, 2), large & ~(PTE_DIRTY | PTE_ACCESSED));
        flush(A);
        check_write(A + 4 * PAGE_SIZE, data_word(part(4), 0));
        check_reads_as(A + 5 * PAGE_SIZE, data_word(part(5), 0));
    }
}

static void has_rights(void)
{
    static const uint64_t rights[] = { 0, PTE_WRITE, PTE_USER, PTE_NX, PTE_USER | PTE_WRITE | PTE_NX };

    for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        map_large(A, 2, large_gpa(0), PTE_PRESENT | rights[i]);
        flush(A + 7 * PAGE_SIZE); /* any page of it stands for all */
        for (uint32_t access = 0; access < 8; access += 2)
            check_access(A + (i + 20) * PAGE_SIZE, access, data_word(part(i + 20), 0));
        check_access(A + (i + 20) * PAGE_SIZE, PF_ERR_FETCH, 0);
        check_access(A + (i + 20) * PAGE_SIZE, PF_ERR_FETCH | PF_ERR_USER, 0);
    }
}

/* Pages of it that were written must not be written any more, whichever of them INVLPG names. */
static void is_flushed_as_one(void)
{
    for (unsigned round = 0; round < 2; round++) {
        uint64_t *entry = entry_of(A, round ? 3 : 2), kept = *entry;

        map_large(A, 2, large_gpa(0), ENTRY_DATA);
        flush(A);
        for (unsigned i = 0; i < 8; i++)
            check_write(A + i * 64 * PAGE_SIZE, data_word(part(i * 64), 0));
        set_entry(entry, (round ? kept : *entry) & ~PTE_WRITE);
        flush(A + 70 * PAGE_SIZE);
        for (unsigned i = 0; i < 8; i++)
            check_faults(A + i * 64 * PAGE_SIZE, PF_ERR_WRITE, PF_ERR_WRITE | PF_ERR_PRESENT);
        set_entry(entry, round ? kept : large_gpa(0) | ENTRY_DATA | PTE_LARGE);
        flush(A);
    }
}

static void has_reserved_bits(void)
{
    static const unsigned bits[] = { 13, 16, 20 };

    for (unsigned i = 0; i < 3; i++) {
        map_large(A, 2, large_gpa(0) | 1ull << bits[i], ENTRY_DATA);
        flush(A);
        check_faults(A, 0, PF_ERR_PRESENT | PF_ERR_RESERVED);
        check_faults(A, PF_ERR_USER | PF_ERR_WRITE,
                     PF_ERR_PRESENT | PF_ERR_RESERVED | PF_ERR_USER | PF_ERR_WRITE);
    }
    map_large(A, 2, large_gpa(0), ENTRY_DATA);
    set_entry(entry_of(A, 4), *entry_of(A, 4) | PTE_LARGE);
    flush(A);
    check_faults(A, 0, PF_ERR_PRESENT | PF_ERR_RESERVED);
    set_entry(entry_of(A, 4), *entry_of(A, 4) & ~PTE_LARGE);
    flush(A);
    check_reads_as(A + 8, data_word(part(0), 1));
}

/* All memory in one page. Where the CPU has no such pages the bit is reserved, and the accesses are counted
 * as well. */
static void giant(void)
{
    uint64_t *l3 = entry_of(G, 3);

    map_large(G, 3, 1ull << 29, ENTRY_DATA);
    check_faults(G, 0, PF_ERR_PRESENT | PF_ERR_RESERVED);
    map_large(G, 3, 0, ENTRY_DATA);
    flush(G);
    if (has_giant) {
        check_reads_as(G + part(9), data_word(part(9), 0));
        check_write(G + part(9), 12);
        check_reads_as(A + 9 * PAGE_SIZE, 12);
        check_access(G + part(9), PF_ERR_WRITE | PF_ERR_USER, data_word(part(9), 0));
        check(*l3 & PTE_DIRTY, "a page of 1 GiB was written, and is not dirty");
        check_reads_as(G + frame_gpa(NR_FRAMES - 1), data_word(frame_gpa(NR_FRAMES - 1), 0));
    } else {
        for (unsigned i = 0; i < 4; i++)
            note(data_word(part(9), i));
        check_faults(G, 0, PF_ERR_PRESENT | PF_ERR_RESERVED);
    }
    set_entry(l3, 0);
    map_large(G, 2, large_gpa(0), ENTRY_DATA);
    flush(G);
    check_reads_as(G + 9 * PAGE_SIZE, data_word(part(9), 0));
}

void group_large(void)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        fill_data(part(i));
    is_what_it_maps();
    is_split();
    has_rights();
    is_flushed_as_one();
    has_reserved_bits();
    giant();
}
