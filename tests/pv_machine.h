/* A fake machine for the tests of pv/: memory in an array, a domain with scattered frames, and a host that
 * notes what it is asked for. It also plays a TLB, which holds what the guest has touched until somebody
 * flushes it.
 *
 *   pfn  0            the shared-info page            linear map, writable
 *        1 to 15      memory                          linear map, writable
 *        16 to 27     zeroed, mapped nowhere
 *        28 to 31     tables: l1, l2, l3, l4 (root)   linear map, read-only */
#pragma once
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pv/pv.h"
#include "x86_cpu.h"
#include "x86_paging.h"
#include "tests/run_suite.h"

enum {
    NR_MFNS = 64,
    NR_PFNS = 32,
    PFN_SHARED = 0,
    PFN_ARGS = 1, /* arguments of hypercalls, and the next page */
    PFN_STACK = 4,
    PFN_LAST_MAPPED = 15,
    PFN_FREE = 16,
    PFN_L1 = 28,
    PFN_L2 = 29,
    PFN_L3 = 30,
    PFN_L4 = 31,
    DOMAIN = 1,
    OTHER_DOMAIN = 2,
    TLB_ENTRIES = 64,
};

#define MONITOR_ENTRY 0x123000ull | PTE_PRESENT | PTE_WRITE
#define RW            (PTE_PRESENT | PTE_WRITE | PTE_USER)
#define RO            (PTE_PRESENT | PTE_USER)

struct machine {
    struct pv_domain d;
    struct cpu_regs regs;
    struct pv_frame_info frames[NR_MFNS];
    uint64_t stored_anew; /* tables, before this exit */
    unsigned entry_writes, page_flushes, full_flushes, root_loads;
    uint64_t root; /* last loaded */
    const char *crash;
    unsigned nr_crashes, nr_shutdowns, nr_blocks, nr_yields;
    bool disk_ends_domain; /* as a host may that finds a queue broken */
    uint64_t shutdown_status, timer_ns, fs_base, notified;
    struct pv_disk_queue queue;
    char console[PV_CONSOLE_MAX + 1];
    uint64_t console_bytes;
    unsigned notes[NR_PV_HYPERCALLS], nr_returns;
    unsigned progress[PV_TABLE_UPDATED + 1];
    struct cpu_regs last_return;
    struct {
        uint64_t page, entry;
    } tlb[TLB_ENTRIES];
    unsigned nr_tlb;
    uint8_t memory[NR_MFNS][PAGE_SIZE] __attribute__((aligned(4096)));
};

/* Frames are scattered: odd multipliers permute a power of two. */
static inline mfn_t p2m(uint64_t f)
{
    return mfn((f * 37 + 11) % NR_MFNS);
}

static inline gva_t linear(uint64_t f)
{
    return PV_LINEAR_BASE + f * PAGE_SIZE;
}

static inline uint64_t *table_of(struct machine *m, uint64_t f)
{
    return (uint64_t *)m->memory[p2m(f).n];
}

static inline struct pv_frame_info *info_of(struct machine *m, uint64_t f)
{
    return &m->frames[p2m(f).n];
}

static inline uint64_t entry_for(uint64_t f, uint64_t bits)
{
    return mfn_to_maddr(p2m(f)) | bits;
}

static inline uint64_t entry_at(uint64_t table, unsigned index)
{
    return mfn_to_maddr(p2m(table)) + index * 8;
}

/* For what holds millions of times: Check's own macros write a mark to a file at each call. */
static inline void must_hold(bool holds, const char *otherwise)
{
    if (!holds)
        ck_abort_msg("%s", otherwise);
}

/* The host. */
static void *host_frame(void *ctx, mfn_t f)
{
    struct machine *m = ctx;
    must_hold(f.n < NR_MFNS, "a frame beyond the machine");
    return m->memory[f.n];
}

static void host_write_entry(void *ctx, maddr_t at, uint64_t entry)
{
    struct machine *m = ctx;
    must_hold(at < sizeof(m->memory) && at % 8 == 0, "a store to no entry of the machine");
    /* The monitor works in the loaded root, so its entry there must never go. */
    if (m->root_loads && at == m->root * PAGE_SIZE + PV_RESERVED_SLOT * 8)
        must_hold(entry != 0, "the loaded root lost the monitor");
    m->entry_writes++;
    memcpy(&m->memory[0][0] + at, &entry, 8);
}

