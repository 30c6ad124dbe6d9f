/* Processes: how they start, fork, wait, sleep, take turns and end, seen from the programs, which the test
 * plays. */
#include <asm/unistd.h>
#include <check.h>
#include <linux/auxvec.h>
#include <stdlib.h>
#include "elf_image.h"
#include "guest_audit.h"
#include "guest_fake_cpu.h"
#include "kernel.h"
#include "schedule.h"
#include "x86_cpu.h"
#include "tests/run_suite.h"

#define WNOHANG   1
#define STATUS_AT (FAKE_BSS + 8)
#define PATH_AT   (FAKE_BSS + 64)
#define SECOND_NS 1000000000ull

static void boot(void)
{
    fake_random_seed(1);
    fake_boot(512, 64, "-- /bin/prog");
    ck_assert(!fake_cpu.stopped);
}

static int pid(void)
{
    return current_process->pid;
}

static uint64_t load(gva_t at)
{
    uint64_t v;
    fake_load(&v, at, sizeof v);
    return v;
}

/* Give way until that process runs. */
static void go_to(int to)
{
    for (int i = 0; pid() != to; i++) {
        ck_assert_int_lt(i, MAX_PROCESSES);
        fake_trap(TRAP_TIMER, 0, 0);
    }
}

START_TEST(a_program_finds_its_arguments_on_the_stack)
{
    char text[32];
    fake_boot(512, 0, "-- /bin/prog two\\x20words  x");
    gva_t rsp = fake_cpu.frame->regs.rsp;
    ck_assert_uint_eq(rsp % 16, 0);
    ck_assert_uint_eq(fake_cpu.frame->regs.rip, FAKE_ENTRY);
    ck_assert_uint_eq(load(rsp), 4);
    fake_load(text, load(rsp + 8), 10);
    ck_assert_str_eq(text, "/bin/prog");
    fake_load(text, load(rsp + 16), 10);
    ck_assert_str_eq(text, "two words");
    fake_load(text, load(rsp + 24), 1);
    ck_assert_str_eq(text, "");
    ck_assert_uint_eq(load(rsp + 40), 0);
    gva_t at = rsp + 48;
    while (load(at))
        at += 8;
    uint64_t found[64] = { 0 };
    for (at += 8; load(at) != AT_NULL; at += 16)
        found[load(at)] = load(at + 8);
    ck_assert_uint_eq(found[AT_PAGESZ], PAGE_SIZE);
    ck_assert_uint_eq(found[AT_ENTRY], FAKE_ENTRY);
    ck_assert_uint_eq(found[AT_PHDR], 0x400040);
    ck_assert_uint_eq(found[AT_PHNUM], 3);
    ck_assert_uint_eq(found[AT_PHENT], 56);
    fake_load(text, found[AT_EXECFN], 10);
    ck_assert_str_eq(text, "/bin/prog");
    ck_assert_uint_lt(load(found[AT_RANDOM]), ~0ull);
    ck_assert_uint_eq(load(FAKE_BSS), 0);
    ck_assert_uint_eq(load(FAKE_DATA), 0x5a5a5a5a5a5a5a5aull);
    ck_assert_uint_eq(load(FAKE_DATA + 0x800), 0); /* the rest of the last page of the file is no data */
}
END_TEST

START_TEST(what_cannot_be_run_ends_the_machine_with_its_own_status)
{
    static const struct {
        const char *line, *message;
        int status;
    } cases[] = {
        { "-- /bin/none", "cannot run /bin/none: no such file in the archive\n", 127 },
        { "-- /bin/broken", "cannot run /bin/broken: no ELF file\n", 126 },
        { "-- /bin/plain", "cannot run /bin/plain: not executable\n", 126 },
        { "-- /bin", "cannot run /bin: not a regular file\n", 126 },
        { "--", "command line: no program after \"--\"\n", 125 },
        { "policy=best -- /bin/prog", "command line: no policy \"best\"\n", 125 },
        { "quick -- /bin/prog", "command line: cannot understand \"quick\"\n", 125 },
    };
    fake_boot(512, 0, cases[_i].line);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, cases[_i].status);
    ck_assert_str_eq(fake_message, cases[_i].message);
}
END_TEST

START_TEST(the_end_of_pid_1_is_the_end_of_the_machine)
{
    boot();
    ck_assert_int_eq((int)fake_call(__NR_fork), 2);
    go_to(1);
    fake_call(__NR_exit_group, 0x1ff);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 255);
}
END_TEST

START_TEST(a_fault_without_a_handler_kills_and_says_where)
{
    boot();
    fake_trap(VEC_PF, PF_ERR_USER | PF_ERR_WRITE, 0x123);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 139);
    ck_assert_str_eq(fake_message, "prog[1]: SIGSEGV at 0x123 (rip 0x401000): no such mapping\n");
}
END_TEST

