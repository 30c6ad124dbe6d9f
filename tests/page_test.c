/* The page of a report: what it takes, and that nothing in the files reaches the page as anything but text.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/html.h"
#include "vmm/page_write.h"
#include "vmm/svg_parts.h"
#include "tests/run_suite.h"
#include "tests/said.h"
#include "tests/scratch_file.h"

static struct page_data d;

static void setup(void)
{
    keep_what_is_said();
    make_file();
}

static void teardown(void)
{
    page_data_free(&d);
    unlink(path);
}

static json_t *recorded(const char *mode)
{
    char name[64];
    snprintf(name, sizeof(name), "tests/golden/run-%s.json", mode);
    json_t *o = json_load_file(name, 0, NULL);
    ck_assert_msg(o != NULL, "cannot read %s: run the tests in the folder of the sources", name);
    return o;
}

static void write_json(json_t *o, const char *more)
{
    char *text = json_dumps(o, JSON_COMPACT), *all;
    ck_assert_int_ge(asprintf(&all, "%s\n%s", text, more), 0);
    write_file(all);
    free(text);
    free(all);
    json_decref(o);
}

static char *page(void)
{
    char *text;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    ck_assert_int_eq(page_write(to, &d), 0);
    fclose(to);
    return text;
}

/* 1. What it takes. */

START_TEST(a_run_a_comparison_a_sweep_and_a_trace_are_told_apart)
{
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-pv.json"), 0);
    ck_assert_uint_eq(d.nr_runs, 1);
    ck_assert_str_eq(d.runs[0].mode, "pv");
    json_t *failed = json_pack("{s:s, s:i, s:s, s:n}", "mode", "hw", "status", 69, "failure", "none", "run");
    json_t *good = json_pack("{s:s, s:i, s:o}", "mode", "fv", "status", 0, "run", recorded("fv"));
    write_json(json_pack("{s:s, s:[o, o]}", "faultvisor", "0", "compare", failed, good), "");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    ck_assert_uint_eq(d.nr_runs, 3);
    ck_assert_str_eq(d.runs[1].failure, "none");
    ck_assert(!d.runs[2].of_sweep);
    json_t *line = recorded("pv");
    json_object_set_new(line, "sweep", json_pack("{s:s, s:s}", "memory", "4M", "swap", "8M"));
    write_json(
        line,
        "{\"faultvisor\":\"0\",\"exit_status\":65,\"failure\":\"why\",\"sweep\":{\"memory\":\"2M\"}}\n");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    ck_assert_uint_eq(d.nr_runs, 5);
    ck_assert(d.runs[3].of_sweep);
    ck_assert_str_eq(d.runs[3].swap, "8M");
    ck_assert_int_eq(page_data_read(&d, "tests/golden/trace-pv.json"), 0);
    ck_assert_uint_eq(d.nr_traces, 1);
}
END_TEST

START_TEST(of_two_lines_for_one_run_the_later_holds)
{
    json_t *line = recorded("pv");
    json_object_set_new(line, "sweep", json_pack("{s:s}", "memory", "2M"));
    char *text = json_dumps(line, JSON_COMPACT), *all;
    const char *failure =
        "{\"faultvisor\":\"0\",\"exit_status\":65,\"failure\":\"why\",\"sweep\":{\"memory\":\"2M\"}}";
    ck_assert_int_ge(asprintf(&all, "%s\n%s\n%s\n", failure, failure, text), 0);
    write_file(all);
    ck_assert_int_eq(page_data_read(&d, path), 0);
    page_data_drop_repeated(&d);
    ck_assert_uint_eq(d.nr_runs, 1);
    ck_assert_str_eq(d.runs[0].failure, "");
    free(text);
    free(all);
    json_decref(line);
}
END_TEST

static void add_point(const char *memory, long long bytes, const char *policy)
{
    json_t *line = recorded("pv");
    json_object_set_new(line, "memory_bytes", json_integer(bytes));
    json_object_set_new(line, "sweep", json_pack("{s:s, s:s}", "memory", memory, "policy", policy));
    write_json(line, "");
    ck_assert_int_eq(page_data_read(&d, path), 0);
}

