/* A frame is data, then a table, then data again, and nobody cleans it in between. */
#include "torture.h"

#define A    gva_at(10, 1, 1, 1)
#define DATA gva_at(11, 0, 0, 0) /* where the frame is data */

static gpa_t page;

/* Data that a table may hold: the words at the indexes that A uses lead on, all others are not present. */
static void check_is_data(gpa_t frame, unsigned but)
{
    for (unsigned i = 0; i < PT_ENTRIES; i += 29)
        if (i != but)
            check_reads_as(DATA + i * 8, data_word(frame, i));
}

static void becomes_table(int level, gpa_t frame)
{
    uint64_t *up = entry_of(A, level + 1), kept = *up;
    uint64_t next = level == 1 ? page | ENTRY_DATA : *entry_of(A, level);
    unsigned index = pt_index(A, level);

    map(DATA, frame, ENTRY_DATA);
    flush(DATA);
    check_is_data(frame, PT_ENTRIES);
    check_write(DATA + index * 8, next);
    set_entry(up, frame | ENTRY_TABLE);
    flush(A);
    check_reads_as(A, data_word(page, 0));
    check_access(A, PF_ERR_USER | PF_ERR_WRITE, data_word(page, 0));
    check_is_data(frame, index);
    check_write(DATA + index * 8, 0); /* a store to a live table */
    flush(A);
    check_faults(A, 0, 0);
    check_write(DATA + index * 8, next);
    check_reads_as(A, data_word(page, 0));
    set_entry(up, kept);
    flush_all();
    check_write(DATA + index * 8, data_word(frame, index));
    check_is_data(frame, PT_ENTRIES);
}

/* A table that is none any more gets stores of all sorts, as data does. */
static void is_filled(gpa_t frame)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *(volatile uint64_t *)(DATA + i * 8) = random_next(&dice);
    memset((void *)DATA, 0x5a, PAGE_SIZE);
    check_reads_as(DATA + 8, 0x5a5a5a5a5a5a5a5aull);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        *(volatile uint64_t *)(DATA + i * 8) = data_word(frame, i);
    check_is_data(frame, PT_ENTRIES);
}

/* Code where a table was, and a stack. */
static void is_code_and_stack(gpa_t frame)
{
    check_access(DATA, PF_ERR_FETCH, 0);
    check_access(DATA, PF_ERR_FETCH | PF_ERR_USER, 0);
    map(USER_STACK_TOP, frame, ENTRY_DATA);
    struct trap t = attempt_user(&(struct cpu_regs){ .rip = user_code_at(user_fetch),
                                                     .rsp = USER_STACK_TOP + PAGE_SIZE,
                                                     .rdi = DATA,
                                                     .rflags = RFLAGS_FIXED });
    check(t.vector == VEC_BP, "a stack in a former table: trap %lu at 0x%lx", t.vector, t.address);
    check_reads_as(DATA + PAGE_SIZE - 8, t.regs.rip - 1);
    map(USER_STACK_TOP, 0, 0);
    flush_all();
    check_write(DATA + PAGE_SIZE - 8, data_word(frame, PT_ENTRIES - 1));
}

void group_reuse(void)
{
    gpa_t frame = frame_gpa(take_frame());

    page = frame_gpa(take_frame());
    map(A, page, ENTRY_DATA);
    for (unsigned round = 0; round < 3; round++) {
        for (int level = 1; level < PT_LEVELS; level++)
            becomes_table(level, frame);
        is_filled(frame);
        is_code_and_stack(frame);
    }
}
