/* What the kernel knows of an interrupted program: its registers, and what interrupted it.
 * The layout is that of struct pv_frame, so that the pv platform passes frames on as they are; the native
 * platform's entry code pushes the same. */
#pragma once
#include "address.h"
#include "cpu_regs.h"
#include "pv/abi.h"

struct trap_frame {
    struct cpu_regs regs;
    uint64_t mode;       /* enum pv_cpu_mode: where it was interrupted */
    uint64_t vector;     /* 0 to 31: an exception; TRAP_SYSTEM_CALL; TRAP_TIMER */
    uint64_t error_code; /* as the CPU gives it, else 0 */
    uint64_t fault_address; /* of a page fault */
};

#define TRAP_SYSTEM_CALL PV_TRAP_SYSTEM_CALL
#define TRAP_TIMER       PV_TRAP_EVENT

_Static_assert(sizeof(struct trap_frame) == sizeof(struct pv_frame), "one layout for both platforms");

/* Called by the platform for everything that interrupts a program, on the one kernel stack, which is empty but for the
 * platform's own frame. Ends with platform->resume(); the kernel never returns through here. frame is valid
 * until then. A trap from kernel mode is a bug of the kernel: the platform panics by itself. */
_Noreturn void kernel_handle_trap(struct trap_frame *frame);

/* SIGSEGV for what no CPU was asked to do, since the platform might end of it: to go on where no program can be (rip is
 * USER_TOP or above), or with a signal's frame that cannot be. code: SIGNAL_CODE_*; why: for the log. */
struct process;
void trap_refuse(struct process *p, int code, gva_t address, const char *why);
void trap_refuse_rip(struct process *p);
