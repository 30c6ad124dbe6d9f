/* The page of a report: what is on it, and that nothing in the files reaches it as anything but text. */
#include "page_files.h"
#include "vmm/html.h"

static char *page(void)
{
    char *text;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    ck_assert_int_eq(page_write(to, &d), 0);
    fclose(to);
    return text;
}

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
    read_json(evil_run(), "");
    json_t *line = evil_run();
    json_object_set_new(line, "sweep",
                        json_pack("{s:s, s:s, s:s}", "memory", EVIL, "swap", EVIL, "policy", EVIL));
    read_json(
        line,
        "{\"faultvisor\":\"0\",\"exit_status\":65,\"failure\":\"<script>\",\"sweep\":{\"mode\":\"<u>\"}}\n");
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

START_TEST(a_trace_without_faults_has_no_picture_of_none)
{
    write_file("{\"otherData\":{\"faultvisor\":\"0\",\"mode\":\"hw\",\"substrate\":\"SVM with NPT\",\"program\":[\"/bin/p\"]},"
               "\"traceEvents\":[]}");
    ck_assert_int_eq(page_data_read(&d, path), 0);
    char *text = page();
    ck_assert_ptr_nonnull(strstr(text, "/bin/p: a trace of mode hw on SVM with NPT"));
    ck_assert_ptr_null(strstr(text, "Faults over time"));
    ck_assert_ptr_nonnull(strstr(text, "No fault of a program made an exit."));
    free(text);
}
END_TEST

#define SIZES_IN_A_PICTURE 64

