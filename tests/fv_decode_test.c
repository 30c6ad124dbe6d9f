/* Which instructions are emulated, for whom, and where their bytes and operands are. */
#include "fv_machine.h"
#include "tests/run_suite.h"

/* Who may. */

START_TEST(programs_may_do_nothing_of_it)
{
    static const uint8_t forbidden[][4] = {
        { 0x0f, 0x20, 0xc0 },
        { 0x0f, 0x22, 0xc0 },
        { 0x0f, 0x21, 0xc0 },
        { 0x0f, 0x23, 0xc0 },
        { 0x0f, 0x06 },
        { 0x0f, 0x01, 0xf0 },
        { 0xfa },
        { 0xfb },
        { 0xf4 },
        { 0x0f, 0x01, 0x10 },
        { 0x0f, 0x01, 0x18 },
        { 0x0f, 0x00, 0xd0 },
        { 0x0f, 0x00, 0xd8 },
        { 0x0f, 0x32 },
        { 0x0f, 0x30 },
        { 0x0f, 0x33 },
        { 0x0f, 0x01, 0x38 },
        { 0x0f, 0x08 },
        { 0x0f, 0x09 },
        { 0x0f, 0x01, 0xf8 },
        { 0x48, 0x0f, 0x07 },
        { 0xe4, 0x60 },
        { 0xee },
        { 0x6e },
    };
    struct fv *f = fv_create();
    be_program(f);
    for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        ck_assert_msg(!emulate_bytes(f, forbidden[i], 4), "number %u was emulated", i);
        ck_assert_msg(f->insn.what == FV_NONE, "number %u is left to be emulated", i);
    }
    fv_destroy(f);
}
END_TEST

START_TEST(only_certain_exceptions_are_looked_into)
{
    struct fv *f = fv_create();
    memcpy(at(f, CODE), (const uint8_t[]){ 0xfa }, 1);
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_DE));
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_PF));
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_DB));
    ck_assert(fv_cpu_decode(&f->c, &f->insn, VEC_UD));
    memcpy(at(f, CODE), (const uint8_t[]){ 0x0f, 0x0b }, 2); /* ud2 */
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_UD));
    memcpy(at(f, CODE), (const uint8_t[]){ 0x48, 0x8b, 0x00 }, 3); /* mov (%rax), %rax */
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_GP));
    fv_destroy(f);
}
END_TEST

START_TEST(an_unknown_privileged_instruction_ends_the_guest_with_its_bytes)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0x0f, 0x01, 0xd1)); /* xsetbv */
    ck_assert_ended(f, "0f 01 d1");
    fv_destroy(f);
}
END_TEST

/* Where operands are. */

START_TEST(operands_are_found_by_every_way_of_addressing)
{
    struct fv *f = fv_create();
    f->c.gdtr = (struct fv_table){ .base = 0x123456789abc, .limit = 0x7f };
    f->regs.rax = DATA;
    f->regs.rbx = 2;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x44, 0xd8, 0x10)); /* sgdt 0x10(%rax,%rbx,8) */
    ck_assert_uint_eq(word(f, DATA + 0x20 + 2), 0x123456789abc);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x05, 0xf9, 0x1f, 0x00, 0x00)); /* sgdt 0x1ff9(%rip) */
    ck_assert_uint_eq(word(f, DATA + 2), 0x123456789abc);
    f->regs.rip = CODE;
    f->regs.rcx = 0xffffffff00000000 | (DATA + 0x40);
    ck_assert(EMULATE(f, 0x67, 0x0f, 0x01, 0x01)); /* sgdt (%ecx) */
    ck_assert_uint_eq(word(f, DATA + 0x42), 0x123456789abc);
    f->regs.rip = CODE;
    f->bases[FV_FS] = DATA;
    f->regs.rdx = 0x60;
    ck_assert(EMULATE(f, 0x64, 0x0f, 0x01, 0x02)); /* sgdt %fs:(%rdx) */
    ck_assert_uint_eq(word(f, DATA + 0x62), 0x123456789abc);
    f->regs.rip = CODE;
    f->bases[FV_GS] = DATA + 0x80;
    ck_assert(EMULATE(f, 0x65, 0x0f, 0x01, 0x04, 0x25, 0, 0, 0, 0)); /* sgdt %gs:0 */
    ck_assert_uint_eq(word(f, DATA + 0x82), 0x123456789abc);
    fv_destroy(f);
}
END_TEST

START_TEST(the_same_place_again_has_other_bytes_or_other_registers)
{
    struct fv *f = fv_create();
    for (unsigned round = 0; round < 3; round++) {
        f->regs.rip = CODE;
        f->c.cr2 = round;
        ck_assert(EMULATE(f, 0x0f, 0x20, 0xd3)); /* mov %cr2, %rbx */
        ck_assert_uint_eq(f->regs.rbx, round);
        f->regs.rip = CODE;
        f->regs.rdi = DATA + 64 * round;
        ck_assert(EMULATE(f, 0x0f, 0x01, 0x47, 0x08)); /* sgdt 8(%rdi) */
        ck_assert_uint_eq(word(f, DATA + 64 * round + 8) & 0xffff, GDT_BYTES - 1);
        f->regs.rip = CODE;
        ck_assert(!EMULATE(f, 0x90, 0x90, 0x90, 0x90)); /* nothing that is to be emulated */
    }
    fv_destroy(f);
}
END_TEST

START_TEST(an_instruction_may_lie_across_pages)
{
    struct fv *f = fv_create();
    f->regs.rip = CODE + PAGE_SIZE - 1;
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xc0));
    ck_assert_uint_eq(f->regs.rax, f->c.cr0);
    fv_destroy(f);
}
END_TEST

START_TEST(an_instruction_may_end_where_memory_ends)
{
    struct fv *f = fv_create();
    map_page(f, CODE + PAGE_SIZE, 0);
    f->regs.rip = CODE + PAGE_SIZE - 2;
    ck_assert(EMULATE(f, 0x0f, 0x06));
    f->regs.rip = CODE + PAGE_SIZE - 1; /* the last byte alone is none */
    ck_assert(!EMULATE(f, 0x0f));
    f->regs.rip = HOLE;
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_GP));
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_decode");
    TCase *t = tcase_create("who may");
    tcase_add_test(t, programs_may_do_nothing_of_it);
    tcase_add_test(t, only_certain_exceptions_are_looked_into);
    tcase_add_test(t, an_unknown_privileged_instruction_ends_the_guest_with_its_bytes);
    suite_add_tcase(s, t);
    t = tcase_create("bytes and operands");
    tcase_add_test(t, operands_are_found_by_every_way_of_addressing);
    tcase_add_test(t, the_same_place_again_has_other_bytes_or_other_registers);
    tcase_add_test(t, an_instruction_may_lie_across_pages);
    tcase_add_test(t, an_instruction_may_end_where_memory_ends);
    suite_add_tcase(s, t);
    return run_suite(s);
}
