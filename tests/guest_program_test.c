/* A program by itself, which the test plays: how it starts and becomes another, what its system calls refuse,
 * and what kills it. */
#include <asm/unistd.h>
#include <check.h>
#include <linux/auxvec.h>
#include <linux/mman.h>
#include "guest_audit.h"
#include "guest_boot.h"
#include "kernel.h"
#include "x86_cpu.h"
#include "tests/run_suite.h"

/* Anonymous memory that can be read and written. */
static gva_t map_bytes(uint64_t bytes)
{
    return (gva_t)fake_call(__NR_mmap, 0, bytes, 3, 0x22, ~0ull, 0);
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
    assert_stopped(cases[_i].status);
    ck_assert_str_eq(fake_message, cases[_i].message);
}
END_TEST

START_TEST(exec_that_fails_changes_nothing)
{
    static const char *const paths[] = { "/bin/none", "/bin/broken", "/bin/plain", "/bin", "" };
    static const int errors[] = { ENOENT, ENOEXEC, EACCES, EACCES, ENOENT };
    boot();
    struct space *space = current_process->space;
    for (unsigned i = 0; i < 5; i++) {
        store_path(paths[i]);
        uint64_t rsp = fake_cpu.frame->regs.rsp;
        ck_assert_int_eq((int)fake_call(__NR_execve, PATH_AT, 0, 0), -errors[i]);
        ck_assert_uint_eq(fake_cpu.frame->regs.rsp, rsp);
        ck_assert_ptr_eq(current_process->space, space);
    }
    ck_assert_int_eq((int)fake_call(__NR_execve, 0x10, 0, 0), -EFAULT);
    store_path("/bin/prog");
    ck_assert_int_eq((int)fake_call(__NR_execve, PATH_AT, 0x10, 0), -EFAULT);
    gva_t big = map_bytes(20 * PAGE_SIZE);
    for (gva_t at = 0; at < 16 * PAGE_SIZE; at++)
        fake_store(big + at, "a", 1);
    gva_t argv[2] = { big, 0 };
    fake_store(FAKE_BSS, argv, sizeof argv);
    ck_assert_int_eq((int)fake_call(__NR_execve, PATH_AT, FAKE_BSS, 0), -E2BIG);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(a_fault_without_a_handler_kills_and_says_where)
{
    boot();
    fake_trap(VEC_PF, PF_ERR_USER | PF_ERR_WRITE, 0x123);
    assert_stopped(139);
    ck_assert_str_eq(fake_message, "prog[1]: SIGSEGV at 0x123 (rip 0x401000): no such mapping\n");
}
END_TEST

START_TEST(running_on_beyond_the_space_of_programs_is_a_fault)
{
    boot();
    fake_cpu.frame->regs.rip = USER_TOP; /* SYSCALL in its last two bytes */
    fake_call(__NR_getpid);
    assert_stopped(139);
}
END_TEST

START_TEST(memory_that_has_run_out_kills_and_says_so)
{
    unsigned pages = 0;
    boot();
    gva_t at = map_bytes(1024 * PAGE_SIZE);
    for (; !fake_cpu.stopped && pages < 1024; pages++)
        fake_trap(VEC_PF, PF_ERR_USER | PF_ERR_WRITE, at + pages * PAGE_SIZE);
    assert_stopped(137);
    ck_assert_uint_gt(pages, 400);
    ck_assert_ptr_nonnull(strstr(fake_message, "out of memory: frames"));
    ck_assert_ptr_nonnull(strstr(fake_message, "killed prog[1]"));
}
END_TEST

START_TEST(a_read_into_memory_that_has_run_out_kills_too)
{
    boot();
    store_path("/bin/prog");
    ck_assert_int_eq((int)fake_call(__NR_open, PATH_AT, 0), 3);
    gva_t at = map_bytes(1024 * PAGE_SIZE);
    for (unsigned i = 0; !fake_cpu.stopped && i < 1024; i++)
        fake_call(__NR_pread64, 3, at + i * PAGE_SIZE, 1, 0);
    assert_stopped(137);
}
END_TEST

/* Take all memory but the last frame of it, for a page at *last. */
static void use_up_memory(gva_t *last)
{
    gva_t at = map_bytes(1024 * PAGE_SIZE);
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
    assert_stopped(137);
    ck_assert_ptr_nonnull(strstr(fake_message, "out of memory: frames"));
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

START_TEST(a_write_is_as_long_as_the_kernel_has_room)
{
    boot();
    gva_t at = map_bytes(100000);
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
START_TEST(a_mapping_that_shall_replace_none_is_where_it_was_asked_for)
{
    const uint64_t flags = 0x22 | MAP_FIXED_NOREPLACE;
    const gva_t at = 0x10000000;
    boot();
    ck_assert_uint_eq((gva_t)fake_call(__NR_mmap, at, 2 * PAGE_SIZE, 3, flags, ~0ull, 0), at);
    fake_store(at + PAGE_SIZE, "x", 1);
    ck_assert_int_eq((int)fake_call(__NR_mmap, at - PAGE_SIZE, 2 * PAGE_SIZE, 3, flags, ~0ull, 0), -EEXIST);
    ck_assert_int_eq((int)fake_call(__NR_mmap, at + PAGE_SIZE, PAGE_SIZE, 3, flags | 0x10, ~0ull, 0), -EEXIST);
    ck_assert_int_eq((int)fake_call(__NR_mmap, at + 1, PAGE_SIZE, 3, flags, ~0ull, 0), -EINVAL);
    ck_assert_uint_eq((uint8_t)load(at + PAGE_SIZE), 'x');
    ck_assert_uint_eq((gva_t)fake_call(__NR_mmap, at - PAGE_SIZE, PAGE_SIZE, 3, flags, ~0ull, 0),
                      at - PAGE_SIZE);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

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
    TCase *t = tcase_create("program");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_program_finds_its_arguments_on_the_stack);
    tcase_add_loop_test(t, what_cannot_be_run_ends_the_machine_with_its_own_status, 0, 7);
    tcase_add_test(t, exec_that_fails_changes_nothing);
    tcase_add_test(t, a_fault_without_a_handler_kills_and_says_where);
    tcase_add_test(t, running_on_beyond_the_space_of_programs_is_a_fault);
    tcase_add_test(t, memory_that_has_run_out_kills_and_says_so);
    tcase_add_test(t, a_read_into_memory_that_has_run_out_kills_too);
    tcase_add_loop_test(t, a_system_call_that_finds_no_memory_kills, 0, 4);
    tcase_add_test(t, what_is_not_implemented_is_named_once);
    tcase_add_test(t, a_write_is_as_long_as_the_kernel_has_room);
    tcase_add_test(t, a_mapping_that_shall_replace_none_is_where_it_was_asked_for);
    tcase_add_test(t, no_argument_is_too_strange);

    Suite *s = suite_create("guest program");
    suite_add_tcase(s, t);
    return run_suite(s);
}
