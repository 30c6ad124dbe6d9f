/* What the fully virtualized mode does for those it is made of.
 *   1. what the shadow MMU asks of its owner
 *   2. what the virtual CPU asks
 *   3. memory for devices */
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/fv_host.h"

/* 1. The shadow's owner. */

static struct shadow_place host_place(void *ctx, pfn_t f)
{
    const struct domain *d = &((struct vmm *)ctx)->domain;
    if (f.n < d->nr_frames)
        return (struct shadow_place){ SHADOW_PLACE_RAM, d->p2m[f.n] };
    if (pc_has_device(f))
        return (struct shadow_place){ SHADOW_PLACE_DEVICE, maddr_to_mfn(FV_DEVICES + pfn_to_gpa(f)) };
    return (struct shadow_place){ .kind = SHADOW_PLACE_NONE };
}

static void *host_guest_frame(void *ctx, pfn_t f)
{
    const struct domain *d = &((struct vmm *)ctx)->domain;
    return f.n < d->nr_frames ? machine_frame(d->machine, d->p2m[f.n]) : NULL;
}

static const uint64_t *host_table(void *ctx, mfn_t m)
{
    return machine_frame(&((struct vmm *)ctx)->machine, m);
}

static void host_write_spte(void *ctx, maddr_t at, uint64_t spte)
{
    struct vmm *v = ctx;
    uint64_t before = *(const uint64_t *)machine_at(&v->machine, at);
    bool leaf = shadow_table_level(&fv_host_of(v)->shadow, maddr_to_mfn(at)) == 1;
    monitor_store(&v->monitor, at, spte, leaf && !(before & PTE_PRESENT) && (spte & PTE_PRESENT));
}

static void host_flush_page(void *ctx, gva_t a)
{
    monitor_flush_page(&((struct vmm *)ctx)->monitor, a);
}

static void host_flush_all(void *ctx)
{
    monitor_flush_all(&((struct vmm *)ctx)->monitor);
}

static bool host_owns_frame(void *ctx, mfn_t m)
{
    const struct vmm *v = ctx;
    return m.n < v->machine.nr_mfns && fv_host_of(v)->m2p[m.n] != FV_NO_PFN;
}

const struct shadow_ops fv_shadow_ops = {
    .place = host_place,
    .guest_frame = host_guest_frame,
    .table = host_table,
    .write_spte = host_write_spte,
    .flush_page = host_flush_page,
    .flush_all = host_flush_all,
    .owns_frame = host_owns_frame,
};

/* 2. The virtual CPU's owner. */

static uint64_t host_segment_base(void *ctx, enum fv_segment s)
{
    const struct kvm_sregs *r = &((struct vmm *)ctx)->machine.run->s.regs.sregs;
    return s == FV_FS ? r->fs.base : r->gs.base;
}

static void host_set_segment_base(void *ctx, enum fv_segment s, uint64_t base)
{
    struct vmm *v = ctx;
    if (machine_set_msr(&v->machine, s == FV_FS ? MSR_FS_BASE : MSR_GS_BASE, base) < 0)
        domain_crash(&v->domain, "the CPU refuses %#llx as base of a segment", (unsigned long long)base);
}

static void host_halt(void *ctx)
{
    struct vmm *v = ctx;
    ledger_note_idle(&v->ledger);
    if (!pc_wait(&fv_host_of(v)->pc))
        domain_crash(&v->domain, "it halts, but nothing can wake it");
}

static void host_note_return(void *ctx)
{
    struct vmm *v = ctx;
    struct fv_host *h = fv_host_of(v);
    if (!v->first_program_ns)
        v->first_program_ns = clock_now_ns();
    enum goes_on goes_on = h->cpu.cr3 != h->fault_cr3    ? GOES_ON_NOWHERE
                           : v->regs.rip != h->fault_rip ? GOES_ON_ELSEWHERE
                                                         : GOES_ON_THERE;
    trace_step(v->trace, STEP_RETURN_TRAPPED);
    ledger_end(&v->ledger, goes_on, h->fault_is_write_to_present);
    trace_over(v->trace);
}

static void host_note_true_fault(void *ctx)
{
    trace_step(((struct vmm *)ctx)->trace, STEP_GUEST_WALKED);
}

static void tell_registers(const struct vmm *v)
{
    const struct cpu_regs *r = &v->regs;
    const struct fv_cpu *c = &fv_host_of(v)->cpu;
    fail(0, "rip %016llx rflags %08llx cpl %u", (unsigned long long)r->rip,
         (unsigned long long)fv_cpu_flags(c), c->cpl);
    fail(0, "rax %016llx rbx %016llx rcx %016llx rdx %016llx", (unsigned long long)r->rax,
         (unsigned long long)r->rbx, (unsigned long long)r->rcx, (unsigned long long)r->rdx);
    fail(0, "rsi %016llx rdi %016llx rbp %016llx rsp %016llx", (unsigned long long)r->rsi,
         (unsigned long long)r->rdi, (unsigned long long)r->rbp, (unsigned long long)r->rsp);
    fail(0, "r8  %016llx r9  %016llx r10 %016llx r11 %016llx", (unsigned long long)r->r8,
         (unsigned long long)r->r9, (unsigned long long)r->r10, (unsigned long long)r->r11);
    fail(0, "r12 %016llx r13 %016llx r14 %016llx r15 %016llx", (unsigned long long)r->r12,
         (unsigned long long)r->r13, (unsigned long long)r->r14, (unsigned long long)r->r15);
    fail(0, "cr0 %08llx cr2 %016llx cr3 %08llx cr4 %08llx efer %04llx", (unsigned long long)c->cr0,
         (unsigned long long)c->cr2, (unsigned long long)c->cr3, (unsigned long long)c->cr4,
         (unsigned long long)c->efer);
}

static void host_crash(void *ctx, const char *reason)
{
    struct vmm *v = ctx;
    tell_registers(v);
    domain_crash(&v->domain, "%s (%s, rip %#llx)", reason,
                 fv_host_of(v)->cpu.cpl == 0 ? "in its kernel" : "in a program",
                 (unsigned long long)v->regs.rip);
}

const struct fv_cpu_ops fv_host_cpu_ops = {
    .segment_base = host_segment_base,
    .set_segment_base = host_set_segment_base,
    .halt = host_halt,
    .note_return = host_note_return,
    .note_true_fault = host_note_true_fault,
    .crash = host_crash,
};

/* 3. What a device reads or writes. If it overwrites a page table, that has ceased to be one. */

void *fv_device_memory(void *ctx, gpa_t a, uint64_t bytes, bool for_writing)
{
    struct vmm *v = ctx;
    void *at = domain_memory(&v->domain, a, bytes);
    if (at && for_writing && !shadow_give_up_table(&fv_host_of(v)->shadow, gpa_to_pfn(a)))
        return NULL;
    return at;
}
