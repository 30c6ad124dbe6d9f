/* The order of a fault's steps: what is right, what is wrong, and that of recorded faults. */
#include <stdlib.h>
#include "vmm/trace.h"
#include "trace_recorded.h"

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

static int compare_times(const void *a, const void *b)
{
    const struct trace_record *x = a, *y = b;
    return x->ns < y->ns ? -1 : x->ns > y->ns;
}

START_TEST(recorded_faults_have_their_steps_in_order)
{
    struct trace_faults faults;
    ck_assert_int_eq(trace_list_faults(recorded[_i].trace, &origin, &faults), 0);
    ck_assert_uint_eq(faults.count, recorded[_i].nr_faults);
    for (size_t i = 0; i < faults.count; i++) {
        struct trace_story s = { .number = faults.list[i].number };
        enum trace_step steps[64];
        unsigned n = 0, exits = 0;
        ck_assert_int_eq(trace_read_stories(recorded[_i].trace, &origin, &s, 1), 0);
        qsort(s.events, s.count, sizeof(s.events[0]), compare_times);
        for (size_t j = 0; j < s.count; j++) {
            if (s.events[j].kind == RECORD_STEP)
                steps[n++] = s.events[j].what;
            exits += s.events[j].kind == RECORD_EXIT;
        }
        const char *problem = trace_order_problem(origin.mode, s.fault.what, s.fault.from, steps, n);
        ck_assert_msg(!problem, "fault %u: %s", s.number, problem);
        ck_assert_uint_eq(exits, s.fault.exits);
        trace_story_free(&s);
    }
    free(faults.list);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("trace_order");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, each_class_of_pv_fault_has_its_steps);
    tcase_add_test(t, each_class_of_fv_fault_has_its_steps);
    tcase_add_test(t, a_victim_may_go_before_there_is_a_frame);
    tcase_add_test(t, steps_that_are_missing_doubled_or_astray_are_named);
    tcase_add_loop_test(t, recorded_faults_have_their_steps_in_order, 0, NR_RECORDED);
    Suite *s = suite_create("trace_order");
    suite_add_tcase(s, t);
    return run_suite(s);
}
