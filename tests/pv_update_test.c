/* Lists of updates: their order, their limit, that a refused one leaves nothing behind; flushes;
 * update_va_mapping. */
#include "pv/hypercall.h"
#include "pv_machine.h"

/* Tables of level 1 to 4, pinned and empty, beside those in use. */
enum { T1 = PFN_FREE, T2, T3, T4, UNUSED, GARBAGE };

static struct machine *machine_with_tables(void)
{
    struct machine *m = machine_new();
    for (unsigned level = 1; level <= PT_LEVELS; level++)
        ck_assert_int_eq(hypercall(m, PV_PIN, p2m(T1 + level - 1).n, level, 0), 0);
    return m;
}

/* A frame turns from memory into a table in one list: its writable mapping goes, then it is linked, then
 * filled. */
START_TEST(the_order_inside_a_list_matters)
{
    struct machine *m = machine_with_tables();
    enum { F = PFN_LAST_MAPPED };
    const struct pv_update list[] = {
        { entry_at(PFN_L1, F), entry_for(F, RO) },
        { entry_at(PFN_L2, 7), entry_for(F, RW) },
        { entry_at(F, 3), entry_for(PFN_STACK, RW) },
    };
    struct pv_update wrong[3] = { list[1], list[0], list[2] };
    ck_assert_int_eq(update_list(m, wrong, 3), -PV_EBUSY);
    ck_assert_uint_eq(table_of(m, PFN_L2)[7], 0);
    struct pv_update early[3] = { list[0], list[2], list[1] };
    ck_assert_int_eq(update_list(m, early, 3), -PV_EINVAL);
    ck_assert_uint_eq(table_of(m, PFN_L1)[F], entry_for(F, RW | PTE_NX));
    ck_assert_uint_eq(m->progress[PV_TABLE_UPDATED], 0);
    ck_assert_int_eq(update_list(m, list, 3), 0);
    ck_assert_uint_eq(m->progress[PV_TABLE_UPDATED], 1);
    ck_assert_uint_eq(info_of(m, F)->type, PV_FRAME_L1);
    ck_assert_uint_eq(info_of(m, F)->type_count, 1);
    ck_assert_uint_eq(info_of(m, F)->ref_count, 2);
    assert_sound(m);
}
END_TEST

/* What KVM's own shadow paging may remember of a former table is made right by storing every entry anew. */
START_TEST(a_former_table_that_the_host_wrote_to_is_stored_anew)
{
    struct machine *m = machine_with_tables();
    enum { F = PFN_LAST_MAPPED };
    const struct pv_update into_table[] = { { entry_at(PFN_L1, F), entry_for(F, RO) }, { entry_at(T2, 7), entry_for(F, RW) } };
    const struct pv_update out_of_it[] = { { entry_at(T2, 7), 0 }, { entry_at(PFN_L1, F), entry_for(F, RW) } };
    struct pv_update list[2];
    for (int round = 0; round < 3; round++) {
        memcpy(list, into_table, sizeof(list));
        ck_assert_int_eq(update_list(m, list, 2), 0);
        ck_assert_uint_eq(m->entry_writes, round == 2 ? 2 + PT_ENTRIES : 2);
        memcpy(list, out_of_it, sizeof(list));
        ck_assert_int_eq(update_list(m, list, 2), 0);
        if (round == 1)
            ck_assert(pv_frame_may_be_written(&m->d, p2m(F)));
    }
    assert_sound(m);
}
END_TEST

/* The list changes the type of a frame twice, links and drops a whole tree, and stores to one entry again and
 * again; wherever the bad entry stands, all of it is taken back. */