START_TEST(a_sweep_is_in_the_order_of_its_grid_after_other_runs)
{
    add_point("4M", 4 << 20, "fifo");
    add_point("16M", 16 << 20, "clock");
    add_point("4M", 4 << 20, "clock");
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-fv.json"), 0);
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-pv.json"), 0);
    page_data_sort(&d);
    ck_assert_str_eq(d.runs[0].mode, "fv");
    ck_assert_str_eq(d.runs[1].mode, "pv");
    ck_assert_str_eq(d.runs[2].policy, "clock");
    ck_assert_uint_eq(d.runs[2].memory_bytes, 4 << 20);
    ck_assert_str_eq(d.runs[3].policy, "fifo");
    ck_assert_uint_eq(d.runs[4].memory_bytes, 16 << 20);
}
END_TEST

static const struct {
    const char *text, *says;
} refused[] = {
    { "", "JSON" },
    { "hello", "JSON" },
    { "\xff\xfe\x80", "JSON" },
    { "[1, 2]", "\"faultvisor\"" },
    { "{\"faultvisor\": 3}", "\"faultvisor\"" },
    { "{\"faultvisor\": \"0\"}", "exit_status" },
    { "{\"faultvisor\": \"0\", \"exit_status\": 0}", "\"mode\"" },
    { "{\"compare\": []}", "\"compare\"" },
    { "{\"compare\": {\"a\": 1}}", "\"compare\"" },
    { "{\"compare\": [{\"run\": {}}]}", "\"faultvisor\"" },
    { "{\"exit_status\": 1}\nhello\n", "line 1" },
};

START_TEST(other_files_are_refused_with_the_reason)
{
    write_file(refused[_i].text);
    ck_assert_int_lt(page_data_read(&d, path), 0);
    ck_assert_msg(strstr(said, refused[_i].says) != NULL, "said \"%s\"", said);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    ck_assert_int_lt(page_data_read(&d, "/tmp"), 0);
    ck_assert_int_lt(page_data_read(&d, "/dev/zero"), 0);
    ck_assert_int_lt(page_data_read(&d, "/no/such/file"), 0);
}
END_TEST

/* Each number that the page needs, gone, negative, or a text. */
static const char *const needed[] = { "memory_bytes", "wall_ns", "start_ns", "exits",   "faults",
                                      "system_calls", "timer",   "mode",     "program", "substrate" };

START_TEST(a_run_without_one_of_its_members_is_refused)
{
    struct page_run r;
    json_t *o = recorded("fv");
    ck_assert_ptr_null(page_run_from_json(&r, o));
    json_object_set_new(o, needed[_i], json_integer(-1));
    ck_assert_ptr_nonnull(page_run_from_json(&r, o));
    json_object_set_new(o, needed[_i], json_array());
    ck_assert_ptr_nonnull(page_run_from_json(&r, o));
    json_object_del(o, needed[_i]);
    ck_assert_ptr_nonnull(page_run_from_json(&r, o));
    json_decref(o);
}
END_TEST

START_TEST(a_torn_last_line_of_a_sweep_is_left_out)
{
    json_t *line = recorded("pv");
    json_object_set_new(line, "sweep", json_pack("{s:s}", "memory", "2M"));
    write_json(line, "{\"faultvisor\": \"0.1");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    ck_assert_uint_eq(d.nr_runs, 1);
    ck_assert_msg(strstr(said, "torn") != NULL, "said \"%s\"", said);
}
END_TEST

/* 2. What is on the page. */

START_TEST(text_is_escaped)
{
    char *text;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    html_text(to, "<a b=\"c\" d='e'>&amp;\x01\x1b\x7f \xc3\xa4");
    fclose(to);
    ck_assert_str_eq(
        text,
        "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xc3\xa4");
    free(text);
}
END_TEST

#define EVIL "<script>alert(1)</script>\"'><img src=x onerror=y>&\x1b"

static json_t *evil_run(void)
{
    json_t *o = recorded("pv");
    json_object_set_new(o, "mode", json_string("<b>\"'"));
    json_object_set_new(o, "policy", json_string("<i>"));
    json_object_set_new(o, "substrate", json_string(EVIL));
    json_object_set_new(o, "program", json_pack("[s, s]", EVIL, "</title>"));
    json_object_set_new(json_object_get(o, "kvm"), EVIL, json_integer(1));
    json_object_set_new(json_object_get(json_object_get(o, "exits"), "by_cause"), EVIL, json_integer(1));
    return o;
}

