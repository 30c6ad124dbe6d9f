/* The cost of a bare exit.
 *   1. the guests: a few bytes each, in a loop
 *   2. a machine for them
 *   3. the loop that is timed */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/bare_exit.h"
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/monitor.h"
#include "x86_paging.h"

#define NR_FRAMES    1024
#define MONITOR_SLOT 510
#define CODE         0x400000ull
#define READ_ONLY    0x500000ull /* a page in the read-only slot */
#define FIRST_TOUCH  0x600000ull /* page faults walk up from here, in one level 1 table */
#define WINDOW       (1ull << 32) /* all of memory once more, read-only: where page tables are seen in fv */

/* 1. The guests. */

enum trap { CALLS, FAULTS, TRAPS, USES_PORT, STORES };

static const uint8_t code[][16] = {
    [CALLS] = { 0x0f, 0x05, 0xeb, 0xfc }, /* 1: syscall; jmp 1b */
    /* 1: mov %al, (%rdi); add $4096, %rdi; jmp 1b */
    [FAULTS] = { 0x88, 0x07, 0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0xeb, 0xf5 },
    [TRAPS] = { 0xcc, 0xeb, 0xfd },              /* 1: int3; jmp 1b */
    [USES_PORT] = { 0xe6, 0x80, 0xeb, 0xfc },    /* 1: out %al, $0x80; jmp 1b */
    [STORES] = { 0x48, 0x89, 0x07, 0xeb, 0xfb }, /* 1: mov %rax, (%rdi); jmp 1b */
};

static const struct bare_guest {
    const char *name;
    enum trap trap;
    bool changes_root;
} guests[NR_BARE_EXITS] = {
    [BARE_SYSCALL] = { "system call", CALLS, false },
    [BARE_SYSCALL_ROOT] = { "system call and root", CALLS, true },
    [BARE_PAGE_FAULT] = { "page fault", FAULTS, false },
    [BARE_PAGE_FAULT_ROOT] = { "page fault and root", FAULTS, true },
    [BARE_EXCEPTION] = { "exception", TRAPS, false },
    [BARE_EXCEPTION_ROOT] = { "exception and root", TRAPS, true },
    [BARE_PORT] = { "port", USES_PORT, false },
    [BARE_TABLE_STORE] = { "table store", STORES, false },
};

const char *bare_exit_name(enum bare_exit_kind kind)
{
    return guests[kind].name;
}

/* 2. A machine. */

struct bench {
    struct machine m;
    struct monitor mon;
    struct cpu_regs regs;
    mfn_t roots[2];
    mfn_t touched; /* what every faulting page maps */
    uint64_t *touch_table;
    const struct bare_guest *guest;
    unsigned done;
};

static uint64_t *entries(struct bench *b, mfn_t f)
{
    return machine_frame(&b->m, f);
}

/* One level 3, 2 and 1 table for all, under two roots. */
static void build_tables(struct bench *b)
{
    const uint64_t rights = PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY;
    mfn_t l3 = machine_take_frame(&b->m), l2 = machine_take_frame(&b->m), touch = machine_take_frame(&b->m);
    mfn_t l1 = machine_take_frame(&b->m), text = machine_take_frame(&b->m);
    b->touched = machine_take_frame(&b->m);
    for (int i = 0; i < 2; i++) {
        b->roots[i] = machine_take_frame(&b->m);
        entries(b, b->roots[i])[0] = mfn_to_maddr(l3) | rights;
        entries(b, b->roots[i])[MONITOR_SLOT] = b->mon.root_entry;
    }
    entries(b, l3)[0] = mfn_to_maddr(l2) | rights;
    entries(b, l2)[pt_index(CODE, 2)] = mfn_to_maddr(l1) | rights;
    entries(b, l2)[pt_index(FIRST_TOUCH, 2)] = mfn_to_maddr(touch) | rights;
    entries(b, l1)[pt_index(CODE, 1)] = mfn_to_maddr(text) | rights;
    entries(b, l1)[pt_index(READ_ONLY, 1)] = (WINDOW + mfn_to_maddr(b->touched)) | rights;
    memcpy(machine_frame(&b->m, text), code[b->guest->trap], sizeof(code[0]));
    b->touch_table = entries(b, touch);
}

static int bench_open(struct bench *b)
{
    int err = machine_open(&b->m, NR_FRAMES, false);
    if (!err)
        err = monitor_init(&b->mon, &b->m, MONITOR_SLOT, true);
    if (!err)
        err = machine_add_window(&b->m, WINDOW) < 0 ? -ENOTSUP : 0;
    if (err)
        return err;
    build_tables(b);
    b->regs = (struct cpu_regs){ .rip = CODE, .rdi = b->guest->trap == STORES ? READ_ONLY : FIRST_TOUCH };
    return monitor_start(&b->mon, b->roots[0]);
}

/* 3. The loop. */

/* Is this the exit that the guest is to make? Then do what little belongs to it. */
static bool handle(struct bench *b)
{
    struct monitor_trap trap = { 0 };
    struct kvm_run *run = b->m.run;
    if (b->guest->trap == USES_PORT)
        return run->exit_reason == KVM_EXIT_IO && monitor_read(&b->mon, &b->regs, &trap) == MONITOR_NONE;
    if (b->guest->trap == STORES)
        return run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write;
    if (run->exit_reason != KVM_EXIT_IO)
        return false;
    enum monitor_event event = monitor_read(&b->mon, &b->regs, &trap);
    if (b->guest->trap == CALLS)
        b->regs.rip = b->regs.rcx;
    if (b->guest->changes_root)
        monitor_load_root(&b->mon, b->roots[b->done & 1]);
    if (b->guest->trap == FAULTS) {
        if (event != MONITOR_TRAP || trap.address != FIRST_TOUCH + b->done * PAGE_SIZE)
            return false;
        uint64_t entry = mfn_to_maddr(b->touched) | PTE_PRESENT | PTE_WRITE | PTE_USER;
        monitor_store(&b->mon, (maddr_t)((uint8_t *)(b->touch_table + b->done) - b->m.memory), entry, true);
    }
    monitor_resume(&b->mon, &b->regs);
    return event == MONITOR_TRAP || event == MONITOR_SYSCALL;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int time_exits(struct bench *b, uint64_t *ns, unsigned rounds)
{
    monitor_resume(&b->mon, &b->regs);
    uint64_t before = clock_now_ns();
    while (b->done < rounds) {
        int err = machine_run(&b->m);
        if (err == -EINTR)
            continue;
        if (err)
            return err;
        if (!handle(b))
            return -ENOTSUP;
        uint64_t now = clock_now_ns();
        ns[b->done++] = now - before;
        before = now;
    }
    return 0;
}

int bare_exit_measure(enum bare_exit_kind kind, unsigned rounds, struct bare_exit *result)
{
    if (guests[kind].trap == FAULTS && rounds > PT_ENTRIES)
        rounds = PT_ENTRIES;
    uint64_t *ns = calloc(rounds, sizeof(ns[0]));
    struct bench b = { .guest = &guests[kind] };
    int err = ns ? bench_open(&b) : -ENOMEM;
    if (!err)
        err = time_exits(&b, ns, rounds);
    if (!err) {
        qsort(ns, rounds, sizeof(ns[0]), compare);
        *result = (struct bare_exit){ ns[rounds / 2], ns[rounds / 10], ns[rounds * 9 / 10] };
    }
    monitor_destroy(&b.mon);
    machine_close(&b.m);
    free(ns);
    return err;
}