START_TEST(a_list_is_stored_wholly_or_not_at_all)
{
    struct machine *m = machine_with_tables();
    enum { F = PFN_LAST_MAPPED };
    const struct pv_update good[] = {
        { entry_at(PFN_L1, F), 0 },
        { entry_at(T2, 1), entry_for(F, RW) },
        { entry_at(T3, 1), entry_for(T2, RW) },
        { entry_at(F, 511), entry_for(PFN_STACK, RW) },
        { entry_at(F, 511), entry_for(PFN_STACK, RO | PTE_ACCESSED) },
        { entry_at(F, 511), 0xdead0 },
        { entry_at(F, 0), entry_for(F, RO) },
        { entry_at(T3, 1), 0 },
        { entry_at(T2, 1), 0 },
        { entry_at(PFN_L1, F), entry_for(F, RW) },
        { entry_at(T2, 1), entry_for(UNUSED, RW) },
        { entry_at(UNUSED, 8), entry_for(F, RW) },
    };
    enum { N = sizeof(good) / sizeof(good[0]) };
    const struct pv_update bad = { entry_at(T1, 0), entry_for(T2, RW) };
    for (unsigned place = 0; place <= N; place++) {
        struct pv_update list[N + 1];
        memcpy(list, good, place * sizeof(list[0]));
        list[place] = bad;
        memcpy(list + place + 1, good + place, (N - place) * sizeof(list[0]));
        memcpy(m->memory[p2m(PFN_ARGS).n], list, sizeof(list));
        struct snapshot *before = snapshot_take(m);
        ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), N + 1, 0), -PV_EBUSY);
        ck_assert(snapshot_matches(before, m));
        ck_assert_ptr_null(m->crash);
        free(before);
    }
    ck_assert_int_eq(update_list(m, good, N), 0);
    assert_sound(m);
}
END_TEST

START_TEST(a_new_table_with_a_bad_entry_is_refused_wherever_it_stands)
{
    struct machine *m = machine_with_tables();
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t *t = table_of(m, UNUSED);
        for (unsigned j = 0; j < PT_ENTRIES; j++)
            t[j] = entry_for(PFN_STACK, j % 2 ? RW : RO);
        t[i] = entry_for(PFN_STACK, RO | PTE_GLOBAL);
        memcpy(m->memory[p2m(PFN_ARGS).n], &(struct pv_update){ entry_at(T2, 0), entry_for(UNUSED, RW) }, 16);
        struct snapshot *before = snapshot_take(m);
        ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), 1, 0), -PV_EINVAL);
        ck_assert(snapshot_matches(before, m));
        free(before);
    }
}
END_TEST

START_TEST(a_table_that_maps_itself_writable_is_refused_and_read_only_is_not)
{
    struct machine *m = machine_with_tables();
    table_of(m, UNUSED)[0] = entry_for(UNUSED, RW);
    ck_assert_int_eq(update(m, entry_at(T2, 0), entry_for(UNUSED, RW)), -PV_EBUSY);
    table_of(m, UNUSED)[0] = entry_for(UNUSED, RO);
    ck_assert_int_eq(update(m, entry_at(T2, 0), entry_for(UNUSED, RW)), 0);
    assert_sound(m);
}
END_TEST

START_TEST(a_loop_through_new_tables_is_refused)
{
    struct machine *m = machine_with_tables();
    enum { A = PFN_FREE + 6, B, C };
    table_of(m, A)[0] = entry_for(B, RW); /* an l3 table whose l2 table's l1 table would be itself */
    table_of(m, B)[0] = entry_for(C, RW);
    table_of(m, B)[1] = entry_for(A, RW);
    ck_assert_int_eq(update(m, entry_at(T4, 0), entry_for(A, RW)), -PV_ELOOP);
    table_of(m, B)[1] = entry_for(B, RW);
    ck_assert_int_eq(update(m, entry_at(T4, 0), entry_for(A, RW)), -PV_ELOOP);
    table_of(m, B)[1] = 0;
    ck_assert_int_eq(update(m, entry_at(T4, 0), entry_for(A, RW)), 0);
    assert_sound(m);
}
END_TEST

