/* The exit table and the run loop.
 *   1. handlers, one a cause
 *   2. the table: constant, printable name, handler
 *   3. classify: which row is this exit?
 *   4. the loop: count, handle, charge, resume; the trace is told of each */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/fv_emulate.h"
#include "vmm/monitor/monitor_ports.h"
#include "vmm/vmm.h"

enum verdict { GO_ON, STOP };

struct exit_row {
    const char *name;
    enum verdict (*handle)(struct vmm *v, const struct monitor_trap *trap);
};

/* 1. Handlers. */

static enum verdict go_on_or_stop(const struct vmm *v)
{
    return v->domain.state == DOMAIN_RUNNING && !v->monitor.broken ? GO_ON : STOP;
}

static void deliver_tick(struct vmm *v)
{
    if (v->domain.state == DOMAIN_RUNNING && clock_take_tick())
        v->mode->event(v);
}

static void begin_fault(struct vmm *v, const struct monitor_trap *trap)
{
    ledger_begin(&v->ledger, ACCOUNT_FAULT, clock_now_ns());
    trace_fault(v->trace, trap->address, trap->error, v->regs.rip);
}

static enum verdict handle_page_fault(struct vmm *v, const struct monitor_trap *trap)
{
    if (!v->mode->in_kernel(v))
        begin_fault(v, trap);
    v->mode->trap(v, trap);
    return go_on_or_stop(v);
}

static enum verdict handle_exception(struct vmm *v, const struct monitor_trap *trap)
{
    if (!v->mode->in_kernel(v))
        ledger_begin(&v->ledger, ACCOUNT_EXCEPTION, clock_now_ns());
    v->mode->trap(v, trap);
    return go_on_or_stop(v);
}

static enum verdict handle_system_call(struct vmm *v, const struct monitor_trap *trap)
{
    (void)trap;
    ledger_begin(&v->ledger, ACCOUNT_SYSTEM_CALL, clock_now_ns());
    v->mode->syscall(v);
    return go_on_or_stop(v);
}

static enum verdict handle_hypercall(struct vmm *v, const struct monitor_trap *trap)
{
    (void)trap;
    v->mode->syscall(v);
    return go_on_or_stop(v);
}

/* The tick itself is delivered as with any exit (deliver_tick). */
static enum verdict handle_timer(struct vmm *v, const struct monitor_trap *trap)
{
    (void)trap;
    ledger_note_tick(&v->ledger);
    return go_on_or_stop(v);
}

/* The guest traps by itself after one instruction. And KVM delivers that trap first: an interrupt raised here would come
 * after it, inside the monitor, since KVM asks no more whether interrupts are on. */
static bool is_stepping(const struct vmm *v)
{
    return !v->mode->is_bare && !monitor_is_running(&v->monitor) &&
           (v->machine.run->s.regs.regs.rflags & RFLAGS_TF);
}

void run_interrupt(struct vmm *v, unsigned vector)
{
    struct kvm_interrupt interrupt = { .irq = vector };
    if (ioctl(v->machine.vcpu_fd, KVM_INTERRUPT, &interrupt) < 0)
        v->monitor.broken = fail(errno, "cannot raise an interrupt (KVM_INTERRUPT)");
}

static void raise_interrupt(struct vmm *v)
{
    struct kvm_run *run = v->machine.run;
    if (monitor_is_running(&v->monitor) || !run->ready_for_interrupt_injection)
        run->request_interrupt_window = 1;
    else
        run_interrupt(v, MONITOR_VEC_TIMER);
}

void run_kick(struct vmm *v)
{
    if (is_stepping(v))
        return;
    v->kicked = true;
    raise_interrupt(v);
}

static void interrupt_guest(struct vmm *v)
{
    if (is_stepping(v))
        return;
    if (v->kicked || v->mode->takes_events(v))
        raise_interrupt(v);
    else
        deliver_tick(v);
}

static enum verdict handle_interruption(struct vmm *v, const struct monitor_trap *trap)
{
    (void)trap;
    v->machine.run->request_interrupt_window = 0;
    ledger_note_tick(&v->ledger);
    if (clock_stop_signal())
        return STOP;
    interrupt_guest(v);
    return go_on_or_stop(v);
}

