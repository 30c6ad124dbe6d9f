/* The paravirtual mode.
 *   1. what pv/ asks of its host: memory and the CPU's tables
 *   2. services of hypercalls
 *   3. counting, and the steps of a fault for the trace
 *   4. traps, events, start */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/block_request.h"
#include "vmm/clock.h"
#include "vmm/console.h"
#include "vmm/error.h"
#include "vmm/pv_host.h"
#include "x86_paging.h"

#define PV_SLOT_LIMIT_NS 1000000ull /* a guest's timer ticks at most once a millisecond */

struct pv_host {
    struct pv_domain domain;
    /* The page fault in progress. */
    uint64_t fault_rip;
    mfn_t fault_root;
    bool fault_is_write_to_present;
    bool returned; /* this exit went back to a program */
};

static struct pv_host *host_of(const struct vmm *v)
{
    return v->mode_data;
}

/* 1. Memory and tables. */

static void *host_frame(void *ctx, mfn_t m)
{
    struct vmm *v = ctx;
    return machine_frame(&v->machine, m);
}

static void host_write_entry(void *ctx, maddr_t at, uint64_t entry)
{
    struct vmm *v = ctx;
    uint64_t before = *(const uint64_t *)machine_at(&v->machine, at);
    bool leaf = host_of(v)->domain.frames[maddr_to_mfn(at).n].type == PV_FRAME_L1;
    monitor_store(&v->monitor, at, entry, leaf && !(before & PTE_PRESENT) && (entry & PTE_PRESENT));
}

static void host_flush_page(void *ctx, gva_t a)
{
    monitor_flush_page(&((struct vmm *)ctx)->monitor, a);
}

static void host_flush_all(void *ctx)
{
    monitor_flush_all(&((struct vmm *)ctx)->monitor);
}

static void host_load_root(void *ctx, mfn_t root)
{
    monitor_load_root(&((struct vmm *)ctx)->monitor, root);
}

static void *host_guest_frame(void *ctx, pfn_t f)
{
    return domain_memory(&((struct vmm *)ctx)->domain, pfn_to_gpa(f), PAGE_SIZE);
}

/* 2. Services. */

static void end_domain(struct vmm *v, const char *reason)
{
    domain_crash(&v->domain, "%s", reason);
    host_of(v)->domain.dead = true;
}

static int64_t host_console_write(void *ctx, unsigned stream, const void *buffer, uint64_t bytes)
{
    struct vmm *v = ctx;
    if (console_write(v->options->quiet, stream, buffer, bytes) < 0)
        end_domain(v, "its output cannot be written");
    return (int64_t)bytes;
}

/* For rings and data: a frame of a table must not be written to by a disk. */
static void *host_disk_memory(void *ctx, gpa_t a, uint64_t bytes, bool for_writing)
{
    struct vmm *v = ctx;
    void *at = domain_memory(&v->domain, a, bytes);
    if (at && for_writing && !pv_frame_may_be_written(&host_of(v)->domain, v->domain.p2m[gpa_to_pfn(a).n]))
        return NULL;
    return at;
}

static int64_t host_disk_setup(void *ctx, uint64_t disk, const struct pv_disk_queue *q)
{
    struct vmm *v = ctx;
    if (disk >= v->nr_disks)
        return -PV_EINVAL;
    virtqueue_init(&v->queues[disk], host_disk_memory, v);
    return virtqueue_setup(&v->queues[disk], q->size, q->desc, q->avail, q->used) < 0 ? -PV_EINVAL : 0;
}

static int64_t host_disk_notify(void *ctx, uint64_t mask)
{
    struct vmm *v = ctx;
    uint64_t began_ns = trace_begin(v->trace);
    unsigned requests = 0;
    ledger_note_disk(&v->ledger);
    for (int i = PV_MAX_DISKS - 1; i >= 0; i--)
        if ((mask >> i & 1) && (unsigned)i < v->nr_disks) {
            int done = block_requests_process(&v->queues[i], v->disks[i]);
            if (done < 0)
                return -PV_EINVAL;
            requests += (unsigned)done;
        }
    trace_disk(v->trace, began_ns, requests);
    return 0;
}

static int64_t host_set_timer(void *ctx, uint64_t ns)
{
    (void)ctx;
    if (ns && ns < PV_SLOT_LIMIT_NS)
        ns = PV_SLOT_LIMIT_NS;
    return clock_set_timer(ns, ns) < 0 ? -PV_EINVAL : 0;
}

static int64_t host_set_fs_base(void *ctx, uint64_t base)
{
    return machine_set_msr(&((struct vmm *)ctx)->machine, MSR_FS_BASE, base) < 0 ? -PV_EINVAL : 0;
}

