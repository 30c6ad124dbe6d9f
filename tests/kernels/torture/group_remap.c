/* Mapping, unmapping, mapping something else; rights given and taken. */
#include "torture.h"

#define A        gva_at(4, 0, 1, 0)
#define NR_PAGES 24

static void page_to_frame(gpa_t one, gpa_t other)
{
    check_faults(A, 0, 0);
    check_faults(A, PF_ERR_USER | PF_ERR_WRITE, PF_ERR_USER | PF_ERR_WRITE);
    map(A, one, ENTRY_DATA); /* not present to present: no flush */
    check_reads_as(A + 8, data_word(one, 1));
    map(A, other, ENTRY_DATA);
    flush(A);
    check_reads_as(A + 8, data_word(other, 1));
    map(A, 0, 0);
    flush(A);
    check_faults(A, 0, 0);
}

/* What is not present may hold anything, and says nothing. */
static void anything_not_present(void)
{
    for (unsigned i = 0; i < 16; i++) {
        map(A, random_next(&dice) & ~PTE_PRESENT, 0);
        check_faults(A, PF_ERR_WRITE, PF_ERR_WRITE);
    }
    map(A, 0, 0);
}

static void tables_come_and_go(gpa_t one)
{
    map(A, one, ENTRY_DATA);
    for (int level = 2; level <= PT_LEVELS; level++) {
        uint64_t *entry = entry_of(A, level), kept = *entry;

        check_reads_as(A, data_word(one, 0));
        set_entry(entry, 0);
        flush(A);
        check_faults(A, 0, 0);
        set_entry(entry, kept);
        check_reads_as(A, data_word(one, 0));
    }
}

static void another_table(gpa_t other)
{
    gpa_t table = take_table();
    uint64_t *entry = entry_of(A, 2), kept = *entry;

    *(uint64_t *)phys(table) = other | ENTRY_DATA;
    set_entry(entry, table | ENTRY_TABLE);
    flush(A);
    check_reads_as(A, data_word(other, 0));
    set_entry(entry, kept);
    flush_all();
}

/* More rights need no flush, but a CPU may fault once for what it remembers. */
static void rights_grow(gpa_t one)
{
    map(A, one, PTE_PRESENT);
    flush(A);
    check_read(A);
    map(A, one, ENTRY_USED | PTE_WRITE);
    attempt(access_write, A, data_word(one, 0));
    check_write(A, data_word(one, 0));
    map(A, one, ENTRY_USED | PTE_WRITE | PTE_USER);
    attempt_user(&(struct cpu_regs){
        .rip = user_code_at(user_read), .rsp = USER_STACK_TOP, .rdi = A, .rflags = RFLAGS_FIXED });
    check_access(A, PF_ERR_USER | PF_ERR_WRITE, data_word(one, 0));
}

static void rights_change(gpa_t one)
{
    static const uint64_t rights[] = { PTE_WRITE, PTE_USER, 0, PTE_NX, PTE_NX | PTE_WRITE, 0 };

    for (unsigned i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
        map(A, one, PTE_PRESENT | rights[i]);
        flush(A);
        check_access(A, 0, 0);
        check_access(A, PF_ERR_WRITE, data_word(one, 0));
        check_access(A, PF_ERR_FETCH, 0);
        check_access(A, PF_ERR_USER, 0);
        check_access(A, PF_ERR_USER | PF_ERR_FETCH, 0);
    }
}

static void many_pages(void)
{
    unsigned first = take_frame();

    for (unsigned i = 1; i < NR_PAGES; i++)
        take_frame();
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < NR_PAGES; i++)
            map(A + i * PAGE_SIZE, frame_gpa(first + (i * 5 + round) % NR_PAGES),
                (i + round) % 3 ? ENTRY_DATA : 0);
        flush_all();
        for (unsigned i = 0; i < NR_PAGES; i++)
            check_access(A + i * PAGE_SIZE, i % 2 ? PF_ERR_USER : 0, 0);
    }
}

void group_remap(void)
{
    gpa_t one = frame_gpa(take_frame()), other = frame_gpa(take_frame());

    page_to_frame(one, other);
    anything_not_present();
    tables_come_and_go(one);
    another_table(other);
    rights_grow(one);
    rights_change(one);
    many_pages();
}