static void host_flush_page(void *ctx, gva_t a)
{
    struct machine *m = ctx;
    m->page_flushes++;
    for (unsigned i = 0; i < m->nr_tlb; i++)
        if (m->tlb[i].page == a >> PAGE_SHIFT)
            m->tlb[i--] = m->tlb[--m->nr_tlb];
}

static void host_flush_all(void *ctx)
{
    struct machine *m = ctx;
    m->full_flushes++;
    m->nr_tlb = 0;
}

static void host_load_root(void *ctx, mfn_t root)
{
    struct machine *m = ctx;
    m->root_loads++;
    m->root = root.n;
    m->nr_tlb = 0;
}

static void *host_guest_frame(void *ctx, pfn_t f)
{
    struct machine *m = ctx;
    return f.n < NR_PFNS ? m->memory[p2m(f.n).n] : NULL;
}

static int64_t host_console_write(void *ctx, unsigned stream, const void *buffer, uint64_t bytes)
{
    struct machine *m = ctx;
    ck_assert_uint_le(m->console_bytes + bytes, PV_CONSOLE_MAX);
    ck_assert_uint_ge(stream, PV_CONSOLE_OUT);
    ck_assert_uint_le(stream, PV_CONSOLE_LOG);
    memcpy(m->console + m->console_bytes, buffer, bytes);
    m->console_bytes += bytes;
    return 0;
}

static int64_t host_disk_setup(void *ctx, uint64_t disk, const struct pv_disk_queue *q)
{
    struct machine *m = ctx;
    ck_assert_uint_lt(disk, PV_MAX_DISKS);
    m->queue = *q;
    return 0;
}

static int64_t host_disk_notify(void *ctx, uint64_t mask)
{
    struct machine *m = ctx;
    m->notified = mask;
    m->d.dead |= m->disk_ends_domain;
    return 0;
}

static int64_t host_set_timer(void *ctx, uint64_t ns)
{
    ((struct machine *)ctx)->timer_ns = ns;
    return 0;
}

static int64_t host_set_fs_base(void *ctx, uint64_t base)
{
    ((struct machine *)ctx)->fs_base = base;
    return 0;
}

static uint64_t host_clock_ns(void *ctx)
{
    (void)ctx;
    return 123456789;
}

static void host_yield(void *ctx)
{
    ((struct machine *)ctx)->nr_yields++;
}

static void host_block(void *ctx)
{
    ((struct machine *)ctx)->nr_blocks++;
    pv_raise_event(&((struct machine *)ctx)->d, PV_EVENT_TIMER);
}

static void host_shutdown(void *ctx, uint64_t reason, uint64_t status)
{
    (void)reason;
    ((struct machine *)ctx)->nr_shutdowns++;
    ((struct machine *)ctx)->shutdown_status = status;
}

static void host_crash(void *ctx, const char *reason)
{
    ((struct machine *)ctx)->nr_crashes++;
    ((struct machine *)ctx)->crash = reason;
}

static void host_note_hypercall(void *ctx, unsigned op)
{
    must_hold(op < NR_PV_HYPERCALLS, "an unknown hypercall is noted");
    ((struct machine *)ctx)->notes[op]++;
}

static void host_note_return(void *ctx, const struct cpu_regs *to)
{
    ((struct machine *)ctx)->nr_returns++;
    ((struct machine *)ctx)->last_return = *to;
}

static void host_note_progress(void *ctx, enum pv_progress p)
{
    ((struct machine *)ctx)->progress[p]++;
}

