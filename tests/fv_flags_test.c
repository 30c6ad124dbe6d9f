/* The flags that a guest sees, which are not the real ones: interrupts, alignment checks, single steps. */
#include "fv_machine.h"
#include "tests/run_suite.h"

/* Interrupt flag, halting. */

START_TEST(sti_holds_interrupts_back_for_one_instruction)
{
    struct fv *f = fv_create();
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    ck_assert(EMULATE(f, 0xfb)); /* sti */
    ck_assert(fv_cpu_flags(&f->c) & RFLAGS_IF);
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    ck_assert(fv_cpu_is_inhibited(&f->c));
    f->regs.rip++; /* a nop */
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(hlt_behind_sti_is_the_one_instruction)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0xfb));
    ck_assert(EMULATE(f, 0xf4)); /* hlt */
    ck_assert_uint_eq(f->halts, 1);
    ck_assert_done(f, 2);
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(sti_with_interrupts_on_already_holds_nothing_back)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_IF);
    ck_assert(EMULATE(f, 0xfb));
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(a_load_of_ss_holds_interrupts_back_for_one_instruction)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_IF);
    f->regs.rax = KDATA;
    ck_assert(EMULATE(f, 0x8e, 0xd0)); /* mov %eax, %ss */
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    f->regs.rip += 3; /* mov %rax, %rsp */
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    ck_assert(EMULATE(f, 0x8e, 0xd8)); /* mov %eax, %ds */
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(cli_turns_interrupts_off)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_IF);
    ck_assert(EMULATE(f, 0xfa));
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    ck_assert(!(fv_cpu_flags(&f->c) & RFLAGS_IF));
    fv_destroy(f);
}
END_TEST

START_TEST(programs_may_turn_interrupts_off_and_on_where_iopl_says_so)
{
    struct fv *f = fv_create();
    be_program(f);
    ck_assert(!EMULATE(f, 0xfa)); /* a fault, as with any program */
    fv_set_flags(&f->c, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL);
    ck_assert(EMULATE(f, 0xfa));
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IOPL);
    ck_assert(EMULATE(f, 0xfb));
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_IOPL);
    ck_assert_done(f, 2);
    ck_assert(!EMULATE(f, 0xf4)); /* but not hlt */
    fv_destroy(f);
}
END_TEST

START_TEST(hlt_with_interrupts_off_ends_the_guest)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0xf4));
    ck_assert_ended(f, "halts");
    ck_assert_uint_eq(f->halts, 0);
    fv_destroy(f);
}
END_TEST

/* Alignment checks. */

START_TEST(alignment_checks_of_a_program_do_not_act_in_the_kernel)
{
    struct fv *f = fv_create();
    f->c.cr0 |= CR0_AM;
    be_program(f);
    fv_set_flags(&f->c, RFLAGS_FIXED | RFLAGS_AC);
    ck_assert(f->regs.rflags & RFLAGS_AC);
    fv_deliver(&f->c, interrupt(32));
    ck_assert(!(f->regs.rflags & RFLAGS_AC));         /* really */
    ck_assert(fv_cpu_flags(&f->c) & RFLAGS_AC);       /* as the guest would see it */
    ck_assert(word(f, f->regs.rsp + 16) & RFLAGS_AC); /* in the frame */
    fv_destroy(f);
}
END_TEST

START_TEST(without_cr0_am_alignment_is_not_checked)
{
    struct fv *f = fv_create();
    be_program(f);
    fv_set_flags(&f->c, RFLAGS_FIXED | RFLAGS_AC);
    ck_assert(!(f->regs.rflags & RFLAGS_AC));
    ck_assert(fv_cpu_flags(&f->c) & RFLAGS_AC);
    fv_destroy(f);
}
END_TEST

