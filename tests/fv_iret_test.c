/* IRET: to a program, to the kernel, and with a frame that is wrong. */
#include "fv_machine.h"
#include "tests/run_suite.h"

static const uint8_t iretq[] = { 0x48, 0xcf }, iretd[] = { 0xcf };

/* IRETQ with this frame on the stack. */
static void return_by(struct fv *f, uint64_t rip, uint64_t cs, uint64_t flags, uint64_t rsp, uint64_t ss)
{
    const uint64_t frame[] = { rip, cs, flags, rsp, ss };
    memcpy(at(f, f->regs.rsp), frame, sizeof(frame));
    ck_assert(emulate_bytes(f, iretq, sizeof(iretq)));
}

static struct fv *create_program_with_stack(gva_t rsp)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rsp = rsp;
    return f;
}

START_TEST(iret_returns_to_a_program)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF | RFLAGS_AC, USER_RSP, UDATA);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF | RFLAGS_AC);
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert_uint_eq(f->c.selectors[FV_CS], UCODE);
    ck_assert_uint_eq(f->c.selectors[FV_SS], UDATA);
    ck_assert_uint_eq(f->returns, 1);
    ck_assert_int_eq(f->m->s.role, SHADOW_USER);
    fv_destroy(f);
}
END_TEST

START_TEST(iret_returns_to_the_kernel)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, KCODE, RFLAGS_FIXED | RFLAGS_IF, KSTACK + 0x100, KDATA);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->c.cpl, 0);
    ck_assert_uint_eq(f->returns, 0);
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(the_kernel_may_return_with_a_null_stack_segment)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, KCODE, RFLAGS_FIXED, KSTACK, 0);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    fv_destroy(f);
}
END_TEST

START_TEST(iret_with_32_bit_operands_pops_half_words)
{
    struct fv *f = fv_create();
    const uint32_t frame[] = { 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA };
    memcpy(at(f, f->regs.rsp), frame, sizeof(frame));
    ck_assert(emulate_bytes(f, iretd, sizeof(iretd)));
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(f->c.cpl, 3);
    fv_destroy(f);
}
END_TEST

static const struct {
    uint64_t rip, cs, ss;
    unsigned vector;
    uint32_t error;
} wrong_frames[] = {
    { 0x400000, 0, KDATA, VEC_GP, 0 }, /* null */
    { 0x400000, 3, UDATA, VEC_GP, 0 },
    { 0x400000, GDT_BYTES, KDATA, VEC_GP, GDT_BYTES }, /* beyond the table */
    { 0x400000, KDATA, KDATA, VEC_GP, KDATA },         /* no code */
    { 0x400000, KCODE | 3, UDATA, VEC_GP, KCODE },     /* RPL is not DPL */
    { 0x400000, UCODE & ~3, KDATA, VEC_GP, UCODE & ~3 },
    { 0x400000, KCODE_ABSENT, KDATA, VEC_NP, KCODE_ABSENT },
    { 0x400000, UCODE_ABSENT, UDATA, VEC_NP, UCODE_ABSENT & ~3 },
    { 0x400000, CODE_LONG_AND_32, KDATA, VEC_GP, CODE_LONG_AND_32 },
    { 0x400000, TSS_SEL, KDATA, VEC_GP, TSS_SEL },
    { 0x400000, UCODE, 0, VEC_GP, 0 }, /* a program has no null stack */
    { 0x400000, UCODE, 3, VEC_GP, 0 },
    { 0x400000, UCODE, KDATA, VEC_GP, KDATA }, /* a stack of another level */
    { 0x400000, KCODE, UDATA, VEC_GP, UDATA & ~3 },
    { 0x400000, KCODE, KDATA_READ_ONLY, VEC_GP, KDATA_READ_ONLY },
    { 0x400000, KCODE, KDATA_ABSENT, VEC_SS, KDATA_ABSENT },
    { 0x400000, KCODE, KCODE, VEC_GP, KCODE },
    { 0x400000, KCODE, GDT_BYTES, VEC_GP, GDT_BYTES },
    { 0x800000000000, KCODE, KDATA, VEC_GP, 0 }, /* not canonical */
    { 0x800000000000, UCODE, UDATA, VEC_GP, 0 },
};