START_TEST(no_more_updates_than_the_limit_in_one_exit)
{
    struct machine *m = machine_with_tables();
    struct pv_update *list = (void *)m->memory[p2m(PFN_ARGS).n];
    ck_assert_uint_eq(linear(PFN_ARGS) + PAGE_SIZE, linear(PFN_ARGS + 1));
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(*list); i++) {
        list[i] = (struct pv_update){ entry_at(T1, i), 2 };
        ((struct pv_update *)m->memory[p2m(PFN_ARGS + 1).n])[i] = (struct pv_update){ entry_at(T2, i), 2 };
    }
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), PV_MAX_UPDATES + 1, 0), -PV_E2BIG);
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), ~0ull, 0), -PV_E2BIG);
    ck_assert_uint_eq(table_of(m, T1)[0], 0);
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, linear(PFN_ARGS), PV_MAX_UPDATES, 0), 0);
    ck_assert_uint_eq(table_of(m, T1)[255], 2);
    ck_assert_uint_eq(table_of(m, T2)[255], 2);
    struct pv_call *calls = (void *)m->memory[p2m(PFN_STACK).n];
    calls[0] = (struct pv_call){ .op = PV_MMU_UPDATE, .args = { linear(PFN_ARGS), PV_MAX_UPDATES } };
    calls[1] = (struct pv_call){ .op = PV_UPDATE_VA, .args = { linear(PFN_FREE), 0 } };
    ck_assert_int_eq(hypercall(m, PV_MULTICALL, linear(PFN_STACK), 2, 0), 1);
    ck_assert_int_eq(calls[1].result, -PV_E2BIG);
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, linear(PFN_FREE), 0, 0), 0);
}
END_TEST

/* Each update of such a list may make a tree of tables as large as the guest's memory, the next one undo it. */
START_TEST(no_more_tables_than_the_limit_and_one_tree_in_one_exit)
{
    struct machine *m = machine_with_tables();
    struct pv_update list[] = { { entry_at(T3, 0), entry_for(UNUSED, RW) },
                                { entry_at(T3, 0), 0 },
                                { entry_at(T3, 1), entry_for(UNUSED, RW) } };
    const uint64_t args[4] = { linear(PFN_ARGS), 3 }, root[4] = { p2m(UNUSED).n, PT_LEVELS };
    memcpy(m->memory[p2m(PFN_ARGS).n], list, sizeof(list));
    m->d.updates_in_exit = 0;
    m->d.tables_in_exit = PV_MAX_TABLES - 1;
    struct snapshot *before = snapshot_take(m);
    ck_assert_int_eq(pv_call_mmu_update(&m->d, &m->regs, args), -PV_E2BIG);
    ck_assert(snapshot_matches(before, m));
    m->d.tables_in_exit = PV_MAX_TABLES;
    ck_assert_int_eq(pv_call_pin(&m->d, &m->regs, root), -PV_E2BIG);
    ck_assert_int_eq(pv_call_unpin(&m->d, &m->regs, (const uint64_t[4]){ p2m(T1).n }), -PV_E2BIG);
    ck_assert_int_eq(pv_call_set_roots(&m->d, &m->regs, (const uint64_t[4]){ p2m(PFN_L4).n, PV_NO_ROOT }), -PV_E2BIG);
    ck_assert(snapshot_matches(before, m));
    free(before);
    m->d.tables_in_exit = PV_MAX_TABLES - 3;
    ck_assert_int_eq(pv_call_mmu_update(&m->d, &m->regs, args), 0);
    ck_assert_uint_eq(m->d.tables_in_exit, PV_MAX_TABLES);
    ck_assert_int_eq(hypercall(m, PV_UNPIN, p2m(T4).n, 0, 0), 0);
    ck_assert_uint_eq(m->d.tables_in_exit, 1);
    assert_sound(m);
}
END_TEST

START_TEST(a_list_that_is_not_wholly_mapped_is_refused)
{
    struct machine *m = machine_with_tables();
    struct snapshot *before = snapshot_take(m);
    gva_t end = linear(PFN_LAST_MAPPED + 1);
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, end - 16, 2, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, end - 15, 1, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, ~0ull - 7, 1, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, 1ull << 47, 1, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_MMU_UPDATE, 0xffffff0000000000ull, 1, 0), -PV_EFAULT);
    ck_assert(snapshot_matches(before, m));
}
END_TEST

START_TEST(accessed_and_dirty_bits_change_without_touching_counts)
{
    struct machine *m = machine_with_tables();
    struct snapshot *before = snapshot_take(m);
    uint64_t was = table_of(m, PFN_L1)[PFN_STACK];
    ck_assert_int_eq(update(m, entry_at(PFN_L1, PFN_STACK), was | PTE_ACCESSED | PTE_DIRTY | PTE_SOFT), 0);
    struct pv_frame_info now[NR_MFNS];
    frames_copy(now, m);
    ck_assert_mem_eq(now, before->frames, sizeof(now));
    ck_assert_uint_eq(m->full_flushes + m->page_flushes, 0);
}
END_TEST

