/* The fully virtualized mode.
 *   1. traps
 *   2. ports, registers of devices, stores to page tables
 *   3. interrupts
 *   4. counts, start, stop */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/fv_emulate.h"
#include "vmm/fv_host.h"

/* How many tables one call shadows ahead of need: what a program touches while it starts, in both roles. */
#define AHEAD 16

/* 1. Traps. */

static bool fv_in_kernel(const struct vmm *v)
{
    return fv_host_of(v)->cpu.cpl == 0;
}

/* The end of a single step that fv_enter began. Was it the trap of that? Then the instruction behind STI is done, also where
 * it leads to itself, and the interrupt that waits is delivered now. */
static bool end_step(struct vmm *v, const struct monitor_trap *t)
{
    struct fv_host *h = fv_host_of(v);
    if (!h->stepping)
        return false;
    h->stepping = false;
    if (h->steps_itself)
        return false;
    v->regs.rflags &= ~RFLAGS_TF;
    if (!t)
        v->regs.r11 &= ~RFLAGS_TF; /* SYSCALL has put the flags there */
    if (!t || t->vector != VEC_DB)
        return false;
    h->cpu.inhibited = false;
    return true;
}

/* What was decoded is kept from here to fv_trap, which comes next. */
static struct fv_insn insn;

static enum exit_cause fv_classify(struct vmm *v, const struct monitor_trap *t, enum exit_cause by_cpu)
{
    if (end_step(v, t))
        return EXIT_DRAIN;
    if (!t || by_cpu != EXIT_EXCEPTION || !fv_cpu_decode(&fv_host_of(v)->cpu, &insn, t->vector))
        return by_cpu;
    return EXIT_PRIVILEGED;
}

/* For a program the whole of it was this exit. */
static void account_alone(struct vmm *v, enum account a)
{
    ledger_begin(&v->ledger, a, clock_now_ns());
    ledger_end(&v->ledger, GOES_ON_THERE, false);
}

static void fv_page_fault(struct vmm *v, const struct monitor_trap *t)
{
    struct fv_host *h = fv_host_of(v);
    bool from_program = !fv_in_kernel(v);
    uint64_t rip = v->regs.rip;
    if (fv_cpu_page_fault(&h->cpu, t->address, t->error)) {
        if (from_program) {
            trace_step(v->trace, STEP_GUEST_WALKED);
            trace_step(v->trace, STEP_SHADOW_UPDATED);
            account_alone(v, ACCOUNT_HIDDEN);
        } else {
            ledger_note_hidden(&v->ledger);
        }
        return;
    }
    if (!from_program)
        return;
    trace_step(v->trace, STEP_INJECTED);
    h->fault_rip = rip;
    h->fault_cr3 = h->cpu.cr3;
    uint32_t error = h->shadow.fault.error;
    h->fault_is_write_to_present = (error & PF_ERR_PRESENT) && (error & PF_ERR_WRITE);
}

static void emulate(struct vmm *v)
{
    struct fv_host *h = fv_host_of(v);
    trace_instruction(v->trace, insn.what, 0);
    if (insn.what == FV_MOV_FROM_CR2)
        trace_step(v->trace, STEP_ADDRESS_READ);
    ledger_note_instruction(&v->ledger, insn.what);
    fv_cpu_emulate(&h->cpu, &insn);
    if (insn.what == FV_MOV_TO_CR3 && h->cpu.cr3 != h->fault_cr3)
        ledger_note_turn(&v->ledger, clock_now_ns());
}

static void fv_trap(struct vmm *v, const struct monitor_trap *t)
{
    struct fv_host *h = fv_host_of(v);
    bool from_program = !fv_in_kernel(v);
    if (t->vector == VEC_PF) {
        fv_page_fault(v, t);
        return;
    }
    if (insn.what == FV_NONE)
        fv_cpu_exception(&h->cpu, t->vector, t->error);
    else
        emulate(v);
    insn.what = FV_NONE;
    if (from_program && !fv_in_kernel(v))
        account_alone(v, ACCOUNT_EXCEPTION);
}

