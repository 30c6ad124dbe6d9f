/* pv_init, pins, base pointers, flushes: what a use of a table holds, and that the last one lets all go. */
#include "pv_machine.h"

enum { ROOT = PFN_FREE, L3, L2, L1, SPARE };

/* A second tree, linked but not yet a table: ROOT -> L3 -> L2 -> L1 -> memory, and the kernel's half. */
static void make_tree(struct machine *m)
{
    table_of(m, ROOT)[0] = entry_for(L3, RW);
    table_of(m, ROOT)[pt_index(PV_LINEAR_BASE, 4)] = entry_for(PFN_L3, RW);
    table_of(m, L3)[1] = entry_for(L2, RW);
    table_of(m, L2)[2] = entry_for(L1, RW);
    table_of(m, L1)[3] = entry_for(SPARE, RW);
    table_of(m, L1)[4] = entry_for(L1, RO);
}

static uint64_t monitor_slot(struct machine *m, uint64_t root)
{
    return table_of(m, root)[PV_RESERVED_SLOT];
}

START_TEST(init_takes_the_builders_tables_over)
{
    struct machine *m = machine_new();
    ck_assert_uint_eq(info_of(m, PFN_L4)->type, PV_FRAME_L4);
    ck_assert_uint_eq(info_of(m, PFN_L4)->type_count, 2);
    ck_assert_uint_eq(info_of(m, PFN_L4)->ref_count, 3);
    ck_assert(info_of(m, PFN_L4)->pinned);
    ck_assert_uint_eq(info_of(m, PFN_L1)->type, PV_FRAME_L1);
    ck_assert_uint_eq(info_of(m, PFN_STACK)->type, PV_FRAME_WRITABLE);
    ck_assert_uint_eq(info_of(m, PFN_SHARED)->type_count, 2);
    ck_assert_uint_eq(info_of(m, SPARE)->ref_count, 0);
    ck_assert_uint_eq(monitor_slot(m, PFN_L4), MONITOR_ENTRY);
    ck_assert_uint_eq(m->root, p2m(PFN_L4).n);
    ck_assert_int_eq(m->d.mode, PV_MODE_KERNEL);
    assert_sound(m);
}
END_TEST

START_TEST(init_refuses_a_builders_mistakes)
{
    const struct {
        uint64_t table;
        unsigned index;
        uint64_t entry;
        int result;
    } mistakes[] = {
        { PFN_L1, PFN_L2, entry_for(PFN_L2, RW), -PV_EBUSY },
        { PFN_L1, PFN_SHARED, entry_for(PFN_SHARED, RO), -PV_EINVAL },
        { PFN_L1, PFN_SHARED, 0, -PV_EINVAL },
        { PFN_L4, PV_RESERVED_SLOT, MONITOR_ENTRY, -PV_EPERM },
        { PFN_L3, 0, entry_for(PFN_L4, RW), -PV_ELOOP },
        { PFN_L2, 0, NR_MFNS << PAGE_SHIFT | RW, -PV_EPERM },
        { PFN_L4, 0, entry_for(PFN_L3, RW | PTE_GLOBAL), -PV_EINVAL },
    };
    for (unsigned i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct machine *m = machine_build();
        table_of(m, mistakes[i].table)[mistakes[i].index] = mistakes[i].entry;
        struct snapshot *before = snapshot_take(m);
        ck_assert_int_eq(pv_init(&m->d, p2m(PFN_L4)), mistakes[i].result);
        ck_assert(snapshot_matches(before, m));
        free(before);
        free(m);
    }
    struct machine *m = machine_build();
    ck_assert_int_eq(pv_init(&m->d, mfn(NR_MFNS)), -PV_EPERM);
}
END_TEST

START_TEST(a_pin_takes_the_whole_tree_and_unpin_gives_all_of_it_back)
{
    struct machine *m = machine_new();
    make_tree(m);
    struct snapshot *before = snapshot_take(m);
    ck_assert_int_eq(hypercall(m, PV_PIN, p2m(ROOT).n, 4, 0), 0);
    ck_assert_uint_eq(info_of(m, L1)->type, PV_FRAME_L1);
    ck_assert_uint_eq(info_of(m, L1)->ref_count, 2);
    ck_assert_uint_eq(info_of(m, SPARE)->type, PV_FRAME_WRITABLE);
    ck_assert_uint_eq(info_of(m, PFN_L3)->type_count, 2);
    ck_assert_uint_eq(monitor_slot(m, ROOT), MONITOR_ENTRY);
    assert_sound(m);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(ROOT).n, 0, 0), 0);
    ck_assert(snapshot_matches(before, m));
    assert_sound(m);
}
END_TEST