START_TEST(a_new_translation_flushes_nothing)
{
    struct machine *m = machine_with_tables();
    ck_assert_int_eq(update(m, entry_at(PFN_L1, UNUSED), entry_for(UNUSED, RW)), 0);
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, linear(GARBAGE), entry_for(GARBAGE, RO), 0), 0);
    ck_assert_int_eq(update(m, entry_at(PFN_L1, GARBAGE), entry_for(GARBAGE, RW)), 0);
    ck_assert_uint_eq(m->full_flushes + m->page_flushes, 0);
}
END_TEST

START_TEST(whatever_takes_a_right_away_flushes_before_the_guest_goes_on)
{
    const struct {
        uint64_t old, new;
    } steps[] = {
        { entry_for(UNUSED, RW), 0 },
        { entry_for(UNUSED, RW), entry_for(UNUSED, RO) },
        { entry_for(UNUSED, RW), entry_for(UNUSED, PTE_PRESENT | PTE_WRITE) },
        { entry_for(UNUSED, RW), entry_for(UNUSED, RW | PTE_NX) },
        { entry_for(UNUSED, RO), entry_for(GARBAGE, RO) },
    };
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        for (unsigned by_va = 0; by_va < 2; by_va++) {
            struct machine *m = machine_with_tables();
            ck_assert_int_eq(update(m, entry_at(PFN_L1, UNUSED), steps[i].old), 0);
            ck_assert_uint_eq(m->full_flushes, 0);
            if (by_va)
                ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, linear(UNUSED), steps[i].new, 0), 0);
            else
                ck_assert_int_eq(update(m, entry_at(PFN_L1, UNUSED), steps[i].new), 0);
            ck_assert_uint_eq(m->full_flushes, 1);
            ck_assert_int_eq(hypercall(m, PV_YIELD, 0, 0, 0), 0);
            ck_assert_uint_eq(m->full_flushes, 1);
            free(m);
        }
}
END_TEST

START_TEST(update_va_stores_the_entry_that_maps_the_address)
{
    struct machine *m = machine_with_tables();
    uint64_t was = table_of(m, PFN_L1)[PFN_STACK];
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, linear(PFN_STACK) + 123, was | PTE_DIRTY, 0), 0);
    ck_assert_uint_eq(table_of(m, PFN_L1)[PFN_STACK], was | PTE_DIRTY);
    ck_assert_uint_eq(m->page_flushes, 1);
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, linear(UNUSED), entry_for(T1, RW), 0), -PV_EBUSY);
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, linear(UNUSED), entry_for(UNUSED, RW) | 1ull << 60, 0),
                     -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, linear(512), 0, 0), -PV_EFAULT); /* no l1 table there */
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, 1ull << 47, 0, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_UPDATE_VA, 0xffffff0000000000ull, 0, 0), -PV_EFAULT); /* the monitor's */
    assert_sound(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_update");
    TCase *c = tcase_create("update");
    tcase_add_test(c, the_order_inside_a_list_matters);
    tcase_add_test(c, a_list_is_stored_wholly_or_not_at_all);
    tcase_add_test(c, a_former_table_that_the_host_wrote_to_is_stored_anew);
    tcase_add_test(c, a_new_table_with_a_bad_entry_is_refused_wherever_it_stands);
    tcase_add_test(c, a_table_that_maps_itself_writable_is_refused_and_read_only_is_not);
    tcase_add_test(c, a_loop_through_new_tables_is_refused);
    tcase_add_test(c, no_more_updates_than_the_limit_in_one_exit);
    tcase_add_test(c, no_more_tables_than_the_limit_and_one_tree_in_one_exit);
    tcase_add_test(c, a_list_that_is_not_wholly_mapped_is_refused);
    tcase_add_test(c, accessed_and_dirty_bits_change_without_touching_counts);
    tcase_add_test(c, a_new_translation_flushes_nothing);
    tcase_add_test(c, whatever_takes_a_right_away_flushes_before_the_guest_goes_on);
    tcase_add_test(c, update_va_stores_the_entry_that_maps_the_address);
    suite_add_tcase(s, c);
    return run_suite(s);
}
