/* What the page of a report is made of: which files are taken, and in which order, and which are refused. */
#include "page_files.h"

START_TEST(a_run_a_comparison_a_sweep_and_a_trace_are_told_apart)
{
    ck_assert_int_eq(page_data_read(&d, "tests/golden/run-pv.json"), 0);
    ck_assert_uint_eq(d.nr_runs, 1);
    ck_assert_str_eq(d.runs[0].mode, "pv");
    read_comparison();
    ck_assert_uint_eq(d.nr_runs, 3);
    ck_assert_str_eq(d.runs[1].failure, "none");
    ck_assert(!d.runs[2].of_sweep);
    json_t *line = recorded("pv");
    json_object_set_new(line, "sweep", json_pack("{s:s, s:s}", "memory", "4M", "swap", "8M"));
    read_json(
        line,
        "{\"faultvisor\":\"0\",\"exit_status\":65,\"failure\":\"why\",\"sweep\":{\"memory\":\"2M\"}}\n");
    ck_assert_uint_eq(d.nr_runs, 5);
    ck_assert(d.runs[3].of_sweep);
    ck_assert_str_eq(d.runs[3].swap, "8M");
    ck_assert_int_eq(page_data_read(&d, "tests/golden/trace-pv.json"), 0);
    ck_assert_uint_eq(d.nr_traces, 1);
}
END_TEST

START_TEST(a_run_whose_program_was_given_a_word_of_traces_is_a_run)
{
    json_t *o = recorded("pv");
    json_object_set_new(o, "program", json_pack("[s, s]", "/bin/echo", "traceEvents"));
    read_json(o, "");
    ck_assert_uint_eq(d.nr_runs, 1);
    write_file("{\"otherData\": {}, \"traceEvents\" : []}");
    ck_assert_int_eq(page_data_read(&d, path), 0);
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
    read_json(line, "");
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
    read_json(line, "{\"faultvisor\": \"0.1");
    ck_assert_uint_eq(d.nr_runs, 1);
    ck_assert_msg(strstr(said, "torn") != NULL, "said \"%s\"", said);
}
END_TEST

START_TEST(a_failure_that_is_too_long_ends_with_a_whole_character)
{
    char reason[301] = "";
    for (int i = 0; i < 150; i++)
        strcat(reason, "\xc3\xa4");
    read_json(json_pack("{s:[{s:s, s:s+}]}", "compare", "mode", "fv", "failure", "x", reason), "");
    ck_assert_str_eq(d.runs[0].failure + strlen(d.runs[0].failure) - 2, "\xc3\xa4");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("page_data");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_run_a_comparison_a_sweep_and_a_trace_are_told_apart);
    tcase_add_test(t, a_run_whose_program_was_given_a_word_of_traces_is_a_run);
    tcase_add_test(t, of_two_lines_for_one_run_the_later_holds);
    tcase_add_test(t, a_sweep_is_in_the_order_of_its_grid_after_other_runs);
    tcase_add_loop_test(t, other_files_are_refused_with_the_reason, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(t, what_is_no_file_is_refused);
    tcase_add_loop_test(t, a_run_without_one_of_its_members_is_refused, 0,
                        sizeof(needed) / sizeof(needed[0]));
    tcase_add_test(t, a_torn_last_line_of_a_sweep_is_left_out);
    tcase_add_test(t, a_failure_that_is_too_long_ends_with_a_whole_character);
    Suite *s = suite_create("page_data");
    suite_add_tcase(s, t);
    return run_suite(s);
}
