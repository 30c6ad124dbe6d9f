/* Unshadowing: tables that are tables no more are let go, by what their parents or stores to them say. */
#include <check.h>
#include "shadow_linear.h"
#include "tests/run_suite.h"

START_TEST(a_table_taken_out_of_its_parent_is_plain_memory_again)
{
    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    machine_write(m, linear(16), entry_of(5), 8);
    ck_assert_uint_eq(m->store_exits, 2);
    ck_assert(shadow_frame_is_table(&m->s, pfn(16)));
    machine_write(m, linear(3) + 8, 0, 8);
    machine_invlpg(m, address(0, 0, 1, 0));
    ck_assert(!shadow_frame_is_table(&m->s, pfn(16)));
    machine_write(m, linear(16), 0x1234, 8);
    ck_assert_uint_eq(m->store_exits, 3);
    ck_assert_uint_eq(m->ram[16][0], 0x1234);
    destroy();
}
END_TEST

/* The guest frees the tables of a dead space without a word, and clears the frames for other use. */
START_TEST(clearing_a_frame_that_was_a_table_soon_stops_to_exit)
{
    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        machine_write(m, linear(16) + i * 8, 0, 8);
        if (m->monitor_asked)
            machine_resume(m);
    }
    ck_assert_uint_lt(m->store_exits, 8);
    ck_assert_uint_eq(m->s.stats.floods, 1);
    ck_assert(!shadow_frame_is_table(&m->s, pfn(16)));
    destroy();
}
END_TEST

/* The same, and the table was full. */
START_TEST(sweeping_a_full_table_with_zeros_soon_stops_to_exit)
{
    create(64, 16);
    boot_linear();
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        m->ram[16][i] = entry_of(5);
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        machine_write(m, linear(16) + i * 8, 0, 8);
        if (m->monitor_asked)
            machine_resume(m);
    }
    ck_assert_uint_lt(m->store_exits, 20);
    ck_assert_int_eq(machine_read(m, address(0, 0, 1, 100)).outcome, FAULTED);
    destroy();
}
END_TEST

START_TEST(a_block_from_a_disk_ends_a_tables_life)
{
    static uint8_t block[PAGE_SIZE];

    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    memset(block, 0x67, sizeof block); /* as entries: present, with reserved bits */
    ck_assert_int_eq(shadow_write_memory(&m->s, 16 << PAGE_SHIFT, block, sizeof block), 0);
    ck_assert(!shadow_frame_is_table(&m->s, pfn(16)));
    machine_resume(m);
    ck_assert_uint_eq(machine_read(m, address(0, 0, 1, 0)).error, PF_ERR_PRESENT | PF_ERR_RESERVED);
    destroy();
}
END_TEST

START_TEST(stores_to_a_root_that_is_not_loaded_soon_stop_to_exit)
{
    create(64, 16);
    boot_linear();
    m->ram[17][0] = m->ram[1][0];
    machine_load_cr3(m, 17 << PAGE_SHIFT);
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        machine_write(m, linear(17) + i * 8, 0x6162636465666768ull, 8);
        if (m->monitor_asked)
            machine_resume(m);
    }
    ck_assert_uint_lt(m->store_exits, 8);
    ck_assert_uint_eq(m->ram[17][511], 0x6162636465666768ull);
    destroy();
}
END_TEST

START_TEST(stores_that_are_on_their_way_when_a_table_is_dropped_still_land)
{
    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    for (unsigned i = 0; i < 16; i++)
        machine_write(m, linear(16) + i * 8 + 4, 0x7777777777777777ull,
                      8); /* no resume: the CPU still uses the window */
    ck_assert_uint_gt(m->s.stats.stores_plain, 0);
    ck_assert_uint_eq(m->ram[16][15], 0x7777777777777777ull);
    machine_resume(m);
    destroy();
}
END_TEST

/* The CPU remembers where a level 1 table was. The frame must not be another table, full of links to tables,
 * before it has been told to forget: else the guest would have a shadow table for a page. */
