/* The VMM's side of the monitor.
 *   1. its pages: code, GDT, TSS, IDT, page tables
 *   2. start
 *   3. reading a trap
 *   4. work for the next resume
 *   5. resuming */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vmm/error.h"
#include "vmm/monitor.h"
#include "vmm/monitor/monitor_ports.h"
#include "x86_paging.h"

extern const uint8_t monitor_code[], monitor_code_end[], monitor_code_traps[], monitor_code_syscall[];
extern const uint8_t monitor_code_resume[], monitor_code_resume_root[], monitor_code_resume_stores[];
extern const uint8_t monitor_code_resume_pages[], monitor_code_resume_leave[], monitor_code_drain[], monitor_code_start[];

_Static_assert(sizeof(struct kvm_regs) == sizeof(struct cpu_regs), "cpu_regs is kvm_regs by another name");
_Static_assert(offsetof(struct kvm_regs, r15) == offsetof(struct cpu_regs, r15), "same order");

/* Pages of the region at base. */
enum {
    PAGE_CODE = 0,
    PAGE_TABLES = 1,    /* GDT at 0, TSS at 256, its bitmap running over the next two pages */
    NR_TABLES = 3,
    PAGE_IDT = PAGE_TABLES + NR_TABLES,
    PAGE_STACK = PAGE_IDT + 1,  /* one for traps, and one each for the vectors that may strike at any time */
    NR_STACKS = 4,
    PAGE_WORK = PAGE_STACK + NR_STACKS,
    NR_WORK = 5,
    NR_PAGES = PAGE_WORK + NR_WORK,
};

#define TSS_OFFSET     256
#define IO_BITMAP      sizeof(struct x86_tss)
#define IO_BITMAP_SIZE (65536 / 8 + 1)

#define SEL_KERNEL_CODE 0x10
#define SEL_KERNEL_DATA 0x18
#define SEL_USER_DATA   0x2b /* the two that SYSRET's layout wants, and that PVM shows whatever we choose */
#define SEL_USER_CODE   0x33
#define SEL_TSS         0x40

#define APIC_BASE_ENABLE (1ull << 11) /* off: then CPUID shows no APIC, as there is none */

#define DIRECT_MAP (1ull << 38) /* above base */

/* The work list: pairs of address and entry, then addresses to flush. */
#define MAX_STORES  1024
#define MAX_FLUSHES 32
#define MANY_STORES (MAX_STORES * 3 / 4)
_Static_assert(MAX_STORES * 16 + MAX_FLUSHES * 8 <= NR_WORK * PAGE_SIZE, "the work list fits its pages");

/* What IRETQ pops. */
struct iret_frame {
    uint64_t rip, cs, rflags, rsp, ss;
};

static uint8_t *monitor_page(const struct monitor *mon, unsigned page)
{
    return machine_frame(mon->machine, mon->frames[page]);
}

static gva_t page_gva(const struct monitor *mon, unsigned page)
{
    return mon->base + page * PAGE_SIZE;
}

static gva_t code_gva(const struct monitor *mon, const uint8_t *label)
{
    return mon->base + (uint64_t)(label - monitor_code);
}

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

static gva_t stack_top(const struct monitor *mon, unsigned stack)
{
    return page_gva(mon, PAGE_STACK + stack) + PAGE_SIZE;
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
    s.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG;
    s.cr3 = mfn_to_maddr(root);
    s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | (m->has_umip ? CR4_UMIP : 0);
    s.apic_base &= ~APIC_BASE_ENABLE;
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
    err = machine_run(mon->machine);
    if (err == -EINTR)
        err = machine_run(mon->machine);
    if (err)
        return err;
    struct cpu_regs regs;
    struct monitor_trap trap;
    if (mon->machine->run->exit_reason != KVM_EXIT_IO || monitor_read(mon, &regs, &trap) != MONITOR_START)
        return fail(0, "the monitor does not start here: KVM exit reason %u at rip %#llx",
                    mon->machine->run->exit_reason, mon->machine->run->s.regs.regs.rip);
    return 0;
}

/* 3. Reading a trap. */

bool monitor_is_running(const struct monitor *mon)
{
    return mon->machine->run->s.regs.regs.rip - mon->base < DIRECT_MAP;
}

static bool pushes_error_code(unsigned vector)
{
    return vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC || vector == VEC_CP;
}

/* On PVM a SYSCALL arrives as a page fault that fetches LSTAR. A program that jumps there by itself looks the same: it
 * gets its system call, too, if its rcx could have come from SYSCALL. */