START_TEST(memory_that_has_run_out_kills_and_says_so)
{
    unsigned pages = 0;
    boot();
    gva_t at = (gva_t)fake_call(__NR_mmap, 0, 1024 * PAGE_SIZE, 3, 0x22, ~0ull, 0);
    for (; !fake_cpu.stopped && pages < 1024; pages++)
        fake_trap(VEC_PF, PF_ERR_USER | PF_ERR_WRITE, at + pages * PAGE_SIZE);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 137);
    ck_assert_uint_gt(pages, 400);
    ck_assert_ptr_nonnull(strstr(fake_message, "out of memory: frames"));
    ck_assert_ptr_nonnull(strstr(fake_message, "killed prog[1]"));
}
END_TEST

START_TEST(a_read_into_memory_that_has_run_out_kills_too)
{
    boot();
    fake_store(PATH_AT, "/bin/prog", 10);
    ck_assert_int_eq((int)fake_call(__NR_open, PATH_AT, 0), 3);
    gva_t at = (gva_t)fake_call(__NR_mmap, 0, 1024 * PAGE_SIZE, 3, 0x22, ~0ull, 0);
    for (unsigned i = 0; !fake_cpu.stopped && i < 1024; i++)
        fake_call(__NR_pread64, 3, at + i * PAGE_SIZE, 1, 0);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 137);
}
END_TEST

/* Take all memory but the last frame of it, for a page at *last. */
static void use_up_memory(gva_t *last)
{
    gva_t at = (gva_t)fake_call(__NR_mmap, 0, 1024 * PAGE_SIZE, 3, 0x22, ~0ull, 0);
    gva_t end = at + 1024 * PAGE_SIZE;
    /* One table maps two MiB: the page that will not be had needs none of its own. */
    unsigned char *p;
    for (; at < end && memory_state().free > 0; at += PAGE_SIZE)
        ck_assert_int_eq(fake_access(current_process->space, at, ACCESS_WRITE, &p), TOUCH_OK);
    ck_assert_uint_lt(at, end);
    *last = at;
}

START_TEST(a_system_call_that_finds_no_memory_kills)
{
    gva_t at;
    fake_random_seed(1);
    fake_boot(512, 0, "-- /bin/prog");
    use_up_memory(&at);
    if (_i == 0)
        fake_call(__NR_clock_gettime, 0, at);
    else if (_i == 1)
        fake_call(__NR_write, 1, at, 5);
    else if (_i == 2)
        fake_call(__NR_open, at, 0);
    else if (_i == 3)
        fake_call(__NR_execve, FAKE_BSS, at, 0);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 137);
    ck_assert_ptr_nonnull(strstr(fake_message, "out of memory: frames"));
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
    fake_store(PATH_AT, "/bin/prog", 10);
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

START_TEST(exec_that_fails_changes_nothing)
{
    static const char *const paths[] = { "/bin/none", "/bin/broken", "/bin/plain", "/bin", "" };
    static const int errors[] = { ENOENT, ENOEXEC, EACCES, EACCES, ENOENT };
    boot();
    struct space *space = current_process->space;
    for (unsigned i = 0; i < 5; i++) {
        fake_store(PATH_AT, paths[i], strlen(paths[i]) + 1);
        uint64_t rsp = fake_cpu.frame->regs.rsp;
        ck_assert_int_eq((int)fake_call(__NR_execve, PATH_AT, 0, 0), -errors[i]);
        ck_assert_uint_eq(fake_cpu.frame->regs.rsp, rsp);
        ck_assert_ptr_eq(current_process->space, space);
    }
    ck_assert_int_eq((int)fake_call(__NR_execve, 0x10, 0, 0), -EFAULT);
    fake_store(PATH_AT, "/bin/prog", 10);
    ck_assert_int_eq((int)fake_call(__NR_execve, PATH_AT, 0x10, 0), -EFAULT);
    gva_t big = (gva_t)fake_call(__NR_mmap, 0, 20 * PAGE_SIZE, 3, 0x22, ~0ull, 0);
    for (gva_t at = 0; at < 16 * PAGE_SIZE; at++)
        fake_store(big + at, "a", 1);
    gva_t argv[2] = { big, 0 };
    fake_store(FAKE_BSS, argv, sizeof argv);
    ck_assert_int_eq((int)fake_call(__NR_execve, PATH_AT, FAKE_BSS, 0), -E2BIG);
    ck_assert_uint_eq(guest_audit(), 0);
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
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 137);
    ck_assert_str_eq(fake_message, "no process can ever run again: killed prog[1]\n");
}
END_TEST

START_TEST(what_is_not_implemented_is_named_once)
{
    boot();
    ck_assert_int_eq((int)fake_call(__NR_futex), -ENOSYS);
    ck_assert_str_eq(fake_message, "system call 202 (futex) is not implemented\n");
    fake_message[0] = 0;
    ck_assert_int_eq((int)fake_call(__NR_futex), -ENOSYS);
    ck_assert_str_eq(fake_message, "");
    ck_assert_int_eq((int)fake_call(~0ull), -ENOSYS);
    ck_assert_str_eq(fake_message, "system call 18446744073709551615 (no name known) is not implemented\n");
}
END_TEST

START_TEST(running_on_beyond_the_space_of_programs_is_a_fault)
{
    boot();
    fake_cpu.frame->regs.rip = USER_TOP; /* SYSCALL in its last two bytes */
    fake_call(__NR_getpid);
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, 139);
}
END_TEST

