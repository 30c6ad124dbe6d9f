/* Delivery through the guest's own IDT, as it should happen. */
#include "fv_machine.h"
#include "tests/run_suite.h"

START_TEST(an_exception_of_a_program_goes_to_the_kernels_stack)
{
    struct fv *f = fv_create();
    be_program(f);
    fv_cpu_exception(&f->c, VEC_GP, 0x1234);
    ck_assert_caught_error(f, VEC_GP, 0x1234);
    ck_assert_uint_eq(f->regs.rsp, KSTACK_TOP - 48);
    check_frame(f, KSTACK_TOP - 40, CODE, UCODE, RFLAGS_FIXED | RFLAGS_IF, USER_RSP, UDATA);
    ck_assert_uint_eq(f->c.cpl, 0);
    ck_assert_uint_eq(f->c.selectors[FV_CS], KCODE);
    ck_assert_uint_eq(f->c.selectors[FV_SS], 0);
    ck_assert_int_eq(f->m->s.role, SHADOW_KERNEL);
    fv_destroy(f);
}
END_TEST

/* Before it has loaded any: so it may return. */
START_TEST(a_kernel_is_entered_with_the_usual_selectors)
{
    struct fv *f = fv_create();
    memset(f->c.selectors, 0, sizeof(f->c.selectors));
    ck_assert_int_eq(fv_cpu_init(&f->c, 1 << PAGE_SHIFT), 0);
    fv_cpu_exception(&f->c, VEC_UD, 0);
    ck_assert_caught(f, VEC_UD);
    check_frame(f, f->regs.rsp, CODE, KCODE, RFLAGS_FIXED, KSTACK + 0x800, KDATA);
    fv_destroy(f);
}
END_TEST

START_TEST(an_exception_of_the_kernel_stays_on_its_stack_aligned)
{
    struct fv *f = fv_create();
    f->regs.rsp = KSTACK + 0x80d;
    fv_cpu_exception(&f->c, VEC_UD, 0);
    ck_assert_caught(f, VEC_UD);
    ck_assert_uint_eq(f->regs.rsp, KSTACK + 0x800 - 40);
    check_frame(f, f->regs.rsp, CODE, KCODE, RFLAGS_FIXED, KSTACK + 0x80d, KDATA);
    ck_assert_uint_eq(f->c.selectors[FV_SS], KDATA);
    fv_destroy(f);
}
END_TEST

START_TEST(a_gate_may_have_a_stack_of_its_own)
{
    struct fv *f = fv_create();
    gate_of(f, VEC_UD)->ist = 1;
    fv_cpu_exception(&f->c, VEC_UD, 0);
    ck_assert_caught(f, VEC_UD);
    ck_assert_uint_eq(f->regs.rsp, ISTACK_TOP - 40);
    fv_destroy(f);
}
END_TEST

START_TEST(exactly_some_exceptions_have_an_error_code)
{
    static const bool has[] = { [VEC_DF] = true, [VEC_TS] = true, [VEC_NP] = true, [VEC_SS] = true,
                                [VEC_GP] = true, [VEC_PF] = true, [VEC_AC] = true, [VEC_CP] = true };
    struct fv *f = fv_create();
    f->c.cr0 |= CR0_AM;
    be_program(f);
    set_gate(f, VEC_OF, KCODE, 0xee);
    fv_cpu_exception(&f->c, (unsigned)_i, 0);
    ck_assert_caught(f, _i);
    bool expected = (unsigned)_i < sizeof(has) && has[_i];
    ck_assert_uint_eq(f->regs.rsp, KSTACK_TOP - (expected ? 48 : 40));
    fv_destroy(f);
}
END_TEST

START_TEST(an_interrupt_gate_turns_interrupts_off_and_a_trap_gate_does_not)
{
    struct fv *f = fv_create();
    const uint64_t flags =
        RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_DF | RFLAGS_CF;
    fv_set_flags(&f->c, flags);
    fv_deliver(&f->c, interrupt(32));
    ck_assert_caught(f, 32);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_DF | RFLAGS_CF);
    ck_assert_uint_eq(word(f, f->regs.rsp + 16), flags);
    set_gate(f, 33, KCODE, 0x8f);
    fv_set_flags(&f->c, flags);
    fv_deliver(&f->c, interrupt(33));
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_DF | RFLAGS_CF);
    fv_destroy(f);
}
END_TEST

START_TEST(a_true_page_fault_is_delivered_with_its_address)
{
    struct fv *f = fv_create();
    be_program(f);
    ck_assert(!fv_cpu_page_fault(&f->c, HOLE + 8, PF_ERR_WRITE));
    ck_assert_caught_error(f, VEC_PF, PF_ERR_WRITE | PF_ERR_USER);
    ck_assert_uint_eq(f->c.cr2, HOLE + 8);
    fv_destroy(f);
}
END_TEST

START_TEST(a_page_fault_where_no_page_can_be_is_a_general_protection)
{
    struct fv *f = fv_create();
    be_program(f);
    f->c.cr2 = 1;
    f->regs.rip = 0x0000800000000000;
    ck_assert(!fv_cpu_page_fault(&f->c, 0x0000800000000000, PF_ERR_FETCH | PF_ERR_USER));
    ck_assert_caught_error(f, VEC_GP, 0);
    ck_assert_uint_eq(f->c.cr2, 1);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), 0x0000800000000000);
    fv_destroy(f);
}
END_TEST

START_TEST(a_hidden_page_fault_is_not)
{
    struct fv *f = fv_create();
    be_program(f);
    f->c.cr2 = 1;
    ck_assert(fv_cpu_page_fault(&f->c, USER, PF_ERR_WRITE));
    ck_assert_uint_eq(f->regs.rip, CODE);
    ck_assert_uint_eq(f->c.cr2, 1);
    fv_destroy(f);
}
END_TEST

START_TEST(int3_needs_a_gate_that_is_open_to_programs)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rip = CODE + 1; /* behind it */
    fv_cpu_exception(&f->c, VEC_BP, 0);
    ck_assert_caught(f, VEC_BP);
    ck_assert_uint_eq(word(f, f->regs.rsp), CODE + 1);
    be_program(f);
    f->regs.rip = CODE + 1;
    set_gate(f, VEC_BP, KCODE, 0x8e);
    fv_cpu_exception(&f->c, VEC_BP, 0);
    ck_assert_caught_error(f, VEC_GP, VEC_BP * 8 | ERROR_IDT);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), CODE);
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_delivery");
    TCase *t = tcase_create("delivery");
    tcase_add_test(t, an_exception_of_a_program_goes_to_the_kernels_stack);
    tcase_add_test(t, a_kernel_is_entered_with_the_usual_selectors);
    tcase_add_test(t, an_exception_of_the_kernel_stays_on_its_stack_aligned);
    tcase_add_test(t, a_gate_may_have_a_stack_of_its_own);
    tcase_add_loop_test(t, exactly_some_exceptions_have_an_error_code, 0, 32);
    tcase_add_test(t, an_interrupt_gate_turns_interrupts_off_and_a_trap_gate_does_not);
    tcase_add_test(t, a_true_page_fault_is_delivered_with_its_address);
    tcase_add_test(t, a_page_fault_where_no_page_can_be_is_a_general_protection);
    tcase_add_test(t, a_hidden_page_fault_is_not);
    tcase_add_test(t, int3_needs_a_gate_that_is_open_to_programs);
    suite_add_tcase(s, t);
    return run_suite(s);
}