static bool is_syscall_as_fault(const struct monitor *mon, const struct iret_frame *f, const struct monitor_trap *t,
                                const struct cpu_regs *regs)
{
    return t->vector == VEC_PF && f->rip == mon->syscall_entry && t->address == mon->syscall_entry &&
           gva_is_canonical(regs->rcx);
}

static enum monitor_event read_trap(struct monitor *mon, struct cpu_regs *guest, struct monitor_trap *trap)
{
    const struct kvm_sync_regs *sync = &mon->machine->run->s.regs;
    uint64_t offset = guest->rsp - page_gva(mon, PAGE_STACK);
    if (offset > NR_STACKS * PAGE_SIZE - sizeof(uint64_t) - sizeof(struct iret_frame))
        return MONITOR_BROKEN;
    const uint64_t *pushed = (const void *)(monitor_page(mon, PAGE_STACK + offset / PAGE_SIZE) + offset % PAGE_SIZE);
    trap->error = pushes_error_code(trap->vector) ? (uint32_t)*pushed++ : 0;
    const struct iret_frame *f = (const void *)pushed;
    if ((f->cs & 3) != 3)
        return MONITOR_BROKEN;
    trap->address = trap->vector == VEC_PF ? sync->sregs.cr2 : 0;
    guest->rip = f->rip;
    guest->rflags = f->rflags;
    guest->rsp = f->rsp;
    return is_syscall_as_fault(mon, f, trap, guest) ? MONITOR_SYSCALL : MONITOR_TRAP;
}

enum monitor_event monitor_read(struct monitor *mon, struct cpu_regs *guest, struct monitor_trap *trap)
{
    const struct kvm_run *run = mon->machine->run;
    if (!monitor_is_running(mon) || run->io.direction != KVM_EXIT_IO_OUT)
        return MONITOR_NONE;
    memcpy(guest, &run->s.regs.regs, sizeof(*guest));
    unsigned port = run->io.port;
    if (port == MONITOR_PORT_SYSCALL)
        return MONITOR_SYSCALL;
    if (port == MONITOR_PORT_START)
        return MONITOR_START;
    if (port < MONITOR_PORT_TRAP || port >= MONITOR_PORT_TRAP + MONITOR_NR_VECTORS)
        return MONITOR_BROKEN;
    trap->vector = port - MONITOR_PORT_TRAP;
    return read_trap(mon, guest, trap);
}

/* 4. Work for the next resume. */

static uint64_t *work_at(const struct monitor *mon, uint64_t offset)
{
    return (void *)(monitor_page(mon, PAGE_WORK + offset / PAGE_SIZE) + offset % PAGE_SIZE);
}

static void push_store(struct monitor *mon, maddr_t at, uint64_t entry)
{
    *work_at(mon, mon->nr_stores * 16) = mon->base + DIRECT_MAP + at;
    *work_at(mon, mon->nr_stores * 16 + 8) = entry;
    mon->nr_stores++;
}

/* Is a store to this place waiting? A later one must then wait behind it. */
static bool store_is_pending(const struct monitor *mon, maddr_t at)
{
    for (unsigned i = 0; i < mon->nr_stores; i++)
        if (*work_at(mon, i * 16) == mon->base + DIRECT_MAP + at)
            return true;
    return store_list_has(&mon->backlog, at);
}

/* Have the monitor make the stores and load the root now, at the price of an exit of its own. */
static void drain(struct monitor *mon)
{
    struct kvm_run *run = mon->machine->run;
    struct kvm_regs *r = &run->s.regs.regs;
    *r = (struct kvm_regs){ .rip = code_gva(mon, monitor_code_drain), .rsp = stack_top(mon, 0), .rflags = RFLAGS_FIXED,
                            .rsi = page_gva(mon, PAGE_WORK), .rcx = mon->nr_stores,
                            .rdx = mfn_to_maddr(mon->root) };
    run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    bool interrupted = false;
    while (machine_run(mon->machine) == -EINTR) {
        mon->nr_drains++;
        interrupted = true;
    }
    mon->nr_drains++;
    run->immediate_exit = interrupted; /* the next run tells the run loop of the signal */
    mon->nr_stores = 0;
    mon->loaded = mon->root;
    mon->root_pending = mon->leaving = false;
}

/* After an exit that did not pass the monitor it cannot be made to run: the exit's access is still to be completed. */
static void keep_back(struct monitor *mon, maddr_t at, uint64_t entry)
{
    if (store_list_add(&mon->backlog, at, entry))
        return;
    fail(ENOMEM, "cannot keep a list of stores to page tables");
    abort();
}

static void work_off_backlog(struct monitor *mon)
{
    for (size_t i = 0; i < mon->backlog.nr; i++) {
        if (mon->nr_stores == MAX_STORES)
            drain(mon);
        push_store(mon, mon->backlog.stores[i].at, mon->backlog.stores[i].entry);
    }
    mon->backlog.nr = 0;
}