static uint64_t host_clock_ns(void *ctx)
{
    return clock_now_ns() - ((struct vmm *)ctx)->start_ns;
}

static void host_yield(void *ctx)
{
    (void)ctx; /* one domain: nobody else wants the CPU */
}

static void host_block(void *ctx)
{
    struct vmm *v = ctx;
    ledger_note_idle(&v->ledger);
    if (!clock_wait())
        end_domain(v, "it waits for an event, but nothing can raise one");
    if (clock_take_tick())
        pv_raise_event(&host_of(v)->domain, PV_EVENT_TIMER);
}

static void host_shutdown(void *ctx, uint64_t reason, uint64_t status)
{
    struct vmm *v = ctx;
    if (reason == PV_SHUTDOWN_EXIT)
        domain_exit(&v->domain, (int)(status & 0xff));
    else
        domain_crash(&v->domain, "its kernel panicked");
}

static void host_crash(void *ctx, const char *reason)
{
    struct vmm *v = ctx;
    domain_crash(&v->domain, "%s (%s, rip %#llx, rsp %#llx)", reason,
                 host_of(v)->domain.mode == PV_MODE_KERNEL ? "in its kernel" : "in a program",
                 (unsigned long long)v->regs.rip, (unsigned long long)v->regs.rsp);
}

/* 3. Counting, and the steps of a fault for the trace. */

static void host_note_hypercall(void *ctx, unsigned op)
{
    struct vmm *v = ctx;
    v->hypercalls[op]++;
    trace_hypercall(v->trace, op);
    if (op == PV_MMU_UPDATE || op == PV_UPDATE_VA)
        trace_step(v->trace, STEP_UPDATE_REQUESTED);
}

static void host_note_return(void *ctx, const struct cpu_regs *to)
{
    struct vmm *v = ctx;
    struct pv_host *h = host_of(v);
    if (!v->first_program_ns)
        v->first_program_ns = clock_now_ns();
    h->returned = true;
    enum goes_on goes_on = h->domain.user_root.n != h->fault_root.n ? GOES_ON_NOWHERE
                           : to->rip != h->fault_rip                ? GOES_ON_ELSEWHERE
                                                                    : GOES_ON_THERE;
    ledger_end(&v->ledger, goes_on, h->fault_is_write_to_present);
    trace_over(v->trace);
}

static void host_note_progress(void *ctx, enum pv_progress p)
{
    static const enum trace_step steps[] = {
        [PV_FAULT_INFO_WRITTEN] = STEP_FAULT_INFO_WRITTEN,
        [PV_UPCALL_MADE] = STEP_UPCALL,
        [PV_TABLE_UPDATED] = STEP_TABLE_UPDATED,
    };
    trace_step(((struct vmm *)ctx)->trace, steps[p]);
}

/* What the guest tells is only drawn: an unknown step is left out. Each field is read once, as the guest may change it. */
static void pv_tell_steps(struct vmm *v)
{
    static const enum trace_step known[] = {
        [PV_STEP_FRAME_ALLOCATED] = STEP_FRAME_ALLOCATED,
        [PV_STEP_VICTIM_OUT] = STEP_VICTIM_OUT,
        [PV_STEP_PAGE_IN] = STEP_PAGE_IN,
    };
    volatile struct pv_shared_info *shared = pv_shared(&host_of(v)->domain);
    struct trace_told_step told[PV_MAX_STEPS];
    uint32_t listed = shared->nr_steps;
    unsigned count = 0;
    for (uint32_t i = 0; i < listed && i < PV_MAX_STEPS; i++) {
        uint64_t step = shared->steps[i].step;
        if (step >= PV_STEP_FRAME_ALLOCATED && step <= PV_STEP_PAGE_IN)
            told[count++] = (struct trace_told_step){ known[step], shared->steps[i].tsc };
    }
    shared->nr_steps = 0;
    trace_told(v->trace, told, count);
}

static const struct pv_ops host_ops = {
    .frame = host_frame,
    .write_entry = host_write_entry,
    .flush_page = host_flush_page,
    .flush_all = host_flush_all,
    .load_root = host_load_root,
    .guest_frame = host_guest_frame,
    .console_write = host_console_write,
    .disk_setup = host_disk_setup,
    .disk_notify = host_disk_notify,
    .set_timer = host_set_timer,
    .set_fs_base = host_set_fs_base,
    .clock_ns = host_clock_ns,
    .yield = host_yield,
    .block = host_block,
    .shutdown = host_shutdown,
    .crash = host_crash,
    .note_hypercall = host_note_hypercall,
    .note_return = host_note_return,
    .note_progress = host_note_progress,
};

/* 4. Traps, events, start. */

static bool pv_in_kernel(const struct vmm *v)
{
    return host_of(v)->domain.mode == PV_MODE_KERNEL;
}

