/* Signals that wait, interrupt and are ignored, and those of children; the test plays the programs. */
#include "guest_signals.h"

START_TEST(a_blocked_signal_waits)
{
    boot();
    act(USR1, HANDLER, 0, signal_bit(USR2));
    act(USR2, HANDLER, 0, 0);
    block(signal_bit(USR1));
    raise_signal(USR1);
    ck_assert_uint_ne(regs()->rip, HANDLER);
    block(0);
    ck_assert_uint_eq(regs()->rip, HANDLER);
    ck_assert_uint_eq(regs()->rdi, USR1);
    ck_assert_uint_eq(current_process->signals.blocked, signal_bit(USR1) | signal_bit(USR2));
    regs()->rip = 0x401300;
    raise_signal(USR2);
    ck_assert_uint_eq(regs()->rip, 0x401300);
    fake_load(&(struct signal_frame){ 0 }, regs()->rsp, sizeof(struct signal_frame));
    sigreturn();
    ck_assert_uint_eq(regs()->rip, HANDLER); /* now the second's turn */
    ck_assert_uint_eq(regs()->rdi, USR2);
}
END_TEST

START_TEST(what_pends_is_forgotten_once_nobody_wants_it)
{
    const int signal = _i ? SIGNAL_CHLD : USR1;
    boot();
    act(signal, HANDLER, 0, 0);
    block(signal_bit(signal));
    raise_signal(signal);
    act(signal, _i ? SIGNAL_DEFAULT : SIGNAL_IGNORE, 0, 0);
    ck_assert_uint_eq(current_process->signals.pending, 0);
    act(signal, HANDLER, 0, 0);
    block(0);
    ck_assert_uint_ne(regs()->rip, HANDLER);
}
END_TEST

START_TEST(two_signals_at_once_stack_their_handlers)
{
    boot();
    act(USR1, HANDLER, 0, 0);
    act(USR2, HANDLER + 16, 0, 0);
    block(signal_bit(USR1) | signal_bit(USR2));
    raise_signal(USR1);
    raise_signal(USR2);
    uint64_t rip = regs()->rip;
    block(0);
    ck_assert_uint_eq(regs()->rip, HANDLER + 16);
    sigreturn();
    ck_assert_uint_eq(regs()->rip, HANDLER);
    sigreturn();
    ck_assert_uint_eq(regs()->rip, rip);
    ck_assert_uint_eq(current_process->signals.blocked, 0);
}
END_TEST

START_TEST(an_exception_is_handled_where_it_was_raised)
{
    boot();
    act(SIGNAL_SEGV, HANDLER, 0, 0);
    act(SIGNAL_HUP, HANDLER + 16, 0, 0);
    block(signal_bit(SIGNAL_SEGV) | signal_bit(SIGNAL_HUP));
    raise_signal(SIGNAL_HUP);
    raise_signal(SIGNAL_SEGV);
    uint64_t rip = regs()->rip;
    block(0);
    ck_assert_uint_eq(regs()->rip, HANDLER + 16);
    sigreturn();
    ck_assert_uint_eq(regs()->rip, HANDLER);
    ck_assert_uint_eq(frame().context.registers.rip, rip);
}
END_TEST

START_TEST(the_other_stack_is_used_once)
{
    boot();
    struct signal_stack stack = { .base = FAKE_BSS + 0x1000, .bytes = 0x2000 };
    fake_store(OTHER_AT, &stack, sizeof stack);
    ck_assert_int_eq((int)fake_call(__NR_sigaltstack, OTHER_AT, 0), 0);
    act(USR1, HANDLER, SIGNAL_FLAG_ONSTACK | SIGNAL_FLAG_NODEFER, 0);
    raise_signal(USR1);
    gva_t first = regs()->rsp;
    ck_assert(first > stack.base && first < stack.base + stack.bytes);
    ck_assert_int_eq((int)fake_call(__NR_sigaltstack, OTHER_AT, 0), -EPERM);
    raise_signal(USR1);
    ck_assert_uint_lt(regs()->rsp, first - sizeof(struct signal_frame));
    ck_assert_uint_gt(regs()->rsp, stack.base);
}
END_TEST

