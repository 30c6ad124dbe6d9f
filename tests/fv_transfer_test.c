/* What changes CS, other than IRET: far returns, jumps and calls, system calls, software interrupts. */
#include "fv_machine.h"
#include "tests/run_suite.h"

/* Far returns, jumps, calls. */

START_TEST(a_far_return_stays_in_the_kernel_or_goes_to_a_program)
{
    struct fv *f = fv_create();
    put_word(f, KSTACK, 0x400000);
    put_word(f, KSTACK + 8, KCODE);
    f->regs.rsp = KSTACK;
    ck_assert(EMULATE(f, 0x48, 0xca, 0x20, 0x00)); /* lretq $32 */
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, KSTACK + 16 + 32);
    const uint64_t outward[] = { 0x500000, UCODE, USER_RSP, UDATA };
    memcpy(at(f, KSTACK), outward, sizeof(outward));
    f->regs.rsp = KSTACK;
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0xcb)); /* lretq */
    ck_assert_uint_eq(f->regs.rip, 0x500000);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert_uint_eq(f->returns, 1);
    fv_destroy(f);
}
END_TEST

START_TEST(a_far_return_in_the_kernel_leaves_ss_alone)
{
    struct fv *f = fv_create();
    f->c.selectors[FV_SS] = GDT_BYTES; /* of an earlier table */
    put_word(f, KSTACK, 0x400000);
    put_word(f, KSTACK + 8, KCODE);
    f->regs.rsp = KSTACK;
    ck_assert(EMULATE(f, 0x48, 0xcb)); /* lretq */
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->c.selectors[FV_SS], GDT_BYTES);
    fv_destroy(f);
}
END_TEST

START_TEST(near_returns_and_jumps_are_none_of_ours)
{
    struct fv *f = fv_create();
    ck_assert(!EMULATE(f, 0xc3));       /* ret */
    ck_assert(!EMULATE(f, 0xff, 0xe0)); /* jmp *%rax */
    ck_assert(!EMULATE(f, 0xff, 0x10)); /* call *(%rax) */
    ck_assert(!EMULATE(f, 0x58));       /* pop %rax */
    fv_destroy(f);
}
END_TEST

static void put_far_pointer(struct fv *f, gva_t a, uint64_t rip, uint16_t cs)
{
    put_word(f, a, rip);
    memcpy(at(f, a + 8), &cs, 2);
}

START_TEST(a_far_jump_loads_cs)
{
    struct fv *f = fv_create();
    put_far_pointer(f, DATA, 0xffff800000001000, KCODE);
    f->regs.rax = DATA;
    f->c.selectors[FV_CS] = 0;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x28)); /* rex.w ljmp *(%rax) */
    ck_assert_uint_eq(f->regs.rip, 0xffff800000001000);
    ck_assert_uint_eq(f->c.selectors[FV_CS], KCODE);
    put_far_pointer(f, DATA, 0x1000, UCODE);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x28));
    ck_assert_caught_error(f, VEC_GP, UCODE & ~3);
    put_far_pointer(f, DATA, 1ull << 47, KCODE);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x28));
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(a_far_call_pushes_where_it_came_from)
{
    struct fv *f = fv_create();
    put_far_pointer(f, DATA, 0x400000, KCODE);
    f->regs.rax = DATA;
    f->regs.rsp = KSTACK + 0x100;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x18)); /* rex.w lcall *(%rax) */
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, KSTACK + 0xf0);
    ck_assert_uint_eq(word(f, KSTACK + 0xf0), CODE + 3);
    ck_assert_uint_eq(word(f, KSTACK + 0xf8), KCODE);
    fv_destroy(f);
}
END_TEST

/* System calls. */

