/* A permission matrix: every combination of rights at each level, by each kind of access, in each CPU mode,
 * through the walker and through the shadow MMU on a fake CPU, against an independent model written from the
 * manual. */
#include <check.h>
#include "shadow_machine.h"
#include "shadow_model.h"
#include "tests/run_suite.h"

#define GVA        0x0000123456789abcull
#define PAGE_FRAME 9ull

/* Where the page is mapped: by a level 1, 2 or 3 entry. Tables are frames 4 (root), 3, 2, 1. */
static const int leaf_levels[] = { 1, 2, 3 };

static const uint32_t access_bits[] = {
    [MODEL_READ] = 0,
    [MODEL_WRITE] = PF_ERR_WRITE,
    [MODEL_FETCH] = PF_ERR_FETCH,
};

struct mode {
    bool wp, nxe, user;
    int access;
};

/* The modes by number, 0 to 23. */
#define NR_MODES 24

static struct mode mode_of(int n)
{
    return (struct mode){ .wp = n & 1, .nxe = n & 2, .user = n & 4, .access = n / 8 };
}

static uint64_t ram[NR_PFNS][PT_ENTRIES], twin[NR_PFNS][PT_ENTRIES];

static void *frame_of(void *ctx, pfn_t f)
{
    (void)ctx;
    return f.n < NR_PFNS ? ram[f.n] : NULL;
}

static uint64_t *entry_in(uint64_t memory[][PT_ENTRIES], int level)
{
    return &memory[level][pt_index(GVA, level)];
}

/* A present, accessed entry with all rights, that leads to the next table or maps the page. */
static uint64_t full_entry(int level, int leaf_level)
{
    uint64_t bits = PTE_PRESENT | PTE_WRITE | PTE_USER;

    if (level > leaf_level)
        return (uint64_t)(level - 1) << PAGE_SHIFT | bits;
    return level == 1 ? PAGE_FRAME << PAGE_SHIFT | bits : bits | PTE_LARGE; /* large pages map frame 0 up */
}

static const char *name_entry(uint64_t e)
{
    static char names[8][48];
    static int n;
    char *s = names[n++ % 8];

    snprintf(s, sizeof names[0], "%llx%s%s%s%s%s%s%s", (unsigned long long)pte_frame_number(e),
             e & PTE_PRESENT ? " P" : "", e & PTE_WRITE ? " W" : "", e & PTE_USER ? " U" : "",
             e & PTE_ACCESSED ? " A" : "", e & PTE_DIRTY ? " D" : "", e & PTE_LARGE ? " PS" : "",
             e & PTE_NX ? " NX" : "");
    return s;
}

static void fail_with_names(struct mode m, const char *what, struct model_result want,
                            struct model_result got)
{
    static const char *const names[] = { "read", "write", "fetch" };

    ck_abort_msg(
        "%s: %s by %s, wp=%d nxe=%d, l4 [%s] l3 [%s] l2 [%s] l1 [%s]: want fault=%d error=%x gpa=%llx, got "
        "fault=%d error=%x gpa=%llx",
        what, names[m.access], m.user ? "user" : "kernel", m.wp, m.nxe, name_entry(*entry_in(ram, 4)),
        name_entry(*entry_in(ram, 3)), name_entry(*entry_in(ram, 2)), name_entry(*entry_in(ram, 1)),
        want.fault, want.error, (unsigned long long)want.gpa, got.fault, got.error,
        (unsigned long long)got.gpa);
}

static bool same_result(struct model_result a, struct model_result b)
{
    return a.fault == b.fault && (a.fault ? a.error == b.error : a.gpa == b.gpa);
}

static struct model_cpu model_of(struct mode m, uint64_t memory[][PT_ENTRIES], unsigned maxphyaddr)
{
    return (struct model_cpu){ .ram = memory[0],
                               .ram_bytes = NR_PFNS * PAGE_SIZE,
                               .cr3 = 4ull << PAGE_SHIFT,
                               .maxphyaddr = maxphyaddr,
                               .wp = m.wp,
                               .nxe = m.nxe };
}

