/* The text of a trace: Trace Event Format, which Perfetto and chrome://tracing open. One event a line,
 * written at its end, so that a span comes after what lies in it; `faultvisor trace --help` tells what the
 * fields mean. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include "vmm/trace.h"

enum trace_kind {
    RECORD_EXIT,
    RECORD_RUN,
    RECORD_STEP,
    RECORD_DISK,
    RECORD_WORK,
    RECORD_FAULT,
    RECORD_ACTIVITY,
    RECORD_PAUSE
};

/* One event as it is kept until it is written. */
struct trace_record {
    uint8_t kind;   /* enum trace_kind */
    uint8_t what;   /* EXIT: cause. STEP: the step. FAULT: class (trace_class_name). ACTIVITY: account */
    uint8_t from;   /* EXIT: lane that ran before. STEP: source. WORK: is the root loaded? FAULT: did the
                       program end? */
    uint8_t to;     /* EXIT: lane that runs next, LANE_VMM for none */
    uint8_t payer;  /* EXIT: account */
    uint8_t instruction; /* EXIT: trace_instruction_name, FV_NONE if none */
    uint16_t port;       /* EXIT by IN or OUT */
    uint32_t hypercalls; /* EXIT: a bit for each number */
    uint32_t fault; /* number of the fault it belongs to, from 1; 0: none */
    uint32_t exits; /* FAULT, ACTIVITY: charged to it. DISK: requests. WORK: stores */
    uint32_t error; /* FAULT: error code. WORK: flushes */
    uint64_t ns, duration_ns;
    uint64_t address, rip; /* FAULT */
};

/* All of these leave errors to ferror(). start_ns: zero of the times. */
void trace_write_head(FILE *to, const struct trace_about *about);
void trace_write_record(FILE *to, const struct trace_record *r, uint64_t start_ns);
void trace_write_tail(FILE *to);

/* "read", "write" or "execute", of an error code. */
const char *trace_access_name(uint32_t error);

/* All its bits in words: "user read, not present". Intel SDM vol. 3, 4.7. */
#define TRACE_ERROR_BYTES 128
void trace_describe_error(uint32_t error, char text[TRACE_ERROR_BYTES]);