static void fv_syscall(struct vmm *v)
{
    fv_cpu_syscall(&fv_host_of(v)->cpu);
}

static void fv_enter(struct vmm *v)
{
    struct fv_host *h = fv_host_of(v);
    mfn_t root = shadow_enter(&h->shadow);
    if (root.n != v->monitor.root.n)
        monitor_load_root(&v->monitor, root);
    monitor_open_ports(&v->monitor, fv_in_kernel(v));
    monitor_set_ts(&v->monitor, h->cpu.cr0 & CR0_TS);
    if (pc_pending_vector(&h->pc) >= 0 && fv_cpu_is_inhibited(&h->cpu)) {
        h->stepping = true;
        h->steps_itself = v->regs.rflags & RFLAGS_TF;
        v->regs.rflags |= RFLAGS_TF;
    }
}

/* 2. Exits that do not pass the monitor. Where the guest is, nobody knows then: v->regs are those of the last trap. So it is
 * made to trap wherever an interrupt is not off, and only then looked at whether it is held back by STI. */

/* What the guest did may be what an interrupt waited for. */
static void interrupt_if_pending(struct vmm *v)
{
    struct fv_host *h = fv_host_of(v);
    if (pc_pending_vector(&h->pc) >= 0 && fv_cpu_interrupts_are_on(&h->cpu))
        run_kick(v);
}

static void fv_port(struct vmm *v)
{
    pc_do_ports(&fv_host_of(v)->pc, v->machine.run);
    interrupt_if_pending(v);
}

static bool fv_is_table_store(const struct vmm *v)
{
    uint64_t at = v->machine.run->mmio.phys_addr;
    return at >= FV_WINDOW && at < FV_WINDOW + v->machine.nr_mfns * PAGE_SIZE && v->machine.run->mmio.is_write;
}

/* What a store to an entry says of the guest's kernel. */
static void infer_steps(struct trace *t, uint64_t was, uint64_t is)
{
    bool was_present = was & PTE_PRESENT, is_present = is & PTE_PRESENT;
    if (is_present && (!was_present || (was ^ is) & PTE_FRAME_MASK))
        trace_inferred(t, STEP_FRAME_ALLOCATED);
    if (was_present && !is_present)
        trace_inferred(t, STEP_VICTIM_OUT);
}

/* shadow_store, with its steps. */
static bool store_with_steps(struct vmm *v, maddr_t at, gpa_t gpa, uint64_t value, unsigned size)
{
    struct shadow *s = &fv_host_of(v)->shadow;
    const uint64_t *entry = machine_at(&v->machine, at & ~7ull);
    uint64_t was = *entry, plain = s->stats.stores_plain;
    trace_step(v->trace, STEP_STORE_TRAPPED);
    bool ceased = shadow_store(s, gpa, value, size);
    if (s->stats.stores_plain == plain) {
        infer_steps(v->trace, was, *entry);
        trace_step(v->trace, STEP_SHADOW_UPDATED);
    }
    return ceased;
}

static void table_store(struct vmm *v, maddr_t at, uint64_t value, unsigned size)
{
    struct fv_host *h = fv_host_of(v);
    uint32_t frame = h->m2p[maddr_to_mfn(at).n];
    if (frame == FV_NO_PFN) {
        domain_crash(&v->domain, "it stores to what is not its own (a bug of ours)");
        return;
    }
    bool ceased = store_with_steps(v, at, pfn_to_gpa(pfn(frame)) + page_offset(at), value, size);
    if (ceased || monitor_is_behind(&v->monitor))
        run_kick(v);
}

