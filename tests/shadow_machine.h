/* A fake machine for the shadow MMU: guest memory behind a scattered p2m, shadow frames that only change when
 * the monitor runs, a CPU that walks them like hardware (with a TLB), and the loop that answers its exits as
 * a VMM would.
 *
 *   guest frame    RAM: 0 to NR_PFNS - 1; devices: DEVICE_PFN and up; nothing behind all others
 *   machine frame  RAM: RAM_MFN and up, scattered; its read-only alias WINDOW above; the pool; devices */
#pragma once
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "shadow/shadow.h"

#define NR_PFNS      64
#define RAM_MFN      0x400
#define POOL_MFN     0x100
#define MAX_POOL     256
#define WINDOW       0x10000
#define DEVICE_PFN   0x100
#define NR_DEVICES   16
#define DEVICE_MFN   0x50000
#define MONITOR_SLOT 300
#define MONITOR_PTE  0xabc003ull /* supervisor-only */
#define MAXPHYADDR   40
#define TLB_SIZE     64
#define PSC_SIZE     8

struct tlb_entry {
    bool valid;
    uint64_t vpn, mfn;
    bool write, nx;
};

/* What a CPU remembers of upper levels: the level 1 table of 2 MiB, and the rights on the way to it. */
struct psc_entry {
    bool valid;
    uint64_t vpn_2m;
    struct tlb_entry table;
};

struct machine {
    struct shadow s;
    uint64_t ram[NR_PFNS][PT_ENTRIES];
    uint64_t seen[MAX_POOL][PT_ENTRIES]; /* the shadow tables with all that is queued */
    uint64_t real[MAX_POOL][PT_ENTRIES]; /* as the CPU walks them */
    struct {
        uint64_t at, spte;
    } * queue;
    size_t queued, queue_room;
    bool flush_all_queued;
    uint64_t flush_pages[64];
    unsigned nr_flush_pages;
    struct tlb_entry tlb[TLB_SIZE];
    /* With nested paging in hardware, the CPU walks what the VMM has written before the monitor runs; and it remembers
     * where tables were. */
    bool is_nested;
    struct psc_entry psc[PSC_SIZE];
    uint64_t cr3;         /* an mfn: the real one */
    unsigned resumes;     /* passes of the monitor */
    unsigned store_exits; /* stores that ended in the window */
    unsigned monitor_asked;
};

enum outcome { REACHED_RAM, REACHED_DEVICE, FAULTED, FAILED };

struct machine_result {
    enum outcome outcome;
    enum shadow_result why; /* for FAILED */
    uint32_t error;         /* for FAULTED */
    uint64_t gpa;
};

/* Frame numbers. */
static inline uint64_t machine_p2m(uint64_t f)
{
    return RAM_MFN + (f * 29 + 17) % NR_PFNS * 3;
}

static inline uint64_t machine_m2p(uint64_t m)
{
    static uint64_t of[NR_PFNS * 3];
    static bool filled;

    for (uint64_t f = 0; f < NR_PFNS && !filled; f++)
        of[machine_p2m(f) - RAM_MFN] = f + 1;
    filled = true;
    return m - RAM_MFN < NR_PFNS * 3 && of[m - RAM_MFN] ? of[m - RAM_MFN] - 1 : NO_FRAME;
}

/* The owner's callbacks. */
static inline struct shadow_place machine_place(void *ctx, pfn_t f)
{
    (void)ctx;
    if (f.n < NR_PFNS)
        return (struct shadow_place){ SHADOW_PLACE_RAM, mfn(machine_p2m(f.n)) };
    if (f.n - DEVICE_PFN < NR_DEVICES)
        return (struct shadow_place){ SHADOW_PLACE_DEVICE, mfn(DEVICE_MFN + f.n - DEVICE_PFN) };
    return (struct shadow_place){ .kind = SHADOW_PLACE_NONE };
}

static inline void *machine_guest_frame(void *ctx, pfn_t f)
{
    struct machine *m = ctx;

    return f.n < NR_PFNS ? m->ram[f.n] : NULL;
}

static inline const uint64_t *machine_table(void *ctx, mfn_t f)
{
    struct machine *m = ctx;

    return m->seen[f.n - POOL_MFN];
}

static inline void machine_write_spte(void *ctx, maddr_t at, uint64_t spte)
{
    struct machine *m = ctx;

    if (m->queued == m->queue_room) {
        m->queue_room = m->queue_room ? m->queue_room * 2 : 1024;
        m->queue = realloc(m->queue, m->queue_room * sizeof *m->queue);
    }
    m->queue[m->queued].at = at;
    m->queue[m->queued++].spte = spte;
    m->seen[(at >> PAGE_SHIFT) - POOL_MFN][at % PAGE_SIZE / 8] = spte;
    if (m->is_nested)
        m->real[(at >> PAGE_SHIFT) - POOL_MFN][at % PAGE_SIZE / 8] = spte;
}

static inline void machine_flush_page(void *ctx, gva_t a)
{
    struct machine *m = ctx;

    if (m->nr_flush_pages == 64)
        m->flush_all_queued = true;
    else
        m->flush_pages[m->nr_flush_pages++] = a;
}

