/* What interrupts a program, and what becomes of it.
 *
 *   1. page faults       the space brings the page, or the program gets a signal
 *   2. other exceptions  always a signal
 *   3. refusals          what the CPU must not be asked to do
 *   4. the way in        system calls, the timer */
#include "trap.h"
#include "kernel.h"
#include "process.h"
#include "schedule.h"
#include "syscall.h"
#include "x86_cpu.h"

static const char *signal_name(int signal)
{
    switch (signal) {
    case SIGNAL_ILL:
        return "SIGILL";
    case SIGNAL_TRAP:
        return "SIGTRAP";
    case SIGNAL_BUS:
        return "SIGBUS";
    case SIGNAL_FPE:
        return "SIGFPE";
    default:
        return "SIGSEGV";
    }
}

/* The signal of an exception; one line on the log if it is the program's end. */
static void raise(struct process *p, int signal, int code, gva_t address, const char *why)
{
    struct signal_info info = { .code = code, .address = address };
    p->signals.fault.vector = p->frame.vector;
    p->signals.fault.error_code = p->frame.error_code;
    if (!signal_force(p, signal, &info))
        kprintf("%s[%d]: %s at 0x%lx (rip 0x%lx): %s\n", p->name, p->pid, signal_name(signal), address,
                p->frame.regs.rip, why);
}

/* 1. Page faults. */
static unsigned access_of(uint64_t error_code)
{
    if (error_code & PF_ERR_FETCH)
        return ACCESS_EXEC;
    return error_code & PF_ERR_WRITE ? ACCESS_WRITE : ACCESS_READ;
}

static const char *forbidden_access(unsigned access)
{
    return access == ACCESS_EXEC    ? "the mapping may not be executed"
           : access == ACCESS_WRITE ? "the mapping may not be written"
                                    : "the mapping may not be read";
}

static void page_fault(struct process *p)
{
    gva_t address = p->frame.fault_address;
    unsigned access = access_of(p->frame.error_code);
    /* Above, it is for the platform to say how it keeps programs out. */
    if ((p->frame.error_code & PF_ERR_RESERVED) && address < USER_TOP)
        panic("a reserved bit in the page tables, found at 0x%lx", address);
    enum touch touch = space_touch(p->space, address, access);
    if (touch == TOUCH_OK)
        return;
    p->signals.fault.address = address;
    switch (touch) {
    case TOUCH_NO_MEMORY:
        process_kill_for_memory(p);
        break;
    case TOUCH_IO_ERROR:
        raise(p, SIGNAL_BUS, SIGNAL_CODE_ADRERR, address, "no such page in the file, or the disk failed");
        break;
    case TOUCH_FORBIDDEN:
        raise(p, SIGNAL_SEGV, SIGNAL_CODE_ACCERR, address, forbidden_access(access));
        break;
    default:
        raise(p, SIGNAL_SEGV, SIGNAL_CODE_MAPERR, address, "no such mapping");
        break;
    }
}

/* 2. Other exceptions. at_rip: si_addr is the instruction's address, else 0. */
struct exception {
    int signal;
    int code;
    bool at_rip;
    const char *why;
};

static const struct exception exceptions[NR_EXCEPTIONS] = {
    [VEC_DE] = { SIGNAL_FPE, SIGNAL_CODE_INTDIV, true, "division error" },
    [VEC_DB] = { SIGNAL_TRAP, SIGNAL_CODE_TRACE, true, "single step" },
    [VEC_BP] = { SIGNAL_TRAP, SIGNAL_CODE_KERNEL, false, "breakpoint" },
    [VEC_OF] = { SIGNAL_SEGV, SIGNAL_CODE_KERNEL, false, "overflow" },
    [VEC_BR] = { SIGNAL_SEGV, SIGNAL_CODE_KERNEL, false, "bound exceeded" },
    [VEC_UD] = { SIGNAL_ILL, SIGNAL_CODE_ILLOPN, true, "invalid instruction" },
    [VEC_TS] = { SIGNAL_SEGV, SIGNAL_CODE_KERNEL, false, "invalid TSS" },
    [VEC_NP] = { SIGNAL_BUS, SIGNAL_CODE_KERNEL, false, "segment not present" },
    [VEC_SS] = { SIGNAL_BUS, SIGNAL_CODE_KERNEL, false, "stack segment fault" },
    [VEC_GP] = { SIGNAL_SEGV, SIGNAL_CODE_KERNEL, false, "general protection" },
    [VEC_MF] = { SIGNAL_FPE, SIGNAL_CODE_FLTINV, true, "x87 exception" },
    [VEC_AC] = { SIGNAL_BUS, SIGNAL_CODE_ADRALN, false, "alignment check" },
    [VEC_XM] = { SIGNAL_FPE, SIGNAL_CODE_FLTINV, true, "SSE exception" },
};

/* The exception bits of FSW and MXCSR, in the order in which the manual ranks them: SDM vol. 1, 4.9.2. */
static int float_code(unsigned raised)
{
    if (raised & 0x01)
        return SIGNAL_CODE_FLTINV;
    if (raised & 0x04)
        return SIGNAL_CODE_FLTDIV;
    if (raised & 0x08)
        return SIGNAL_CODE_FLTOVF;
    if (raised & 0x12) /* a denormal operand counts as an underflow */
        return SIGNAL_CODE_FLTUND;
    return SIGNAL_CODE_FLTRES;
}

static void exception(struct process *p)
{
    uint64_t vector = p->frame.vector;
    if (vector >= NR_EXCEPTIONS || !exceptions[vector].signal)
        panic("trap %lu from %s[%d], rip 0x%lx", vector, p->name, p->pid, p->frame.regs.rip);
    const struct exception *e = &exceptions[vector];
    int code = e->code;
    if (vector == VEC_MF)
        code = float_code(fpu_raised_x87(&p->fpu));
    if (vector == VEC_XM)
        code = float_code(fpu_raised_sse(&p->fpu));
    raise(p, e->signal, code, e->at_rip ? p->frame.regs.rip : 0, e->why);
}

/* 3. Refusals: as the CPU would tell of it. */
void trap_refuse(struct process *p, int code, gva_t address, const char *why)
{
    p->frame.vector = code == SIGNAL_CODE_KERNEL ? VEC_GP : VEC_PF;
    p->frame.error_code = code == SIGNAL_CODE_KERNEL ? 0 : PF_ERR_USER | PF_ERR_FETCH;
    p->signals.fault.address = address;
    raise(p, SIGNAL_SEGV, code, address, why);
}

void trap_refuse_rip(struct process *p)
{
    gva_t rip = p->frame.regs.rip;
    if (gva_is_canonical(rip))
        trap_refuse(p, SIGNAL_CODE_MAPERR, rip, "runs on beyond the space of programs");
    else
        trap_refuse(p, SIGNAL_CODE_KERNEL, 0, "runs on where no address is");
}

/* 4. The way in. */
_Noreturn void kernel_handle_trap(struct trap_frame *frame)
{
    struct process *p = current_process;
    p->frame = *frame;
    switch (frame->vector) {
    case TRAP_SYSTEM_CALL:
        syscall_handle(p);
        break;
    case TRAP_TIMER:
        schedule_give_way();
        break;
    case VEC_PF:
        page_fault(p);
        break;
    default:
        exception(p);
        break;
    }
    schedule();
}
