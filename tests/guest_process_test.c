/* Processes together: how they fork, wait, sleep, take turns and end, seen from the programs, which the test
 * plays. */
#include <asm/unistd.h>
#include <check.h>
#include "guest_audit.h"
#include "guest_boot.h"
#include "kernel.h"
#include "schedule.h"
#include "tests/run_suite.h"

#define WNOHANG   1
#define SECOND_NS 1000000000ull

static int pid(void)
{
    return current_process->pid;
}

/* Give way until that process runs. */
static void go_to(int to)
{
    for (int i = 0; pid() != to; i++) {
        ck_assert_int_lt(i, MAX_PROCESSES);
        fake_trap(TRAP_TIMER, 0, 0);
    }
}

START_TEST(the_end_of_pid_1_is_the_end_of_the_machine)
{
    boot();
    ck_assert_int_eq((int)fake_call(__NR_fork), 2);
    go_to(1);
    fake_call(__NR_exit_group, 0x1ff);
    assert_stopped(255);
}
END_TEST

START_TEST(fork_returns_twice_and_memory_parts)
{
    boot();
    uint64_t one = 1, two = 2, seen;
    fake_store(FAKE_BSS, &one, sizeof one);
    ck_assert_uint_eq(fake_cpu.timer_ns, 0);
    ck_assert_int_eq((int)fake_call(__NR_fork), 2);
    ck_assert_int_eq(pid(), 1);
    ck_assert_uint_eq(fake_cpu.timer_ns, TIME_SLICE_NS);
    fake_store(FAKE_BSS, &two, sizeof two);
    fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_int_eq(pid(), 2);
    ck_assert_uint_eq(fake_cpu.frame->regs.rax, 0);
    fake_load(&seen, FAKE_BSS, sizeof seen);
    ck_assert_uint_eq(seen, 1);
    ck_assert_int_eq((int)fake_call(__NR_getppid), 1);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(wait4_waits_for_the_end_of_a_child)
{
    boot();
    fake_call(__NR_fork);
    ck_assert_int_eq((int)fake_call(__NR_wait4, ~0ull, STATUS_AT, WNOHANG), 0);
    fake_call(__NR_wait4, ~0ull, STATUS_AT);
    ck_assert_int_eq(pid(), 2);
    ck_assert_uint_eq(fake_cpu.timer_ns, 0); /* the parent cannot run */
    ck_assert_int_eq((int)fake_call(__NR_exit, 7), 2);
    ck_assert_int_eq(pid(), 1);
    ck_assert_uint_eq((uint32_t)load(STATUS_AT), 7 << 8);
    ck_assert_int_eq((int)fake_call(__NR_wait4, ~0ull, 0), -ECHILD);
    ck_assert_uint_eq(fake_cpu.timer_ns, 0);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(a_child_that_has_ended_waits_for_its_parent)
{
    boot();
    fake_call(__NR_fork);
    go_to(2);
    fake_call(__NR_exit, 3);
    ck_assert_int_eq(pid(), 1);
    ck_assert_int_eq((int)fake_call(__NR_wait4, 3, 0), -ECHILD);
    ck_assert_int_eq((int)fake_call(__NR_wait4, 2, 0xdead0000), -EFAULT);
    ck_assert_int_eq((int)fake_call(__NR_fork), 3); /* nothing of it is left */
}
END_TEST

START_TEST(wait4_for_one_child_lets_others_end)
{
    boot();
    fake_call(__NR_fork);
    fake_call(__NR_fork);
    ck_assert_int_eq(pid(), 1);
    fake_call(__NR_wait4, 3, STATUS_AT);
    go_to(2);
    fake_call(__NR_exit, 1);
    ck_assert_int_eq(pid(), 3);
    ck_assert_int_eq((int)fake_call(__NR_exit, 2), 3);
    ck_assert_int_eq(pid(), 1);
    ck_assert_int_eq((int)fake_call(__NR_wait4, 0, STATUS_AT), 2);
    ck_assert_uint_eq((uint32_t)load(STATUS_AT), 1 << 8);
}
END_TEST

START_TEST(a_vfork_parent_waits_until_its_child_has_a_space_of_its_own)
{
    boot();
    store_path("/bin/prog");
    fake_call(__NR_vfork);
    ck_assert_int_eq(pid(), 2);
    fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_int_eq(pid(), 2);
    ck_assert_int_eq((int)fake_call(__NR_execve, PATH_AT, 0, 0), 0);
    ck_assert_int_eq(pid(), 2);
    ck_assert_uint_eq(fake_cpu.frame->regs.rip, FAKE_ENTRY);
    go_to(1);
    ck_assert_uint_eq(fake_cpu.frame->regs.rax, 2);
    fake_call(__NR_vfork);
    ck_assert_int_eq(pid(), 2); /* any but the parent */
    go_to(3);
    fake_call(__NR_exit, 0);
    go_to(1);
    ck_assert_uint_eq(fake_cpu.frame->regs.rax, 3);
}
END_TEST

START_TEST(orphans_become_children_of_pid_1)
{
    boot();
    fake_call(__NR_fork);
    go_to(2);
    ck_assert_int_eq((int)fake_call(__NR_fork), 3);
    fake_call(__NR_exit, 0);
    go_to(3);
    ck_assert_int_eq((int)fake_call(__NR_getppid), 1);
    fake_call(__NR_exit, 9);
    ck_assert_int_eq((int)fake_call(__NR_wait4, 2, 0), 2);
    ck_assert_int_eq((int)fake_call(__NR_wait4, ~0ull, 0), 3);
}
END_TEST

START_TEST(processes_take_turns)
{
    boot();
    fake_call(__NR_fork);
    fake_call(__NR_fork);
    int turns[6];
    for (int i = 0; i < 6; i++) {
        turns[i] = pid();
        fake_call(__NR_getpid);
        ck_assert_int_eq(pid(), turns[i]); /* a system call ends no turn */
        fake_trap(TRAP_TIMER, 0, 0);
    }
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(turns[i], i % 3 + 1);
    fake_call(__NR_sched_yield);
    ck_assert_int_eq(pid(), 2);
}
END_TEST

START_TEST(registers_that_find_no_memory_are_the_end_of_their_process)
{
    boot();
    int child = (int)fake_call(__NR_fork);
    go_to(child);
    fake_cpu.fpu_needs_memory = true;
    fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_int_eq(pid(), 1);
    ck_assert_ptr_nonnull(strstr(fake_message, "killed prog[2]"));
    ck_assert_int_eq((int)fake_call(__NR_fork), -ENOMEM); /* pid 1's own are in use, too */
    fake_cpu.fpu_needs_memory = false;
    ck_assert_int_eq((int)fake_call(__NR_wait4, (uint64_t)child, STATUS_AT), child);
    ck_assert_int_eq((int)(uint32_t)load(STATUS_AT), SIGNAL_KILL);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(there_are_only_so_many_processes)
{
    boot();
    int n = 1;
    while (fake_call(__NR_fork) > 0)
        n++;
    ck_assert_int_eq(n, MAX_SPACES);
    ck_assert_int_eq((int)fake_call(__NR_fork), -ENOMEM);
    ck_assert_uint_eq(guest_audit(), 0);
    go_to(2);
    fake_call(__NR_exit, 0);
    go_to(1);
    ck_assert_int_gt((int)fake_call(__NR_fork), 0);
}
END_TEST

START_TEST(a_sleeper_wakes_after_one_tick_of_its_own)
{
    boot();
    uint64_t time[2] = { 3, 500 };
    fake_store(FAKE_BSS, time, sizeof time);
    uint64_t before = fake_cpu.now_ns;
    ck_assert_int_eq((int)fake_call(__NR_nanosleep, FAKE_BSS, 0), 0);
    ck_assert_uint_eq(fake_cpu.now_ns, before + 3 * SECOND_NS + 500);
    ck_assert_uint_eq(fake_cpu.idles, 1);
    ck_assert_uint_eq(fake_cpu.timer_ns, 0);
    time[1] = SECOND_NS;
    fake_store(FAKE_BSS, time, sizeof time);
    ck_assert_int_eq((int)fake_call(__NR_nanosleep, FAKE_BSS, 0), -EINVAL);
}
END_TEST

START_TEST(others_run_while_one_sleeps)
{
    boot();
    uint64_t time[2] = { 1, 0 };
    fake_store(FAKE_BSS, time, sizeof time);
    fake_call(__NR_fork);
    fake_call(__NR_nanosleep, FAKE_BSS, 0);
    ck_assert_int_eq(pid(), 2);
    ck_assert_uint_eq(fake_cpu.timer_ns, TIME_SLICE_NS);
    fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_int_eq(pid(), 2);
    fake_cpu.now_ns += SECOND_NS;
    fake_trap(TRAP_TIMER, 0, 0);
    ck_assert_int_eq(pid(), 1);
    ck_assert_uint_eq(fake_cpu.frame->regs.rax, 0);
    ck_assert_uint_eq(fake_cpu.idles, 0);
}
END_TEST

START_TEST(when_nobody_can_ever_run_pid_1_is_killed)
{
    boot();
    fake_call(__NR_pause);
    assert_stopped(137);
    ck_assert_str_eq(fake_message, "no process can ever run again: killed prog[1]\n");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("processes");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_end_of_pid_1_is_the_end_of_the_machine);
    tcase_add_test(t, fork_returns_twice_and_memory_parts);
    tcase_add_test(t, wait4_waits_for_the_end_of_a_child);
    tcase_add_test(t, a_child_that_has_ended_waits_for_its_parent);
    tcase_add_test(t, wait4_for_one_child_lets_others_end);
    tcase_add_test(t, a_vfork_parent_waits_until_its_child_has_a_space_of_its_own);
    tcase_add_test(t, orphans_become_children_of_pid_1);
    tcase_add_test(t, processes_take_turns);
    tcase_add_test(t, registers_that_find_no_memory_are_the_end_of_their_process);
    tcase_add_test(t, there_are_only_so_many_processes);
    tcase_add_test(t, a_sleeper_wakes_after_one_tick_of_its_own);
    tcase_add_test(t, others_run_while_one_sleeps);
    tcase_add_test(t, when_nobody_can_ever_run_pid_1_is_killed);

    Suite *s = suite_create("guest process");
    suite_add_tcase(s, t);
    return run_suite(s);
}
