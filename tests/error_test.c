/* What failures print and return. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/run_suite.h"
#include "tests/said.h"

START_TEST(a_failure_with_an_errno_appends_its_description)
{
    ck_assert_int_eq(fail(ENOENT, "cannot open disk %s", "d.tar"), -ENOENT);
    ck_assert_str_eq(said, "cannot open disk d.tar: No such file or directory");
}
END_TEST

START_TEST(a_failure_without_an_errno_is_invalid_input)
{
    ck_assert_int_eq(fail(0, "bad size: %d", 7), -EINVAL);
    ck_assert_str_eq(said, "bad size: 7");
}
END_TEST

START_TEST(a_failure_may_choose_its_errno_and_say_it_all)
{
    ck_assert_int_eq(fail_as(ENOEXEC, "not an ELF file"), -ENOEXEC);
    ck_assert_str_eq(said, "not an ELF file");
}
END_TEST

START_TEST(a_warning_says_that_it_is_one)
{
    warn("%s is odd", "this");
    ck_assert_str_eq(said, "warning: this is odd");
}
END_TEST

START_TEST(a_text_that_is_too_long_is_cut_and_keeps_the_reason)
{
    char name[4000];

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    ck_assert_int_eq(fail(EACCES, "%s", name), -EACCES);
    ck_assert_ptr_nonnull(strstr(said, "x: Permission denied"));
}
END_TEST

START_TEST(a_failure_is_one_line_that_does_nothing_to_a_terminal)
{
    fail(0, "cannot open %s", "a\nb\x1b[2J\x7f\xc2\x9b\xc3\xa4");
    ck_assert_str_eq(said, "cannot open a?b?[2J???\xc3\xa4");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("error");
    TCase *t = tcase_create("error");

    error_sink = keep;
    tcase_add_test(t, a_failure_with_an_errno_appends_its_description);
    tcase_add_test(t, a_failure_without_an_errno_is_invalid_input);
    tcase_add_test(t, a_failure_may_choose_its_errno_and_say_it_all);
    tcase_add_test(t, a_warning_says_that_it_is_one);
    tcase_add_test(t, a_text_that_is_too_long_is_cut_and_keeps_the_reason);
    tcase_add_test(t, a_failure_is_one_line_that_does_nothing_to_a_terminal);
    suite_add_tcase(s, t);

    return run_suite(s);
}