static void fv_mmio(struct vmm *v)
{
    struct kvm_run *run = v->machine.run;
    uint64_t value = 0;
    if (run->mmio.is_write)
        memcpy(&value, run->mmio.data, run->mmio.len);
    if (fv_is_table_store(v)) {
        table_store(v, run->mmio.phys_addr - FV_WINDOW, value, run->mmio.len);
        return;
    }
    if (run->mmio.phys_addr < FV_DEVICES) {
        domain_crash(&v->domain, "it uses machine memory that is not there, at %#llx",
                     (unsigned long long)run->mmio.phys_addr);
        return;
    }
    pc_do_mmio(&fv_host_of(v)->pc, run->mmio.phys_addr - FV_DEVICES, run->mmio.is_write, run->mmio.len, &value);
    if (!run->mmio.is_write)
        memcpy(run->mmio.data, &value, run->mmio.len);
    interrupt_if_pending(v);
}

/* 3. Interrupts. */

static bool fv_takes_events(const struct vmm *v)
{
    return fv_cpu_interrupts_are_on(&fv_host_of(v)->cpu);
}

static void fv_event(struct vmm *v)
{
    pc_tick(&fv_host_of(v)->pc);
}

static void deliver_interrupt(struct vmm *v)
{
    struct fv_host *h = fv_host_of(v);
    if (pc_pending_vector(&h->pc) < 0 || !fv_cpu_takes_interrupts(&h->cpu))
        return;
    bool from_program = !fv_in_kernel(v);
    fv_cpu_interrupt(&h->cpu, pc_acknowledge(&h->pc));
    if (from_program)
        ledger_begin(&v->ledger, ACCOUNT_TIMER, clock_now_ns());
}

/* An exit of ours, or an interrupt, may come between an instruction that ends where the addresses do and the exception
 * that the next one is. */
static void deliver_end_of_addresses(struct vmm *v)
{
    if (gva_is_canonical(v->regs.rip))
        return;
    if (!fv_in_kernel(v))
        ledger_begin(&v->ledger, ACCOUNT_EXCEPTION, clock_now_ns());
    fv_cpu_exception(&fv_host_of(v)->cpu, VEC_GP, 0);
}

static void fv_deliver_pending(struct vmm *v)
{
    if (v->domain.state == DOMAIN_RUNNING)
        deliver_interrupt(v);
    if (v->domain.state == DOMAIN_RUNNING)
        deliver_end_of_addresses(v);
}

/* 4. Counts, start, stop. */

static void fv_each_count(const struct vmm *v, mode_count_fn *each, void *arg)
{
    const struct fv_host *h = fv_host_of(v);
    const struct shadow_stats *s = &h->shadow.stats;
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {
        { "true_faults", s->true_faults },
        { "stores_added", s->stores_added },
        { "stores_removed", s->stores_removed },
        { "stores_changed", s->stores_changed },
        { "stores_same", s->stores_same },
        { "stores_plain", s->stores_plain },
        { "floods", s->floods },
        { "tables_made", s->tables_made },
        { "tables_evicted", s->tables_evicted },
        { "tables_peak", s->tables_peak },
        { "spte_writes", s->spte_writes },
        { "flushes", s->flushes },
    };
    for (int i = 1; i < FV_NR_INSTRUCTIONS; i++)
        if (h->counts[i])
            each(arg, "privileged", fv_instruction_name(i), h->counts[i]);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        each(arg, "shadow", counts[i].name, counts[i].n);
    for (int i = 0; i < NR_SHADOW_REASONS; i++)
        each(arg, "hidden_faults", shadow_reason_name(i), s->hidden[i]);
}

static void report_disagreement(void *arg, const char *text, uint64_t n)
{
    (void)arg;
    fail(0, "audit: %s: %#llx", text, (unsigned long long)n);
}

static unsigned fv_audit(struct vmm *v)
{
    struct shadow *s = &fv_host_of(v)->shadow;
    shadow_enter(s);
    return shadow_audit(s, report_disagreement, NULL);
}

static uint64_t fv_nr_own_frames(const struct options *o)
{
    return o->shadow_bytes / PAGE_SIZE;
}

