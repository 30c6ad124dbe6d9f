/* Axes of pictures, the numbers at them, and legends. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/svg_parts.h"
#include "tests/run_suite.h"

START_TEST(an_axis_ends_at_a_round_number_above_all_values)
{
    for (double most = 0.001; most < 1e12; most *= 1.37) {
        struct svg_scale s = svg_scale_make(most, 5, 10, 110);
        ck_assert_double_ge(s.top, most * 0.999999);
        ck_assert_double_le(s.top / s.tick, 5.000001);
        ck_assert_double_ge(svg_scale_px(&s, most), 10);
        ck_assert_double_le(svg_scale_px(&s, most), 110.000001);
    }
}
END_TEST

START_TEST(nothing_and_less_than_nothing_have_an_axis_too)
{
    struct svg_scale s = svg_scale_make(0, 5, 10, 110);
    ck_assert_double_gt(s.top, 0);
    ck_assert_double_eq(svg_scale_px(&s, -5), 10);
}
END_TEST

static const struct {
    double value;
    unsigned decimals;
    const char *text;
} numbers[] = { { 0, 0, "0" },        { 2, 2, "2.00" },      { 999.94, 1, "999.9" }, { 1234, 1, "1234" },
                { 10000, 0, "10k" },  { 123456, 0, "123k" }, { 1200000, 0, "1.2M" }, { 20000000, 0, "20M" },
                { 5.5e9, 0, "5.5G" }, { 9e15, 0, "9000T" } };

START_TEST(large_numbers_are_short)
{
    char text[32];
    svg_format(numbers[_i].value, numbers[_i].decimals, text);
    ck_assert_str_eq(text, numbers[_i].text);
}
END_TEST

START_TEST(a_legend_has_markers_where_its_lines_have_them)
{
    static const char *const names[] = { "one", NULL, "three" };
    for (enum svg_legend kind = LEGEND_OF_BARS; kind <= LEGEND_OF_MARKED_LINES; kind++) {
        char *text;
        size_t bytes;
        FILE *to = open_memstream(&text, &bytes);
        svg_draw_legend(to, names, 3, kind);
        fclose(to);
        ck_assert_ptr_nonnull(strstr(text, "three"));
        ck_assert_int_eq(strstr(text, "translate(") != NULL, kind == LEGEND_OF_MARKED_LINES);
        free(text);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("svg_parts");
    tcase_add_test(t, an_axis_ends_at_a_round_number_above_all_values);
    tcase_add_test(t, nothing_and_less_than_nothing_have_an_axis_too);
    tcase_add_loop_test(t, large_numbers_are_short, 0, sizeof(numbers) / sizeof(numbers[0]));
    tcase_add_test(t, a_legend_has_markers_where_its_lines_have_them);
    Suite *s = suite_create("svg_parts");
    suite_add_tcase(s, t);
    return run_suite(s);
}