/* mfn, level: every frame of the machine at every level, with what is known of it. */
START_TEST(a_refused_pin_changes_nothing)
{
    struct machine *m = machine_new();
    make_tree(m);
    table_of(m, SPARE)[17] = PTE_PRESENT | 1ull << 52;
    for (uint64_t f = 0; f < NR_MFNS + 2; f++)
        for (uint64_t level = 0; level <= 6; level++) {
            struct snapshot *before = snapshot_take(m);
            int64_t got = hypercall(m, PV_PIN, f, level, 0);
            bool own = f < NR_MFNS && m->frames[f].owner == DOMAIN;
            if (level < 1 || level > 4)
                ck_assert_int_eq(got, -PV_EINVAL);
            else if (!own)
                ck_assert_int_eq(got, -PV_EPERM);
            else if (before->frames[f].type == PV_FRAME_WRITABLE)
                ck_assert_int_eq(got, -PV_EBUSY);
            if (!got)
                ck_assert_int_eq(hypercall(m, PV_UNPIN, f, 0, 0), 0);
            ck_assert(snapshot_matches(before, m));
            free(before);
        }
    assert_sound(m);
}
END_TEST

/* Nothing holds the old root but that it is in use: it loses the monitor when it is replaced, and must not be the one
 * that the CPU walks then. The fake machine checks each store to the loaded root. */
START_TEST(a_replaced_root_is_not_the_loaded_one_when_it_loses_the_monitor)
{
    struct machine *m = machine_new();
    make_tree(m);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(ROOT).n, PV_NO_ROOT, 0), 0);
    ck_assert_uint_eq(m->root, p2m(ROOT).n);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, PV_NO_ROOT, 0), 0);
    ck_assert_uint_eq(m->root, p2m(PFN_L4).n);
    ck_assert_uint_eq(monitor_slot(m, ROOT), 0);
    ck_assert_uint_eq(info_of(m, ROOT)->ref_count, 0);
    assert_sound(m);
}
END_TEST

START_TEST(a_frame_is_pinned_once_and_unpinned_once)
{
    struct machine *m = machine_new();
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(SPARE).n, 0, 0), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(PFN_L1).n, 0, 0), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, NR_MFNS, 0, 0), -PV_EPERM);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, ~0ull, 0, 0), -PV_EPERM);
    ck_assert_int_eq(hypercall(m, PV_PIN, p2m(SPARE).n, 2, 0), 0);
    ck_assert_int_eq(hypercall(m, PV_PIN, p2m(SPARE).n, 2, 0), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_PIN, p2m(SPARE).n, 1, 0), -PV_EBUSY);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(SPARE).n, 0, 0), 0);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(SPARE).n, 0, 0), -PV_EINVAL);
    assert_sound(m);
}
END_TEST

START_TEST(a_root_with_something_in_the_monitors_slot_is_refused)
{
    struct machine *m = machine_new();
    make_tree(m);
    const uint64_t values[] = { 1, 2, MONITOR_ENTRY, ~0ull };
    for (unsigned i = 0; i < 4; i++) {
        table_of(m, ROOT)[PV_RESERVED_SLOT] = values[i];
        struct snapshot *before = snapshot_take(m);
        ck_assert_int_eq(hypercall(m, PV_PIN, p2m(ROOT).n, 4, 0), -PV_EPERM);
        ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, p2m(ROOT).n, 0), -PV_EPERM);
        ck_assert(snapshot_matches(before, m));
        free(before);
    }
    for (uint64_t level = 1; level < 4; level++) { /* it is an entry like others there */
        table_of(m, SPARE)[PV_RESERVED_SLOT] = 2;
        ck_assert_int_eq(hypercall(m, PV_PIN, p2m(SPARE).n, level, 0), 0);
        ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(SPARE).n, 0, 0), 0);
    }
}
END_TEST

START_TEST(new_roots_are_counted_and_the_old_ones_let_go)
{
    struct machine *m = machine_new();
    make_tree(m);
    struct snapshot *before = snapshot_take(m);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, p2m(ROOT).n, 0), 0);
    ck_assert_uint_eq(m->root, p2m(PFN_L4).n);
    ck_assert_uint_eq(info_of(m, ROOT)->type_count, 1);
    assert_sound(m);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(ROOT).n, p2m(ROOT).n, 0), 0);
    ck_assert_uint_eq(m->root, p2m(ROOT).n);
    ck_assert_uint_eq(info_of(m, ROOT)->type_count, 2);
    ck_assert_uint_eq(info_of(m, PFN_L4)->type_count, 1); /* its pin */
    assert_sound(m);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, PV_NO_ROOT, 0), 0);
    ck_assert(snapshot_matches(before, m));
    assert_sound(m);
}
END_TEST

