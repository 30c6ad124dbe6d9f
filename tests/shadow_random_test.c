/* Random guests: streams of table stores (whole and in pieces, by the guest and by devices), accesses,
 * INVLPGs, CR3 loads, changes of role and mode, run on the shadow MMU with a fake CPU, and on a CPU that
 * walks the guest's tables directly. Both must reach the same memory, fault with the same error, and leave
 * the same bits; the audit follows each step.
 * FV_SEED=n repeats a run, FV_STEPS=n makes it longer.
 *
 * The guest flushes as the manual asks: where the two disagree before a flush, it flushes; then they must
 * agree. */
#include <check.h>
#include <time.h>
#include "shadow_machine.h"
#include "shadow_model.h"

#define NR_STEPS 1500 /* FV_STEPS says otherwise */

static unsigned long seed;
static int nr_steps = NR_STEPS;
static uint64_t random_state;

static uint64_t random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dull;
}

static uint64_t below(uint64_t n)
{
    return (random64() >> 20) % n;
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

static const struct setting {
    uint32_t pool, ahead;
    unsigned hostile; /* percent of entries that are 64 random bits */
    bool is_nested;
} settings[] = { { 32, 0, 0, false },   { 32, 64, 5, false }, { 40, 4, 2, false },   { 200, 64, 2, false },
                 { 200, 0, 5, false },  { 64, 8, 30, false }, { 32, 64, 5, true },   { 64, 8, 5, true },
                 { 200, 64, 2, true } };
#define NR_SETTINGS 9

static struct machine *m;
static struct model_cpu model;
static uint64_t twin[NR_PFNS][PT_ENTRIES];
static bool user;
static uint64_t reached[8]; /* where the guest's last accesses came through */

/* Few indices, so that tables meet. */
static unsigned random_index(int level)
{
    static const unsigned top[] = { 0, 1, 256, MONITOR_SLOT }, other[] = { 0, 1, 7, 511 };

    return level == PT_LEVELS ? top[below(100) < 3 ? 3 : below(3)] : other[below(4)];
}

static uint64_t random_gva(void)
{
    uint64_t a = chance(70) ? random_index(1 + (int)below(4)) * 8 : below(PAGE_SIZE);

    for (int level = 1; level <= PT_LEVELS; level++)
        a |= (uint64_t)random_index(level) << (PAGE_SHIFT + 9 * (level - 1));
    return (uint64_t)((int64_t)(a << 16) >> 16);
}

static uint64_t random_frame(void)
{
    if (chance(2))
        return DEVICE_PFN + below(NR_DEVICES + 2);
    if (chance(1))
        return below(1ull << 52);
    return chance(85) ? below(12) : below(NR_PFNS); /* the low ones are used as tables */
}

static uint64_t random_entry(unsigned hostile)
{
    uint64_t e = PTE_PRESENT;

    if (chance(hostile))
        return random64();
    if (chance(6))
        return chance(50) ? 0 : random64() & ~PTE_PRESENT;
    e |= (chance(90) ? PTE_WRITE : 0) | (chance(90) ? PTE_USER : 0) | (chance(75) ? PTE_ACCESSED : 0);
    e |= (chance(60) ? PTE_DIRTY : 0) | (chance(10) ? PTE_NX : 0) | (chance(20) ? PTE_GLOBAL : 0);
    if (chance(6))
        return e | PTE_LARGE | (chance(20) ? 1ull << 30 : 0);
    return e | random_frame() << PAGE_SHIFT;
}

/* The kernel flushes one page, or all. */
static void guest_flushes(uint64_t gva)
{
    if (chance(50))
        machine_invlpg(m, gva);
    else
        machine_load_cr3(m, model.cr3);
}

/* What the CPU would do now by what it remembers and by the shadow as it stands is what the guest's tables
 * say? */
static bool cpu_is_up_to_date(uint64_t gva, int access, uint32_t bits)
{
    struct model_result want;
    uint64_t maddr, frame;

    if (!cpu_translate(m, gva, bits, &maddr))
        return true; /* it faults, and then the tables are walked */
    model.only_look = true;
    want = model_access(&model, gva, user, access);
    model.only_look = false;
    frame = maddr >> PAGE_SHIFT;
    if (frame - DEVICE_MFN < NR_DEVICES)
        frame = DEVICE_PFN + frame - DEVICE_MFN;
    else
        frame = machine_m2p(frame >= WINDOW ? frame - WINDOW : frame);
    return !want.fault && !want.sets_bits && want.gpa >> PAGE_SHIFT == frame;
}

static void check_same(struct machine_result got, struct model_result want)
{
    if (want.fault) {
        ck_assert_int_eq(got.outcome, FAULTED);
        ck_assert_uint_eq(got.error, want.error);
    } else if (got.outcome == FAILED) {
        ck_assert_int_eq(got.why, SHADOW_NOWHERE);
        ck_assert_int_eq(machine_place(NULL, gpa_to_pfn(want.gpa)).kind, SHADOW_PLACE_NONE);
    } else {
        ck_assert_int_ne(got.outcome, FAULTED);
        ck_assert_uint_eq(got.gpa, want.gpa);
    }
}

static void step_access(int access, uint64_t value, unsigned size)
{
    static const uint32_t bits[] = { 0, PF_ERR_WRITE, PF_ERR_FETCH };
    uint64_t gva = (chance(50) ? reached[below(8)] : random_gva()) & (chance(80) ? ~7ull : ~0ull), maddr;
    struct machine_result got;
    struct model_result want;

    if (page_offset(gva) + size > PAGE_SIZE)
        gva &= ~7ull;
    if (!cpu_is_up_to_date(gva, access, bits[access])) {
        guest_flushes(gva);
        ck_assert(cpu_is_up_to_date(gva, access, bits[access]));
    }
    if (access == MODEL_WRITE)
        got = machine_write(m, gva, value, size);
    else
        got = machine_access(m, gva, bits[access], &maddr);
    if (got.outcome == FAILED && got.why == SHADOW_RESERVED_SLOT) {
        ck_assert_uint_eq(pt_index(gva, PT_LEVELS), MONITOR_SLOT);
        return;
    }
    want = model_access(&model, gva, user, access);
    check_same(got, want);
    if (got.outcome == REACHED_RAM)
        reached[below(8)] = (gva & ~PAGE_MASK) | random_index(1 + (int)below(4)) * 8;
    if (access == MODEL_WRITE && got.outcome == REACHED_RAM)
        memcpy((uint8_t *)twin + want.gpa, &value, size);
}

/* A device, or another CPU if there were one, writes to memory. */
static void step_device_write(unsigned hostile)
{
    uint64_t entry = random_entry(hostile),
             at = below(12) << PAGE_SHIFT | random_index(1 + (int)below(4)) * 8;

    ck_assert_int_eq(shadow_write_memory(&m->s, at, &entry, 8), 0);
    memcpy((uint8_t *)twin + at, &entry, 8);
}

/* The VMM pushes an exception frame, or fetches an instruction. */
static void step_copy(void)
{
    uint64_t gva = random_gva() & ~7ull, words[8], read[8];
    uint64_t bytes = 8 * (1 + below(8));
    enum shadow_result r;

    if (chance(50))
        gva = (gva | PAGE_MASK) - 15; /* crosses a page */
    if (pt_index(gva, PT_LEVELS) == MONITOR_SLOT || page_offset(gva) + bytes > PAGE_SIZE)
        bytes = 8;
    for (int i = 0; i < 8; i++)
        words[i] = random_entry(5);
    r = shadow_copy_to_guest(&m->s, 0, gva, words, bytes);
    if (r == SHADOW_FIXED) {
        struct model_result want = model_access(&model, gva, false, MODEL_WRITE);

        ck_assert(!want.fault);
        memcpy((uint8_t *)twin + want.gpa, words, bytes);
    }
    if (r == SHADOW_FIXED && shadow_copy_from_guest(&m->s, 0, read, gva, bytes) == SHADOW_FIXED) {
        struct model_result want = model_access(&model, gva, false, MODEL_READ);

        ck_assert(!want.fault);
        ck_assert_mem_eq(read, (uint8_t *)twin + want.gpa, bytes);
    }
}

static void step_registers(void)
{
    switch (below(4)) {
    case 0:
        model.cr3 = below(4) << PAGE_SHIFT;
        machine_load_cr3(m, model.cr3);
        break;
    case 1:
        model.wp = chance(70);
        model.nxe = chance(80);
        machine_set_controls(m, model.wp, model.nxe);
        break;
    default:
        user = !user;
        machine_set_role(m, user ? SHADOW_USER : SHADOW_KERNEL);
    }
}

static void step(unsigned hostile)
{
    static const unsigned sizes[] = { 8, 8, 8, 4, 2, 1, 5 };

    switch (below(10)) {
    case 0:
        step_registers();
        break;
    case 1:
    case 2:
        step_device_write(hostile);
        break;
    case 3:
        step_access(MODEL_FETCH, 0, 1);
        break;
    case 4:
        step_access(MODEL_READ, 0, 8);
        break;
    case 5:
        step_copy();
        break;
    default:
        step_access(MODEL_WRITE, random_entry(hostile), sizes[below(7)]);
    }
}

/* Nothing that the CPU remembers lets the guest write a table, or reaches what is not the guest's. */
static void check_tlb(void)
{
    for (unsigned i = 0; i < TLB_SIZE; i++) {
        uint64_t frame = m->tlb[i].mfn, f;

        if (!m->tlb[i].valid || frame - DEVICE_MFN < NR_DEVICES)
            continue;
        f = machine_m2p(frame >= WINDOW ? frame - WINDOW : frame);
        ck_assert(f != NO_FRAME);
        ck_assert(!m->tlb[i].write || frame >= WINDOW || !shadow_frame_is_table(&m->s, pfn(f)));
    }
}

static void check_state(void)
{
    ck_assert_mem_eq(m->ram, twin, sizeof twin);
    if (chance(20)) {
        machine_resume(m);
        ck_assert_uint_eq(machine_audit(m), 0);
        ck_assert_mem_eq(m->real, m->seen, sizeof m->real);
        check_tlb();
    }
    if (!m->s.nr_unsettled && chance(m->s.nr_frames > 64 ? 30 : 100))
        ck_assert_uint_eq(machine_audit(m), 0);
    ck_assert_uint_le(m->s.stats.tables_in_use, m->s.nr_frames);
}

START_TEST(a_random_guest_sees_what_a_cpu_on_its_own_tables_would_show)
{
    const struct setting *c = &settings[_i];

    random_state = seed * NR_SETTINGS + (unsigned)_i + 1;
    memset(twin, 0, sizeof twin);
    memset(reached, 0, sizeof reached);
    user = false;
    m = machine_create(c->pool, c->ahead);
    m->is_nested = c->is_nested;
    model = (struct model_cpu){
        .ram = twin[0], .ram_bytes = sizeof twin, .maxphyaddr = MAXPHYADDR, .wp = true, .nxe = true
    };
    machine_load_cr3(m, 0);
    for (int n = 0; n < nr_steps; n++) {
        if (n % 100 == 0) { /* the guest builds its tables anew */
            for (int i = 0; i < 100; i++)
                step_device_write(c->hostile);
        }
        step(c->hostile);
        check_state();
    }
    machine_destroy(m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shadow_random");
    TCase *t = tcase_create("random");

    tcase_add_loop_test(t, a_random_guest_sees_what_a_cpu_on_its_own_tables_would_show, 0, NR_SETTINGS);
    tcase_set_timeout(t, 120);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    const char *given = getenv("FV_SEED");
    SRunner *r = srunner_create(suite());
    int failed;

    seed = given ? strtoul(given, NULL, 0) : (unsigned long)time(NULL);
    if (getenv("FV_STEPS"))
        nr_steps = atoi(getenv("FV_STEPS"));
    printf("FV_SEED=%lu\n", seed);
    fflush(stdout);
    srunner_run_all(r, CK_NORMAL);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
