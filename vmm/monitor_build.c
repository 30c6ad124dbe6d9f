/* The making of the monitor.
 *   1. its pages: code, GDT, TSS, IDT, page tables
 *   2. start: the CPU's state, and the first exit */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include "vmm/error.h"
#include "vmm/monitor_layout.h"

/* Copy into the region, which is contiguous for the guest but not for us. */
static void put(struct monitor *mon, unsigned page, uint64_t offset, const void *data, uint64_t bytes)
{
    const uint8_t *from = data;
    for (uint64_t i = 0; i < bytes; i++)
        monitor_page(mon, page + (offset + i) / PAGE_SIZE)[(offset + i) % PAGE_SIZE] = from[i];
}

/* 1. Its pages. */

static void build_gdt(struct monitor *mon)
{
    gva_t tss = page_gva(mon, PAGE_TABLES) + TSS_OFFSET;
    uint64_t limit = IO_BITMAP + IO_BITMAP_SIZE - 1;
    uint64_t gdt[10] = {
        [SEL_KERNEL_CODE / 8] = 0x00af9b000000ffff, [SEL_KERNEL_DATA / 8] = 0x00cf93000000ffff,
        [SEL_USER_DATA / 8] = 0x00cff3000000ffff,   [SEL_USER_CODE / 8] = 0x00affb000000ffff,
        [SEL_TSS / 8] = (limit & 0xffff) | (tss & 0xffffff) << 16 | 0x89ull << 40 | ((tss >> 24) & 0xff) << 56,
        [SEL_TSS / 8 + 1] = tss >> 32,
    };
    put(mon, PAGE_TABLES, 0, gdt, sizeof(gdt));
}

static void build_tss(struct monitor *mon, bool io_open)
{
    struct x86_tss tss = { .iomap_base = IO_BITMAP };
    tss.rsp[0] = stack_top(mon, 0);
    for (unsigned i = 1; i < NR_STACKS; i++)
        tss.ist[i - 1] = stack_top(mon, i);
    put(mon, PAGE_TABLES, TSS_OFFSET, &tss, sizeof(tss));
    for (uint64_t i = 0; i < IO_BITMAP_SIZE; i++) {
        uint8_t closed = io_open && i + 1 < IO_BITMAP_SIZE ? 0 : 0xff;
        put(mon, PAGE_TABLES, TSS_OFFSET + IO_BITMAP + i, &closed, 1);
    }
}

static unsigned stack_of_vector(unsigned vector)
{
    switch (vector) {
    case VEC_NMI:
        return 1;
    case VEC_DF:
        return 2;
    case VEC_MC:
        return 3;
    default:
        return 0;
    }
}

static void build_idt(struct monitor *mon)
{
    for (unsigned v = 0; v < MONITOR_NR_VECTORS; v++) {
        gva_t entry = code_gva(mon, monitor_code_traps) + v * MONITOR_STUB_BYTES;
        bool by_instruction = v == VEC_BP || v == VEC_OF; /* INT3, INTO: from CPL 3 too */
        struct x86_gate gate = {
            .offset_low = entry & 0xffff,
            .selector = SEL_KERNEL_CODE,
            .ist = stack_of_vector(v),
            .type = by_instruction ? 0xee : 0x8e,
            .offset_mid = (entry >> 16) & 0xffff,
            .offset_high = entry >> 32,
        };
        put(mon, PAGE_IDT, v * sizeof(gate), &gate, sizeof(gate));
    }
}

static uint64_t table_entry(mfn_t frame)
{
    return mfn_to_maddr(frame) | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED;
}

/* The level 1 table of the region, and large pages over all of memory. No entry has PTE_USER. */
static int build_page_tables(struct monitor *mon)
{
    struct machine *m = mon->machine;
    mfn_t l3 = machine_take_frame(m), l2 = machine_take_frame(m), l1 = machine_take_frame(m);
    uint64_t gib = (m->nr_mfns * PAGE_SIZE + (1ull << 30) - 1) >> 30;
    if (!mfn_is_valid(l1))
        return -ENOMEM;
    uint64_t *l3_entries = machine_frame(m, l3);
    l3_entries[0] = table_entry(l2);
    ((uint64_t *)machine_frame(m, l2))[0] = table_entry(l1);
    for (unsigned i = 0; i < NR_PAGES; i++) {
        uint64_t rights = i == PAGE_CODE ? 0 : PTE_WRITE | PTE_NX;
        ((uint64_t *)machine_frame(m, l1))[i] =
            mfn_to_maddr(mon->frames[i]) | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | rights;
    }
    for (uint64_t g = 0; g < gib; g++) {
        mfn_t table = machine_take_frame(m);
        if (!mfn_is_valid(table))
            return -ENOMEM;
        l3_entries[pt_index(DIRECT_MAP, 3) + g] = table_entry(table);
        for (uint64_t i = 0; i < PT_ENTRIES; i++)
            ((uint64_t *)machine_frame(m, table))[i] = (g << 30 | i << 21) | PTE_PRESENT | PTE_WRITE | PTE_LARGE |
                                                       PTE_ACCESSED | PTE_DIRTY | PTE_NX;
    }
    mon->root_entry = table_entry(l3);
    return 0;
}

