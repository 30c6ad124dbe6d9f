/* The file of a trace: every event in its format, or nothing; and what cannot be written. */
#include "trace_run.h"
#include "tests/said.h"

static bool has_number(const json_t *o, const char *key, double least, double most)
{
    const json_t *n = json_object_get(o, key);
    return json_is_number(n) && json_number_value(n) >= least && json_number_value(n) <= most;
}

static bool event_is_well_formed(const json_t *event)
{
    const char *phase = text_of(event, "ph");
    if (!has_number(event, "pid", 1, 1) || !*text_of(event, "name") ||
        !json_is_object(json_object_get(event, "args")))
        return false;
    if (!strcmp(phase, "M"))
        return true;
    if (!has_number(event, "ts", 0, 1e12) || !has_number(event, "tid", 1, 5) || !*text_of(event, "cat"))
        return false;
    if (!strcmp(phase, "X"))
        return has_number(event, "dur", 0, 1e12);
    return !strcmp(phase, "i") && !strcmp(text_of(event, "s"), "t");
}

START_TEST(every_event_is_as_the_format_wants_it)
{
    open_trace();
    boot();
    for (int i = 0; i < 1500; i++) { /* more than is kept at a time */
        fault();
        page_in();
        go_on(false);
    }
    json_t *o = close_trace();
    size_t i, exits = 0;
    json_t *event;
    json_array_foreach(json_object_get(o, "traceEvents"), i, event)
    {
        ck_assert_msg(event_is_well_formed(event), "event %zu", i);
        exits += !strcmp(text_of(event, "cat"), "exit");
    }
    ck_assert_uint_eq(exits, l.exits);
    json_t *about = json_object_get(o, "otherData");
    ck_assert_str_eq(text_of(about, "mode"), "pv");
    json_t *words = json_object_get(about, "program");
    ck_assert_str_eq(json_string_value(json_array_get(words, 1)), "a\nb");
    ck_assert_str_eq(json_string_value(json_array_get(words, 2)), "\xef\xbf\xbd<&>");
    json_decref(o);
}
END_TEST

START_TEST(without_a_trace_nothing_is_done)
{
    t = NULL;
    memset(&l, 0, sizeof(l));
    boot();
    fault();
    page_in();
    go_on(false);
    ck_assert_int_eq(trace_close(NULL), 0);
    ck_assert_uint_eq(l.exits, 5);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_told)
{
    const struct trace_about about = { .mode = "pv", .substrate = "" };
    keep_what_is_said();
    ck_assert_ptr_null(trace_open("/nonexistent/t.json", &about));
    ck_assert_str_eq(said, "cannot write the trace to /nonexistent/t.json: No such file or directory");
    t = trace_open("/dev/full", &about);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_lt(trace_close(t), 0);
    ck_assert_msg(strstr(said, "cannot write the trace to /dev/full") != NULL, "%s", said);
}
END_TEST

int main(void)
{
    TCase *recording = tcase_create("trace_file");
    tcase_set_timeout(recording, 30);
    tcase_add_test(recording, every_event_is_as_the_format_wants_it);
    tcase_add_test(recording, without_a_trace_nothing_is_done);
    tcase_add_test(recording, a_file_that_cannot_be_written_is_told);
    Suite *s = suite_create("trace_file");
    suite_add_tcase(s, recording);
    return run_suite(s);
}
