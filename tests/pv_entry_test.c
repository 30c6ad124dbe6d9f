/* One store to a table: every combination of level, target and bits, against a model written from abi.h. */
#include "pv_machine.h"

/* One table of each level, pinned and empty, beside the tables in use; and one of each kind of target. */
enum { T1 = PFN_FREE, T2, T3, T4, UNUSED, GARBAGE };

static struct machine *machine_with_tables(void)
{
    struct machine *m = machine_new();
    for (unsigned level = 1; level <= PT_LEVELS; level++)
        ck_assert_int_eq(hypercall(m, PV_PIN, p2m(T1 + level - 1).n, level, 0), 0);
    memset(m->memory[p2m(GARBAGE).n], 0xff, PAGE_SIZE);
    return m;
}

static const struct target {
    const char *name;
    int pfn; /* or -1: by frame */
    uint64_t frame;
    bool own;
    unsigned type;
} targets[] = {
    { "unused", UNUSED, 0, true, PV_FRAME_NONE },
    { "memory", PFN_STACK, 0, true, PV_FRAME_WRITABLE },
    { "l1 table", T1, 0, true, PV_FRAME_L1 },
    { "l2 table", T2, 0, true, PV_FRAME_L2 },
    { "l3 table", T3, 0, true, PV_FRAME_L3 },
    { "l4 table", T4, 0, true, PV_FRAME_L4 },
    { "shared info", PFN_SHARED, 0, true, PV_FRAME_WRITABLE },
    { "garbage", GARBAGE, 0, true, PV_FRAME_NONE },
    { "other domain's", -1, 1, false, 0 },
    { "nobody's", -1, 0, false, 0 },
    { "first beyond", -1, NR_MFNS, false, 0 },
    { "last of all", -1, PTE_FRAME_MASK >> PAGE_SHIFT, false, 0 },
};
#define NR_TARGETS (sizeof(targets) / sizeof(targets[0]))

/* Frames of the others, found where the scattering left them. */
static uint64_t target_frame(const struct machine *m, const struct target *t)
{
    if (t->pfn >= 0)
        return p2m((uint64_t)t->pfn).n;
    if (t->frame >= NR_MFNS)
        return t->frame;
    for (uint64_t i = 0; i < NR_MFNS; i++)
        if (m->frames[i].owner == (t->frame ? OTHER_DOMAIN : PV_DOMAIN_NONE))
            return i;
    ck_abort_msg("no such frame");
}

/* What abi.h promises. */
static int expected_result(int level, const struct target *t, uint64_t entry)
{
    if (!(entry & 1))
        return 0;
    if (entry & (1ull << 7 | 1ull << 8 | 0x7ffull << 52))
        return -PV_EINVAL;
    if (!t->own)
        return -PV_EPERM;
    if (level == 1)
        return entry & 2 && t->type >= PV_FRAME_L1 ? -PV_EBUSY : 0;
    if (t->pfn == T1 + level - 1)
        return -PV_ELOOP;
    if (t->pfn == GARBAGE)
        return -PV_EINVAL;
    if (t->type == PV_FRAME_NONE)
        return 0;
    return t->type == (unsigned)(PV_FRAME_L1 + level - 2) ? 0 : -PV_EBUSY;
}

/* Counts after an accepted store, from those before. */
static void assert_counts(const struct pv_frame_info *before, const struct pv_frame_info *now, int level,
                          uint64_t entry)
{
    bool present = entry & 1, typed = present && (level > 1 || entry & 2);
    ck_assert_uint_eq(now->ref_count, before->ref_count + present);
    ck_assert_uint_eq(now->type_count, before->type_count + typed);
    if (typed)
        ck_assert_uint_eq(now->type, level > 1 ? (unsigned)(PV_FRAME_L1 + level - 2) : PV_FRAME_WRITABLE);
    else
        ck_assert_uint_eq(now->type, before->type);
}

static void try_entry(struct machine *m, const struct snapshot *clean, int level, const struct target *t,
                      uint64_t bits)
{
    uint64_t frame = target_frame(m, t), entry = frame << PAGE_SHIFT | bits, at = entry_at(T1 + level - 1, 5);
    int64_t expected = expected_result(level, t, entry), got = update(m, at, entry);
    ck_assert_msg(got == expected, "level %d, entry %lx -> %s: %ld, not %ld", level, entry, t->name, got,
                  expected);
    if (!got) {
        ck_assert_uint_eq(table_of(m, T1 + level - 1)[5], entry);
        if (frame < NR_MFNS)
            assert_counts(&clean->frames[frame], &m->frames[frame], level, entry);
        ck_assert_int_eq(update(m, at, 0), 0);
    }
    struct pv_frame_info now[NR_MFNS];
    frames_copy(now, m);
    must_hold(!memcmp(now, clean->frames, sizeof(now)), "the frame table is not as before");
    for (unsigned f = T1; f <= GARBAGE; f++)
        must_hold(!memcmp(table_of(m, f), clean->memory[p2m(f).n], PAGE_SIZE), "a table is not as before");
}

START_TEST(every_level_target_and_bit_is_judged_as_promised)
{
    struct machine *m = machine_with_tables();
    struct snapshot *clean = snapshot_take(m);
    const struct target *t = &targets[_i % NR_TARGETS];
    int level = _i / (int)NR_TARGETS + 1;
    for (unsigned low = 0; low < 512; low++)
        for (unsigned rest = 0; rest < 4; rest++)
            try_entry(m, clean, level, t, low | (rest & 1 ? PTE_SOFT : 0) | (rest & 2 ? PTE_NX : 0));
    for (unsigned i = 0; i < 64; i++)
        for (unsigned bit = 52; bit < 64; bit++)
            try_entry(m, clean, level, t,
                      (i & 7) | (uint64_t)(i & 8) << 2 | (uint64_t)(i & 48) << 5 | 1ull << bit);
    assert_sound(m);
}
END_TEST