START_TEST(an_alignment_check_that_is_none_to_the_guest_goes_on_without)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rflags |= RFLAGS_AC; /* POPF */
    fv_cpu_exception(&f->c, VEC_AC, 0);
    ck_assert_uint_eq(f->regs.rip, CODE);
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert(!(f->regs.rflags & RFLAGS_AC));
    ck_assert(fv_cpu_flags(&f->c) & RFLAGS_AC);
    f->c.cr0 |= CR0_AM;
    fv_set_flags(&f->c, fv_cpu_flags(&f->c) | RFLAGS_AC);
    fv_cpu_exception(&f->c, VEC_AC, 0);
    ck_assert_caught_error(f, VEC_AC, 0);
    fv_destroy(f);
}
END_TEST

/* Single steps. */

START_TEST(a_single_step_traps_behind_an_emulated_instruction)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_TF);
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xc0));
    ck_assert_caught(f, VEC_DB);
    ck_assert_uint_eq(word(f, f->regs.rsp), CODE + 3);
    ck_assert(f->c.dr[6] & 1 << 14);
    fv_destroy(f);
}
END_TEST

START_TEST(a_single_step_traps_where_an_emulated_instruction_leads)
{
    struct fv *f = fv_create();
    const uint64_t frame[] = { 0x400000, KCODE, RFLAGS_FIXED, KSTACK + 0x400, KDATA };
    memcpy(at(f, f->regs.rsp), frame, sizeof(frame));
    fv_set_flags(&f->c, RFLAGS_TF);
    ck_assert(EMULATE(f, 0x48, 0xcf)); /* iretq */
    ck_assert_caught(f, VEC_DB);
    check_frame(f, f->regs.rsp, 0x400000, KCODE, RFLAGS_FIXED, KSTACK + 0x400, KDATA);
    fv_destroy(f);
}
END_TEST

START_TEST(a_single_step_does_not_trap_behind_int_n)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_TF);
    ck_assert(EMULATE(f, 0xcd, 0x20));
    ck_assert_caught(f, 0x20);
    ck_assert_uint_eq(word(f, f->regs.rsp + 16), RFLAGS_FIXED | RFLAGS_TF);
    fv_destroy(f);
}
END_TEST

START_TEST(a_single_step_does_not_trap_behind_a_load_of_ss)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_TF);
    f->regs.rax = KDATA;
    ck_assert(EMULATE(f, 0x8e, 0xd0)); /* mov %eax, %ss */
    ck_assert_done(f, 2);
    ck_assert(f->regs.rflags & RFLAGS_TF);
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xc0));
    ck_assert_caught(f, VEC_DB);
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_flags");
    TCase *t = tcase_create("interrupts");
    tcase_add_test(t, sti_holds_interrupts_back_for_one_instruction);
    tcase_add_test(t, hlt_behind_sti_is_the_one_instruction);
    tcase_add_test(t, sti_with_interrupts_on_already_holds_nothing_back);
    tcase_add_test(t, a_load_of_ss_holds_interrupts_back_for_one_instruction);
    tcase_add_test(t, cli_turns_interrupts_off);
    tcase_add_test(t, programs_may_turn_interrupts_off_and_on_where_iopl_says_so);
    tcase_add_test(t, hlt_with_interrupts_off_ends_the_guest);
    suite_add_tcase(s, t);
    t = tcase_create("alignment checks and single steps");
    tcase_add_test(t, alignment_checks_of_a_program_do_not_act_in_the_kernel);
    tcase_add_test(t, without_cr0_am_alignment_is_not_checked);
    tcase_add_test(t, an_alignment_check_that_is_none_to_the_guest_goes_on_without);
    tcase_add_test(t, a_single_step_traps_behind_an_emulated_instruction);
    tcase_add_test(t, a_single_step_traps_where_an_emulated_instruction_leads);
    tcase_add_test(t, a_single_step_does_not_trap_behind_int_n);
    tcase_add_test(t, a_single_step_does_not_trap_behind_a_load_of_ss);
    suite_add_tcase(s, t);
    return run_suite(s);
}
