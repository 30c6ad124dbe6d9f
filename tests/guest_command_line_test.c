/* The kernel's command line: what is understood, what is refused, and with which word. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include "command_line.h"
#include "kernel.h"
#include "pv/abi.h"
#include "tests/run_suite.h"

static struct command_line c;

START_TEST(options_come_before_the_program)
{
    ck_assert(command_line_parse(&c, "policy=lru seed=18446744073709551615 -- /bin/sha256 /data/big"));
    ck_assert_str_eq(c.policy, "lru");
    ck_assert_uint_eq(c.seed, ~0ull);
    ck_assert_int_eq(c.argc, 2);
    ck_assert_str_eq(c.argv[0], "/bin/sha256");
    ck_assert_str_eq(c.argv[1], "/data/big");
    ck_assert_ptr_null(c.argv[2]);
}
END_TEST

START_TEST(clock_may_be_told)
{
    ck_assert(command_line_parse(&c, "policy=lru -- x"));
    ck_assert_uint_eq(c.tsc_khz, 0);
    ck_assert(command_line_parse(&c, "seed=1 tsc_early_khz=2994374 -- x"));
    ck_assert_uint_eq(c.tsc_khz, 2994374);
    ck_assert(!command_line_parse(&c, "tsc_early_khz=3GHz -- x"));
    ck_assert_str_eq(c.policy, "tsc_early_khz=3GHz");
}
END_TEST

START_TEST(nothing_is_something_too)
{
    ck_assert(command_line_parse(&c, ""));
    ck_assert_int_eq(c.argc, 0);
    ck_assert_ptr_null(c.policy);
    ck_assert(command_line_parse(&c, "--"));
    ck_assert_int_eq(c.argc, 0);
    ck_assert(command_line_parse(&c, "  seed=7   -- x"));
    ck_assert_uint_eq(c.seed, 7);
    ck_assert_int_eq(c.argc, 1);
}
END_TEST

START_TEST(arguments_are_decoded)
{
    ck_assert(command_line_parse(&c, "-- prog a\\x20b \\x5cx41 \\x0A  -- policy=x"));
    ck_assert_int_eq(c.argc, 7);
    ck_assert_str_eq(c.argv[1], "a b");
    ck_assert_str_eq(c.argv[2], "\\x41");
    ck_assert_str_eq(c.argv[3], "\n");
    ck_assert_str_eq(c.argv[4], ""); /* between two spaces */
    ck_assert_str_eq(c.argv[5], "--");
    ck_assert_str_eq(c.argv[6], "policy=x");
}
END_TEST

START_TEST(a_word_that_is_wrong_is_named)
{
    static const char *const wrong[] = {
        "polic=x", "policy=", "seed=", "seed=-1", "seed=12x", "seed=18446744073709551616", "quiet", "/bin/sh"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char line[100];
        snprintf(line, sizeof line, "policy=fifo %s -- prog", wrong[i]);
        ck_assert(!command_line_parse(&c, line));
        ck_assert_str_eq(c.policy, wrong[i]);
    }
    static const char *const escapes[] = { "\\", "a\\", "\\x", "\\x4", "\\x4g", "\\n", "\\x00" };
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        char line[100];
        snprintf(line, sizeof line, "-- prog %s", escapes[i]);
        ck_assert(!command_line_parse(&c, line));
    }
}
END_TEST

START_TEST(a_word_too_many_is_refused)
{
    char line[4 + 2 * MAX_ARGS + 3] = "--";
    for (int i = 0; i < MAX_ARGS; i++)
        strcat(line, " a");
    ck_assert(command_line_parse(&c, line));
    ck_assert_int_eq(c.argc, MAX_ARGS);
    ck_assert_ptr_null(c.argv[MAX_ARGS]);
    strcat(line, " b");
    ck_assert(!command_line_parse(&c, line));
    ck_assert_str_eq(c.policy, "b");
}
END_TEST

START_TEST(a_line_without_an_end_is_read_no_further_than_there_is_room)
{
    char *line = malloc(PV_CMDLINE_SIZE); /* so that a sanitizer sees the byte behind */
    memset(line, 'a', PV_CMDLINE_SIZE);
    memcpy(line, "-- ", 3);
    ck_assert(command_line_parse(&c, line));
    ck_assert_uint_eq(strlen(c.argv[0]), PV_CMDLINE_SIZE - 3);
    free(line);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_command_line");
    TCase *t = tcase_create("command line");
    tcase_add_test(t, options_come_before_the_program);
    tcase_add_test(t, clock_may_be_told);
    tcase_add_test(t, nothing_is_something_too);
    tcase_add_test(t, arguments_are_decoded);
    tcase_add_test(t, a_word_that_is_wrong_is_named);
    tcase_add_test(t, a_word_too_many_is_refused);
    tcase_add_test(t, a_line_without_an_end_is_read_no_further_than_there_is_room);
    suite_add_tcase(s, t);
    return run_suite(s);
}