START_TEST(a_refused_entry_changes_no_byte_of_memory)
{
    struct machine *m = machine_with_tables();
    for (int level = 1; level <= PT_LEVELS; level++)
        for (unsigned i = 0; i < NR_TARGETS; i++)
            for (unsigned n = 0; n < 32; n++) {
                uint64_t bits = (n & 7) | (n & 24) << 4; /* P, W, U, and the two refused ones */
                uint64_t entry = target_frame(m, &targets[i]) << PAGE_SHIFT | bits;
                struct pv_update u = { entry_at(T1 + level - 1, 5), entry };
                memcpy(m->memory[p2m(PFN_ARGS).n], &u, sizeof(u));
                struct snapshot *before = snapshot_take(m);
                if (hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), 1, 0))
                    ck_assert(snapshot_matches(before, m));
                else
                    ck_assert_int_eq(update(m, u.at, 0), 0);
                free(before);
            }
}
END_TEST

START_TEST(only_entries_of_tables_are_stored_to)
{
    struct machine *m = machine_with_tables();
    struct snapshot *before = snapshot_take(m);
    const struct {
        uint64_t at;
        int result;
    } places[] = {
        { entry_at(T1, 0) + 1, -PV_EINVAL },
        { entry_at(T1, 0) + 4, -PV_EINVAL },
        { entry_at(PFN_STACK, 0), -PV_EINVAL },
        { entry_at(UNUSED, 0), -PV_EINVAL },
        { entry_at(PFN_SHARED, 0), -PV_EINVAL },
        { target_frame(m, &targets[8]) << PAGE_SHIFT, -PV_EPERM },
        { target_frame(m, &targets[9]) << PAGE_SHIFT, -PV_EPERM },
        { NR_MFNS * PAGE_SIZE, -PV_EPERM },
        { ~7ull, -PV_EPERM },
        { entry_at(T4, PV_RESERVED_SLOT), -PV_EPERM },
        { entry_at(PFN_L4, PV_RESERVED_SLOT), -PV_EPERM },
    };
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        for (unsigned n = 0; n < 2; n++) {
            uint64_t entry = n ? 0 : MONITOR_ENTRY;
            memcpy(m->memory[p2m(PFN_ARGS).n], &(struct pv_update){ places[i].at, entry }, 16);
            memcpy(before->memory[p2m(PFN_ARGS).n], m->memory[p2m(PFN_ARGS).n], 16);
            ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), 1, 0), places[i].result);
            ck_assert(snapshot_matches(before, m));
        }
}
END_TEST

START_TEST(an_entry_that_is_not_present_may_hold_anything)
{
    struct machine *m = machine_with_tables();
    for (unsigned bit = 1; bit < 64; bit++) {
        ck_assert_int_eq(update(m, entry_at(T3, 9), 1ull << bit), 0);
        ck_assert_uint_eq(table_of(m, T3)[9], 1ull << bit);
    }
    ck_assert_int_eq(update(m, entry_at(T1, 9), ~1ull), 0);
    assert_sound(m);
}
END_TEST

START_TEST(the_monitors_slot_is_an_entry_like_others_below_the_root)
{
    struct machine *m = machine_with_tables();
    for (unsigned level = 1; level < PT_LEVELS; level++) {
        uint64_t entry = level == 1 ? entry_for(PFN_STACK, RW) : entry_for(T1 + level - 2, RW);
        ck_assert_int_eq(update(m, entry_at(T1 + level - 1, PV_RESERVED_SLOT), entry), 0);
    }
    assert_sound(m);
}
END_TEST

START_TEST(counts_do_not_overflow)
{
    struct machine *m = machine_with_tables();
    uint32_t many = 1u << 31;
    info_of(m, PFN_STACK)->ref_count = many;
    ck_assert_int_eq(update(m, entry_at(T1, 0), entry_for(PFN_STACK, RO)), -PV_EBUSY);
    ck_assert_int_eq(update(m, entry_at(T1, 0), entry_for(PFN_STACK, RW)), -PV_EBUSY);
    info_of(m, PFN_STACK)->ref_count = 1;
    info_of(m, PFN_STACK)->type_count = many;
    ck_assert_int_eq(update(m, entry_at(T1, 0), entry_for(PFN_STACK, RW)), -PV_EBUSY);
    ck_assert_uint_eq(info_of(m, PFN_STACK)->type_count, many);
    info_of(m, T1)->type_count = many;
    ck_assert_int_eq(update(m, entry_at(T2, 0), entry_for(T1, RW)), -PV_EBUSY);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(T1).n, 0, 0), 0);
    info_of(m, T1)->type_count = many;
    ck_assert_int_eq(hypercall(m, PV_PIN, p2m(T1).n, 1, 0), -PV_EBUSY);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_entry");
    TCase *c = tcase_create("entry");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, every_level_target_and_bit_is_judged_as_promised, 0, PT_LEVELS * (int)NR_TARGETS);
    tcase_add_test(c, a_refused_entry_changes_no_byte_of_memory);
    tcase_add_test(c, only_entries_of_tables_are_stored_to);
    tcase_add_test(c, an_entry_that_is_not_present_may_hold_anything);
    tcase_add_test(c, the_monitors_slot_is_an_entry_like_others_below_the_root);
    tcase_add_test(c, counts_do_not_overflow);
    suite_add_tcase(s, c);
    return run_suite(s);
}
