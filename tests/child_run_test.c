/* Runs as child processes. The children are this test itself, which, when started as "faultvisor run", does
 * what its last word says. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vmm/child_run.h"
#include "vmm/error.h"
#include "vmm/options.h"
#include "tests/run_suite.h"

#define MOST 8

/* 1. The child. */

static void write_counts(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        FILE *f = strncmp(argv[i], "--stats-json=", 13) ? NULL : fopen(argv[i] + 13, "w");
        if (f) {
            fputs("{\"mode\": \"fake\"}\n", f);
            fclose(f);
        }
    }
}

static int act(int argc, char **argv)
{
    const char *part = argv[argc - 1];
    if (!strcmp(part, "good")) {
        puts("output");
        fputs("faultvisor: warning: be careful\n", stderr);
        write_counts(argc, argv);
        return 7;
    }
    if (!strcmp(part, "crash")) {
        write_counts(argc, argv);
        fputs("[kernel] panic\nfaultvisor: the guest cannot go on: it is lost\nfaultvisor: more\n", stderr);
        return STATUS_CRASHED;
    }
    if (!strcmp(part, "own-120")) {
        write_counts(argc, argv);
        return STATUS_CRASHED;
    }
    if (!strcmp(part, "no-kvm")) {
        fputs("faultvisor: no\n", stderr);
        return STATUS_NO_KVM;
    }
    if (!strcmp(part, "torn")) {
        fputs("half\n", stdout);
        return 0;
    }
    if (!strcmp(part, "killed"))
        raise(SIGKILL);
    if (!strcmp(part, "interrupt-parent"))
        kill(getppid(), SIGINT);
    if (!strcmp(part, "hang-up-parent")) {
        write_counts(argc, argv);
        return kill(getppid(), SIGHUP);
    }
    sleep(20);
    return 0;
}

/* 2. The parent. */

static const char *parts[MOST];
static unsigned nr_ended, most_running;
static struct child_result results[MOST];
static bool stop_after_one;

static char *const *words_of(void *arg, unsigned i)
{
    static char *words[4];
    (void)arg;
    words[0] = "--";
    words[1] = "program";
    words[2] = (char *)parts[i];
    return words;
}

static bool take(void *arg, unsigned i, struct child_result *r)
{
    (void)arg;
    nr_ended++;
    results[i] = *r;
    return !stop_after_one;
}

static void count_running(void *arg, unsigned running, unsigned which)
{
    (void)arg;
    (void)which;
    most_running = running > most_running ? running : most_running;
}

static int do_runs(unsigned count, unsigned at_a_time, unsigned limit_s)
{
    return child_runs_do(&(struct child_runs){ .count = count,
                                               .at_a_time = at_a_time,
                                               .limit_s = limit_s,
                                               .words = words_of,
                                               .ended = take,
                                               .tick = count_running });
}

static void setup(void)
{
    memset(results, 0, sizeof(results));
    nr_ended = most_running = 0;
    stop_after_one = false;
}

static void teardown(void)
{
    for (int i = 0; i < MOST; i++)
        child_result_free(&results[i]);
}

START_TEST(a_run_gives_its_status_output_and_counts)
{
    char line[32];
    parts[0] = "good";
    ck_assert_int_eq(do_runs(1, 1, 10), 0);
    ck_assert_int_eq(results[0].status, 7);
    ck_assert_str_eq(results[0].reason, "");
    ck_assert_str_eq(json_string_value(json_object_get(results[0].run, "mode")), "fake");
    ck_assert_str_eq(fgets(line, sizeof(line), results[0].output), "output\n");
    ck_assert(!child_result_failed(&results[0]));
}
END_TEST

static const struct {
    const char *part;
    int status;
    bool has_counts, failed;
    const char *reason;
} ends[] = {
    { "crash", STATUS_CRASHED, true, true, "the guest cannot go on: it is lost" },
    { "own-120", STATUS_CRASHED, true, false, "" },
    { "no-kvm", STATUS_NO_KVM, false, true, "no" },
    { "torn", 0, false, true, "the run ended with status 0 and no counts" },
    { "killed", 128 + SIGKILL, false, true, "the run ended with status 137 and no counts" },
};

