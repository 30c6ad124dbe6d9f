/* The trace: the order of steps, and what is recorded of a run that never was. */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>
#include "pv/abi.h"
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/trace.h"
#include "tests/run_suite.h"

/* 1. The order. */

#define ORDER(mode, class, stopped, ...)                                                                     \
    trace_order_problem(mode, class, stopped, (const enum trace_step[]){ __VA_ARGS__ },                      \
                        sizeof((const enum trace_step[]){ __VA_ARGS__ }) / sizeof(enum trace_step))
#define PV_START STEP_CAUGHT, STEP_DOMAIN_FOUND, STEP_FAULT_INFO_WRITTEN, STEP_UPCALL
#define PV_END   STEP_UPDATE_REQUESTED, STEP_TABLE_UPDATED, STEP_RESUMED
#define FV_START STEP_CAUGHT, STEP_GUEST_WALKED, STEP_INJECTED, STEP_ADDRESS_READ
#define FV_END   STEP_STORE_TRAPPED, STEP_SHADOW_UPDATED, STEP_RETURN_TRAPPED, STEP_RESUMED

START_TEST(each_class_of_pv_fault_has_its_steps)
{
    ck_assert_ptr_null(ORDER("pv", FAULT_MINOR, false, PV_START, STEP_FRAME_ALLOCATED, PV_END));
    ck_assert_ptr_null(ORDER("pv", FAULT_COW, false, PV_START, PV_END));
    ck_assert_ptr_null(ORDER("pv", FAULT_MAJOR, false, PV_START, STEP_FRAME_ALLOCATED, STEP_VICTIM_OUT,
                             STEP_VICTIM_OUT, STEP_PAGE_IN, STEP_UPDATE_REQUESTED, STEP_TABLE_UPDATED,
                             PV_END));
    ck_assert_ptr_null(ORDER("pv", FAULT_PROTECTION, false, PV_START, STEP_RESUMED));
    ck_assert_ptr_null(ORDER("pv", FAULT_PROTECTION, true, PV_START));
}
END_TEST

START_TEST(each_class_of_fv_fault_has_its_steps)
{
    ck_assert_ptr_null(ORDER("fv", FAULT_MINOR, false, FV_START, STEP_FRAME_ALLOCATED, FV_END));
    ck_assert_ptr_null(ORDER("fv", FAULT_COW, false, FV_START, FV_END));
    ck_assert_ptr_null(ORDER("fv", FAULT_MAJOR, false, FV_START, STEP_FRAME_ALLOCATED, STEP_STORE_TRAPPED,
                             STEP_SHADOW_UPDATED, STEP_VICTIM_OUT, STEP_PAGE_IN, FV_END));
    ck_assert_ptr_null(ORDER("fv", FAULT_PROTECTION, false, FV_START, STEP_RETURN_TRAPPED, STEP_RESUMED));
    ck_assert_ptr_null(ORDER("fv", TRACE_CLASS_HIDDEN, false, STEP_CAUGHT, STEP_GUEST_WALKED,
                             STEP_SHADOW_UPDATED, STEP_RESUMED));
}
END_TEST

START_TEST(a_victim_may_go_before_there_is_a_frame)
{
    ck_assert_ptr_null(
        ORDER("pv", FAULT_MAJOR, false, PV_START, STEP_VICTIM_OUT, STEP_FRAME_ALLOCATED, PV_END));
}
END_TEST

START_TEST(steps_that_are_missing_doubled_or_astray_are_named)
{
    ck_assert_str_eq(ORDER("pv", FAULT_MINOR, false, PV_START, STEP_RESUMED),
                     "a step that each such fault has is missing");
    ck_assert_str_eq(ORDER("pv", FAULT_MINOR, false, PV_START, STEP_UPDATE_REQUESTED, STEP_TABLE_UPDATED),
                     "a step that each such fault has is missing");
    ck_assert_str_eq(ORDER("pv", FAULT_MAJOR, false, PV_START, STEP_FRAME_ALLOCATED, PV_END),
                     "a major fault without page-in or victim-out");
    ck_assert_str_eq(ORDER("pv", FAULT_MINOR, false, STEP_DOMAIN_FOUND, PV_START, PV_END),
                     "it does not begin with caught");
    ck_assert_str_eq(ORDER("pv", FAULT_MINOR, false, PV_START, STEP_CAUGHT, PV_END), "caught twice");
    ck_assert_str_eq(ORDER("pv", FAULT_MINOR, false, PV_START, PV_END, STEP_FRAME_ALLOCATED),
                     "a step comes after one that it should come before");
    ck_assert_str_eq(
        ORDER("pv", FAULT_MINOR, false, PV_START, STEP_TABLE_UPDATED, STEP_UPDATE_REQUESTED, STEP_RESUMED),
        "a step comes after one that it should come before");
    ck_assert_str_eq(ORDER("pv", FAULT_MINOR, false, PV_START, STEP_INJECTED, PV_END),
                     "a step of another mode");
    ck_assert_str_eq(ORDER("pv", FAULT_MAJOR, false, PV_START, PV_END, STEP_VICTIM_OUT),
                     "a step after resumed");
    ck_assert_str_eq(ORDER("hw", FAULT_MINOR, false, PV_START, PV_END), "no list of steps for this mode");
}
END_TEST