/* The walker's verdict and the bits that it would set, against the model's. */
static void check_walk(struct mode m, unsigned maxphyaddr)
{
    struct guest_paging g = {
        .frame = frame_of, .maxphyaddr = maxphyaddr, .root = pfn(4), .wp = m.wp, .nxe = m.nxe
    };
    struct model_cpu c = model_of(m, twin, maxphyaddr);
    struct model_result want, got = { 0 };
    uint32_t access = access_bits[m.access] | (m.user ? PF_ERR_USER : 0);
    struct guest_walk w;

    for (int level = 1; level <= PT_LEVELS; level++)
        *entry_in(twin, level) = *entry_in(ram, level);
    want = model_access(&c, GVA, m.user, m.access);
    got.fault = !guest_walk(&g, GVA, access, &w);
    got.error = w.error;
    got.gpa = w.gpa;
    if (!same_result(want, got))
        fail_with_names(m, "walk", want, got);
    for (int level = PT_LEVELS; level > 0; level--) {
        uint64_t e = *entry_in(ram, level);

        if (!got.fault && level >= w.leaf_level)
            e |= guest_walk_sets(&w, level, access);
        if (e != *entry_in(twin, level))
            fail_with_names(m, "accessed and dirty bits", want, got);
    }
}

static void check_walk_in_all_modes(unsigned maxphyaddr)
{
    for (int n = 0; n < NR_MODES; n++)
        check_walk(mode_of(n), maxphyaddr);
}

static void map_fully(int leaf_level)
{
    memset(ram, 0, sizeof ram);
    memset(twin, 0, sizeof twin);
    for (int level = leaf_level; level <= PT_LEVELS; level++)
        *entry_in(ram, level) = full_entry(level, leaf_level);
}

/* W, U and NX of all levels from the bits of n. */
static void set_rights(int leaf_level, unsigned n)
{
    for (int level = leaf_level; level <= PT_LEVELS; level++, n >>= 3) {
        uint64_t *e = entry_in(ram, level);

        *e = full_entry(level, leaf_level) & ~(n & 1 ? PTE_WRITE : 0) & ~(n & 2 ? PTE_USER : 0);
        *e |= n & 4 ? PTE_NX : 0;
    }
}

START_TEST(the_walker_judges_all_rights_at_all_levels_as_the_manual_says)
{
    int leaf = leaf_levels[_i];

    map_fully(leaf);
    for (unsigned n = 0; n < 1u << 3 * (PT_LEVELS - leaf + 1); n++) {
        set_rights(leaf, n);
        check_walk_in_all_modes(MAXPHYADDR);
    }
}
END_TEST

START_TEST(the_walker_sets_accessed_and_dirty_bits_from_every_state)
{
    int leaf = leaf_levels[_i], levels = PT_LEVELS - leaf + 1;

    for (unsigned n = 0; n < 2u << levels; n++) {
        map_fully(leaf);
        for (int i = 0; i < levels; i++)
            *entry_in(ram, leaf + i) |= n >> i & 1 ? PTE_ACCESSED : 0;
        *entry_in(ram, leaf) |= n >> levels & 1 ? PTE_DIRTY : 0;
        check_walk_in_all_modes(MAXPHYADDR);
    }
}
END_TEST

/* One single bit more in one entry: absent entries ignore it, present ones may have it reserved. */
START_TEST(the_walker_knows_each_reserved_bit_at_each_level)
{
    int leaf = leaf_levels[_i];
    static const unsigned maxphyaddrs[] = { 36, 40, 51, 52 };

    for (int level = leaf; level <= PT_LEVELS; level++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            for (unsigned i = 0; i < 4; i++) {
                map_fully(leaf);
                *entry_in(ram, level) ^= 1ull << bit;
                check_walk_in_all_modes(maxphyaddrs[i]);
                *entry_in(ram, level) &= ~PTE_PRESENT;
                check_walk_in_all_modes(maxphyaddrs[i]);
            }
        }
    }
}
END_TEST

/* Each level may be right, absent, or reserved; the first that is not right decides. */
START_TEST(the_first_level_that_stops_the_walk_decides_the_error)
{
    map_fully(1);
    for (unsigned n = 0; n < 81; n++) {
        for (unsigned rights = 0; rights < 8; rights++) {
            set_rights(1, rights | rights << 6);
            for (unsigned level = 1, states = n; level <= PT_LEVELS; level++, states /= 3) {
                if (states % 3 == 1)
                    *entry_in(ram, (int)level) &= ~PTE_PRESENT;
                if (states % 3 == 2)
                    *entry_in(ram, (int)level) |= 1ull << MAXPHYADDR;
            }
            check_walk_in_all_modes(MAXPHYADDR);
        }
    }
}
END_TEST