START_TEST(a_wait_that_a_handler_interrupts_starts_again_if_that_was_asked)
{
    boot();
    act(USR1, HANDLER, _i ? SIGNAL_FLAG_RESTART : 0, 0);
    fake_call(__NR_fork);
    regs()->rip = 0x401302; /* behind a SYSCALL */
    fake_call(__NR_wait4, ~0ull, STATUS_AT);
    ck_assert_int_eq(pid(), 2);
    fake_call(__NR_kill, 1, USR1);
    while (pid() != 1)
        fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_uint_eq(regs()->rip, HANDLER);
    sigreturn();
    ck_assert_uint_eq(regs()->rip, _i ? 0x401300 : 0x401302);
    ck_assert_int_eq((int)regs()->rax, _i ? __NR_wait4 : -EINTR);
    ck_assert_uint_eq(regs()->rdi, ~0ull);
}
END_TEST

START_TEST(a_signal_that_nobody_wants_interrupts_nothing)
{
    boot();
    act(USR1, SIGNAL_IGNORE, 0, 0);
    fake_call(__NR_fork);
    fake_call(__NR_wait4, ~0ull, STATUS_AT);
    fake_call(__NR_kill, 1, USR1);
    fake_call(__NR_kill, 1, SIGNAL_CHLD);
    fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_int_eq(pid(), 2);
}
END_TEST

START_TEST(a_killed_child_is_told_by_its_signal)
{
    uint32_t status;
    boot();
    fake_call(__NR_fork);
    ck_assert_int_eq((int)fake_call(__NR_kill, 2, _i ? SIGNAL_KILL : 15), 0);
    ck_assert_int_eq((int)fake_call(__NR_wait4, ~0ull, STATUS_AT), 2);
    fake_load(&status, STATUS_AT, sizeof status);
    ck_assert_uint_eq(status, _i ? SIGNAL_KILL : 15);
    ck_assert_int_eq((int)fake_call(__NR_kill, 2, 0), -ESRCH);
}
END_TEST

START_TEST(a_parent_that_ignores_the_end_of_children_gets_no_zombies)
{
    boot();
    act(SIGNAL_CHLD, SIGNAL_IGNORE, 0, 0);
    fake_call(__NR_fork);
    fake_call(__NR_wait4, ~0ull, 0);
    ck_assert_int_eq(pid(), 2);
    ck_assert_int_eq((int)fake_call(__NR_exit, 0), -ECHILD);
    ck_assert_int_eq(pid(), 1);
    ck_assert_ptr_null(process_find(2));
}
END_TEST

START_TEST(a_pause_ends_with_a_handler)
{
    boot();
    act(USR1, HANDLER, 0, 0);
    fake_call(__NR_fork);
    fake_call(__NR_pause);
    ck_assert_int_eq(pid(), 2);
    fake_call(__NR_kill, 1, USR1);
    fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_int_eq(pid(), 1);
    ck_assert_uint_eq(regs()->rip, HANDLER);
    ck_assert_int_eq((int)frame().context.registers.rax, -EINTR);
    ck_assert_int_eq(frame().info.sender.pid, 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_signal");
    TCase *t = tcase_create("guest_signal");
    tcase_add_test(t, a_blocked_signal_waits);
    tcase_add_loop_test(t, what_pends_is_forgotten_once_nobody_wants_it, 0, 2);
    tcase_add_test(t, two_signals_at_once_stack_their_handlers);
    tcase_add_test(t, an_exception_is_handled_where_it_was_raised);
    tcase_add_test(t, the_other_stack_is_used_once);
    tcase_add_loop_test(t, a_wait_that_a_handler_interrupts_starts_again_if_that_was_asked, 0, 2);
    tcase_add_test(t, a_signal_that_nobody_wants_interrupts_nothing);
    tcase_add_loop_test(t, a_killed_child_is_told_by_its_signal, 0, 2);
    tcase_add_test(t, a_parent_that_ignores_the_end_of_children_gets_no_zombies);
    tcase_add_test(t, a_pause_ends_with_a_handler);
    suite_add_tcase(s, t);
    return run_suite(s);
}