int monitor_init(struct monitor *mon, struct machine *m, unsigned slot, bool io_open)
{
    assert(slot >= 256 && slot < 512);
    assert((size_t)(monitor_code_end - monitor_code) <= PAGE_SIZE);
    *mon = (struct monitor){ .machine = m, .slot = slot, .base = 0xffffull << 48 | (uint64_t)slot << 39 };
    for (unsigned i = 0; i < NR_PAGES; i++)
        mon->frames[i] = machine_take_frame(m);
    if (!mfn_is_valid(mon->frames[NR_PAGES - 1]) || build_page_tables(mon) < 0)
        return fail(ENOMEM, "cannot place the monitor in %llu frames", (unsigned long long)m->nr_mfns);
    put(mon, PAGE_CODE, 0, monitor_code, monitor_code_end - monitor_code);
    build_gdt(mon);
    build_tss(mon, io_open);
    build_idt(mon);
    mon->syscall_entry = code_gva(mon, monitor_code_syscall);
    return 0;
}

void monitor_destroy(struct monitor *mon)
{
    store_list_free(&mon->backlog);
}

/* The CPU looks for the bitmap in the TSS each time; there is none beyond its limit. Intel SDM vol. 1, 19.5.2. */
void monitor_open_ports(struct monitor *mon, bool open)
{
    struct x86_tss *tss = (void *)(monitor_page(mon, PAGE_TABLES) + TSS_OFFSET);
    tss->iomap_base = open ? IO_BITMAP : IO_BITMAP + IO_BITMAP_SIZE;
}

/* 2. Start. */

static struct kvm_segment flat_segment(unsigned selector, unsigned type, bool code)
{
    return (struct kvm_segment){ .selector = selector, .limit = 0xffffffff, .type = type, .present = 1, .s = 1,
                                 .l = code, .db = !code, .g = 1 };
}

/* Once, before the CPU runs: afterwards the special registers change in the guest only (HACKING.md says why). */
static int load_cpu(struct monitor *mon, mfn_t root)
{
    struct machine *m = mon->machine;
    struct kvm_sregs s;
    if (ioctl(m->vcpu_fd, KVM_GET_SREGS, &s) < 0)
        return fail(errno, "cannot read the CPU's registers (KVM_GET_SREGS)");
    s.cs = flat_segment(SEL_KERNEL_CODE, 11, true);
    s.ds = s.es = s.fs = s.gs = s.ss = flat_segment(SEL_KERNEL_DATA, 3, false);
    s.tr = (struct kvm_segment){ .base = page_gva(mon, PAGE_TABLES) + TSS_OFFSET, .selector = SEL_TSS, .type = 11,
                                 .present = 1, .limit = IO_BITMAP + IO_BITMAP_SIZE - 1 };
    s.ldt = (struct kvm_segment){ .unusable = 1 };
    s.gdt.base = page_gva(mon, PAGE_TABLES);
    s.gdt.limit = 10 * 8 - 1;
    s.idt.base = page_gva(mon, PAGE_IDT);
    s.idt.limit = MONITOR_NR_VECTORS * sizeof(struct x86_gate) - 1;
    s.cr0 = MONITOR_CR0;
    s.cr3 = mfn_to_maddr(root);
    s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (m->has_umip ? CR4_UMIP : 0);
    s.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    if (ioctl(m->vcpu_fd, KVM_SET_SREGS, &s) < 0)
        return fail(errno, "cannot put the CPU into long mode (KVM_SET_SREGS)");
    if (machine_set_msr(m, MSR_STAR, (uint64_t)(SEL_KERNEL_CODE) << 32 | (uint64_t)0x23 << 48) < 0 ||
        machine_set_msr(m, MSR_LSTAR, mon->syscall_entry) < 0 ||
        machine_set_msr(m, MSR_SFMASK, ~(uint64_t)RFLAGS_FIXED & 0xffffffff) < 0)
        return fail(0, "cannot set the CPU's SYSCALL registers (KVM_SET_MSRS)");
    struct kvm_regs r = { .rip = code_gva(mon, monitor_code_start), .rsp = stack_top(mon, 0), .rax = SEL_TSS,
                          .rflags = RFLAGS_FIXED };
    if (ioctl(m->vcpu_fd, KVM_SET_REGS, &r) < 0)
        return fail(errno, "cannot set the CPU's registers (KVM_SET_REGS)");
    return 0;
}

int monitor_start(struct monitor *mon, mfn_t root)
{
    int err = load_cpu(mon, root);
    if (err)
        return err;
    mon->root = mon->loaded = root;
    mon->root_pending = false;
    err = monitor_run_on(mon);
    if (err)
        return err;
    struct cpu_regs regs;
    struct monitor_trap trap;
    if (mon->machine->run->exit_reason != KVM_EXIT_IO || monitor_read(mon, &regs, &trap) != MONITOR_START)
        return fail(0, "the monitor does not start here: KVM exit reason %u at rip %#llx",
                    mon->machine->run->exit_reason, mon->machine->run->s.regs.regs.rip);
    return 0;
}