static inline void machine_flush_all(void *ctx)
{
    ((struct machine *)ctx)->flush_all_queued = true;
}

static inline bool machine_owns_frame(void *ctx, mfn_t f)
{
    (void)ctx;
    return machine_m2p(f.n) != NO_FRAME;
}

static const struct shadow_ops machine_ops = {
    .place = machine_place,
    .guest_frame = machine_guest_frame,
    .table = machine_table,
    .write_spte = machine_write_spte,
    .flush_page = machine_flush_page,
    .flush_all = machine_flush_all,
    .owns_frame = machine_owns_frame,
};

/* A machine with empty memory, the kernel's role, WP and NXE on; no CR3 yet. */
static inline struct machine *machine_create(uint32_t pool, uint32_t ahead)
{
    struct machine *m = calloc(1, sizeof *m);

    m->s = (struct shadow){
        .ops = &machine_ops,
        .ctx = m,
        .nr_pfns = NR_PFNS,
        .window = WINDOW,
        .first_frame = mfn(POOL_MFN),
        .nr_frames = pool,
        .ahead = ahead,
        .monitor_slot = MONITOR_SLOT,
        .monitor_entry = MONITOR_PTE,
        .maxphyaddr = MAXPHYADDR,
        .memory = calloc(1, shadow_memory_bytes(pool, NR_PFNS)),
    };
    if (shadow_init(&m->s) ||
        !shadow_set_controls(&m->s, CR0_PE | CR0_PG | CR0_WP, CR4_PAE, EFER_LME | EFER_LMA | EFER_NXE))
        abort();
    return m;
}

static inline void machine_destroy(struct machine *m)
{
    free(m->s.memory);
    free(m->queue);
    free(m);
}

static inline void machine_report(void *arg, const char *text, uint64_t number)
{
    (void)arg;
    fprintf(stderr, "audit: %s: %#llx\n", text, (unsigned long long)number);
}

static inline unsigned machine_audit(const struct machine *m)
{
    return shadow_audit(&m->s, machine_report, NULL);
}

/* The monitor: the queue in order, then the flushes, then CR3. All the while it runs on the root that is
 * loaded. */
static inline void machine_run_queue(struct machine *m)
{
    for (size_t i = 0; i < m->queued; i++) {
        m->real[(m->queue[i].at >> PAGE_SHIFT) - POOL_MFN][m->queue[i].at % PAGE_SIZE / 8] = m->queue[i].spte;
        if (m->cr3 && m->real[m->cr3 - POOL_MFN][MONITOR_SLOT] != MONITOR_PTE)
            abort(); /* it pulled the rug from under itself */
    }
    m->queued = 0;
}

static inline void machine_resume(struct machine *m)
{
    uint64_t root = shadow_enter(&m->s).n;

    machine_run_queue(m);
    if (m->flush_all_queued || root != m->cr3)
        memset(m->tlb, 0, sizeof m->tlb);
    if (m->flush_all_queued || root != m->cr3 || m->nr_flush_pages)
        memset(m->psc, 0, sizeof m->psc);
    for (unsigned i = 0; i < m->nr_flush_pages; i++) {
        struct tlb_entry *t = &m->tlb[(m->flush_pages[i] >> PAGE_SHIFT) % TLB_SIZE];

        if (t->vpn == m->flush_pages[i] >> PAGE_SHIFT)
            t->valid = false;
    }
    m->flush_all_queued = false;
    m->nr_flush_pages = 0;
    m->cr3 = root;
    m->resumes++;
}

static inline bool tlb_allows(const struct tlb_entry *t, uint64_t vpn, uint32_t access)
{
    return t->valid && t->vpn == vpn && (t->write || !(access & PF_ERR_WRITE)) &&
           (!t->nx || !(access & PF_ERR_FETCH));
}

static inline struct psc_entry *psc_of(struct machine *m, uint64_t gva)
{
    return &m->psc[(gva >> 21) % PSC_SIZE];
}

/* One step of a walk. False: absent. */
static inline bool cpu_step(const struct machine *m, uint64_t gva, int level, struct tlb_entry *t)
{
    uint64_t e;

    if (t->mfn - POOL_MFN >= MAX_POOL)
        abort(); /* the CPU would walk what is no shadow table */
    e = m->real[t->mfn - POOL_MFN][pt_index(gva, level)];
    if (!(e & PTE_PRESENT) || !(e & PTE_USER))
        return false;
    if (!(e & PTE_ACCESSED) || (level == 1 && !(e & PTE_DIRTY)) || (level > 1 && (e & PTE_LARGE)))
        abort(); /* the CPU would write to a shadow table, or map a large page */
    t->write = t->write && (e & PTE_WRITE);
    t->nx = t->nx || (e & PTE_NX);
    t->mfn = pte_frame_number(e);
    return true;
}

