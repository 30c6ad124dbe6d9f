/* Recording of a run: every exit, every fault with its steps, disk requests; written as Trace Event Format
 * (trace_write.h).
 *
 * Order of calls, for each return of KVM_RUN:
 *
 *     trace_returned
 *     trace_told*  trace_fault?  trace_instruction?  trace_hypercall*  trace_step*  trace_disk*  trace_over?     as the exit is handled
 *     trace_charged, then trace_drained*                                  with the ledger
 *     trace_work?  trace_resumes                                          before the next KVM_RUN
 *
 * Every function does nothing if the trace is NULL: that is all that it costs when it is off. When it is on,
 * events are kept as they are and turned into text some thousands at a time, while no fault is in progress.
 * Counts are the ledger's; nothing here changes them. Times: clock_now_ns. */
#pragma once
#include <stdint.h>
#include "address.h"
#include "vmm/ledger.h"
#include "vmm/trace_steps.h"

struct trace;

/* What the file says of the run. */
struct trace_about {
    const char *mode, *substrate;
    char *const *program; /* [program_words] */
    int program_words;
    uint64_t start_ns;  /* zero of all times in the file */
    int64_t tsc_offset; /* the guest's time stamp counter less ours (machine_tsc_offset) */
};

/* A step that the guest kernel told of, with its RDTSC. */
struct trace_told_step {
    enum trace_step step;
    uint64_t tsc;
};

/* Create the file. NULL: it cannot be, said. */
struct trace *trace_open(const char *path, const struct trace_about *about);
/* Write what is left. 0 or a negative errno, said: of anything that could not be written, too. Frees the
 * trace; NULL is allowed. */
int trace_close(struct trace *t);

/* The parts that only run when there is a trace. */
void trace_add_return(struct trace *t, enum trace_lane from);
void trace_add_instruction(struct trace *t, int instruction, unsigned port);
void trace_add_hypercall(struct trace *t, unsigned op);
void trace_add_fault(struct trace *t, gva_t address, uint32_t error, gva_t rip);
void trace_add_step(struct trace *t, enum trace_step step);
void trace_add_inferred(struct trace *t, enum trace_step step);
void trace_add_told(struct trace *t, const struct trace_told_step *told, unsigned count);
void trace_add_end(struct trace *t);
void trace_add_disk(struct trace *t, uint64_t began_ns, unsigned requests);
void trace_add_charge(struct trace *t, enum exit_cause cause, enum account payer, const struct ledger *after);
void trace_add_drain(struct trace *t, enum account payer);
void trace_add_work(struct trace *t, unsigned stores, unsigned flushes, bool root);
void trace_add_resume(struct trace *t, enum trace_lane to);
uint64_t trace_clock(void);

/* KVM_RUN returned; from: the guest kernel or the program ran. */
static inline void trace_returned(struct trace *t, enum trace_lane from)
{
    if (t)
        trace_add_return(t, from);
}

/* This exit is a page fault of a program. It is caught. */
static inline void trace_fault(struct trace *t, gva_t address, uint32_t error, gva_t rip)
{
    if (t)
        trace_add_fault(t, address, error, rip);
}

/* The instruction that this exit is due to (trace_instruction_name). port: of IN and OUT. */
static inline void trace_instruction(struct trace *t, int instruction, unsigned port)
{
    if (t)
        trace_add_instruction(t, instruction, port);
}

/* A hypercall of this exit; a multicall is one, and holds others. */
static inline void trace_hypercall(struct trace *t, unsigned op)
{
    if (t)
        trace_add_hypercall(t, op);
}

/* A step of the fault in progress, now; there need not be one. */
static inline void trace_step(struct trace *t, enum trace_step step)
{
    if (t)
        trace_add_step(t, step);
}

/* The program goes on after this exit: what else it does is no step of the fault (a timer's tick that was
 * held back). */
static inline void trace_over(struct trace *t)
{
    if (t)
        trace_add_end(t);
}

/* A step inside the guest kernel that follows from what it does now: it came between the last resume and this
 * exit, and is laid in the middle. A frame is allocated but once in a fault. */
static inline void trace_inferred(struct trace *t, enum trace_step step)
{
    if (t)
        trace_add_inferred(t, step);
}

/* Steps that the guest took since it was last resumed. Their times are laid between the resume and the return
 * of KVM_RUN, which are known in both clocks; a time outside is moved there. */
static inline void trace_told(struct trace *t, const struct trace_told_step *told, unsigned count)
{
    if (t && count)
        trace_add_told(t, told, count);
}

/* A disk notification, with its requests. began_ns: of trace_begin. */
static inline uint64_t trace_begin(const struct trace *t)
{
    return t ? trace_clock() : 0;
}

static inline void trace_disk(struct trace *t, uint64_t began_ns, unsigned requests)
{
    if (t)
        trace_add_disk(t, began_ns, requests);
}

/* The exit has been charged; after: the ledger after ledger_charge. */
static inline void trace_charged(struct trace *t, enum exit_cause cause, enum account payer,
                                 const struct ledger *after)
{
    if (t)
        trace_add_charge(t, cause, payer, after);
}

/* An exit that the monitor needed while this one was handled. */
static inline void trace_drained(struct trace *t, enum account payer)
{
    if (t)
        trace_add_drain(t, payer);
}

/* What the monitor has to do at the resume. */
static inline void trace_work(struct trace *t, unsigned stores, unsigned flushes, bool root)
{
    if (t)
        trace_add_work(t, stores, flushes, root);
}

/* KVM_RUN is next; to: who goes on. */
static inline void trace_resumes(struct trace *t, enum trace_lane to)
{
    if (t)
        trace_add_resume(t, to);
}
