/* Waiting for the guest's timer: until it ticks, and not when it never will. And which signals stop a run. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include "vmm/clock.h"
#include "tests/run_suite.h"

#define MS 1000000ull

static struct kvm_run *run;

static void setup(void)
{
    run = calloc(1, sizeof(*run));
    ck_assert_int_eq(clock_start(run, 0), 0);
}

static void teardown(void)
{
    clock_stop();
    free(run);
}

START_TEST(without_a_timer_nothing_is_waited_for)
{
    ck_assert(!clock_wait());
}
END_TEST

START_TEST(a_periodic_timer_ticks_again_and_again)
{
    ck_assert_int_eq(clock_set_timer(MS, MS), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(clock_wait());
        ck_assert(clock_take_tick());
    }
    ck_assert_int_eq(clock_set_timer(0, 0), 0);
    clock_take_tick();
    ck_assert(!clock_wait());
}
END_TEST

START_TEST(a_timer_that_ticks_once_is_waited_for_once)
{
    ck_assert_int_eq(clock_set_timer(MS, 0), 0);
    ck_assert(clock_wait());
    ck_assert(clock_take_tick());
    ck_assert(!clock_wait());
}
END_TEST

START_TEST(a_tick_that_nobody_took_is_not_waited_for)
{
    ck_assert_int_eq(clock_set_timer(MS, 0), 0);
    ck_assert(clock_wait());
    ck_assert(clock_wait());
    ck_assert(clock_take_tick());
}
END_TEST

START_TEST(a_stop_ends_the_wait)
{
    ck_assert_int_eq(clock_set_timer(1000000 * MS, 0), 0);
    raise(SIGINT);
    ck_assert(clock_wait());
    ck_assert_int_eq(clock_stop_signal(), SIGINT);
    ck_assert_uint_eq(run->immediate_exit, 1);
}
END_TEST

static const int stops[] = { SIGINT, SIGTERM };

START_TEST(a_signal_that_was_ignored_at_the_start_stops_nothing)
{
    run = calloc(1, sizeof(*run));
    signal(stops[_i], SIG_IGN);
    ck_assert_int_eq(clock_start(run, 0), 0);
    raise(stops[_i]);
    ck_assert_int_eq(clock_stop_signal(), 0);
    raise(stops[!_i]);
    ck_assert_int_eq(clock_stop_signal(), stops[!_i]);
    teardown();
}
END_TEST

START_TEST(timers_tick_though_their_signals_were_blocked_and_ignored)
{
    sigset_t all;
    run = calloc(1, sizeof(*run));
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    signal(SIGALRM, SIG_IGN);
    ck_assert_int_eq(clock_start(run, 1), 0);
    ck_assert_int_eq(clock_set_timer(MS, 0), 0);
    ck_assert(clock_wait());
    ck_assert(clock_take_tick());
    ck_assert_int_eq(clock_set_timer(1000000 * MS, 0), 0);
    ck_assert(clock_wait());
    ck_assert_int_eq(clock_stop_signal(), SIGALRM);
    teardown();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("clock");
    TCase *t = tcase_create("wait");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, without_a_timer_nothing_is_waited_for);
    tcase_add_test(t, a_periodic_timer_ticks_again_and_again);
    tcase_add_test(t, a_timer_that_ticks_once_is_waited_for_once);
    tcase_add_test(t, a_tick_that_nobody_took_is_not_waited_for);
    tcase_add_test(t, a_stop_ends_the_wait);
    suite_add_tcase(s, t);
    t = tcase_create("signals");
    tcase_add_loop_test(t, a_signal_that_was_ignored_at_the_start_stops_nothing, 0, 2);
    tcase_add_test(t, timers_tick_though_their_signals_were_blocked_and_ignored);
    suite_add_tcase(s, t);
    return run_suite(s);
}