START_TEST(syscall_enters_the_kernel)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rcx = CODE + 2;
    f->regs.r11 = RFLAGS_FIXED | RFLAGS_CF | RFLAGS_DF; /* the real flags: no word of the virtual ones */
    fv_cpu_syscall(&f->c);
    ck_assert_uint_eq(f->regs.rip, f->c.lstar);
    ck_assert_uint_eq(f->regs.rcx, CODE + 2);
    ck_assert_uint_eq(f->regs.r11, RFLAGS_FIXED | RFLAGS_CF | RFLAGS_DF | RFLAGS_IF);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_CF);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(f->c.cpl, 0);
    ck_assert_uint_eq(f->c.selectors[FV_CS], KCODE);
    ck_assert_uint_eq(f->c.selectors[FV_SS], KDATA);
    fv_destroy(f);
}
END_TEST

START_TEST(syscall_is_invalid_where_it_is_not_enabled)
{
    struct fv *f = fv_create();
    be_program(f);
    f->c.efer &= ~EFER_SCE;
    f->regs.rcx = CODE + 2;
    f->regs.r11 = RFLAGS_FIXED;
    fv_cpu_syscall(&f->c);
    ck_assert_caught(f, VEC_UD);
    ck_assert_uint_eq(word(f, f->regs.rsp), CODE);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0x0f, 0x07));
    ck_assert_caught(f, VEC_UD);
    fv_destroy(f);
}
END_TEST

START_TEST(sysret_returns_to_a_program)
{
    struct fv *f = fv_create();
    f->regs.rcx = 0x400000;
    f->regs.r11 = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_ZF | RFLAGS_RF | RFLAGS_VM;
    f->regs.rsp = USER_RSP;
    ck_assert(EMULATE(f, 0x48, 0x0f, 0x07)); /* sysretq */
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_ZF);
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert_uint_eq(f->c.selectors[FV_CS], 0x33);
    ck_assert_uint_eq(f->c.selectors[FV_SS], 0x2b);
    ck_assert_uint_eq(f->returns, 1);
    fv_destroy(f);
}
END_TEST

START_TEST(sysret_to_no_address_faults_in_the_kernel)
{
    struct fv *f = fv_create();
    f->regs.rcx = 1ull << 47;
    ck_assert(EMULATE(f, 0x48, 0x0f, 0x07));
    ck_assert_caught_error(f, VEC_GP, 0);
    ck_assert_uint_eq(f->c.cpl, 0);
    ck_assert_uint_eq(f->returns, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(int_n_returns_behind_itself_and_needs_an_open_gate)
{
    struct fv *f = fv_create();
    be_program(f);
    set_gate(f, 0x20, KCODE, 0xee);
    ck_assert(EMULATE(f, 0xcd, 0x20));
    ck_assert_caught(f, 0x20);
    ck_assert_uint_eq(word(f, f->regs.rsp), CODE + 2);
    f->regs.rip = CODE;
    be_program(f);
    ck_assert(EMULATE(f, 0xcd, 0x21));
    ck_assert_caught_error(f, VEC_GP, 0x21 * 8 | ERROR_IDT);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), CODE);
    f->regs.rip = CODE;
    be_program(f);
    ck_assert(EMULATE(f, 0xcd, 0x80)); /* beyond the limit */
    ck_assert_caught_error(f, VEC_GP, 0x80 * 8 | ERROR_IDT);
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_transfer");
    TCase *t = tcase_create("far transfers");
    tcase_add_test(t, a_far_return_stays_in_the_kernel_or_goes_to_a_program);
    tcase_add_test(t, a_far_return_in_the_kernel_leaves_ss_alone);
    tcase_add_test(t, near_returns_and_jumps_are_none_of_ours);
    tcase_add_test(t, a_far_jump_loads_cs);
    tcase_add_test(t, a_far_call_pushes_where_it_came_from);
    suite_add_tcase(s, t);
    t = tcase_create("system calls");
    tcase_add_test(t, syscall_enters_the_kernel);
    tcase_add_test(t, syscall_is_invalid_where_it_is_not_enabled);
    tcase_add_test(t, sysret_returns_to_a_program);
    tcase_add_test(t, sysret_to_no_address_faults_in_the_kernel);
    tcase_add_test(t, int_n_returns_behind_itself_and_needs_an_open_gate);
    suite_add_tcase(s, t);
    return run_suite(s);
}