/* Only programs are interrupted; what comes in the kernel waits for its return to a program. */
static bool pv_takes_events(const struct vmm *v)
{
    return !pv_in_kernel(v);
}

static void pv_trap(struct vmm *v, const struct monitor_trap *t)
{
    struct pv_host *h = host_of(v);
    if (t->vector == VEC_PF && !pv_in_kernel(v)) {
        trace_step(v->trace, STEP_DOMAIN_FOUND);
        h->fault_rip = v->regs.rip;
        h->fault_root = h->domain.user_root;
        h->fault_is_write_to_present = (t->error & PF_ERR_PRESENT) && (t->error & PF_ERR_WRITE);
    }
    pv_handle_trap(&h->domain, &v->regs, t->vector, t->error, t->address);
}

/* A tick that was held back interrupts the program as soon as the kernel returns to it. */
static void pv_syscall(struct vmm *v)
{
    struct pv_host *h = host_of(v);
    h->returned = false;
    pv_handle_syscall(&h->domain, &v->regs);
    if (h->returned && pv_in_kernel(v))
        ledger_begin(&v->ledger, ACCOUNT_TIMER, clock_now_ns());
}

static void pv_event(struct vmm *v)
{
    struct pv_host *h = host_of(v);
    pv_raise_event(&h->domain, PV_EVENT_TIMER);
    bool from_program = !pv_in_kernel(v);
    pv_deliver_event(&h->domain, &v->regs);
    if (from_program && pv_in_kernel(v))
        ledger_begin(&v->ledger, ACCOUNT_TIMER, clock_now_ns());
}

/* An interrupt may come between an instruction that ends where the addresses do and the exception that the next one is. */
static void pv_deliver_end_of_addresses(struct vmm *v)
{
    if (!gva_is_canonical(v->regs.rip))
        pv_handle_trap(&host_of(v)->domain, &v->regs, VEC_GP, 0, 0);
}

static void report_disagreement(void *arg, const char *text, uint64_t frame)
{
    (void)arg;
    fail(0, "audit: machine frame %#llx: %s", (unsigned long long)frame, text);
}

static unsigned pv_audit_run(struct vmm *v)
{
    return pv_audit(&host_of(v)->domain, report_disagreement, NULL);
}

/* All frames belong to nobody (the monitor, or free) but the domain's. */
static int make_frame_table(struct vmm *v, struct pv_domain *d)
{
    d->frames = calloc(d->nr_mfns, sizeof(d->frames[0]));
    if (!d->frames)
        return fail(ENOMEM, "cannot keep a table of %llu frames", (unsigned long long)d->nr_mfns);
    for (uint64_t i = 0; i < d->nr_mfns; i++)
        d->frames[i].owner = PV_DOMAIN_NONE;
    for (uint64_t i = 0; i < v->domain.nr_frames; i++)
        d->frames[v->domain.p2m[i].n].owner = d->id;
    return 0;
}

static int pv_start(struct vmm *v, const struct kernel_image *kernel)
{
    struct pv_host *h = calloc(1, sizeof(*h));
    if (!h)
        return fail(ENOMEM, "cannot make a paravirtual domain");
    v->mode_data = h;
    struct pv_domain *d = &h->domain;
    d->ops = &host_ops;
    d->ctx = v;
    d->id = v->domain.id;
    d->nr_mfns = v->machine.nr_mfns;
    d->monitor_entry = v->monitor.root_entry;
    struct pv_layout layout;
    int err = kernel_image_require_pv(kernel);
    if (!err)
        err = make_frame_table(v, d);
    if (!err)
        err = pv_build_domain(v, kernel, &layout);
    if (err)
        return err;
    d->shared_info = layout.shared_info;
    mfn_t root = v->domain.p2m[layout.root.n];
    err = pv_init(d, root);
    if (err)
        return fail(-err, "the builder made tables that the paravirtual MMU refuses");
    v->regs = (struct cpu_regs){ .rip = layout.entry, .rsp = layout.stack, .rdi = layout.start_info };
    return monitor_start(&v->monitor, root);
}

static void pv_stop(struct vmm *v)
{
    struct pv_host *h = host_of(v);
    if (h)
        free(h->domain.frames);
    free(h);
    v->mode_data = NULL;
}

const struct mode mode_pv = {
    .name = "pv",
    .int3_is_hypercall = true,
    .start = pv_start,
    .trap = pv_trap,
    .syscall = pv_syscall,
    .event = pv_event,
    .deliver = pv_deliver_end_of_addresses,
    .in_kernel = pv_in_kernel,
    .takes_events = pv_takes_events,
    .audit = pv_audit_run,
    .stop = pv_stop,
    .tell_steps = pv_tell_steps,
};
