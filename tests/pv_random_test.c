/* Random streams of hypercalls, traps and events, sensible and hostile, with the audit after each, and a TLB
 * that must never hold what the tables do not allow. The seed is printed; FV_SEED=N repeats a run, FV_STEPS=N
 * makes it longer. */
#include <time.h>

#include "pv_machine.h"

static uint64_t state;

static uint64_t random_bits(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(uint64_t n)
{
    return (random_bits() >> 11) % n;
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value ? strtoull(value, NULL, 0) : otherwise;
}

/* The guest's hand: mostly plausible values, now and then anything. */
static uint64_t random_mfn(void)
{
    if (one_in(20))
        return below(NR_MFNS + 2);
    if (one_in(40))
        return random_bits();
    return p2m(one_in(3) ? PFN_FREE + below(NR_PFNS - PFN_FREE) : below(NR_PFNS)).n;
}

/* A frame that is of this type, if a few tries find one. */
static uint64_t random_mfn_of(struct machine *m, unsigned type)
{
    for (unsigned tries = 0; tries < 20; tries++) {
        uint64_t f = p2m(below(NR_PFNS)).n;
        if (m->frames[f].type == type)
            return f;
    }
    return random_mfn();
}

/* Few indexes, so that they meet again; those of the kernel's own half are among them now and then, so that
 * the guest may well saw off its own branch. */
static unsigned random_index(unsigned level)
{
    if (one_in(60))
        return (unsigned)below(PT_ENTRIES);
    if (one_in(80))
        return PV_RESERVED_SLOT;
    return level == 1 && one_in(6) ? (unsigned)below(NR_PFNS) : 40 + (unsigned)below(4);
}

/* An entry that may well be right for a table of this level. */
static uint64_t random_entry(struct machine *m, unsigned level)
{
    if (one_in(3))
        return below(4) * 0x1000;
    if (one_in(80))
        return random_bits();
    uint64_t bits = PTE_PRESENT | (one_in(2) ? PTE_WRITE : 0) | (one_in(8) ? 0 : PTE_USER);
    bits |= below(4) * PTE_ACCESSED | (one_in(3) ? PTE_NX : 0) | (one_in(200) ? PTE_GLOBAL : 0);
    unsigned type = level == 1 ? PV_FRAME_WRITABLE : PV_FRAME_L1 + level - 2;
    uint64_t f = one_in(20) ? random_mfn() : random_mfn_of(m, one_in(2) ? type : PV_FRAME_NONE);
    return f << PAGE_SHIFT | bits;
}

static struct pv_update random_update(struct machine *m)
{
    unsigned level = 1 + (unsigned)below(PT_LEVELS);
    uint64_t table = one_in(40) ? random_mfn() : random_mfn_of(m, PV_FRAME_L1 + level - 1);
    return (struct pv_update){ (table << PAGE_SHIFT) + random_index(level) * 8 + one_in(300),
                               random_entry(m, level) };
}

/* Through the linear map's tables, or those that random_index() fills. */
static gva_t random_gva(void)
{
    if (one_in(40))
        return random_bits();
    gva_t a = linear(below(NR_PFNS)) + below(4) * 0x400;
    for (int level = 1; level <= PT_LEVELS; level++)
        if (one_in(3))
            a = (a & ~((PT_ENTRIES - 1) * pt_entry_span(level))) | (40 + below(4)) * pt_entry_span(level);
    return (gva_t)((int64_t)(a << 16) >> 16);
}

static struct pv_call random_call(struct machine *m, unsigned slot)
{
    gva_t place = linear(PFN_ARGS + 1) + slot * 0x100;
    uint8_t *bytes = m->memory[p2m(PFN_ARGS + 1).n] + slot * 0x100;
    unsigned n = 1 + (unsigned)below(8);
    if (one_in(12)) {
        struct pv_frame f = { .rip = one_in(500) ? random_bits() : 0x400000,
                              .rsp = random_gva(),
                              .mode = m->d.user_root.n != NO_FRAME && one_in(2) };
        memcpy(bytes, &f, sizeof(f));
        return (struct pv_call){ .op = PV_IRET, .args = { one_in(50) ? random_gva() : place } };
    }
    switch (below(8)) {
    case 0:
        return (struct pv_call){ .op = PV_PIN,
                                 .args = { random_mfn(), one_in(30) ? random_bits() : 1 + below(4) } };
    case 1:
        return (struct pv_call){ .op = PV_UNPIN, .args = { random_mfn() } };
    case 2:
        return (struct pv_call){ .op = PV_UPDATE_VA, .args = { random_gva(), random_entry(m, 1) } };
    case 3:
        if (one_in(3))
            return (struct pv_call){
                .op = PV_SET_ROOTS,
                .args = { one_in(2) ? m->d.kernel_root.n : random_mfn_of(m, PV_FRAME_L4),
                          one_in(9) ? PV_NO_ROOT : random_mfn_of(m, one_in(2) ? PV_FRAME_L4 : PV_FRAME_NONE) }
            };
        return (struct pv_call){ .op = PV_FLUSH, .args = { one_in(2) ? PV_FLUSH_ALL : random_gva() } };
    default:
        for (unsigned i = 0; i < n; i++) {
            struct pv_update u = random_update(m);
            memcpy(bytes + i * sizeof(u), &u, sizeof(u));
        }
        return (struct pv_call){ .op = PV_MMU_UPDATE, .args = { place, n } };
    }
}

/* The guest writes to a page of its own that it has mapped writable: a table in the making. */
static void scribble(struct machine *m)
{
    uint64_t f = below(NR_PFNS);
    if (f == PFN_SHARED || !pv_frame_may_be_written(&m->d, p2m(f)))
        return;
    unsigned level = 1 + (unsigned)below(PT_LEVELS);
    if (one_in(2))
        memset(table_of(m, f), 0, PAGE_SIZE);
    else
        table_of(m, f)[random_index(level)] = random_entry(m, level);
}

/* The CPU walks and remembers. */
static void touch(struct machine *m)
{
    gva_t a = random_gva();
    uint64_t entry = pv_lookup(&m->d, mfn(m->root), a);
    if (!entry || m->nr_tlb == TLB_ENTRIES)
        return;
    for (unsigned i = 0; i < m->nr_tlb; i++)
        if (m->tlb[i].page == a >> PAGE_SHIFT)
            return;
    m->tlb[m->nr_tlb].page = a >> PAGE_SHIFT;
    m->tlb[m->nr_tlb++].entry = entry;
}

/* What it remembers, the tables still allow; above all, no table can be written to through it. */
static void assert_tlb_sound(struct machine *m)
{
    for (unsigned i = 0; i < m->nr_tlb; i++) {
        uint64_t old = m->tlb[i].entry, now = pv_lookup(&m->d, mfn(m->root), m->tlb[i].page << PAGE_SHIFT);
        ck_assert_msg(now && pte_frame_number(now) == pte_frame_number(old),
                      "the TLB maps what is no longer mapped");
        ck_assert_msg(!(old & ~now & (PTE_WRITE | PTE_USER)), "the TLB keeps a right that is gone");
        if (old & PTE_WRITE)
            ck_assert_uint_eq(m->frames[pte_frame_number(old)].type, PV_FRAME_WRITABLE);
    }
}

static void enter_host(struct machine *m)
{
    if (m->d.mode == PV_MODE_USER || one_in(20)) {
        m->regs.rsp = one_in(50) ? random_gva() : linear(PFN_STACK + 2);
        m->d.kernel_stack = linear(PFN_STACK + 1);
        if (one_in(3))
            pv_raise_event(&m->d, PV_EVENT_TIMER);
        if (one_in(3))
            pv_deliver_event(&m->d, &m->regs);
        else
            pv_handle_trap(&m->d, &m->regs, VEC_PF, (uint32_t)below(32), random_gva());
        return;
    }
    struct pv_call *calls = (void *)m->memory[p2m(PFN_ARGS).n];
    unsigned n = 1 + (unsigned)below(5);
    for (unsigned i = 0; i < n; i++)
        calls[i] = random_call(m, i);
    m->regs.rax = PV_MULTICALL;
    m->regs.rdi = linear(PFN_ARGS);
    m->regs.rsi = n;
    m->regs.rcx = 0x1000;
    pv_handle_syscall(&m->d, &m->regs);
}

/* A guest that has made a table of the page where its arguments are cannot ask for anything any more. */
static bool can_speak(struct machine *m)
{
    return pv_frame_may_be_written(&m->d, p2m(PFN_ARGS)) && pv_frame_may_be_written(&m->d, p2m(PFN_ARGS + 1));
}

/* One life of a domain, until it has done so much, or has ended itself. */
static unsigned live(unsigned steps)
{
    struct machine *m = machine_new();
    for (unsigned v = 0; v < PV_NR_TRAPS; v++)
        m->d.traps[v] = 0x5000;
    if (one_in(2))
        hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, p2m(PFN_FREE).n, 0);
    unsigned i;
    for (i = 0; i < steps && !m->d.dead && can_speak(m); i++) {
        scribble(m);
        for (unsigned n = 0; n < 8; n++)
            touch(m);
        m->entry_writes = 0;
        m->stored_anew = m->d.stored_anew;
        enter_host(m);
        ck_assert(entry_writes_are_bounded(m));
        assert_sound(m);
        if (!m->d.dead)
            assert_tlb_sound(m);
        ck_assert_msg(!m->crash || !strstr(m->crash, "cannot be undone"), "%s", m->crash);
    }
    free(m);
    return i;
}

START_TEST(no_stream_of_requests_makes_the_counts_or_the_tlb_wrong)
{
    uint64_t seed = from_environment("FV_SEED", (uint64_t)time(NULL) * 1000003), done = 0;
    uint64_t steps = from_environment("FV_STEPS", 10000);
    printf("FV_SEED=%lu\n", (unsigned long)seed);
    fflush(stdout);
    state = seed | 1;
    while (done < steps)
        done += live(2000);
    ck_assert_uint_ge(done, steps);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_random");
    TCase *c = tcase_create("random");
    tcase_set_timeout(c, 0);
    tcase_add_test(c, no_stream_of_requests_makes_the_counts_or_the_tlb_wrong);
    suite_add_tcase(s, c);
    return run_suite(s);
}
