/* The guest's output, where nobody reads it. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "pv/abi.h"
#include "vmm/clock.h"
#include "vmm/console.h"
#include "tests/run_suite.h"

static char text[1 << 20]; /* more than a pipe holds */
static int saved, ends[2];

static void setup(void)
{
    saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_ge(dup2(ends[1], STDOUT_FILENO), 0);
}

static void teardown(void)
{
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[0]);
    close(ends[1]);
    clock_stop();
}

START_TEST(the_time_limit_ends_a_wait_for_a_reader)
{
    struct kvm_run *run = calloc(1, sizeof(*run));
    ck_assert_int_eq(clock_start(run, 1), 0);
    ck_assert_int_eq(console_write(false, PV_CONSOLE_OUT, text, sizeof(text)), 0);
    ck_assert_int_eq(clock_stop_signal(), SIGALRM);
    free(run);
}
END_TEST

START_TEST(a_tick_of_the_guests_does_not)
{
    struct kvm_run *run = calloc(1, sizeof(*run));
    ck_assert_int_eq(clock_start(run, 1), 0);
    ck_assert_int_eq(clock_set_timer(1000000, 1000000), 0);
    ck_assert_int_eq(console_write(false, PV_CONSOLE_OUT, text, sizeof(text)), 0);
    ck_assert_int_eq(clock_stop_signal(), SIGALRM);
    ck_assert(clock_take_tick());
    free(run);
}
END_TEST

START_TEST(without_a_reader_it_fails)
{
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    ck_assert_int_lt(console_write(false, PV_CONSOLE_OUT, text, sizeof(text)), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("console");
    TCase *t = tcase_create("console");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_time_limit_ends_a_wait_for_a_reader);
    tcase_add_test(t, a_tick_of_the_guests_does_not);
    tcase_add_test(t, without_a_reader_it_fails);
    suite_add_tcase(s, t);
    return run_suite(s);
}