START_TEST(a_table_where_no_memory_is_reads_as_all_ones)
{
    for (int level = 2; level <= PT_LEVELS; level++) {
        map_fully(1);
        *entry_in(ram, level) = (NR_PFNS + 5ull) << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE | PTE_USER;
        check_walk_in_all_modes(MAXPHYADDR);
        check_walk_in_all_modes(52);
    }
}
END_TEST

/* The same through the shadow: entries stored one by one, then each access in each mode on the fake CPU. */
static void store_entries(struct machine *m, int leaf_level)
{
    for (int level = leaf_level; level <= PT_LEVELS; level++) {
        gpa_t at = pfn_to_gpa(pfn((uint64_t)level)) + pt_index(GVA, level) * 8;

        shadow_store(&m->s, at, *entry_in(ram, level), 8);
        *entry_in(twin, level) = *entry_in(ram, level);
    }
    shadow_invlpg(&m->s, GVA);
}

static void check_shadow(struct machine *m, struct mode mode)
{
    struct model_cpu c = model_of(mode, twin, MAXPHYADDR);
    struct model_result want = model_access(&c, GVA, mode.user, mode.access), got = { 0 };
    struct machine_result r;
    uint64_t maddr;

    shadow_set_role(&m->s, mode.user ? SHADOW_USER : SHADOW_KERNEL);
    machine_set_controls(m, mode.wp, mode.nxe);
    r = machine_access(m, GVA, access_bits[mode.access], &maddr);
    got.fault = r.outcome == FAULTED;
    got.error = r.error;
    got.gpa = r.gpa;
    if (r.outcome == FAILED && r.why == SHADOW_NOWHERE) /* allowed, but a large page reaches beyond memory */
        got.gpa = m->s.fault.gpa;
    if (!same_result(want, got))
        fail_with_names(mode, "shadow", want, got);
    if (memcmp(m->ram, twin, sizeof twin))
        fail_with_names(mode, "guest memory after the access", want, got);
}

START_TEST(the_shadow_judges_rights_at_all_levels_as_the_manual_says)
{
    static const unsigned kinds[] = { 0, 1, 2, 4, 7 }; /* all rights, no W, no U, NX, none of them */
    int leaf = leaf_levels[_i];
    struct machine *m = machine_create(64, 16);
    unsigned combinations = 1;

    for (int level = leaf; level <= PT_LEVELS; level++)
        combinations *= 5;
    map_fully(leaf);
    machine_load_cr3(m, 4ull << PAGE_SHIFT);
    for (unsigned n = 0; n < combinations; n++) {
        unsigned rights = 0;

        for (unsigned i = 0, k = n; i < PT_LEVELS; i++, k /= 5)
            rights |= kinds[k % 5] << 3 * i;
        for (int mode = 0; mode < NR_MODES; mode++) {
            set_rights(leaf, rights);
            if ((n + (unsigned)mode) % 3 == 0)
                *entry_in(ram, leaf) |= PTE_ACCESSED;
            store_entries(m, leaf);
            check_shadow(m, mode_of(mode));
        }
        ck_assert_uint_eq(machine_audit(m), 0);
    }
    machine_destroy(m);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shadow_walk");
    TCase *walk = tcase_create("walk"), *shadow = tcase_create("shadow");

    tcase_add_loop_test(walk, the_walker_judges_all_rights_at_all_levels_as_the_manual_says, 0, 3);
    tcase_add_loop_test(walk, the_walker_sets_accessed_and_dirty_bits_from_every_state, 0, 3);
    tcase_add_loop_test(walk, the_walker_knows_each_reserved_bit_at_each_level, 0, 3);
    tcase_add_test(walk, the_first_level_that_stops_the_walk_decides_the_error);
    tcase_add_test(walk, a_table_where_no_memory_is_reads_as_all_ones);
    tcase_add_loop_test(shadow, the_shadow_judges_rights_at_all_levels_as_the_manual_says, 0, 3);
    tcase_set_timeout(walk, 60);
    tcase_set_timeout(shadow, 60);
    suite_add_tcase(s, walk);
    suite_add_tcase(s, shadow);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
