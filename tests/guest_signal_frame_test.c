/* Frames of signals: what a handler finds, what its return brings back, what is refused; the test plays the
 * programs. */
#include <stddef.h>
#include "guest_audit.h"
#include "guest_signals.h"
#include "x86_cpu.h"

static void fill_registers(void)
{
    uint64_t *word = &regs()->rax;
    for (unsigned i = 0; i < 16; i++)
        if (&word[i] != &regs()->rsp)
            word[i] = 0x1111111111111111ull * (i % 15 + 1);
}

START_TEST(a_fault_tells_its_handler_everything)
{
    boot();
    ck_assert_int_eq((int)act(SIGNAL_SEGV, HANDLER, SIGNAL_FLAG_SIGINFO, 0), 0);
    fill_registers();
    struct cpu_regs before = *regs();
    fake_trap(VEC_PF, PF_ERR_USER | PF_ERR_WRITE, 0xabc123);
    struct signal_frame f = frame();
    ck_assert_uint_eq(regs()->rip, HANDLER);
    ck_assert_uint_eq(regs()->rsp % 16, 8);
    ck_assert_uint_lt(regs()->rsp + sizeof f, before.rsp - SIGNAL_RED_ZONE);
    ck_assert_uint_eq(regs()->rdi, SIGNAL_SEGV);
    ck_assert_uint_eq(regs()->rsi, regs()->rsp + offsetof(struct signal_frame, info));
    ck_assert_uint_eq(regs()->rdx, regs()->rsp + offsetof(struct signal_frame, context));
    ck_assert_uint_eq(f.restorer, RESTORER);
    ck_assert_int_eq(f.info.signal, SIGNAL_SEGV);
    ck_assert_int_eq(f.info.code, SIGNAL_CODE_MAPERR);
    ck_assert_uint_eq(f.info.address, 0xabc123);
    ck_assert_uint_eq(f.context.registers.fault_address, 0xabc123);
    ck_assert_uint_eq(f.context.registers.error_code, PF_ERR_USER | PF_ERR_WRITE);
    ck_assert_uint_eq(f.context.registers.vector, VEC_PF);
    ck_assert_uint_eq(f.context.registers.rip, before.rip);
    ck_assert_uint_eq(f.context.registers.fpu_at % 16, 0);
    fill_registers();
    sigreturn();
    ck_assert_int_eq(memcmp(regs(), &before, sizeof before), 0);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(each_exception_is_its_signal)
{
    static const struct {
        unsigned vector;
        int signal, code;
    } cases[] = {
        { VEC_DE, SIGNAL_FPE, SIGNAL_CODE_INTDIV },  { VEC_DB, SIGNAL_TRAP, SIGNAL_CODE_TRACE },
        { VEC_BP, SIGNAL_TRAP, SIGNAL_CODE_KERNEL }, { VEC_UD, SIGNAL_ILL, SIGNAL_CODE_ILLOPN },
        { VEC_GP, SIGNAL_SEGV, SIGNAL_CODE_KERNEL }, { VEC_SS, SIGNAL_BUS, SIGNAL_CODE_KERNEL },
        { VEC_AC, SIGNAL_BUS, SIGNAL_CODE_ADRALN },  { VEC_MF, SIGNAL_FPE, SIGNAL_CODE_FLTDIV },
        { VEC_XM, SIGNAL_FPE, SIGNAL_CODE_FLTDIV },
    };
    boot();
    current_process->fpu.image[0] = 0x24; /* to the test's FPU: divided by zero, and inexact */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq((int)act(cases[i].signal, HANDLER, 0, 0), 0);
        fake_trap(cases[i].vector, 0, 0);
        ck_assert_uint_eq(regs()->rip, HANDLER);
        ck_assert_int_eq(frame().info.signal, cases[i].signal);
        ck_assert_int_eq(frame().info.code, cases[i].code);
        ck_assert_uint_eq(frame().context.registers.vector, cases[i].vector);
        sigreturn();
    }
}
END_TEST

START_TEST(a_fault_that_is_blocked_or_ignored_kills)
{
    boot();
    if (_i == 0)
        act(SIGNAL_SEGV, SIGNAL_IGNORE, 0, 0);
    else
        act(SIGNAL_SEGV, HANDLER, 0, 0), block(signal_bit(SIGNAL_SEGV));
    fake_trap(VEC_PF, PF_ERR_USER, 8);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 128 + SIGNAL_SEGV);
}
END_TEST

START_TEST(a_handler_whose_frame_has_no_room_is_the_end)
{
    boot();
    act(SIGNAL_SEGV, HANDLER, 0, 0);
    static const gva_t stacks[] = { 0, 8, 0x1000, USER_TOP, PV_LINEAR_BASE, ~0ull, FAKE_ENTRY };
    regs()->rsp = stacks[_i];
    fake_trap(VEC_PF, PF_ERR_USER, 8);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 128 + SIGNAL_SEGV);
}
END_TEST

START_TEST(a_handler_whose_frame_finds_no_memory_is_killed_for_that)
{
    fake_random_seed(1);
    fake_boot(512, 0, "-- /bin/prog");
    act(USR1, HANDLER, 0, 0);
    gva_t at = (gva_t)fake_call(__NR_mmap, 0, 1024 * PAGE_SIZE, 3, 0x22, ~0ull, 0);
    unsigned char *p;
    for (; memory_state().free > 0; at += PAGE_SIZE)
        ck_assert_int_eq(fake_access(current_process->space, at, ACCESS_WRITE, &p), TOUCH_OK);
    regs()->rsp = at + PAGE_SIZE;
    if (_i == 0)
        raise_signal(USR1);
    else
        fake_call(__NR_rt_sigreturn);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 137);
    ck_assert_ptr_nonnull(strstr(fake_message, "out of memory: frames"));
}
END_TEST

