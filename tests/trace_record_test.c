/* What a trace records: faults with their exits and steps, and what is none of theirs. */
#include "pv/abi.h"
#include "trace_run.h"

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

int main(void)
{
    TCase *recording = tcase_create("trace_record");
    tcase_set_timeout(recording, 30);
    tcase_add_test(recording, a_fault_is_a_span_with_its_exits_and_steps);
    tcase_add_test(recording, the_end_of_a_program_is_not_of_the_fault_that_killed_it);
    tcase_add_test(recording, an_exit_names_its_instruction_or_hypercalls);
    tcase_add_test(recording, steps_outside_of_faults_are_none);
    tcase_add_test(recording, told_times_stay_between_the_exits);
    Suite *s = suite_create("trace_record");
    suite_add_tcase(s, recording);
    return run_suite(s);
}
