/* Text in lines of 80 columns. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/wrap.h"
#include "tests/run_suite.h"

static char *text;
static size_t bytes;
static FILE *to;

static void setup(void)
{
    to = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(to);
}

static void teardown(void)
{
    fclose(to);
    free(text);
}

static const char *written(void)
{
    fflush(to);
    return text;
}

START_TEST(items_are_put_apart_and_not_broken)
{
    struct wrap w = { to, 10, 4 };
    for (int i = 0; i < 8; i++)
        wrap_item(&w, "item %d of so many,", i);
    ck_assert_str_eq(written(), " item 0 of so many, item 1 of so many, item 2 of so many,\n"
                                "    item 3 of so many, item 4 of so many, item 5 of so many, item 6 of so many,\n"
                                "    item 7 of so many,");
}
END_TEST

START_TEST(the_first_item_at_the_indent_stands_there)
{
    struct wrap w = { to, 70, 70 };
    wrap_item(&w, "1 with 5,");
    wrap_item(&w, "2 with 6");
    char expected[256];
    snprintf(expected, sizeof(expected), "1 with 5,\n%*s2 with 6", 70, "");
    ck_assert_str_eq(written(), expected);
}
END_TEST

START_TEST(an_item_that_fits_nowhere_is_on_a_line_of_its_own)
{
    char word[101];
    memset(word, 'w', 100);
    word[100] = '\0';
    struct wrap w = { to, 0, 0 };
    wrap_item(&w, "a");
    wrap_item(&w, "%s", word);
    wrap_item(&w, "b");
    char expected[256];
    snprintf(expected, sizeof(expected), "a\n%s\nb", word);
    ck_assert_str_eq(written(), expected);
}
END_TEST

START_TEST(a_text_has_lines_of_79_columns_at_most)
{
    wrap_text(to, "12345678 0 12345678 1 12345678 2 12345678 3 12345678 4 12345678 5 12345678 \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 no");
    ck_assert_str_eq(written(), "12345678 0 12345678 1 12345678 2 12345678 3 12345678 4 12345678 5 12345678 \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\nno\n");
}
END_TEST

START_TEST(a_short_text_is_itself)
{
    wrap_text(to, "fv: the same output and status.");
    ck_assert_str_eq(written(), "fv: the same output and status.\n");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("wrap");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, items_are_put_apart_and_not_broken);
    tcase_add_test(t, the_first_item_at_the_indent_stands_there);
    tcase_add_test(t, an_item_that_fits_nowhere_is_on_a_line_of_its_own);
    tcase_add_test(t, a_text_has_lines_of_79_columns_at_most);
    tcase_add_test(t, a_short_text_is_itself);
    Suite *s = suite_create("wrap");
    suite_add_tcase(s, t);
    return run_suite(s);
}