START_TEST(refused_roots_change_nothing)
{
    struct machine *m = machine_new();
    make_tree(m);
    const struct {
        uint64_t kernel, user;
        int result;
    } roots[] = {
        { PV_NO_ROOT, PV_NO_ROOT, -PV_EPERM },         { NR_MFNS, PV_NO_ROOT, -PV_EPERM },
        { p2m(PFN_STACK).n, PV_NO_ROOT, -PV_EBUSY },   { p2m(PFN_L1).n, PV_NO_ROOT, -PV_EBUSY },
        { p2m(ROOT).n, p2m(PFN_L3).n, -PV_EBUSY },     { p2m(ROOT).n, NR_MFNS + 5, -PV_EPERM },
        { p2m(ROOT).n, p2m(PFN_SHARED).n, -PV_EBUSY }, { p2m(PFN_L2).n, p2m(ROOT).n, -PV_EBUSY },
        { p2m(PFN_L4).n, ~0ull >> 12, -PV_EPERM },
    };
    for (unsigned i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        struct snapshot *before = snapshot_take(m);
        ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, roots[i].kernel, roots[i].user, 0), roots[i].result);
        ck_assert(snapshot_matches(before, m));
        ck_assert_uint_eq(m->d.kernel_root.n, p2m(PFN_L4).n);
        free(before);
    }
    ck_assert_uint_eq(m->root_loads, 1);
}
END_TEST

START_TEST(a_loaded_root_stays_a_table_when_its_pin_goes)
{
    struct machine *m = machine_new();
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(PFN_L4).n, 0, 0), 0);
    ck_assert_uint_eq(info_of(m, PFN_L4)->type, PV_FRAME_L4);
    ck_assert_int_eq(update(m, entry_at(PFN_L1, PFN_L4), entry_for(PFN_L4, RW)), -PV_EBUSY);
    assert_sound(m);
}
END_TEST

START_TEST(the_shared_info_page_never_becomes_a_table)
{
    struct machine *m = machine_new();
    ck_assert_int_eq(update(m, entry_at(PFN_L1, PFN_SHARED), 0), 0);
    ck_assert_int_eq(hypercall(m, PV_PIN, p2m(PFN_SHARED).n, 1, 0), -PV_EBUSY);
    assert_sound(m);
}
END_TEST

START_TEST(the_host_may_write_to_memory_but_not_to_tables)
{
    struct machine *m = machine_new();
    for (uint64_t f = 0; f < NR_PFNS; f++)
        ck_assert_int_eq(pv_frame_may_be_written(&m->d, p2m(f)), f < PFN_L1);
    for (uint64_t f = 0; f < NR_MFNS; f++)
        if (m->frames[f].owner != DOMAIN)
            ck_assert(!pv_frame_may_be_written(&m->d, mfn(f)));
    ck_assert(!pv_frame_may_be_written(&m->d, mfn(NR_MFNS)));
    ck_assert(!pv_frame_may_be_written(&m->d, mfn(NO_FRAME)));
}
END_TEST

START_TEST(flushes_are_done_as_asked)
{
    struct machine *m = machine_new();
    ck_assert_int_eq(hypercall(m, PV_FLUSH, linear(PFN_STACK), 0, 0), 0);
    ck_assert_uint_eq(m->page_flushes, 1);
    ck_assert_int_eq(hypercall(m, PV_FLUSH, PV_FLUSH_ALL, 0, 0), 0);
    ck_assert_uint_eq(m->full_flushes, 1);
    ck_assert_int_eq(hypercall(m, PV_FLUSH, 1ull << 47, 0, 0), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, PV_NO_ROOT, 0), 0);
    ck_assert_uint_eq(m->root_loads, 2); /* the same root again: that flushes, too */
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_roots");
    TCase *c = tcase_create("roots");
    tcase_add_test(c, init_takes_the_builders_tables_over);
    tcase_add_test(c, init_refuses_a_builders_mistakes);
    tcase_add_test(c, a_pin_takes_the_whole_tree_and_unpin_gives_all_of_it_back);
    tcase_add_test(c, a_refused_pin_changes_nothing);
    tcase_add_test(c, a_frame_is_pinned_once_and_unpinned_once);
    tcase_add_test(c, a_replaced_root_is_not_the_loaded_one_when_it_loses_the_monitor);
    tcase_add_test(c, a_root_with_something_in_the_monitors_slot_is_refused);
    tcase_add_test(c, new_roots_are_counted_and_the_old_ones_let_go);
    tcase_add_test(c, refused_roots_change_nothing);
    tcase_add_test(c, a_loaded_root_stays_a_table_when_its_pin_goes);
    tcase_add_test(c, the_shared_info_page_never_becomes_a_table);
    tcase_add_test(c, the_host_may_write_to_memory_but_not_to_tables);
    tcase_add_test(c, flushes_are_done_as_asked);
    suite_add_tcase(s, c);
    return run_suite(s);
}