/* 2. Recording. */

static char path[64];
static struct ledger l;
static struct trace *t;
static char *program[] = { "/bin/\"quoted\"", "a\nb", "\xff<&>" };

static void open_trace(void)
{
    strcpy(path, "/tmp/trace-test-XXXXXX");
    close(mkstemp(path));
    memset(&l, 0, sizeof(l));
    const struct trace_about about = { .mode = "pv",
                                       .substrate = "a test",
                                       .program = program,
                                       .program_words = 3,
                                       .start_ns = clock_now_ns() };
    t = trace_open(path, &about);
    ck_assert_ptr_nonnull(t);
}

static void charge(enum exit_cause cause)
{
    enum account payer = ledger_charge(&l, clock_now_ns());
    trace_charged(t, cause, payer, &l);
}

/* The exit that ends the boot, or a fault: the program goes on. */
static void go_on(bool write_to_present)
{
    trace_returned(t, LANE_KERNEL);
    ledger_exit(&l, EXIT_HYPERCALL);
    trace_step(t, STEP_UPDATE_REQUESTED);
    trace_step(t, STEP_TABLE_UPDATED);
    ledger_end(&l, GOES_ON_THERE, write_to_present);
    trace_over(t);
    trace_step(t, STEP_UPCALL); /* of a tick: it is none of the fault's */
    charge(EXIT_HYPERCALL);
    trace_work(t, 1, 0, true);
    trace_resumes(t, LANE_PROGRAM);
}

static void fault(void)
{
    trace_returned(t, LANE_PROGRAM);
    ledger_exit(&l, EXIT_PAGE_FAULT);
    ledger_begin(&l, ACCOUNT_FAULT, clock_now_ns());
    trace_fault(t, 0x7fff12345678, 6, 0x401000);
    trace_step(t, STEP_DOMAIN_FOUND);
    trace_step(t, STEP_FAULT_INFO_WRITTEN);
    trace_step(t, STEP_UPCALL);
    charge(EXIT_PAGE_FAULT);
    trace_resumes(t, LANE_KERNEL);
}

static void page_in(void)
{
    trace_returned(t, LANE_KERNEL);
    const struct trace_told_step told[] = { { STEP_FRAME_ALLOCATED, __rdtsc() }, { STEP_PAGE_IN, ~0ull } };
    trace_told(t, told, 2);
    ledger_exit(&l, EXIT_HYPERCALL);
    ledger_note_disk(&l);
    trace_disk(t, trace_begin(t), 1);
    charge(EXIT_HYPERCALL);
    trace_resumes(t, LANE_KERNEL);
}

static void boot(void)
{
    trace_returned(t, LANE_MONITOR);
    ledger_exit(&l, EXIT_BOOT);
    charge(EXIT_BOOT);
    trace_resumes(t, LANE_KERNEL);
    go_on(false);
}

