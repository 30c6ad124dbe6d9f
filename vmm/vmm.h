/* One run: the machine, its domain, its devices, the ledger, and the mode, which says what a trap means. */
#pragma once
#include "cpu_regs.h"
#include "vmm/disk.h"
#include "vmm/domain.h"
#include "vmm/kernel_image.h"
#include "vmm/ledger.h"
#include "vmm/machine.h"
#include "vmm/monitor.h"
#include "vmm/options.h"
#include "vmm/trace.h"
#include "vmm/virtqueue.h"
#include "pv/abi.h"

struct vmm;

typedef void mode_count_fn(void *arg, const char *group, const char *name, uint64_t n);

/* A way of virtualizing memory. Each handler changes v->regs to where the guest goes on, or ends the domain. */
struct mode {
    const char *name;
    bool is_bare;           /* the guest is at CPL 0 on what KVM gives: no monitor, no traps, memory as it is in the machine */
    bool int3_is_hypercall; /* in the guest's kernel, beside SYSCALL */
    /* What this mode wants: ports that the guest itself may use; machine frames besides the guest's, in a row (NULL: none). */
    bool uses_ports;
    bool giant_pages; /* of 1 GiB: it has them whatever the CPU has */
    uint64_t (*nr_own_frames)(const struct options *o);
    /* Load the kernel, build what the mode needs, run the monitor's start. 0 or a negative errno, said. */
    int (*start)(struct vmm *v, const struct kernel_image *kernel);
    /* What was this trap (or SYSCALL: trap is NULL), if not what the CPU says? Changes nothing of the guest. Optional. */
    enum exit_cause (*classify)(struct vmm *v, const struct monitor_trap *trap, enum exit_cause by_cpu);
    void (*trap)(struct vmm *v, const struct monitor_trap *trap);
    void (*syscall)(struct vmm *v);
    /* The timer ticked (clock_take_tick); deliver it if it may be now, and if the exit passes the monitor. */
    void (*event)(struct vmm *v);
    /* At the end of each exit that passes the monitor: deliver what waits and may be delivered now. Optional. */
    void (*deliver)(struct vmm *v);
    /* Could an event be delivered now? */
    bool (*takes_events)(const struct vmm *v);
    /* Exits that do not pass the monitor: kvm_run says what, and takes the answer. Is this store to a page table? Optional. */
    void (*port)(struct vmm *v);
    void (*mmio)(struct vmm *v);
    bool (*is_table_store)(const struct vmm *v);
    /* HLT at CPL 0: wait for what ends it. Optional. */
    void (*halt)(struct vmm *v);
    /* Last thing before the guest goes on by way of the monitor; of a bare one, always. Optional. */
    void (*enter)(struct vmm *v);
    /* Counts of the mode's own, by group and name, the groups one after the other. Optional. */
    void (*each_count)(const struct vmm *v, mode_count_fn *each, void *arg);
    /* Is the guest in its kernel, or in a program? */
    bool (*in_kernel)(const struct vmm *v);
    /* Recount what the mode counts; the number of disagreements, each told. */
    unsigned (*audit)(struct vmm *v);
    void (*stop)(struct vmm *v);
    /* Pass on to the trace what steps the guest told of since the last exit; NULL in a mode whose guests tell none. */
    void (*tell_steps)(struct vmm *v);
};

struct vmm {
    const struct options *options;
    const struct mode *mode;
    void *mode_data; /* owned by the mode */
    struct machine machine;
    struct monitor monitor;
    struct domain domain;
    struct cpu_regs regs; /* of the guest, while it does not run */
    struct ledger ledger;
    mfn_t own_frames; /* the mode's: the first of them */
    bool kicked;      /* an interrupt was raised so that the monitor gets to run, and for nothing else */
    struct disk *disks[PV_MAX_DISKS];
    struct virtqueue queues[PV_MAX_DISKS];
    unsigned nr_disks;
    uint64_t hypercalls[NR_PV_HYPERCALLS];
    bool audit_failed;
    uint64_t start_ns, first_program_ns; /* of clock_now_ns */
    uint64_t end_ns;
    struct trace *trace; /* NULL: none is wanted */
};

/* Run until the domain ends, or something stops us; with an audit at the end where audits are wanted. 0: see v->domain; -EINTR: see
 * clock.h; -ENOTRECOVERABLE: an exit that should not be, said; other negative errno: the CPU does not run, or memory ran out, said. */
int run_loop(struct vmm *v);

const char *exit_cause_name(enum exit_cause c);
const char *ledger_row_name(unsigned row);
/* Have the guest trap at once, although it does nothing that traps. For exits that do not pass the monitor. */
void run_kick(struct vmm *v);
/* Have the CPU take an interrupt as soon as it runs, which it must be ready for. If KVM refuses, that is said, and ends the run. */
void run_interrupt(struct vmm *v, unsigned vector);

extern const struct mode mode_pv, mode_fv, mode_hw;

/* Are faults counted in the mode of that name? In hw they do not exit, so nobody sees them, and zero is no count. */
bool mode_counts_faults(const char *name);