START_TEST(a_handler_that_is_nowhere_or_knows_no_way_back_is_the_end)
{
    boot();
    struct signal_action a = { _i ? USER_TOP : HANDLER, _i ? SIGNAL_FLAG_RESTORER : 0, RESTORER, 0 };
    fake_store(ACTION_AT, &a, sizeof a);
    fake_call(__NR_rt_sigaction, USR1, ACTION_AT, 0, 8);
    raise_signal(USR1);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 128 + SIGNAL_SEGV);
}
END_TEST

START_TEST(a_return_takes_nothing_that_hurts)
{
    boot();
    act(USR1, HANDLER, 0, 0);
    raise_signal(USR1);
    struct signal_frame f = frame();
    f.context.registers.rflags = ~0ull;
    f.context.mask = ~0ull;
    fake_store(regs()->rsp, &f, sizeof f);
    sigreturn();
    ck_assert_uint_eq(regs()->rflags & (RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM), 0);
    ck_assert_uint_eq(regs()->rflags & RFLAGS_IF, RFLAGS_IF);
    ck_assert_uint_eq(current_process->signals.blocked, ~(signal_bit(SIGNAL_KILL) | signal_bit(SIGNAL_STOP)));
}
END_TEST

START_TEST(a_return_to_nowhere_or_from_nowhere_is_the_end)
{
    boot();
    act(USR1, HANDLER, 0, 0);
    raise_signal(USR1);
    struct signal_frame f = frame();
    if (_i == 0)
        f.context.registers.rip = USER_TOP;
    if (_i == 1)
        f.context.registers.rip = PV_LINEAR_BASE;
    if (_i == 2)
        f.context.registers.fpu_at = USER_TOP - 16;
    fake_store(regs()->rsp, &f, sizeof f);
    if (_i == 3)
        regs()->rsp = USER_TOP - 64;
    sigreturn();
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 128 + SIGNAL_SEGV);
}
END_TEST

/* rip where no program can be: at the hole, in it, in a kernel. */
static const gva_t nowhere[] = { USER_TOP, 1ull << 47, ~0ull << 47, PV_LINEAR_BASE, ~0ull };

START_TEST(what_is_refused_can_be_caught_like_a_fault)
{
    boot();
    act(USR1, HANDLER, 0, 0);
    act(SIGNAL_SEGV, HANDLER + 16, 0, 0);
    raise_signal(USR1);
    struct signal_frame f = frame();
    f.context.registers.rip = nowhere[_i];
    fake_store(regs()->rsp, &f, sizeof f);
    sigreturn();
    ck_assert_uint_eq(regs()->rip, HANDLER + 16);
    f = frame();
    ck_assert_uint_eq(f.context.registers.rip, nowhere[_i]);
    bool canonical = gva_is_canonical(nowhere[_i]);
    ck_assert_int_eq(f.info.code, canonical ? SIGNAL_CODE_MAPERR : SIGNAL_CODE_KERNEL);
    ck_assert_uint_eq(f.info.address, canonical ? nowhere[_i] : 0);
    sigreturn(); /* and again, for the next handler to find */
    ck_assert_uint_eq(regs()->rip, HANDLER + 16);
}
END_TEST

START_TEST(a_platform_may_keep_programs_out_by_reserved_bits)
{
    boot();
    fake_trap(VEC_PF, PF_ERR_USER | PF_ERR_PRESENT | PF_ERR_RESERVED, ~0ull << 47);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 128 + SIGNAL_SEGV);
}
END_TEST

START_TEST(a_handler_of_faults_that_is_nowhere_ends_at_once)
{
    boot();
    act(SIGNAL_SEGV, nowhere[_i], SIGNAL_FLAG_NODEFER, 0);
    fake_trap(VEC_GP, 0, 0);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 128 + SIGNAL_SEGV);
}
END_TEST

START_TEST(a_return_to_other_segments_is_refused)
{
    static const uint16_t segments[][2] = { { 0, 0x2b }, { 0x23, 0x2b }, { 0x33, 0 }, { 0xffff, 0x2b } };
    boot();
    act(USR1, HANDLER, 0, 0);
    raise_signal(USR1);
    struct signal_frame f = frame();
    f.context.registers.cs = segments[_i][0];
    f.context.registers.ss = segments[_i][1];
    fake_store(regs()->rsp, &f, sizeof f);
    sigreturn();
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 128 + SIGNAL_SEGV);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_signal_frame");
    TCase *t = tcase_create("guest_signal_frame");
    tcase_add_test(t, a_fault_tells_its_handler_everything);
    tcase_add_test(t, each_exception_is_its_signal);
    tcase_add_loop_test(t, a_fault_that_is_blocked_or_ignored_kills, 0, 2);
    tcase_add_loop_test(t, a_handler_whose_frame_has_no_room_is_the_end, 0, 7);
    tcase_add_loop_test(t, a_handler_whose_frame_finds_no_memory_is_killed_for_that, 0, 2);
    tcase_add_loop_test(t, a_handler_that_is_nowhere_or_knows_no_way_back_is_the_end, 0, 2);
    tcase_add_test(t, a_return_takes_nothing_that_hurts);
    tcase_add_loop_test(t, a_return_to_nowhere_or_from_nowhere_is_the_end, 0, 4);
    tcase_add_loop_test(t, what_is_refused_can_be_caught_like_a_fault, 0, 5);
    tcase_add_test(t, a_platform_may_keep_programs_out_by_reserved_bits);
    tcase_add_loop_test(t, a_handler_of_faults_that_is_nowhere_ends_at_once, 0, 5);
    tcase_add_loop_test(t, a_return_to_other_segments_is_refused, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