START_TEST(nothing_in_a_file_becomes_markup)
{
    write_json(evil_run(), "");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    json_t *line = evil_run();
    json_object_set_new(line, "sweep",
                        json_pack("{s:s, s:s, s:s}", "memory", EVIL, "swap", EVIL, "policy", EVIL));
    write_json(
        line,
        "{\"faultvisor\":\"0\",\"exit_status\":65,\"failure\":\"<script>\",\"sweep\":{\"mode\":\"<u>\"}}\n");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    char *text = page();
    ck_assert_ptr_null(strstr(text, "<script"));
    ck_assert_ptr_null(strstr(text, "<img"));
    ck_assert_ptr_null(strstr(text, "<b>"));
    ck_assert_ptr_null(strstr(text, "<i>"));
    ck_assert_ptr_null(strstr(text, "<u>"));
    ck_assert_ptr_null(strchr(text, '\x1b'));
    ck_assert_ptr_nonnull(strstr(text, "&lt;script&gt;"));
    free(text);
}
END_TEST

START_TEST(the_page_needs_nothing_from_elsewhere_and_no_script)
{
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-pv.json"), 0);
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-fv.json"), 0);
    ck_assert_int_eq(page_data_read(&d, "tests/golden/trace-fv.json"), 0);
    char *text = page();
    static const char *const absent[] = { "<script",  "<link", "<img",  "<iframe", "@import", "http://",
                                          "https://", " src=", "href=", "nan",     "inf\"" };
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        ck_assert_msg(!strstr(text, absent[i]), "the page holds %s", absent[i]);
    ck_assert_ptr_nonnull(strstr(text, "default-src 'none'"));
    ck_assert_ptr_nonnull(strstr(text, "<html lang=\"en\">"));
    free(text);
}
END_TEST

static unsigned count_of(const char *text, const char *word)
{
    unsigned n = 0;
    for (; (text = strstr(text, word)); text++)
        n++;
    return n;
}

START_TEST(every_picture_has_its_words)
{
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-pv.json"), 0);
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-fv.json"), 0);
    ck_assert_int_eq(page_data_read(&d, "tests/golden/trace-pv.json"), 0);
    char *text = page();
    ck_assert_uint_eq(count_of(text, "<figure>"),
                      3 + 1 + 4); /* of runs; of the trace: over time, each class */
    ck_assert_uint_eq(count_of(text, "<figcaption>"), count_of(text, "<figure>"));
    ck_assert_uint_eq(count_of(text, "role=\"img\" aria-label=\""), count_of(text, "<figure>"));
    ck_assert_ptr_nonnull(strstr(text, "minor: no disk, pv: 2.00."));
    ck_assert_ptr_nonnull(strstr(text, "minor: no disk, fv: 4.00."));
    free(text);
}
END_TEST

static void add_point_with_swap(const char *memory, long long bytes, const char *failure)
{
    json_t *line = recorded("pv");
    json_object_set_new(line, "memory_bytes", json_integer(bytes));
    json_object_set_new(line, "sweep", json_pack("{s:s, s:s}", "memory", memory, "swap", "9M"));
    if (failure)
        json_object_set_new(line, "failure", json_string(failure));
    write_json(line, "");
    ck_assert_int_eq(page_data_read(&d, path), 0);
}