/* From the root, or from where the CPU remembers the level 1 table. */
static inline bool cpu_walk(struct machine *m, uint64_t gva, struct tlb_entry *t)
{
    struct psc_entry *known = psc_of(m, gva);

    if (m->is_nested && known->valid && known->vpn_2m == gva >> 21) {
        *t = known->table;
        t->vpn = gva >> PAGE_SHIFT;
    } else {
        for (int level = PT_LEVELS; level > 1; level--)
            if (!cpu_step(m, gva, level, t))
                return false;
        *known = (struct psc_entry){ true, gva >> 21, *t };
    }
    return cpu_step(m, gva, 1, t);
}

/* The CPU at CPL 3, with CR0.WP and EFER.NXE on: TLB, else a walk of the real shadow tables. False: #PF, which makes the
 * CPU forget what it knew of the address (Intel SDM vol. 3, 4.10.4.1). */
static inline bool cpu_translate(struct machine *m, uint64_t gva, uint32_t access, uint64_t *maddr)
{
    struct tlb_entry *t = &m->tlb[(gva >> PAGE_SHIFT) % TLB_SIZE],
                     new = { true, gva >> PAGE_SHIFT, m->cr3, true, false };

    if (!tlb_allows(t, new.vpn, access)) {
        if (!cpu_walk(m, gva, &new) || !tlb_allows(&new, new.vpn, access)) {
            if (t->vpn == new.vpn)
                t->valid = false;
            psc_of(m, gva)->valid = false;
            return false;
        }
        *t = new;
    }
    *maddr = t->mfn << PAGE_SHIFT | page_offset(gva);
    return true;
}

/* The guest makes an access in its current role, and the VMM answers its faults until it is through. Nothing
 * is stored yet. */
static inline struct machine_result machine_access(struct machine *m, uint64_t gva, uint32_t access,
                                                   uint64_t *maddr)
{
    uint32_t err = (access & (PF_ERR_WRITE | PF_ERR_FETCH)) | PF_ERR_USER;
    struct machine_result r = { .outcome = FAILED, .why = SHADOW_FIXED };
    uint64_t frame;

    for (int tries = 0; !cpu_translate(m, gva, access, maddr); tries++) {
        enum shadow_result why = shadow_handle_fault(&m->s, gva, err);

        machine_resume(m);
        if (why == SHADOW_REFLECT)
            return (struct machine_result){ FAULTED, why, m->s.fault.error, 0 };
        if (why != SHADOW_FIXED || tries == 3) {
            r.why = why;
            return r;
        }
    }
    frame = *maddr >> PAGE_SHIFT;
    if (frame - DEVICE_MFN < NR_DEVICES) {
        r.outcome = REACHED_DEVICE;
        r.gpa = (DEVICE_PFN + frame - DEVICE_MFN) << PAGE_SHIFT | page_offset(*maddr);
        return r;
    }
    frame = machine_m2p(frame >= WINDOW ? frame - WINDOW : frame);
    if (frame == NO_FRAME)
        abort(); /* the guest reached what is not its own */
    r.outcome = REACHED_RAM;
    r.gpa = frame << PAGE_SHIFT | page_offset(*maddr);
    return r;
}

/* A store of up to 8 bytes inside a page: into memory, or, through the window, into the VMM's hands. */
static inline struct machine_result machine_write(struct machine *m, uint64_t gva, uint64_t value,
                                                  unsigned size)
{
    uint64_t maddr;
    struct machine_result r = machine_access(m, gva, PF_ERR_WRITE, &maddr);

    if (r.outcome != REACHED_RAM)
        return r;
    if (maddr >> PAGE_SHIFT >= WINDOW) {
        m->store_exits++;
        m->monitor_asked += shadow_store(&m->s, r.gpa, value, size);
    } else {
        memcpy((uint8_t *)m->ram + r.gpa, &value, size);
    }
    return r;
}

static inline struct machine_result machine_read(struct machine *m, uint64_t gva)
{
    uint64_t maddr;

    return machine_access(m, gva, 0, &maddr);
}

static inline struct machine_result machine_fetch(struct machine *m, uint64_t gva)
{
    uint64_t maddr;

    return machine_access(m, gva, PF_ERR_FETCH, &maddr);
}

/* Traps that the guest makes on purpose. */
static inline void machine_load_cr3(struct machine *m, uint64_t cr3)
{
    if (shadow_load_cr3(&m->s, cr3) != SHADOW_FIXED)
        abort();
    machine_resume(m);
}

static inline void machine_set_role(struct machine *m, enum shadow_role role)
{
    shadow_set_role(&m->s, role);
    machine_resume(m);
}

static inline void machine_invlpg(struct machine *m, uint64_t gva)
{
    shadow_invlpg(&m->s, gva);
    machine_resume(m);
}

static inline void machine_set_controls(struct machine *m, bool wp, bool nxe)
{
    if (!shadow_set_controls(&m->s, CR0_PE | CR0_PG | (wp ? CR0_WP : 0), CR4_PAE,
                             EFER_LME | EFER_LMA | (nxe ? EFER_NXE : 0)))
        abort();
    machine_resume(m);
}

static inline uint64_t machine_hidden_faults(const struct machine *m)
{
    uint64_t n = 0;

    for (int i = 0; i < NR_SHADOW_REASONS; i++)
        n += m->s.stats.hidden[i];
    return n;
}
