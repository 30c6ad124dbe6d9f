/* The monitor's start and its runs in between: signals that come meanwhile, and which exits are its own. */
#include "fake_kvm.h"

static int stands_after_two_signals(unsigned n)
{
    if (n < 2)
        return EINTR;
    stand();
    return 0;
}

START_TEST(signals_while_the_monitor_starts_are_counted_and_told_to_the_run_loop)
{
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, false), 0);
    run_cpu = stands_after_two_signals;
    ck_assert_int_eq(monitor_start(&v.monitor, mfn(0)), 0);
    ck_assert_uint_eq(v.machine.nr_runs, 3);
    ck_assert_uint_eq(v.monitor.nr_drains, 2); /* the third is the start */
    ck_assert_uint_eq(run->immediate_exit, 1);
}
END_TEST

static int stands(unsigned n)
{
    (void)n;
    stand();
    return 0;
}

START_TEST(a_start_without_signals_counts_nothing_but_itself)
{
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, false), 0);
    run_cpu = stands;
    ck_assert_int_eq(monitor_start(&v.monitor, mfn(0)), 0);
    ck_assert_uint_eq(v.machine.nr_runs, 1);
    ck_assert_uint_eq(v.monitor.nr_drains, 0);
    ck_assert_uint_eq(run->immediate_exit, 0);
}
END_TEST

START_TEST(a_guest_that_is_just_below_the_monitor_is_not_the_monitor)
{
    struct cpu_regs regs;
    struct monitor_trap trap;
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, true), 0);
    stand();
    ck_assert_int_eq(monitor_read(&v.monitor, &regs, &trap), MONITOR_START);
    run->s.regs.sregs.cs.dpl = 3; /* its OUT was the last byte there, so rip is behind it */
    ck_assert_int_eq(monitor_read(&v.monitor, &regs, &trap), MONITOR_NONE);
}
END_TEST

/* As a signal's handler does, while the monitor works off its list. */
static int signal_comes_behind_the_exit(unsigned n)
{
    (void)n;
    stand();
    run->io.port = MONITOR_PORT_DRAINED;
    run->immediate_exit = 1;
    return 0;
}

START_TEST(a_signal_that_comes_while_the_monitor_works_is_not_forgotten)
{
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, false), 0);
    run_cpu = signal_comes_behind_the_exit;
    monitor_set_ts(&v.monitor, true);
    ck_assert_uint_eq(v.monitor.nr_drains, 1);
    ck_assert_uint_eq(run->immediate_exit, 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("monitor_start");
    TCase *t = tcase_create("start");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, signals_while_the_monitor_starts_are_counted_and_told_to_the_run_loop);
    tcase_add_test(t, a_start_without_signals_counts_nothing_but_itself);
    tcase_add_test(t, a_guest_that_is_just_below_the_monitor_is_not_the_monitor);
    tcase_add_test(t, a_signal_that_comes_while_the_monitor_works_is_not_forgotten);
    suite_add_tcase(s, t);
    return run_suite(s);
}