static json_t *close_trace(void)
{
    ck_assert_int_eq(trace_close(t), 0);
    json_error_t error;
    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(o != NULL, "line %d: %s", error.line, error.text);
    unlink(path);
    return o;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

/* Names of the events of one category that belong to a fault, in a row. */
static void list(const json_t *o, const char *category, json_int_t number, char *to, size_t size)
{
    size_t i;
    json_t *event;
    to[0] = '\0';
    json_array_foreach(json_object_get(o, "traceEvents"), i, event)
    {
        json_t *of = json_object_get(json_object_get(event, "args"), "fault");
        if (!strcmp(text_of(event, "cat"), category) && json_integer_value(of) == number)
            snprintf(to + strlen(to), size - strlen(to), "%s ", text_of(event, "name"));
    }
}

START_TEST(a_fault_is_a_span_with_its_exits_and_steps)
{
    char names[512];
    open_trace();
    boot();
    fault();
    go_on(true);
    fault();
    page_in();
    go_on(false);
    json_t *o = close_trace();
    list(o, "exit", 1, names, sizeof(names));
    ck_assert_str_eq(names, "page-fault hypercall ");
    list(o, "fault", 1, names, sizeof(names));
    ck_assert_str_eq(names, "cow fault ");
    list(o, "step", 1, names, sizeof(names));
    ck_assert_str_eq(names,
                     "caught domain-found fault-info-written upcall update-requested table-updated resumed ");
    list(o, "exit", 2, names, sizeof(names));
    ck_assert_str_eq(names, "page-fault hypercall hypercall ");
    list(o, "fault", 2, names, sizeof(names));
    ck_assert_str_eq(names, "major fault ");
    list(o, "disk", 2, names, sizeof(names));
    ck_assert_str_eq(names, "requests ");
    list(o, "step", 2, names, sizeof(names));
    ck_assert_str_eq(names,
                     "caught domain-found fault-info-written upcall frame-allocated page-in update-requested "
                     "table-updated resumed ");
    list(o, "exit", 0, names, sizeof(names));
    ck_assert_str_eq(names, "boot hypercall ");
    json_decref(o);
}
END_TEST

static double number_of(const json_t *o, const char *key)
{
    json_t *n = json_object_get(o, key);
    ck_assert_msg(json_is_number(n), "no number: %s", key);
    return json_number_value(n);
}

static double end_of(const json_t *event)
{
    return number_of(event, "ts") + number_of(event, "dur");
}

static const json_t *event_named(const json_t *o, const char *name)
{
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(o, "traceEvents"), i, event)
    {
        if (!strcmp(text_of(event, "name"), name))
            return event;
    }
    ck_abort_msg("no %s", name);
    return NULL;
}

/* An exit of the guest's kernel; turn: it prints, because a program is to end. */
static void kernel_exit(enum exit_cause cause, bool turn)
{
    trace_returned(t, LANE_KERNEL);
    ledger_exit(&l, cause);
    if (turn)
        ledger_note_turn(&l, clock_now_ns());
    charge(cause);
    trace_resumes(t, LANE_KERNEL);
}

START_TEST(the_end_of_a_program_is_not_of_the_fault_that_killed_it)
{
    char names[512];
    open_trace();
    boot();
    fault();
    kernel_exit(EXIT_PRIVILEGED, false);
    kernel_exit(EXIT_PORT, true);
    kernel_exit(EXIT_PORT, true);
    trace_returned(t, LANE_KERNEL);
    ledger_exit(&l, EXIT_PRIVILEGED);
    ledger_end(&l, GOES_ON_NOWHERE, false);
    charge(EXIT_PRIVILEGED);
    trace_resumes(t, LANE_PROGRAM);
    json_t *o = close_trace();
    list(o, "exit", 1, names, sizeof(names));
    ck_assert_str_eq(names, "page-fault privileged-instruction ");
    list(o, "step", 1, names, sizeof(names));
    ck_assert_str_eq(names, "caught domain-found fault-info-written upcall ");
    const json_t *of_fault = event_named(o, "protection fault"), *ending = event_named(o, "process-end");
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(of_fault, "args"), "exits")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(ending, "args"), "exits")), 3);
    ck_assert(end_of(of_fault) <= json_number_value(json_object_get(ending, "ts")) + 0.001);
    json_decref(o);
}
END_TEST

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

/* The arguments of the exits in a row: instruction, port, hypercalls. */
static void list_deeds(const json_t *o, char *to, size_t size)
{
    size_t i;
    json_t *event;
    to[0] = '\0';
    json_array_foreach(json_object_get(o, "traceEvents"), i, event)
    {
        const json_t *args = json_object_get(event, "args");
        if (!strcmp(text_of(event, "cat"), "exit"))
            snprintf(to + strlen(to), size - strlen(to), "%s%s(%s);", text_of(args, "instruction"),
                     text_of(args, "port"), text_of(args, "hypercalls"));
    }
}