static int make_m2p(struct vmm *v, struct fv_host *h)
{
    uint64_t n = v->machine.nr_mfns;
    h->m2p = malloc(n * sizeof(h->m2p[0]));
    if (!h->m2p)
        return fail(ENOMEM, "cannot keep a table of %llu frames", (unsigned long long)n);
    memset(h->m2p, 0xff, n * sizeof(h->m2p[0]));
    for (uint64_t f = 0; f < v->domain.nr_frames; f++)
        h->m2p[v->domain.p2m[f].n] = (uint32_t)f;
    return 0;
}

static int make_shadow(struct vmm *v, struct fv_host *h)
{
    struct shadow *s = &h->shadow;
    *s = (struct shadow){
        .ops = &fv_shadow_ops,
        .ctx = v,
        .nr_pfns = v->domain.nr_frames,
        .window = FV_WINDOW >> PAGE_SHIFT,
        .first_frame = v->own_frames,
        .nr_frames = (uint32_t)fv_nr_own_frames(v->options),
        .ahead = AHEAD,
        .monitor_slot = v->monitor.slot,
        .monitor_entry = v->monitor.root_entry,
        .maxphyaddr = v->machine.maxphyaddr,
    };
    s->memory = calloc(1, shadow_memory_bytes(s->nr_frames, s->nr_pfns));
    if (!s->memory || shadow_init(s) < 0)
        return fail(ENOMEM, "cannot keep shadow tables of %u frames", s->nr_frames);
    return 0;
}

static int make_cpu(struct vmm *v, struct fv_host *h, const struct native_layout *layout)
{
    h->counts = calloc(FV_NR_INSTRUCTIONS, sizeof(h->counts[0]));
    if (!h->counts)
        return fail(ENOMEM, "cannot make a virtual CPU");
    h->cpu = (struct fv_cpu){ .ops = &fv_host_cpu_ops,
                              .ctx = v,
                              .shadow = &h->shadow,
                              .regs = &v->regs,
                              .has_umip = v->machine.has_umip,
                              .tsc_offset = (uint64_t)machine_tsc_offset(&v->machine),
                              .counts = h->counts };
    v->regs = (struct cpu_regs){ .rip = layout->entry, .rbx = layout->start_info };
    return fv_cpu_init(&h->cpu, layout->root) < 0 ? fail(0, "the shadow MMU refuses the initial page tables")
                                                  : 0;
}

static int fv_start(struct vmm *v, const struct kernel_image *kernel)
{
    struct fv_host *h = calloc(1, sizeof(*h));
    if (!h)
        return fail(ENOMEM, "cannot make a fully virtualized domain");
    v->mode_data = h;
    struct native_layout layout;
    int err = kernel_image_require_native(kernel);
    if (!err)
        err = machine_add_window(&v->machine, FV_WINDOW);
    if (!err)
        err = native_build_domain(v, kernel, &layout);
    if (!err)
        err = make_m2p(v, h);
    if (!err)
        err = make_shadow(v, h);
    if (!err)
        err = make_cpu(v, h, &layout);
    if (err)
        return err;
    pc_init(&h->pc, v, fv_device_memory, v);
    return monitor_start(&v->monitor, shadow_enter(&h->shadow));
}

static void fv_stop(struct vmm *v)
{
    struct fv_host *h = fv_host_of(v);
    if (h) {
        free(h->m2p);
        free(h->counts);
        free(h->shadow.memory);
    }
    free(h);
    v->mode_data = NULL;
}

const struct mode mode_fv = {
    .name = "fv",
    .uses_ports = true,
    .giant_pages = true,
    .nr_own_frames = fv_nr_own_frames,
    .start = fv_start,
    .classify = fv_classify,
    .trap = fv_trap,
    .syscall = fv_syscall,
    .event = fv_event,
    .deliver = fv_deliver_pending,
    .takes_events = fv_takes_events,
    .port = fv_port,
    .mmio = fv_mmio,
    .is_table_store = fv_is_table_store,
    .enter = fv_enter,
    .each_count = fv_each_count,
    .in_kernel = fv_in_kernel,
    .audit = fv_audit,
    .stop = fv_stop,
};
