/* The steps of a page fault by name, the lanes in which they happen, and their order in each mode: one table
 * that recording, reading, drawing and tests share. */
#pragma once
#include <stdbool.h>
#include "vmm/fv_emulate.h"
#include "vmm/ledger.h"

/* Who is at work. */
enum trace_lane { LANE_PROGRAM, LANE_KERNEL, LANE_MONITOR, LANE_VMM, LANE_DISK, NR_TRACE_LANES };

enum trace_step {
    STEP_CAUGHT,             /* the trap reached the VMM */
    STEP_DOMAIN_FOUND,       /* whose fault it is */
    STEP_FAULT_INFO_WRITTEN, /* address and error code into the shared-info page */
    STEP_UPCALL,             /* the guest kernel's handler goes on next */
    STEP_GUEST_WALKED,       /* the guest's own tables were looked through: a true or a hidden fault? */
    STEP_INJECTED,           /* a true one, through the guest's IDT */
    STEP_ADDRESS_READ,       /* the guest's handler read CR2 */
    STEP_FRAME_ALLOCATED,    /* the guest took a frame of its pool */
    STEP_VICTIM_OUT,         /* a page lost its frame */
    STEP_PAGE_IN,            /* the guest asks the disk for the page */
    STEP_UPDATE_REQUESTED,   /* a hypercall asks for a new entry */
    STEP_TABLE_UPDATED,      /* checked and stored */
    STEP_STORE_TRAPPED,      /* the guest stored to its page table */
    STEP_SHADOW_UPDATED,     /* the shadow has it too */
    STEP_RETURN_TRAPPED,     /* the guest kernel's IRETQ to the program */
    STEP_RESUMED,            /* the program goes on */
    NR_TRACE_STEPS
};

/* How a step that happens inside the guest kernel is known. */
enum trace_source { SOURCE_SEEN, SOURCE_TOLD, SOURCE_INFERRED, NR_TRACE_SOURCES };

/* Classes of faults: enum fault_class, and those that only the shadow had (fv), which the guest never knows
 * of. */
enum { TRACE_CLASS_HIDDEN = NR_FAULT_CLASSES, NR_TRACE_CLASSES };

/* Instructions that exit: enum fv_instruction, and those that need not be emulated. FV_NONE: it is not known, or none. */
enum { TRACE_IN = FV_NR_INSTRUCTIONS, TRACE_OUT, NR_TRACE_INSTRUCTIONS };

const char *trace_instruction_name(int instruction); /* as in statistics: "mov-to-cr3" */
const char *trace_class_name(int class);
const char *trace_lane_name(enum trace_lane lane);
const char *trace_step_name(enum trace_step step);
enum trace_lane trace_step_lane(enum trace_step step);
const char *trace_source_name(enum trace_source source); /* SOURCE_SEEN: "seen" */

/* Do these steps of one fault, as they came, fit the list of their mode ("pv", "fv")? NULL, or what is wrong,
 * as a constant text. Some steps come again (a page goes out for each frame that is missing; entries are
 * changed one by one): what a fault must have is in it, and each step's last time is in the order of the
 * list. stopped: the run ended before the program went on. */
const char *trace_order_problem(const char *mode, int class, bool stopped, const enum trace_step *steps,
                                unsigned count);
