/* Signals: what a handler finds, what its return brings back, what is refused; the test plays the programs.
 */
#include <asm/unistd.h>
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include "guest_audit.h"
#include "guest_boot.h"
#include "signal_frame.h"
#include "x86_cpu.h"
#include "tests/run_suite.h"

#define HANDLER   0x401100ull
#define RESTORER  0x401200ull
#define ACTION_AT (FAKE_BSS + 0x100)
#define OTHER_AT  (FAKE_BSS + 0x200)
#define USR1      10
#define USR2      12
#define WNOHANG   1

static struct cpu_regs *regs(void)
{
    return &fake_cpu.frame->regs;
}

static int pid(void)
{
    return current_process->pid;
}

static int64_t act(int signal, uint64_t handler, uint64_t flags, signal_set mask)
{
    struct signal_action a = { handler, flags | SIGNAL_FLAG_RESTORER, RESTORER, mask };
    fake_store(ACTION_AT, &a, sizeof a);
    return fake_call(__NR_rt_sigaction, (uint64_t)signal, ACTION_AT, 0, 8);
}

static void block(signal_set set)
{
    fake_store(OTHER_AT, &set, sizeof set);
    ck_assert_int_eq((int)fake_call(__NR_rt_sigprocmask, 2, OTHER_AT, 0, 8), 0);
}

static void raise_signal(int signal)
{
    fake_call(__NR_tkill, (uint64_t)pid(), (uint64_t)signal);
}

/* The frame of the handler that runs. */
static struct signal_frame frame(void)
{
    struct signal_frame f;
    fake_load(&f, regs()->rsp, sizeof f);
    return f;
}

/* What the restorer does, after the handler's RET. */
static void sigreturn(void)
{
    regs()->rsp += 8;
    fake_call(__NR_rt_sigreturn);
}

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
    TCase *t = tcase_create("signals");
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
