/* The shadow MMU's pool: its bounds, what eviction costs, and what it never evicts. */
#include <check.h>
#include "shadow_linear.h"
#include "tests/run_suite.h"

START_TEST(init_refuses_numbers_out_of_bounds)
{
    struct shadow s;

    create(SHADOW_MIN_FRAMES, 0);
    boot_linear();
    s = m->s;
    s.nr_frames = SHADOW_MIN_FRAMES - 1;
    ck_assert_int_eq(shadow_init(&s), -1);
    s = m->s;
    s.monitor_slot = PT_ENTRIES;
    ck_assert_int_eq(shadow_init(&s), -1);
    s = m->s;
    s.maxphyaddr = 53;
    ck_assert_int_eq(shadow_init(&s), -1);
    destroy();
}
END_TEST

/* 40 tables of level 1 in use, and the smallest pool. */
START_TEST(a_pool_too_small_evicts_and_every_page_stays_reachable)
{
    create(SHADOW_MIN_FRAMES, 8);
    boot_linear();
    for (unsigned i = 0; i < 40; i++) {
        m->ram[16 + i][0] = entry_of(5);
        machine_write(m, linear(3) + (i + 1) * 8, entry_of(16 + i), 8);
        machine_resume(m);
    }
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 40; i++) {
            ck_assert_uint_eq(machine_read(m, address(0, 0, i + 1, 0)).gpa, 5ull << PAGE_SHIFT);
            ck_assert_uint_eq(machine_audit(m), 0);
        }
    }
    ck_assert_uint_gt(m->s.stats.tables_evicted, 0);
    ck_assert_uint_gt(m->s.stats.hidden[SHADOW_HIDDEN_EVICTED], 0);
    ck_assert_uint_le(m->s.stats.tables_peak, SHADOW_MIN_FRAMES);
    destroy();
}
END_TEST

/* Hidden faults and spte writes per page stay what they are as the guest grows within its pool. */
START_TEST(touching_more_pages_costs_the_same_for_each)
{
    uint64_t writes[3];

    for (unsigned k = 0; k < 3; k++) {
        create(128, 0);
        boot_linear();
        machine_read(m, linear(0));
        for (unsigned i = 0; i < 8u << k; i++) {
            m->ram[16 + i][0] = entry_of(5);
            m->ram[3][i + 1] = entry_of(16 + i);
        }
        writes[k] = m->s.stats.spte_writes;
        for (unsigned i = 0; i < 8u << k; i++) {
            shadow_write_memory(&m->s, (3 << PAGE_SHIFT) + (i + 1) * 8, &m->ram[3][i + 1], 8);
            machine_read(m, address(0, 0, i + 1, 0));
        }
        writes[k] = m->s.stats.spte_writes - writes[k];
        ck_assert_uint_eq(m->s.stats.hidden[SHADOW_HIDDEN_TABLE],
                          1 + (8u << k)); /* the first: the linear map's */
        destroy();
    }
    ck_assert_uint_eq(writes[1], 2 * writes[0]);
    ck_assert_uint_eq(writes[2], 2 * writes[1]);
}
END_TEST

/* Pages that were made ahead and never touched, in the call whose number is that of 2^32 calls ago. */
START_TEST(eviction_finds_somebody_after_any_number_of_calls)
{
    create(SHADOW_MIN_FRAMES, 64);
    for (unsigned i = 0; i < 40; i++) {
        m->ram[16 + i][0] = entry_of(5);
        m->ram[3][i + 1] = entry_of(16 + i);
    }
    m->ram[6][0] = entry_of(7);
    m->ram[7][0] = entry_of(8);
    m->ram[8][0] = entry_of(9);
    m->ram[1][1] = entry_of(6) & ~PTE_ACCESSED;
    m->s.stamp = 0xfffffffeu;
    boot_linear();
    ck_assert_uint_eq(m->s.stats.tables_in_use, SHADOW_MIN_FRAMES);
    ck_assert_int_eq(machine_read(m, address(1, 0, 0, 0)).outcome, REACHED_RAM);
    destroy();
}
END_TEST

/* Many address spaces, each loaded in turn: the old roots go, but not the one that the monitor stands on. */
START_TEST(the_loaded_root_is_never_evicted_under_the_monitor)
{
    create(SHADOW_MIN_FRAMES, 8);
    boot_linear();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned f = 8; f < 60; f++) {
            m->ram[f][0] = entry_of(2);
            machine_load_cr3(m, (uint64_t)f << PAGE_SHIFT);
            for (unsigned i = 0; i < 8; i++)
                machine_write(m, linear(f == 8 ? 59 : f - 1) + 8 * i, 0, 8); /* flood the last one */
            machine_set_role(m, f % 2 ? SHADOW_USER : SHADOW_KERNEL);
            ck_assert_int_eq(machine_read(m, linear(5)).outcome, REACHED_RAM);
            ck_assert_uint_eq(machine_audit(m), 0);
        }
    }
    destroy();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shadow_limits");
    TCase *t = tcase_create("limits");

    tcase_add_test(t, init_refuses_numbers_out_of_bounds);
    tcase_add_test(t, a_pool_too_small_evicts_and_every_page_stays_reachable);
    tcase_add_test(t, touching_more_pages_costs_the_same_for_each);
    tcase_add_test(t, eviction_finds_somebody_after_any_number_of_calls);
    tcase_add_test(t, the_loaded_root_is_never_evicted_under_the_monitor);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return run_suite(s);
}