static const struct pv_ops host = {
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

/* Each test is a process, and ends with its machines: what is under test here has no memory of its own that could leak.
 * (AddressSanitizer asks this function.) */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* What the domain builder does, before pv_init. */
static inline struct machine *machine_build(void)
{
    struct machine *m = aligned_alloc(4096, (sizeof(*m) + 4095) & ~4095ul);
    memset(m, 0, sizeof(*m));
    for (uint64_t i = 0; i < NR_MFNS; i++)
        m->frames[i].owner = i % 2 ? OTHER_DOMAIN : PV_DOMAIN_NONE;
    for (uint64_t f = 0; f < NR_PFNS; f++)
        info_of(m, f)->owner = DOMAIN;
    for (uint64_t f = 0; f <= PFN_LAST_MAPPED; f++)
        table_of(m, PFN_L1)[f] = entry_for(f, RW | PTE_NX);
    for (uint64_t f = PFN_L1; f <= PFN_L4; f++)
        table_of(m, PFN_L1)[f] = entry_for(f, RO | PTE_NX);
    table_of(m, PFN_L2)[pt_index(PV_LINEAR_BASE, 2)] = entry_for(PFN_L1, RW);
    table_of(m, PFN_L3)[pt_index(PV_LINEAR_BASE, 3)] = entry_for(PFN_L2, RW);
    table_of(m, PFN_L4)[pt_index(PV_LINEAR_BASE, 4)] = entry_for(PFN_L3, RW);
    m->d =
        (struct pv_domain){ .ops = &host, .ctx = m, .id = DOMAIN, .nr_mfns = NR_MFNS, .frames = m->frames };
    m->d.monitor_entry = MONITOR_ENTRY;
    m->d.shared_info = pfn(PFN_SHARED);
    return m;
}

static inline struct machine *machine_new(void)
{
    struct machine *m = machine_build();
    ck_assert_int_eq(pv_init(&m->d, p2m(PFN_L4)), 0);
    return m;
}

static inline bool entry_writes_are_bounded(const struct machine *m)
{
    return m->entry_writes <= PV_MAX_ENTRY_WRITES + PT_ENTRIES * (m->d.stored_anew - m->stored_anew);
}

/* The guest. */
static inline int64_t hypercall(struct machine *m, uint64_t op, uint64_t a, uint64_t b, uint64_t c)
{
    m->regs.rax = op;
    m->regs.rdi = a;
    m->regs.rsi = b;
    m->regs.rdx = c;
    m->regs.rcx = 0x1000;
    m->regs.r11 = RFLAGS_FIXED | RFLAGS_IF;
    m->entry_writes = 0;
    m->stored_anew = m->d.stored_anew;
    pv_handle_syscall(&m->d, &m->regs);
    must_hold(entry_writes_are_bounded(m), "more stores than promised");
    return (int64_t)m->regs.rax;
}

static inline int64_t update_list(struct machine *m, const struct pv_update *list, unsigned count)
{
    memcpy(m->memory[p2m(PFN_ARGS).n], list, count * sizeof(*list));
    return hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), count, 0);
}

static inline int64_t update(struct machine *m, maddr_t at, uint64_t entry)
{
    return update_list(m, &(struct pv_update){ at, entry }, 1);
}

/* Audits. */
static inline void report_on_stderr(void *arg, const char *text, uint64_t m)
{
    (void)arg;
    fprintf(stderr, "audit: mfn %lu: %s\n", (unsigned long)m, text);
}

static inline void assert_sound(struct machine *m)
{
    ck_assert_uint_eq(pv_audit(&m->d, report_on_stderr, NULL), 0);
}

/* "Nothing changed": all of the frame table but the audit's own and what is remembered of the past, and all of memory. */
struct snapshot {
    struct pv_frame_info frames[NR_MFNS];
    uint8_t memory[NR_MFNS][PAGE_SIZE];
};

static inline void frames_copy(struct pv_frame_info *to, const struct machine *m)
{
    memcpy(to, m->frames, sizeof(m->frames));
    for (unsigned i = 0; i < NR_MFNS; i++)
        to[i].audit_types = to[i].audit_refs = to[i].was_table = to[i].host_wrote = 0;
}

static inline struct snapshot *snapshot_take(const struct machine *m)
{
    struct snapshot *s = malloc(sizeof(*s));
    frames_copy(s->frames, m);
    memcpy(s->memory, m->memory, sizeof(s->memory));
    return s;
}

static inline bool snapshot_matches(const struct snapshot *s, const struct machine *m)
{
    struct pv_frame_info now[NR_MFNS];
    frames_copy(now, m);
    return !memcmp(s->frames, now, sizeof(now)) && !memcmp(s->memory, m->memory, sizeof(s->memory));
}