START_TEST(a_run_that_was_not_done_to_its_end_is_in_no_picture)
{
    struct page_subject *list;
    unsigned count;
    add_point_with_swap("2M", 2 << 20, NULL);
    add_point_with_swap("4M", 4 << 20, "it did not end");
    ck_assert_int_eq(page_subjects_make(&d, &list, &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(list[0].nr_runs, 1);
    page_subjects_free(list, count);
    char *text = page();
    ck_assert_ptr_nonnull(strstr(text, "failed: it did not end"));
    free(text);
}
END_TEST

#define FAILED(memory)                                                                                                \
    "{\"faultvisor\":\"0\",\"exit_status\":65,\"failure\":\"no disk\",\"sweep\":{" memory                        \
    "\"policy\":\"lru\",\"mode\":\"fv\",\"program\":[\"/bin/p\"]}}\n"

START_TEST(each_run_is_told_with_its_point_whether_it_was_done_or_not)
{
    write_file(FAILED("\"memory\":\"8M\",\"swap\":\"3M\",") FAILED(""));
    ck_assert_int_eq(page_data_read(&d, path), 0);
    add_point_with_swap("2M", 2 << 20, NULL);
    char *text = page();
    ck_assert_ptr_nonnull(strstr(text, "<th scope=\"col\">swap</th>"));
    ck_assert_ptr_nonnull(strstr(text, ">/bin/p</th><td>fv</td><td>8M</td><td>3M</td><td>lru</td><td>65</td><td class=\"failure\""));
    ck_assert_ptr_nonnull(strstr(text, ">/bin/p</th><td>fv</td><td>default</td><td></td><td>lru</td><td>65</td>"));
    ck_assert_ptr_nonnull(strstr(text, "<td>pv</td><td>2M</td><td>9M</td><td>default</td><td>0</td><td>"));
    free(text);
}
END_TEST

START_TEST(a_mode_that_failed_is_told_with_what_the_others_ran)
{
    json_t *failed = json_pack("{s:s, s:i, s:s, s:n}", "mode", "hw", "status", 69, "failure", "none", "run");
    json_t *good = json_pack("{s:s, s:i, s:o}", "mode", "fv", "status", 0, "run", recorded("fv"));
    write_json(json_pack("{s:s, s:[o, o]}", "faultvisor", "0", "compare", failed, good), "");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    ck_assert_str_eq(d.runs[0].program, d.runs[1].program);
    ck_assert_uint_eq(d.runs[0].memory_bytes, d.runs[1].memory_bytes);
    char *text = page();
    ck_assert_ptr_null(strstr(text, "<th scope=\"col\">swap</th>"));
    free(text);
}
END_TEST

START_TEST(a_failure_that_is_too_long_ends_with_a_whole_character)
{
    char reason[301] = "";
    for (int i = 0; i < 150; i++)
        strcat(reason, "\xc3\xa4");
    write_json(json_pack("{s:[{s:s, s:s+}]}", "compare", "mode", "fv", "failure", "x", reason), "");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    ck_assert_str_eq(d.runs[0].failure + strlen(d.runs[0].failure) - 2, "\xc3\xa4");
}
END_TEST

START_TEST(numbers_as_large_as_they_get_are_drawn)
{
    json_t *o = recorded("pv");
    json_t *minor = json_object_get(json_object_get(o, "faults"), "minor");
    const char *key;
    json_t *value;
    json_object_foreach(minor, key, value) if (json_is_integer(value)) json_integer_set(value, INT64_MAX);
    json_object_set_new(o, "memory_bytes", json_integer(INT64_MAX));
    json_object_set_new(o, "wall_ns", json_integer(INT64_MAX));
    json_object_set_new(o, "sweep", json_pack("{s:s}", "memory", "8E"));
    write_json(o, "");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    char *text = page();
    ck_assert_ptr_null(strstr(text, "\"nan"));
    ck_assert_ptr_null(strstr(text, "\"inf"));
    free(text);
}
END_TEST

/* 3. Scales. */

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

int main(void)
{
    TCase *t = tcase_create("page");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_run_a_comparison_a_sweep_and_a_trace_are_told_apart);
    tcase_add_test(t, of_two_lines_for_one_run_the_later_holds);
    tcase_add_test(t, a_sweep_is_in_the_order_of_its_grid_after_other_runs);
    tcase_add_loop_test(t, other_files_are_refused_with_the_reason, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(t, what_is_no_file_is_refused);
    tcase_add_loop_test(t, a_run_without_one_of_its_members_is_refused, 0,
                        sizeof(needed) / sizeof(needed[0]));
    tcase_add_test(t, a_torn_last_line_of_a_sweep_is_left_out);
    tcase_add_test(t, text_is_escaped);
    tcase_add_test(t, nothing_in_a_file_becomes_markup);
    tcase_add_test(t, the_page_needs_nothing_from_elsewhere_and_no_script);
    tcase_add_test(t, every_picture_has_its_words);
    tcase_add_test(t, a_run_that_was_not_done_to_its_end_is_in_no_picture);
    tcase_add_test(t, each_run_is_told_with_its_point_whether_it_was_done_or_not);
    tcase_add_test(t, a_mode_that_failed_is_told_with_what_the_others_ran);
    tcase_add_test(t, a_failure_that_is_too_long_ends_with_a_whole_character);
    tcase_add_test(t, numbers_as_large_as_they_get_are_drawn);
    tcase_add_test(t, an_axis_ends_at_a_round_number_above_all_values);
    tcase_add_test(t, nothing_and_less_than_nothing_have_an_axis_too);
    tcase_add_loop_test(t, large_numbers_are_short, 0, sizeof(numbers) / sizeof(numbers[0]));
    Suite *s = suite_create("page");
    suite_add_tcase(s, t);
    return run_suite(s);
}
