/* The VMM's side of the monitor at work.
 *   1. reading a trap
 *   2. work for the next resume
 *   3. resuming */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/monitor_layout.h"

_Static_assert(sizeof(struct kvm_regs) == sizeof(struct cpu_regs), "cpu_regs is kvm_regs by another name");
_Static_assert(offsetof(struct kvm_regs, r15) == offsetof(struct cpu_regs, r15), "same order");

/* 1. Reading a trap. */

/* Its part of the address space and its privilege level. A guest can have either alone: behind an OUT in the last byte below
 * base, rip is in the monitor. */
bool monitor_is_running(const struct monitor *mon)
{
    const struct kvm_sync_regs *sync = &mon->machine->run->s.regs;
    return sync->regs.rip - mon->base < DIRECT_MAP && sync->sregs.cs.dpl == 0;
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

/* 2. Work for the next resume. */

static void write_memory(const struct monitor *mon, maddr_t at, uint64_t entry)
{
    *(volatile uint64_t *)machine_at(mon->machine, at) = entry;
}

static uint64_t *work_at(const struct monitor *mon, uint64_t offset)
{
    return (void *)(monitor_page(mon, PAGE_WORK + offset / PAGE_SIZE) + offset % PAGE_SIZE);
}

/* A store of the list is a place, as the monitor sees memory, and an entry. */
static uint64_t *store_at(const struct monitor *mon, unsigned i)
{
    return work_at(mon, i * 16);
}

static maddr_t place_of_store(const struct monitor *mon, unsigned i)
{
    return *store_at(mon, i) - mon->base - DIRECT_MAP;
}

static void push_store(struct monitor *mon, maddr_t at)
{
    *store_at(mon, mon->nr_stores++) = mon->base + DIRECT_MAP + at;
}

/* Just before the monitor makes the stores: what it makes is what memory has, and so changes nothing that the VMM sees. That may be
 * newer than what was stored: by a later store, or because the frame is no table any more and a disk was read into it. */
static void fill_list(const struct monitor *mon)
{
    for (unsigned i = 0; i < mon->nr_stores; i++)
        store_at(mon, i)[1] = *(const uint64_t *)machine_at(mon->machine, place_of_store(mon, i));
}

/* May a store to this place be waiting? A later one must then wait behind it. The backlog, which may be a hundred times as
 * long as the list, is not searched. */
static bool store_may_be_pending(const struct monitor *mon, maddr_t at)
{
    if (mon->backlog.nr)
        return true;
    for (unsigned i = 0; i < mon->nr_stores; i++)
        if (place_of_store(mon, i) == at)
            return true;
    return false;
}

int monitor_run_on(struct monitor *mon)
{
    int err;
    bool interrupted = false;
    while ((err = machine_run(mon->machine)) == -EINTR) {
        mon->nr_drains++;
        interrupted = true;
    }
    if (interrupted) /* never cleared here: another signal may have come meanwhile */
        mon->machine->run->immediate_exit = 1;
    return err;
}

/* Let the monitor run for us, until it is done with what these registers make it do: one exit. */
static void run_inside(struct monitor *mon, const struct kvm_regs *r)
{
    struct kvm_run *run = mon->machine->run;
    if (mon->broken)
        return;
    run->s.regs.regs = *r;
    run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
    int result = monitor_run_on(mon);
    mon->nr_drains++;
    if (result < 0)
        mon->broken = result;
    else if (run->exit_reason != KVM_EXIT_IO || run->io.port != MONITOR_PORT_DRAINED)
        mon->broken = fail_as(ENOTRECOVERABLE, "the monitor did not do its work: KVM exit reason %u at rip %#llx",
                              run->exit_reason, run->s.regs.regs.rip);
}

/* Have the monitor make the stores and load the root now, at the price of an exit of its own. The root stays pending: a
 * flush that was asked for comes behind the stores that are yet to follow, too. */
static void drain(struct monitor *mon)
{
    struct kvm_regs r = { .rip = code_gva(mon, monitor_code_drain), .rsp = stack_top(mon, 0), .rflags = RFLAGS_FIXED,
                          .rsi = page_gva(mon, PAGE_WORK), .rcx = mon->nr_stores, .rdx = mfn_to_maddr(mon->root) };
    fill_list(mon);
    run_inside(mon, &r);
    mon->nr_stores = 0;
    mon->loaded = mon->root;
    if (mon->left.at) { /* that root is not in CR3 any more */
        push_store(mon, mon->left.at);
        write_memory(mon, mon->left.at, mon->left.entry);
        mon->left.at = 0;
    }
}

void monitor_set_ts(struct monitor *mon, bool on)
{
    if (mon->ts == on)
        return;
    struct kvm_regs r = { .rip = code_gva(mon, monitor_code_control), .rsp = stack_top(mon, 0), .rflags = RFLAGS_FIXED,
                          .rax = MONITOR_CR0 | (on ? CR0_TS : 0) };
    run_inside(mon, &r);
    mon->ts = on;
}

/* After an exit that did not pass the monitor it cannot be made to run: the exit's access is still to be completed. */
static void keep_back(struct monitor *mon, maddr_t at)
{
    if (!store_list_add(&mon->backlog, at))
        mon->broken = fail(ENOMEM, "cannot keep a list of stores to page tables");
}

static void work_off_backlog(struct monitor *mon)
{
    for (size_t i = 0; i < mon->backlog.nr; i++) {
        if (mon->nr_stores == MAX_STORES)
            drain(mon);
        push_store(mon, mon->backlog.at[i]);
    }
    mon->backlog.nr = 0;
}

/* Put a store on the list, behind all others. */
static void queue_store(struct monitor *mon, maddr_t at)
{
    if (mon->nr_stores == MAX_STORES && !monitor_is_running(mon)) {
        keep_back(mon, at);
        return;
    }
    work_off_backlog(mon);
    if (mon->nr_stores == MAX_STORES)
        drain(mon);
    push_store(mon, at);
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

/* In memory first: to queue it may drain the list, which may hold a store to the same place. */
void monitor_store(struct monitor *mon, maddr_t at, uint64_t entry, bool fresh_leaf)
{
    bool runs = mon->machine->started && !mon->broken;
    if (runs && store_takes_the_monitor(mon, at)) {
        mon->left.at = at; /* in memory only when that root is left */
        mon->left.entry = entry;
        return;
    }
    write_memory(mon, at, entry);
    if (runs && !(fresh_leaf && !store_may_be_pending(mon, at)))
        queue_store(mon, at);
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

/* 3. Resuming. */

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

/* The last of all stores stands behind the list. It comes with a root, so that there is nothing else to flush. */
static void write_left(struct monitor *mon)
{
    assert(mon->root_pending);
    store_at(mon, mon->nr_stores)[0] = mon->base + DIRECT_MAP + mon->left.at;
    store_at(mon, mon->nr_stores)[1] = mon->left.entry;
}

/* The monitor reads the addresses to flush right behind the stores. */
static void move_flushes(struct monitor *mon)
{
    for (unsigned i = 0; i < mon->nr_flushes; i++)
        *work_at(mon, mon->nr_stores * 16 + i * 8) = *work_at(mon, MAX_STORES * 16 + i * 8);
}

void monitor_resume(struct monitor *mon, const struct cpu_regs *guest)
{
    struct kvm_run *run = mon->machine->run;
    struct kvm_regs *r = &run->s.regs.regs;
    uint64_t top = stack_top(mon, 0);
    assert(gva_is_canonical(guest->rip));
    work_off_backlog(mon);
    fill_list(mon);
    write_stack(mon, guest);
    memcpy(r, guest, sizeof(*r));
    r->rflags = RFLAGS_FIXED;
    if (!mon->nr_stores && !mon->nr_flushes && !mon->root_pending) {
        r->rip = code_gva(mon, monitor_code_resume);
        r->rsp = top - 40;
    } else if (!mon->nr_stores && mon->root_pending && !mon->left.at) {
        *(uint64_t *)(monitor_page(mon, PAGE_STACK) + PAGE_SIZE - 48) = guest->rax;
        r->rip = code_gva(mon, monitor_code_resume_root);
        r->rsp = top - 48;
        r->rax = mfn_to_maddr(mon->root);
    } else {
        if (mon->left.at)
            write_left(mon);
        else
            move_flushes(mon);
        r->rip = code_gva(mon, mon->left.at        ? monitor_code_resume_leave
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
    mon->root_pending = false;
    mon->left.at = 0;
}