START_TEST(a_write_is_as_long_as_the_kernel_has_room)
{
    boot();
    gva_t at = (gva_t)fake_call(__NR_mmap, 0, 100000, 3, 0x22, ~0ull, 0);
    fake_store(at, "hello", 5);
    ck_assert_int_eq((int)fake_call(__NR_write, 1, at, 5), 5);
    ck_assert_int_eq(memcmp(fake_cpu.out, "hello", 5), 0);
    ck_assert_int_eq((int)fake_call(__NR_write, 1, at, 100000), 16384);
    ck_assert_int_eq((int)fake_call(__NR_write, 1, at, ~0ull), 16384);
    ck_assert_int_eq((int)fake_call(__NR_write, 1, USER_TOP - 1, 2), -EFAULT);
    ck_assert_int_eq((int)fake_call(__NR_write, 0, at, 1), -EBADF);
    ck_assert_int_eq((int)fake_call(__NR_write, 3, at, 1), -EBADF);
}
END_TEST

/* Numbers that programs like to be wrong by. */
static uint64_t strange(void)
{
    static const uint64_t values[] = { 0,
                                       1,
                                       2,
                                       3,
                                       8,
                                       20,
                                       4095,
                                       PAGE_SIZE,
                                       FAKE_BSS,
                                       FAKE_BSS + 1,
                                       FAKE_DATA,
                                       FAKE_ENTRY,
                                       USER_TOP - 1,
                                       USER_TOP - PAGE_SIZE,
                                       USER_TOP,
                                       PV_LINEAR_BASE,
                                       1ull << 31,
                                       1ull << 32,
                                       1ull << 63,
                                       ~0ull,
                                       ~0ull - PAGE_SIZE + 1,
                                       (uint64_t)-100,
                                       0x22,
                                       0x32,
                                       0x7ffff000 };
    return values[fake_random() % (sizeof values / sizeof values[0])];
}

/* Whatever a program passes, the kernel survives, and its books agree. What ends the one program there is
 * tried by others. */
START_TEST(no_argument_is_too_strange)
{
    static const uint64_t left_out[] = { __NR_exit,           __NR_exit_group,    __NR_rt_sigreturn,
                                         __NR_pause,          __NR_rt_sigsuspend, __NR_kill,
                                         __NR_tkill,          __NR_tgkill,        __NR_nanosleep,
                                         __NR_clock_nanosleep };
    boot();
    for (unsigned round = 0; round < 30000; round++) {
        uint64_t number = fake_random() % 440;
        bool skip = false;
        for (unsigned i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
            skip |= number == left_out[i];
        if (skip)
            continue;
        fake_cpu.out_bytes = 0;
        fake_call(number, strange(), strange(), strange(), strange(), strange(), strange());
        ck_assert_msg(!fake_cpu.stopped, "round %u: system call %lu", round, (unsigned long)number);
        if (round % 500 == 0)
            ck_assert_uint_eq(guest_audit(), 0);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_process");
    TCase *t = tcase_create("processes");
    tcase_add_test(t, a_program_finds_its_arguments_on_the_stack);
    tcase_add_loop_test(t, what_cannot_be_run_ends_the_machine_with_its_own_status, 0, 7);
    tcase_add_test(t, the_end_of_pid_1_is_the_end_of_the_machine);
    tcase_add_test(t, a_fault_without_a_handler_kills_and_says_where);
    tcase_add_test(t, memory_that_has_run_out_kills_and_says_so);
    tcase_add_test(t, a_read_into_memory_that_has_run_out_kills_too);
    tcase_add_loop_test(t, a_system_call_that_finds_no_memory_kills, 0, 4);
    tcase_add_test(t, fork_returns_twice_and_memory_parts);
    tcase_add_test(t, wait4_waits_for_the_end_of_a_child);
    tcase_add_test(t, a_child_that_has_ended_waits_for_its_parent);
    tcase_add_test(t, wait4_for_one_child_lets_others_end);
    tcase_add_test(t, a_vfork_parent_waits_until_its_child_has_a_space_of_its_own);
    tcase_add_test(t, exec_that_fails_changes_nothing);
    tcase_add_test(t, orphans_become_children_of_pid_1);
    tcase_add_test(t, processes_take_turns);
    tcase_add_test(t, registers_that_find_no_memory_are_the_end_of_their_process);
    tcase_add_test(t, there_are_only_so_many_processes);
    tcase_add_test(t, a_sleeper_wakes_after_one_tick_of_its_own);
    tcase_add_test(t, others_run_while_one_sleeps);
    tcase_add_test(t, when_nobody_can_ever_run_pid_1_is_killed);
    tcase_add_test(t, what_is_not_implemented_is_named_once);
    tcase_add_test(t, running_on_beyond_the_space_of_programs_is_a_fault);
    tcase_add_test(t, a_write_is_as_long_as_the_kernel_has_room);
    tcase_add_test(t, no_argument_is_too_strange);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return run_suite(s);
}