static enum verdict handle_nothing(struct vmm *v, const struct monitor_trap *trap)
{
    (void)trap;
    return go_on_or_stop(v);
}

/* KVM gave the guest up: an instruction that it had to interpret and could not, a fault that cannot be delivered. */
static void tell_guests_failure(struct vmm *v)
{
    const struct kvm_run *run = v->machine.run;
    char bytes[3 * 15 + 1] = "";
    if (run->exit_reason == KVM_EXIT_SHUTDOWN) {
        domain_crash(&v->domain, "triple fault (rip %#llx, cr2 %#llx)", run->s.regs.regs.rip, run->s.regs.sregs.cr2);
        return;
    }
    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR && run->emulation_failure.ndata > 3 &&
        (run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
        for (unsigned i = 0; i < run->emulation_failure.insn_size && i < 15; i++)
            sprintf(bytes + 3 * i, " %02x", run->emulation_failure.insn_bytes[i]);
    domain_crash(&v->domain, "this KVM cannot do what it does at rip %#llx (exit reason %u%s%s)", run->s.regs.regs.rip,
                 run->exit_reason, bytes[0] ? ", bytes" : "", bytes);
}

static enum verdict handle_other(struct vmm *v, const struct monitor_trap *trap)
{
    (void)trap;
    const struct kvm_run *run = v->machine.run;
    const struct kvm_regs *r = &run->s.regs.regs;
    if (run->exit_reason == KVM_EXIT_SET_TPR) /* a bare guest's MOV to CR8: there is no APIC that would care */
        return GO_ON;
    if (v->mode->is_bare || !monitor_is_running(&v->monitor)) {
        tell_guests_failure(v);
        return STOP;
    }
    fail(0, "unexpected exit of KVM, reason %u (suberror %u), rip %#llx rsp %#llx cr2 %#llx", run->exit_reason,
         run->exit_reason == KVM_EXIT_INTERNAL_ERROR ? run->internal.suberror : 0, r->rip, r->rsp,
         run->s.regs.sregs.cr2);
    return STOP;
}

/* A port or a device's register, or a store to a page table: KVM completes it when the guest goes on, and the monitor is not
 * passed. */
static enum verdict handle_port(struct vmm *v, const struct monitor_trap *trap)
{
    if (!v->mode->port)
        return handle_other(v, trap);
    const struct kvm_run *run = v->machine.run;
    trace_instruction(v->trace, run->io.direction == KVM_EXIT_IO_OUT ? TRACE_OUT : TRACE_IN, run->io.port);
    v->mode->port(v);
    return go_on_or_stop(v);
}

static enum verdict handle_mmio(struct vmm *v, const struct monitor_trap *trap)
{
    if (!v->mode->mmio)
        return handle_other(v, trap);
    v->mode->mmio(v);
    return go_on_or_stop(v);
}

static enum verdict handle_halt(struct vmm *v, const struct monitor_trap *trap)
{
    if (!v->mode->halt)
        return handle_other(v, trap);
    trace_instruction(v->trace, FV_HLT, 0);
    v->mode->halt(v);
    return go_on_or_stop(v);
}

/* 2. The table. */

static const struct exit_row exit_table[NR_EXIT_CAUSES] = {
    [EXIT_BOOT] = { "boot", handle_nothing },
    [EXIT_PAGE_FAULT] = { "page-fault", handle_page_fault },
    [EXIT_EXCEPTION] = { "exception", handle_exception },
    [EXIT_SYSTEM_CALL] = { "system-call", handle_system_call },
    [EXIT_HYPERCALL] = { "hypercall", handle_hypercall },
    [EXIT_TIMER] = { "timer", handle_timer },
    [EXIT_SIGNAL] = { "signal", handle_interruption },
    [EXIT_WINDOW] = { "interrupt-window", handle_interruption },
    [EXIT_PORT] = { "port", handle_port },
    [EXIT_MMIO] = { "mmio", handle_mmio },
    [EXIT_TABLE_STORE] = { "table-store", handle_mmio },
    [EXIT_PRIVILEGED] = { "privileged-instruction", handle_exception },
    [EXIT_DRAIN] = { "drain", handle_nothing },
    [EXIT_HALT] = { "halt", handle_halt },
    [EXIT_OTHER] = { "other", handle_other },
};

const char *exit_cause_name(enum exit_cause c)
{
    return exit_table[c].name;
}

_Static_assert(ROW_INSTRUCTION + FV_NR_INSTRUCTIONS <= NR_LEDGER_ROWS, "each instruction has its row");

const char *ledger_row_name(unsigned row)
{
    if (row < NR_EXIT_CAUSES)
        return exit_cause_name(row);
    switch (row) {
    case ROW_DISK_NOTIFY:
        return "disk-notify";
    case ROW_CONSOLE_NOTIFY:
        return "console-notify";
    case ROW_HIDDEN_FAULT:
        return "hidden-fault";
    default:
        return fv_instruction_name(row - ROW_INSTRUCTION);
    }
}

/* 3. Classify. */

static enum exit_cause classify_vector(struct vmm *v, unsigned vector)
{
    if (vector == VEC_PF)
        return EXIT_PAGE_FAULT;
    if (vector < NR_EXCEPTIONS)
        return EXIT_EXCEPTION;
    bool kicked = v->kicked;
    v->kicked = false;
    return kicked ? EXIT_DRAIN : EXIT_TIMER;
}

static enum exit_cause classify_io(struct vmm *v, struct monitor_trap *trap)
{
    struct cpu_regs regs;
    if (v->mode->is_bare)
        return EXIT_PORT;
    enum monitor_event event = monitor_read(&v->monitor, &regs, trap);
    if (event == MONITOR_NONE)
        return EXIT_PORT;
    if (event == MONITOR_BROKEN || event == MONITOR_START)
        return EXIT_OTHER;
    v->regs = regs;
    if (event == MONITOR_TRAP && trap->vector == VEC_BP && v->mode->int3_is_hypercall && v->mode->in_kernel(v)) {
        v->regs.rcx = v->regs.rip; /* as SYSCALL leaves them */
        v->regs.r11 = v->regs.rflags;
        return EXIT_HYPERCALL;
    }
    enum exit_cause by_cpu = event == MONITOR_TRAP     ? classify_vector(v, trap->vector)
                             : v->mode->in_kernel(v) ? EXIT_HYPERCALL
                                                     : EXIT_SYSTEM_CALL;
    if (!v->mode->classify)
        return by_cpu;
    return v->mode->classify(v, event == MONITOR_TRAP ? trap : NULL, by_cpu);
}

static enum exit_cause classify(struct vmm *v, int result, struct monitor_trap *trap)
{
    if (result == -EINTR)
        return EXIT_SIGNAL;
    switch (v->machine.run->exit_reason) {
    case KVM_EXIT_IO:
        return classify_io(v, trap);
    case KVM_EXIT_MMIO:
        return v->mode->is_table_store && v->mode->is_table_store(v) ? EXIT_TABLE_STORE : EXIT_MMIO;
    case KVM_EXIT_INTR:
        return EXIT_SIGNAL;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        return EXIT_WINDOW;
    case KVM_EXIT_HLT:
        return EXIT_HALT;
    default:
        return EXIT_OTHER;
    }
}

/* 4. The loop. */

static void charge(struct vmm *v, enum exit_cause cause)
{
    enum account payer = ledger_charge(&v->ledger, clock_now_ns());
    trace_charged(v->trace, cause, payer, &v->ledger);
}

/* Exits that the monitor needed for itself while the last one was handled. */
static void charge_drains(struct vmm *v)
{
    for (; v->monitor.nr_drains; v->monitor.nr_drains--) {
        ledger_exit(&v->ledger, EXIT_DRAIN);
        trace_drained(v->trace, ledger_charge(&v->ledger, clock_now_ns()));
    }
}

static enum trace_lane lane_of_guest(const struct vmm *v)
{
    return v->mode->in_kernel(v) ? LANE_KERNEL : LANE_PROGRAM;
}

static void trace_return(struct vmm *v)
{
    trace_returned(v->trace, lane_of_guest(v));
    if (v->mode->tell_steps)
        v->mode->tell_steps(v);
}

/* Does the guest go on by way of the monitor? Not after an exit that interrupted nothing of it, or that KVM completes. */
static bool passes_monitor(enum exit_cause cause)
{
    return cause != EXIT_SIGNAL && cause != EXIT_WINDOW && cause != EXIT_PORT && cause != EXIT_MMIO &&
           cause != EXIT_TABLE_STORE;
}

/* The first disagreement ends the run. The monitor that broke may have left its work half done, which is none. */
static void audit(struct vmm *v)
{
    if (v->audit_failed || v->monitor.broken || !v->mode->audit(v))
        return;
    v->audit_failed = true;
    domain_crash(&v->domain, "the audit found what it should not at exit %llu", (unsigned long long)v->ledger.exits);
}

static void audit_now_and_then(struct vmm *v)
{
    if (v->options->audit_exits && v->ledger.exits % v->options->audit_exits == 0)
        audit(v);
}

static void resume(struct vmm *v)
{
    if (v->mode->enter)
        v->mode->enter(v);
    if (v->mode->is_bare)
        return;
    audit_now_and_then(v);
    charge_drains(v);
    trace_work(v->trace, v->monitor.nr_stores, v->monitor.nr_flushes, v->monitor.root_pending);
    monitor_resume(&v->monitor, &v->regs);
}

static enum verdict handle_exit(struct vmm *v, int result)
{
    struct monitor_trap trap = { 0 };
    if (v->trace)
        trace_return(v);
    enum exit_cause cause = classify(v, result, &trap);
    ledger_exit(&v->ledger, cause);
    enum verdict verdict = exit_table[cause].handle(v, &trap);
    if (verdict == GO_ON && passes_monitor(cause)) {
        deliver_tick(v);
        if (v->mode->deliver)
            v->mode->deliver(v);
        verdict = go_on_or_stop(v);
    }
    if (verdict == STOP)
        ledger_end(&v->ledger, GOES_ON_NOWHERE, false);
    charge(v, cause);
    charge_drains(v);
    if (verdict == GO_ON && (v->mode->is_bare || passes_monitor(cause))) {
        resume(v);
        verdict = go_on_or_stop(v);
    }
    if (v->trace)
        trace_resumes(v->trace, verdict == GO_ON ? lane_of_guest(v) : LANE_VMM);
    return verdict;
}

/* KVM_RUN failed, which has been said: a return like any other, to the ledger. */
static void count_failure(struct vmm *v)
{
    if (v->trace)
        trace_return(v);
    ledger_exit(&v->ledger, EXIT_OTHER);
    ledger_end(&v->ledger, GOES_ON_NOWHERE, false);
    charge(v, EXIT_OTHER);
    if (v->trace)
        trace_resumes(v->trace, LANE_VMM);
}

static enum verdict begin(struct vmm *v)
{
    if (!v->mode->is_bare) { /* the monitor's start */
        trace_returned(v->trace, LANE_MONITOR);
        ledger_exit(&v->ledger, EXIT_BOOT);
        charge(v, EXIT_BOOT);
    }
    resume(v);
    trace_resumes(v->trace, LANE_KERNEL);
    return go_on_or_stop(v);
}

static void run_until_it_stops(struct vmm *v)
{
    enum verdict verdict = begin(v);
    while (verdict == GO_ON) {
        int result = machine_run(&v->machine);
        if (result < 0 && result != -EINTR) {
            v->monitor.broken = result;
            count_failure(v);
            return;
        }
        verdict = handle_exit(v, result);
    }
}

int run_loop(struct vmm *v)
{
    run_until_it_stops(v);
    if (v->options->audit_exits)
        audit(v);
    charge_drains(v); /* of the last resume, and of the audit */
    if (v->monitor.broken)
        return v->monitor.broken;
    if (v->domain.state != DOMAIN_RUNNING)
        return 0;
    return clock_stop_signal() ? -EINTR : -ENOTRECOVERABLE;
}