START_TEST(each_way_to_end_is_told_from_the_others)
{
    parts[0] = ends[_i].part;
    ck_assert_int_eq(do_runs(1, 1, 10), 0);
    ck_assert_int_eq(results[0].status, ends[_i].status);
    ck_assert(!results[0].run == !ends[_i].has_counts);
    ck_assert(child_result_failed(&results[0]) == ends[_i].failed);
    ck_assert_str_eq(results[0].reason, ends[_i].reason);
}
END_TEST

START_TEST(as_many_run_at_a_time_as_may_and_all_are_done)
{
    for (int i = 0; i < MOST; i++)
        parts[i] = "good";
    ck_assert_int_eq(do_runs(MOST, 3, 10), 0);
    ck_assert_uint_eq(nr_ended, MOST);
    ck_assert_uint_eq(most_running, 3);
    for (int i = 0; i < MOST; i++)
        ck_assert_int_eq(results[i].status, 7);
}
END_TEST

START_TEST(a_run_that_does_not_end_is_killed)
{
    parts[0] = "sleep";
    parts[1] = "good";
    ck_assert_int_eq(do_runs(2, 1, 1), 0);
    ck_assert_int_eq(results[0].status, 128 + SIGKILL);
    ck_assert_int_eq(results[1].status, 7);
}
END_TEST

START_TEST(a_signal_ends_all_runs_and_starts_no_more)
{
    parts[0] = "sleep";
    parts[1] = "interrupt-parent";
    parts[2] = "good";
    ck_assert_int_eq(do_runs(3, 2, 15), 128 + SIGINT);
    ck_assert_uint_eq(nr_ended, 0);
    ck_assert_int_eq(wait(NULL), -1); /* none is left */
}
END_TEST

START_TEST(a_signal_that_is_ignored_ends_nothing)
{
    signal(SIGHUP, SIG_IGN);
    parts[0] = "hang-up-parent";
    parts[1] = "good";
    ck_assert_int_eq(do_runs(2, 1, 10), 0);
    ck_assert_uint_eq(nr_ended, 2);
    ck_assert_int_eq(results[1].status, 7);
}
END_TEST

START_TEST(whoever_takes_the_results_can_end_it)
{
    stop_after_one = true;
    parts[0] = "good";
    parts[1] = "sleep";
    parts[2] = "good";
    ck_assert_int_eq(do_runs(3, 2, 15), STATUS_HOST);
    ck_assert_uint_eq(nr_ended, 1);
    ck_assert_int_eq(wait(NULL), -1);
}
END_TEST

START_TEST(signals_are_as_they_were_afterwards)
{
    sigset_t before, after;
    parts[0] = "good";
    sigprocmask(SIG_SETMASK, NULL, &before);
    ck_assert_int_eq(do_runs(1, 1, 10), 0);
    sigprocmask(SIG_SETMASK, NULL, &after);
    ck_assert(sigismember(&before, SIGINT) == sigismember(&after, SIGINT));
    ck_assert(sigismember(&before, SIGCHLD) == sigismember(&after, SIGCHLD));
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "run"))
        return act(argc, argv);
    TCase *t = tcase_create("child_run");
    tcase_set_timeout(t, 15);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_run_gives_its_status_output_and_counts);
    tcase_add_loop_test(t, each_way_to_end_is_told_from_the_others, 0, sizeof(ends) / sizeof(ends[0]));
    tcase_add_test(t, as_many_run_at_a_time_as_may_and_all_are_done);
    tcase_add_test(t, a_run_that_does_not_end_is_killed);
    tcase_add_test(t, a_signal_ends_all_runs_and_starts_no_more);
    tcase_add_test(t, a_signal_that_is_ignored_ends_nothing);
    tcase_add_test(t, whoever_takes_the_results_can_end_it);
    tcase_add_test(t, signals_are_as_they_were_afterwards);
    Suite *s = suite_create("child_run");
    suite_add_tcase(s, t);
    return run_suite(s);
}
