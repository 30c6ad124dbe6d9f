/* For suites of the trace: what the VMM tells it of a run that never was. */
#pragma once
#include <check.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>
#include "vmm/clock.h"
#include "vmm/trace.h"
#include "tests/run_suite.h"
#include "tests/scratch_file.h"

static struct ledger l;
static struct trace *t;
static char *program[] = { "/bin/\"quoted\"", "a\nb", "\xff<&>" };

static inline void open_trace(void)
{
    make_file();
    memset(&l, 0, sizeof(l));
    const struct trace_about about = { .mode = "pv",
                                       .substrate = "a test",
                                       .program = program,
                                       .program_words = 3,
                                       .start_ns = clock_now_ns() };
    t = trace_open(path, &about);
    ck_assert_ptr_nonnull(t);
}

static inline void charge(enum exit_cause cause)
{
    enum account payer = ledger_charge(&l, clock_now_ns());
    trace_charged(t, cause, payer, &l);
}

/* The exit that ends the boot, or a fault: the program goes on. */
static inline void go_on(bool write_to_present)
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

static inline void fault(void)
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

static inline void page_in(void)
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

static inline void boot(void)
{
    trace_returned(t, LANE_MONITOR);
    ledger_exit(&l, EXIT_BOOT);
    charge(EXIT_BOOT);
    trace_resumes(t, LANE_KERNEL);
    go_on(false);
}

static inline json_t *close_trace(void)
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