/* Put a store on the list, behind all others. */
static void queue_store(struct monitor *mon, maddr_t at, uint64_t entry)
{
    if (mon->nr_stores == MAX_STORES && !monitor_is_running(mon)) {
        keep_back(mon, at, entry);
        return;
    }
    work_off_backlog(mon);
    if (mon->nr_stores == MAX_STORES)
        drain(mon);
    push_store(mon, at, entry);
}

bool monitor_is_behind(const struct monitor *mon)
{
    return mon->nr_stores >= MANY_STORES;
}

/* The root in CR3 is to lose the monitor, which could not even load another one then. */
static bool store_takes_the_monitor(const struct monitor *mon, maddr_t at)
{
    return at == mfn_to_maddr(mon->loaded) + mon->slot * sizeof(uint64_t) && mon->root.n != mon->loaded.n;
}

void monitor_store(struct monitor *mon, maddr_t at, uint64_t entry, bool fresh_leaf)
{
    if (mon->machine->started && store_takes_the_monitor(mon, at)) {
        queue_store(mon, at, entry); /* in memory only when that root is left */
        mon->leaving = true;
        return;
    }
    *(volatile uint64_t *)machine_at(mon->machine, at) = entry;
    if (!mon->machine->started || (fresh_leaf && !store_is_pending(mon, at)))
        return;
    queue_store(mon, at, entry);
}

void monitor_flush_page(struct monitor *mon, gva_t a)
{
    if (mon->nr_flushes < MAX_FLUSHES)
        *work_at(mon, MAX_STORES * 16 + mon->nr_flushes++ * 8) = a;
    else
        mon->root_pending = true;
}

void monitor_flush_all(struct monitor *mon)
{
    mon->root_pending = true;
}

void monitor_load_root(struct monitor *mon, mfn_t root)
{
    mon->root = root;
    mon->root_pending = true;
}

/* 5. Resuming. */

/* What a guest may have in its flags: those of arithmetic, direction, single step, alignment, and identification. */
static uint64_t safe_flags(uint64_t flags)
{
    const uint64_t free = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_DF |
                          RFLAGS_OF | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID;
    return (flags & free) | RFLAGS_FIXED | RFLAGS_IF;
}

/* The stack, top down: the iret frame, then what the chosen entry pops. */
static void write_stack(struct monitor *mon, const struct cpu_regs *g)
{
    uint64_t *top = (void *)(monitor_page(mon, PAGE_STACK) + PAGE_SIZE);
    struct iret_frame *f = (void *)(top - 5);
    *f = (struct iret_frame){ g->rip, SEL_USER_CODE, safe_flags(g->rflags), g->rsp, SEL_USER_DATA };
    uint64_t *saved = top - 10;
    saved[0] = g->rax;
    saved[1] = g->rcx;
    saved[2] = g->rdx;
    saved[3] = g->rsi;
    saved[4] = g->rdi;
}

void monitor_resume(struct monitor *mon, const struct cpu_regs *guest)
{
    struct kvm_run *run = mon->machine->run;
    struct kvm_regs *r = &run->s.regs.regs;
    uint64_t top = stack_top(mon, 0);
    assert(gva_is_canonical(guest->rip));
    work_off_backlog(mon);
    write_stack(mon, guest);
    memcpy(r, guest, sizeof(*r));
    r->rflags = RFLAGS_FIXED;
    if (!mon->nr_stores && !mon->nr_flushes && !mon->root_pending) {
        r->rip = code_gva(mon, monitor_code_resume);
        r->rsp = top - 40;
    } else if (!mon->nr_stores && mon->root_pending) {
        *(uint64_t *)(monitor_page(mon, PAGE_STACK) + PAGE_SIZE - 48) = guest->rax;
        r->rip = code_gva(mon, monitor_code_resume_root);
        r->rsp = top - 48;
        r->rax = mfn_to_maddr(mon->root);
    } else {
        r->rip = code_gva(mon, mon->leaving        ? monitor_code_resume_leave
                               : mon->root_pending ? monitor_code_resume_stores
                                                   : monitor_code_resume_pages);
        r->rsp = top - 80;
        r->rsi = page_gva(mon, PAGE_WORK);
        r->rcx = mon->nr_stores;
        r->rdx = mon->root_pending ? mfn_to_maddr(mon->root) : mon->nr_flushes;
    }
    run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    if (mon->root_pending)
        mon->loaded = mon->root;
    mon->nr_stores = mon->nr_flushes = 0;
    mon->root_pending = mon->leaving = false;
}