START_TEST(a_wrong_frame_faults_at_the_iret)
{
    struct fv *f = fv_create();
    uint64_t rsp = f->regs.rsp;
    return_by(f, wrong_frames[_i].rip, wrong_frames[_i].cs, RFLAGS_FIXED | RFLAGS_IF, USER_RSP,
              wrong_frames[_i].ss);
    ck_assert_caught_error(f, (int)wrong_frames[_i].vector, wrong_frames[_i].error);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), CODE);
    ck_assert_uint_eq(word(f, f->regs.rsp + 32), rsp);
    ck_assert(!(word(f, f->regs.rsp + 24) & RFLAGS_IF));
    ck_assert_uint_eq(f->returns, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(iret_of_a_nested_task_is_none_in_long_mode)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_FIXED | RFLAGS_NT);
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA);
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(a_program_may_iret_to_itself_but_changes_no_privileged_flag)
{
    struct fv *f = create_program_with_stack(USER + 0x100);
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED | RFLAGS_IOPL | RFLAGS_CF, USER_RSP, UDATA);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF);
    ck_assert_uint_eq(f->returns, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(a_program_cannot_iret_into_the_kernel)
{
    struct fv *f = create_program_with_stack(USER + 0x100);
    return_by(f, 0x400000, KCODE, RFLAGS_FIXED, KSTACK, KDATA);
    ck_assert_caught_error(f, VEC_GP, KCODE);
    fv_destroy(f);
}
END_TEST

START_TEST(a_program_cannot_pop_from_the_kernels_memory)
{
    struct fv *f = create_program_with_stack(DATA);
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA);
    ck_assert_caught_error(f, VEC_PF, PF_ERR_USER | PF_ERR_PRESENT);
    ck_assert_uint_eq(f->c.cr2, DATA);
    fv_destroy(f);
}
END_TEST

START_TEST(code_of_32_bits_ends_the_guest)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, CODE_32, RFLAGS_FIXED, KSTACK, KDATA);
    ck_assert_ended(f, "32-bit");
    fv_destroy(f);
}
END_TEST

START_TEST(a_loaded_segment_is_marked_as_accessed)
{
    struct fv *f = fv_create();
    ((uint8_t *)at(f, GDT + (UCODE & ~7)))[5] &= ~FV_TYPE_ACCESSED;
    ((uint8_t *)at(f, GDT + (UDATA & ~7)))[5] &= ~FV_TYPE_ACCESSED;
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA);
    ck_assert_uint_eq(((uint8_t *)at(f, GDT + (UCODE & ~7)))[5], 0xfb);
    ck_assert_uint_eq(((uint8_t *)at(f, GDT + (UDATA & ~7)))[5], 0xf3);
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_iret");
    TCase *t = tcase_create("iret");
    tcase_add_test(t, iret_returns_to_a_program);
    tcase_add_test(t, iret_returns_to_the_kernel);
    tcase_add_test(t, the_kernel_may_return_with_a_null_stack_segment);
    tcase_add_test(t, iret_with_32_bit_operands_pops_half_words);
    tcase_add_loop_test(t, a_wrong_frame_faults_at_the_iret, 0,
                        sizeof(wrong_frames) / sizeof(wrong_frames[0]));
    tcase_add_test(t, iret_of_a_nested_task_is_none_in_long_mode);
    tcase_add_test(t, a_program_may_iret_to_itself_but_changes_no_privileged_flag);
    tcase_add_test(t, a_program_cannot_iret_into_the_kernel);
    tcase_add_test(t, a_program_cannot_pop_from_the_kernels_memory);
    tcase_add_test(t, code_of_32_bits_ends_the_guest);
    tcase_add_test(t, a_loaded_segment_is_marked_as_accessed);
    suite_add_tcase(s, t);
    return run_suite(s);
}
