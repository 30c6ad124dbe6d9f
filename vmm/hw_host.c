/* The baseline: the same kernel, booted at CPL 0 on what KVM itself gives. Nothing of ours is between the
 * guest and its page tables, so its faults make no exits that we see; what KVM did instead is in KVM's own
 * counters. Machine memory is the guest's, frame by frame.
 *   1. the CPU at its entry
 *   2. exits
 *   3. interrupts
 *   4. start, stop */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/native_boot.h"
#include "vmm/pc.h"
#include "vmm/substrate.h"
#include "x86_paging.h"

#define SEGMENT_CODE 11 /* code, readable, accessed */
#define SEGMENT_DATA 3
#define SEGMENT_TSS  11 /* busy */

static struct pc *pc_of(const struct vmm *v)
{
    return v->mode_data;
}

/* 1. Long mode, flat segments that are in no table, interrupts off. */

static struct kvm_segment flat_segment(unsigned selector, unsigned type, bool code)
{
    return (struct kvm_segment){ .selector = (uint16_t)selector,
                                 .limit = 0xffffffff,
                                 .type = (uint8_t)type,
                                 .present = 1,
                                 .s = 1,
                                 .l = code,
                                 .db = !code,
                                 .g = 1 };
}

static int load_cpu(struct vmm *v, const struct native_layout *layout)
{
    struct kvm_regs r = { .rip = layout->entry, .rbx = layout->start_info, .rflags = RFLAGS_FIXED };
    struct kvm_sregs s;
    if (ioctl(v->machine.vcpu_fd, KVM_GET_SREGS, &s) < 0)
        return fail(errno, "cannot read the CPU's registers (KVM_GET_SREGS)");
    s.cs = flat_segment(0x08, SEGMENT_CODE, true);
    s.ds = s.es = s.fs = s.gs = s.ss = flat_segment(0x10, SEGMENT_DATA, false);
    s.tr = (struct kvm_segment){ .limit = sizeof(struct x86_tss) - 1, .type = SEGMENT_TSS, .present = 1 };
    s.ldt = (struct kvm_segment){ .unusable = 1 };
    s.gdt = s.idt = (struct kvm_dtable){ 0 };
    s.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
    s.cr3 = layout->root;
    s.cr4 = CR4_PAE;
    s.efer = EFER_LME | EFER_LMA;
    if (ioctl(v->machine.vcpu_fd, KVM_SET_SREGS, &s) < 0)
        return fail(errno, "cannot put the CPU into long mode (KVM_SET_SREGS)");
    if (ioctl(v->machine.vcpu_fd, KVM_SET_REGS, &r) < 0)
        return fail(errno, "cannot set the CPU's registers (KVM_SET_REGS)");
    return 0;
}

/* 2. */

static void hw_port(struct vmm *v)
{
    pc_do_ports(pc_of(v), v->machine.run);
}

static void hw_mmio(struct vmm *v)
{
    struct kvm_run *run = v->machine.run;
    uint64_t value = 0;
    if (run->mmio.is_write)
        memcpy(&value, run->mmio.data, run->mmio.len);
    pc_do_mmio(pc_of(v), run->mmio.phys_addr, run->mmio.is_write, run->mmio.len, &value);
    if (!run->mmio.is_write)
        memcpy(run->mmio.data, &value, run->mmio.len);
}

/* HLT: KVM has no interrupt controller here that could end it, so it is ours to wait. */
static void hw_halt(struct vmm *v)
{
    ledger_note_idle(&v->ledger);
    if (!v->machine.run->if_flag)
        domain_crash(&v->domain, "it halts with interrupts off");
    else if (!pc_wait(pc_of(v)))
        domain_crash(&v->domain, "it halts, but nothing can wake it");
}

static bool hw_in_kernel(const struct vmm *v)
{
    return v->machine.run->s.regs.sregs.ss.dpl == 0;
}

/* 3. A tick raises the line at once; the CPU is interrupted when it can be (hw_enter). */

static bool hw_takes_events(const struct vmm *v)
{
    (void)v;
    return false;
}

static void hw_event(struct vmm *v)
{
    pc_tick(pc_of(v));
}

static void hw_enter(struct vmm *v)
{
    struct kvm_run *run = v->machine.run;
    struct pc *pc = pc_of(v);
    run->request_interrupt_window = 0;
    if (pc_pending_vector(pc) < 0)
        return;
    if (!run->ready_for_interrupt_injection || !run->if_flag)
        run->request_interrupt_window = 1;
    else
        run_interrupt(v, pc_acknowledge(pc));
}

/* 4. */

/* Where KVM is PVM, SYSCALL by a program is a page fault of its (HACKING.md), which a native kernel takes for
 * just that. A kernel of one's own may have no programs. */
static int check_substrate(const struct options *o)
{
    if (substrate_has_native_programs())
        return 0;
    if (o->kernel) {
        warn("PVM interprets what is at CPL 0, and does not know all of it; a program's system call is a page fault there");
        return 0;
    }
    return fail_as(
        ENODEV, "--mode hw cannot run programs on PVM: a system call reaches a native kernel as a page fault "
                "(an emulated machine can: scripts/nested -- faultvisor ...)");
}

static void *device_memory(void *ctx, gpa_t a, uint64_t bytes, bool for_writing)
{
    (void)for_writing;
    return domain_memory(&((struct vmm *)ctx)->domain, a, bytes);
}

static int hw_start(struct vmm *v, const struct kernel_image *kernel)
{
    struct pc *pc = calloc(1, sizeof(*pc));
    if (!pc)
        return fail(ENOMEM, "cannot make a PC");
    v->mode_data = pc;
    struct native_layout layout;
    int err = check_substrate(v->options);
    if (!err)
        err = kernel_image_require_native(kernel);
    if (!err)
        err = native_build_domain(v, kernel, &layout);
    if (!err)
        err = load_cpu(v, &layout);
    if (err)
        return err;
    pc_init(pc, v, device_memory, v);
    ledger_begin(&v->ledger, ACCOUNT_GUEST, clock_now_ns()); /* nobody sees where the boot ends */
    return 0;
}

static unsigned hw_audit(struct vmm *v)
{
    (void)v; /* nothing is kept that could be wrong */
    return 0;
}

static void hw_stop(struct vmm *v)
{
    free(v->mode_data);
    v->mode_data = NULL;
}

bool mode_counts_faults(const char *name)
{
    return strcmp(name, mode_hw.name) != 0;
}

const struct mode mode_hw = {
    .name = "hw",
    .is_bare = true,
    .start = hw_start,
    .event = hw_event,
    .takes_events = hw_takes_events,
    .port = hw_port,
    .mmio = hw_mmio,
    .halt = hw_halt,
    .enter = hw_enter,
    .in_kernel = hw_in_kernel,
    .audit = hw_audit,
    .stop = hw_stop,
};