START_TEST(a_frame_that_a_store_frees_is_no_other_table_before_the_monitor_runs)
{
    gva_t gva = address(0, 0, 1, 0);

    create(64, 16);
    m->is_nested = true;
    boot_linear();
    m->ram[16][0] = entry_of(5);
    m->ram[17][7] = entry_of(18);
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    ck_assert_uint_eq(machine_read(m, gva).gpa, 5 << PAGE_SHIFT);
    machine_write(m, linear(3) + 8, 0, 8);
    machine_write(m, linear(2) + 8, entry_of(17), 8);
    ck_assert_uint_eq(m->store_exits, 3);
    ck_assert_int_eq(machine_read(m, gva + 7 * PAGE_SIZE).outcome, FAULTED);
    machine_resume(m);
    destroy();
}
END_TEST

/* It comes back: as many tables as there are can be made and dropped for ever. */
START_TEST(frames_that_stores_free_are_used_again_once_the_monitor_has_run)
{
    create(SHADOW_MIN_FRAMES, 16);
    boot_linear();
    for (unsigned i = 0; i < 3 * SHADOW_MIN_FRAMES; i++) {
        machine_write(m, linear(3) + 8, entry_of(16 + i % 8), 8);
        ck_assert(shadow_frame_is_table(&m->s, pfn(16 + i % 8)));
        machine_write(m, linear(3) + 8, 0, 8);
        ck_assert(!shadow_frame_is_table(&m->s, pfn(16 + i % 8)));
        machine_resume(m);
        ck_assert_uint_eq(machine_audit(m), 0);
    }
    ck_assert_uint_eq(m->s.stats.tables_evicted, 0);
    destroy();
}
END_TEST

START_TEST(a_root_that_is_left_may_be_dropped_while_the_cpu_still_uses_it)
{
    create(64, 8);
    m->ram[17][0] = entry_of(2);
    boot_linear();
    ck_assert_int_eq(shadow_load_cr3(&m->s, 17 << PAGE_SHIFT), SHADOW_FIXED);
    for (unsigned i = 0; i < 8; i++)
        shadow_store(&m->s, (1 << PAGE_SHIFT) + 8 * (100 + i), 0, 8);
    machine_resume(m);
    ck_assert_int_eq(machine_read(m, linear(5)).outcome, REACHED_RAM);
    destroy();
}
END_TEST

START_TEST(the_current_root_survives_a_flood)
{
    create(64, 16);
    boot_linear();
    for (unsigned i = 0; i < 64; i++)
        machine_write(m, linear(1) + 8 * (100 + i), 0, 8);
    ck_assert(shadow_frame_is_table(&m->s, pfn(1)));
    ck_assert_int_eq(machine_read(m, linear(5)).outcome, REACHED_RAM);
    machine_resume(m);
    destroy();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shadow_unshadow");
    TCase *t = tcase_create("unshadow");

    tcase_add_test(t, a_table_taken_out_of_its_parent_is_plain_memory_again);
    tcase_add_test(t, clearing_a_frame_that_was_a_table_soon_stops_to_exit);
    tcase_add_test(t, sweeping_a_full_table_with_zeros_soon_stops_to_exit);
    tcase_add_test(t, a_block_from_a_disk_ends_a_tables_life);
    tcase_add_test(t, stores_to_a_root_that_is_not_loaded_soon_stop_to_exit);
    tcase_add_test(t, stores_that_are_on_their_way_when_a_table_is_dropped_still_land);
    tcase_add_test(t, a_frame_that_a_store_frees_is_no_other_table_before_the_monitor_runs);
    tcase_add_test(t, frames_that_stores_free_are_used_again_once_the_monitor_has_run);
    tcase_add_test(t, a_root_that_is_left_may_be_dropped_while_the_cpu_still_uses_it);
    tcase_add_test(t, the_current_root_survives_a_flood);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return run_suite(s);
}