START_TEST(sizes_for_which_a_picture_has_no_room_are_told)
{
    for (unsigned i = 1; i <= SIZES_IN_A_PICTURE + 3; i++) {
        json_t *line = recorded("pv");
        json_object_set_new(line, "memory_bytes", json_integer((json_int_t)i << 20));
        json_object_set_new(line, "sweep", json_pack("{s:i}", "memory", (int)i));
        read_json(line, "");
        if (i == SIZES_IN_A_PICTURE) {
            char *text = page();
            ck_assert_ptr_null(strstr(text, "of other sizes"));
            free(text);
        }
    }
    char *text = page();
    ck_assert_ptr_nonnull(strstr(text, "<p>3 more runs, of other sizes, are in the list of all runs.</p>"));
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
    read_json(line, "");
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

START_TEST(programs_that_differ_far_behind_are_two)
{
    struct page_subject *list;
    unsigned count;
    char word[PAGE_PROGRAM_BYTES + 1] = "";
    memset(word, 'a', sizeof(word) - 1);
    for (unsigned i = 0; i < 4; i++) {
        json_t *line = recorded("pv"), *words = json_pack("[s, s]", word, i % 2 ? "b" : "c");
        json_object_set(line, "program", words);
        json_object_set_new(line, "sweep", json_pack("{s:o, s:i}", "program", words, "repeat", (int)i));
        read_json(line, "");
    }
    ck_assert_int_eq(page_subjects_make(&d, &list, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(list[0].nr_runs, 2);
    page_subjects_free(list, count);
}
END_TEST

START_TEST(times_of_several_substrates_are_said_to_be_so)
{
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-pv.json"), 0);
    char *text = page();
    ck_assert_ptr_null(strstr(text, "on several substrates together"));
    free(text);
    json_t *o = recorded("pv");
    json_object_set_new(o, "substrate", json_string("VMX with EPT"));
    read_json(o, "");
    text = page();
    ck_assert_uint_eq(count_of(text, "<figcaption>Time of one fault, on several substrates together: median"), 1);
    ck_assert_uint_eq(count_of(text, "<figcaption>Where the time of the run goes, on several substrates together"), 1);
    free(text);
}
END_TEST

static json_t *uncounted(void)
{
    json_t *o = recorded("pv"), *class, *value;
    const char *name, *key;
    json_object_set_new(o, "mode", json_string("hw"));
    json_object_foreach(json_object_get(o, "faults"), name, class)
        json_object_foreach(class, key, value)
            if (json_is_integer(value))
                json_integer_set(value, 0);
    return o;
}

START_TEST(faults_that_nobody_counted_are_not_said_to_be_none)
{
    json_t *line = uncounted();
    json_object_set_new(line, "sweep", json_pack("{s:s, s:s}", "memory", "2M", "mode", "hw"));
    read_json(line, "");
    char *text = page();
    ck_assert_ptr_null(strstr(text, "Working set against frames"));
    ck_assert_ptr_nonnull(strstr(text, "<td>hw</td>"));
    ck_assert_ptr_nonnull(strstr(text, "<td>0</td><td></td><td></td><td></td><td></td><td></td><td>"));
    free(text);
}
END_TEST

/* The mean is of all of them: nothing is rounded on the way, where it would add up. */
START_TEST(a_median_of_many_runs_is_the_mean_of_theirs)
{
    struct page_subject *list;
    unsigned count;
    for (unsigned i = 0; i < 210; i++) {
        json_t *o = recorded("pv");
        json_t *minor = json_object_get(json_object_get(o, "faults"), "minor");
        json_object_set_new(minor, "median_ns", json_integer(1000 + i % 7 * 100));
        json_object_set_new(minor, "p90_ns", json_integer(i < 105 ? 1000 : 1001));
        read_json(o, "");
    }
    ck_assert_int_eq(page_subjects_make(&d, &list, &count), 0);
    ck_assert_uint_eq(list[0].modes[0].nr_runs, 210);
    ck_assert_double_eq_tol(list[0].modes[0].faults[FAULT_MINOR].median_ns, 1300, 1e-6);
    ck_assert_double_eq_tol(list[0].modes[0].faults[FAULT_MINOR].p90_ns, 1000.5, 1e-6);
    page_subjects_free(list, count);
}
END_TEST

#define FAILED(memory)                                                                                       \
    "{\"faultvisor\":\"0\",\"exit_status\":65,\"failure\":\"no disk\",\"sweep\":{" memory                    \
    "\"policy\":\"lru\",\"mode\":\"fv\",\"program\":[\"/bin/p\"]}}\n"

START_TEST(each_run_is_told_with_its_point_whether_it_was_done_or_not)
{
    write_file(FAILED("\"memory\":\"8M\",\"swap\":\"3M\",") FAILED(""));
    ck_assert_int_eq(page_data_read(&d, path), 0);
    add_point_with_swap("2M", 2 << 20, NULL);
    char *text = page();
    ck_assert_ptr_nonnull(strstr(text, "<th scope=\"col\">swap</th>"));
    ck_assert_ptr_nonnull(strstr(
        text, ">/bin/p</th><td>fv</td><td>8M</td><td>3M</td><td>lru</td><td>65</td><td class=\"failure\""));
    ck_assert_ptr_nonnull(
        strstr(text, ">/bin/p</th><td>fv</td><td>default</td><td></td><td>lru</td><td>65</td>"));
    ck_assert_ptr_nonnull(strstr(text, "<td>pv</td><td>2M</td><td>9M</td><td>default</td><td>0</td><td>"));
    free(text);
}
END_TEST

START_TEST(a_mode_that_failed_is_told_with_what_the_others_ran)
{
    read_comparison();
    ck_assert_str_eq(d.runs[0].program, d.runs[1].program);
    ck_assert_uint_eq(d.runs[0].memory_bytes, d.runs[1].memory_bytes);
    char *text = page();
    ck_assert_ptr_null(strstr(text, "<th scope=\"col\">swap</th>"));
    free(text);
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
    read_json(o, "");
    char *text = page();
    ck_assert_ptr_null(strstr(text, "\"nan"));
    ck_assert_ptr_null(strstr(text, "\"inf"));
    free(text);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("page_write");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, text_is_escaped);
    tcase_add_test(t, nothing_in_a_file_becomes_markup);
    tcase_add_test(t, the_page_needs_nothing_from_elsewhere_and_no_script);
    tcase_add_test(t, every_picture_has_its_words);
    tcase_add_test(t, a_run_that_was_not_done_to_its_end_is_in_no_picture);
    tcase_add_test(t, faults_that_nobody_counted_are_not_said_to_be_none);
    tcase_add_test(t, a_trace_without_faults_has_no_picture_of_none);
    tcase_add_test(t, programs_that_differ_far_behind_are_two);
    tcase_add_test(t, times_of_several_substrates_are_said_to_be_so);
    tcase_add_test(t, sizes_for_which_a_picture_has_no_room_are_told);
    tcase_add_test(t, a_median_of_many_runs_is_the_mean_of_theirs);
    tcase_add_test(t, each_run_is_told_with_its_point_whether_it_was_done_or_not);
    tcase_add_test(t, a_mode_that_failed_is_told_with_what_the_others_ran);
    tcase_add_test(t, numbers_as_large_as_they_get_are_drawn);
    Suite *s = suite_create("page_write");
    suite_add_tcase(s, t);
    return run_suite(s);
}
