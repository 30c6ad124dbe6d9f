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

/* A way of virtualizing memory. Each handler changes v->regs to where the guest goes on, or ends the domain. */
struct mode {
    const char *name;
    bool int3_is_hypercall; /* in the guest's kernel, beside SYSCALL */
    /* Load the kernel, build what the mode needs, run the monitor's start. 0 or a negative errno, said. */
    int (*start)(struct vmm *v, const struct kernel_image *kernel);
    void (*trap)(struct vmm *v, const struct monitor_trap *trap);
    void (*syscall)(struct vmm *v);
    /* The timer ticked (clock_take_tick); deliver it if it may be now. */
    void (*event)(struct vmm *v);
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
    struct disk *disks[PV_MAX_DISKS];
    struct virtqueue queues[PV_MAX_DISKS];
    unsigned nr_disks;
    uint64_t hypercalls[NR_PV_HYPERCALLS];
    uint64_t start_ns, first_program_ns; /* of clock_now_ns */
    uint64_t end_ns;
    struct trace *trace; /* NULL: none is wanted */
};

/* Run until the domain ends, or something stops us. 0: see v->domain; -EINTR: see clock.h; other negative errno: said. */
int run_loop(struct vmm *v);

const char *exit_cause_name(enum exit_cause c);
extern const struct mode mode_pv;