static void exit_by(enum exit_cause cause, int instruction, unsigned port)
{
    trace_returned(t, LANE_KERNEL);
    ledger_exit(&l, cause);
    trace_instruction(t, instruction, port);
    charge(cause);
    trace_resumes(t, LANE_KERNEL);
}

START_TEST(an_exit_names_its_instruction_or_hypercalls)
{
    char deeds[256];
    open_trace();
    exit_by(EXIT_PRIVILEGED, FV_MOV_TO_CR3, 0);
    exit_by(EXIT_PORT, TRACE_OUT, 0x3f8);
    exit_by(EXIT_PORT, TRACE_IN, 0xffff);
    exit_by(EXIT_HALT, FV_HLT, 0);
    exit_by(EXIT_MMIO, FV_NONE, 0);
    trace_returned(t, LANE_KERNEL);
    ledger_exit(&l, EXIT_HYPERCALL);
    trace_hypercall(t, PV_MULTICALL);
    trace_hypercall(t, PV_IRET);
    trace_hypercall(t, PV_IRET);
    trace_hypercall(t, PV_SHUTDOWN);
    charge(EXIT_HYPERCALL);
    trace_resumes(t, LANE_VMM);
    json_t *o = close_trace();
    list_deeds(o, deeds, sizeof(deeds));
    ck_assert_str_eq(deeds, "mov-to-cr3();out0x3f8();in0xffff();hlt();();(multicall iret shutdown);");
    json_decref(o);
}
END_TEST

START_TEST(steps_outside_of_faults_are_none)
{
    char names[512];
    open_trace();
    trace_step(t, STEP_UPDATE_REQUESTED);
    boot();
    trace_step(t, STEP_UPDATE_REQUESTED);
    json_t *o = close_trace();
    list(o, "step", 0, names, sizeof(names));
    ck_assert_str_eq(names, "");
    json_decref(o);
}
END_TEST

START_TEST(told_times_stay_between_the_exits)
{
    open_trace();
    boot();
    fault();
    page_in();
    go_on(false);
    json_t *o = close_trace(), *event;
    double last = 0;
    size_t i;
    json_array_foreach(json_object_get(o, "traceEvents"), i, event)
    {
        if (strcmp(text_of(event, "cat"), "step"))
            continue;
        ck_assert(number_of(event, "ts") >= last);
        last = number_of(event, "ts");
    }
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

static char said[256];

static void remember(const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

START_TEST(a_file_that_cannot_be_written_is_told)
{
    error_sink = remember;
    const struct trace_about about = { .mode = "pv", .substrate = "" };
    ck_assert_ptr_null(trace_open("/nonexistent/t.json", &about));
    ck_assert_str_eq(said, "cannot write the trace to /nonexistent/t.json: No such file or directory");
    t = trace_open("/dev/full", &about);
    ck_assert_ptr_nonnull(t);
    ck_assert_int_lt(trace_close(t), 0);
    ck_assert_msg(strstr(said, "cannot write the trace to /dev/full") != NULL, "%s", said);
    error_sink = NULL;
}
END_TEST

int main(void)
{
    TCase *order = tcase_create("order");
    tcase_add_test(order, each_class_of_pv_fault_has_its_steps);
    tcase_add_test(order, each_class_of_fv_fault_has_its_steps);
    tcase_add_test(order, a_victim_may_go_before_there_is_a_frame);
    tcase_add_test(order, steps_that_are_missing_doubled_or_astray_are_named);
    TCase *recording = tcase_create("recording");
    tcase_set_timeout(recording, 30);
    tcase_add_test(recording, a_fault_is_a_span_with_its_exits_and_steps);
    tcase_add_test(recording, the_end_of_a_program_is_not_of_the_fault_that_killed_it);
    tcase_add_test(recording, every_event_is_as_the_format_wants_it);
    tcase_add_test(recording, an_exit_names_its_instruction_or_hypercalls);
    tcase_add_test(recording, steps_outside_of_faults_are_none);
    tcase_add_test(recording, told_times_stay_between_the_exits);
    tcase_add_test(recording, without_a_trace_nothing_is_done);
    tcase_add_test(recording, a_file_that_cannot_be_written_is_told);
    Suite *s = suite_create("trace");
    suite_add_tcase(s, order);
    suite_add_tcase(s, recording);
    return run_suite(s);
}
