/* Demand paging, one situation after the other: what a touch brings in, what a fork shares until it is
 * written, what a disk fails to bring, and what each fault costs. */
#include <check.h>
#include "frames.h"
#include "guest_audit.h"
#include "guest_memory_machine.h"
#include "kernel.h"
#include "tests/run_suite.h"

START_TEST(anonymous_page_is_zero_at_first_touch_without_disk)
{
    start_machine(256, NULL, 0);
    map(BASE, 4, RW);
    ck_assert_uint_eq(load(space, BASE), 0);
    assert_one_fault(0);
    put(space, BASE + 8, 5);
    ck_assert_uint_eq(fake_counts.faults, 0);
    ck_assert_uint_eq(load(space, BASE + 8), 5);
}
END_TEST

START_TEST(three_missing_tables_cost_one_store_to_a_live_table)
{
    start_machine(256, NULL, 0);
    map(FAR, 1, RW);
    put(space, FAR, 1);
    assert_one_fault(0);
    ck_assert_uint_eq(fake_counts.updates, 3 + 1); /* three tables, and an entry in the root */
    ck_assert_uint_eq(fake_counts.flushes, 0);
    map(FAR + PAGE_SIZE, 1, RW);
    put(space, FAR + PAGE_SIZE, 1);
    ck_assert_uint_eq(fake_counts.updates, 1);
}
END_TEST

START_TEST(what_is_not_mapped_is_refused)
{
    start_machine(256, NULL, 0);
    map(BASE, 1, ACCESS_READ);
    map(BASE + PAGE_SIZE, 1, ACCESS_READ | ACCESS_EXEC);
    map(BASE + 2 * PAGE_SIZE, 1, 0);
    ck_assert_int_eq(touch(BASE - 1, ACCESS_READ), TOUCH_UNMAPPED);
    ck_assert_int_eq(touch(BASE + 3 * PAGE_SIZE, ACCESS_READ), TOUCH_UNMAPPED);
    ck_assert_int_eq(touch(BASE, ACCESS_WRITE), TOUCH_FORBIDDEN);
    ck_assert_int_eq(touch(BASE, ACCESS_EXEC), TOUCH_FORBIDDEN);
    ck_assert_int_eq(touch(BASE + PAGE_SIZE, ACCESS_EXEC), TOUCH_OK);
    ck_assert_int_eq(touch(BASE + 2 * PAGE_SIZE, ACCESS_READ), TOUCH_FORBIDDEN);
    ck_assert_int_eq(space_touch(space, USER_TOP, ACCESS_READ), TOUCH_UNMAPPED);
    ck_assert_int_eq(space_touch(space, ~0ull, ACCESS_READ), TOUCH_UNMAPPED);
    ck_assert_int_eq(space_touch(space, LINEAR_BASE | 1ull << 63, ACCESS_READ), TOUCH_UNMAPPED);
}
END_TEST

START_TEST(file_pages_come_in_with_one_notification_each)
{
    start_machine(256, NULL, 0);
    map_file(BASE, FILE_PAGES, RW);
    ck_assert_uint_eq(load(space, BASE + 5 * PAGE_SIZE), 5);
    assert_one_fault(1);
    put(space, BASE + 6 * PAGE_SIZE + 8, 77); /* not present, written at once: one fault */
    assert_one_fault(1);
    ck_assert_uint_eq(load(space, BASE + 6 * PAGE_SIZE), 6);
    put(space, BASE + 5 * PAGE_SIZE + 8, 78); /* present, read-only until written */
    assert_one_fault(0);
    ck_assert_uint_eq(load(space, BASE + 5 * PAGE_SIZE + 8), 78);
}
END_TEST

START_TEST(last_page_of_a_file_is_filled_with_zeros_and_what_follows_is_an_error)
{
    start_machine(256, NULL, 0);
    map_file(BASE, FILE_PAGES + 2, RW);
    gva_t last = BASE + (FILE_PAGES - 1) * PAGE_SIZE;
    ck_assert_uint_eq(load(space, last), FILE_PAGES - 1);
    for (unsigned i = 0; i < 1000; i += 8)
        ck_assert_uint_eq(load(space, last + PAGE_SIZE - 1000 + i), 0);
    ck_assert_int_eq(touch(last + PAGE_SIZE, ACCESS_READ), TOUCH_IO_ERROR);
    ck_assert_int_eq(touch(last + 2 * PAGE_SIZE, ACCESS_WRITE), TOUCH_IO_ERROR);
}
END_TEST

START_TEST(bytes_beyond_what_a_region_takes_of_its_file_are_zero)
{
    start_machine(256, NULL, 0);
    struct region r = { .start = BASE,
                        .end = BASE + 4 * PAGE_SIZE,
                        .kind = REGION_FILE,
                        .rights = RW,
                        .file = &file,
                        .file_offset = 3 * PAGE_SIZE,
                        .file_bytes = PAGE_SIZE + 4 };
    ck_assert_int_eq(space_map(space, &r), 0);
    ck_assert_uint_eq(load(space, BASE), 3);
    ck_assert_uint_eq(load(space, BASE + PAGE_SIZE), 4); /* a small number: its upper half is zero anyhow */
    ck_assert_uint_eq(load(space, BASE + PAGE_SIZE + 8), 0);
    ck_assert_uint_eq(load(space, BASE + 2 * PAGE_SIZE), 0);
    assert_one_fault(0);
}
END_TEST

START_TEST(forked_pages_are_shared_until_written)
{
    start_machine(256, NULL, 0);
    map(BASE, 3, RW);
    for (uint64_t i = 0; i < 3; i++)
        put(space, BASE + i * PAGE_SIZE, 10 + i);
    uint64_t before = frames_free();
    struct space *child = space_fork(space);
    ck_assert_ptr_nonnull(child);
    ck_assert_uint_eq(before - frames_free(), 2 + 3); /* roots and tables: no page was copied */

    put(child, BASE, 20);
    assert_one_fault(0);
    ck_assert_uint_eq(load(space, BASE), 10);
    put(space, BASE, 30); /* alone again: no copy */
    assert_one_fault(0);
    ck_assert_uint_eq(fake_counts.frames_taken, 0);
    ck_assert_uint_eq(load(child, BASE), 20);

    put(space, BASE + PAGE_SIZE, 31);
    ck_assert_uint_eq(load(child, BASE + PAGE_SIZE), 11);
    ck_assert_uint_eq(guest_audit(), 0);
    space_destroy(space);
    ck_assert_uint_eq(load(child, BASE + 2 * PAGE_SIZE), 12);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(fork_costs_a_store_for_each_page_that_could_be_written)
{
    start_machine(2048, NULL, 0);
    map(BASE, 600, RW);
    map(FAR, 600, ACCESS_READ);
    for (uint64_t i = 0; i < 600; i++) {
        put(space, BASE + i * PAGE_SIZE, i);
        load(space, FAR + i * PAGE_SIZE);
    }
    fake_counts.updates = 0;
    ck_assert_ptr_nonnull(space_fork(space));
    unsigned tables = 4 + 2 * 2; /* of level 1, and above */
    ck_assert_uint_le(fake_counts.updates, 600 + 2 * tables);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(forked_pages_in_swap_come_back_to_both)
{
    start_machine(200, policies[_i], 1000);
    map_numbered(BASE, 400);
    struct space *child = space_fork(space);
    ck_assert_ptr_nonnull(child);
    for (uint64_t i = 0; i < 400; i++)
        put(child, BASE + i * PAGE_SIZE + 8, 1000 + i);
    for (uint64_t i = 0; i < 400; i++) {
        ck_assert_uint_eq(load(space, BASE + i * PAGE_SIZE), i);
        ck_assert_uint_eq(load(space, BASE + i * PAGE_SIZE + 8), 0);
        ck_assert_uint_eq(load(child, BASE + i * PAGE_SIZE), i);
        ck_assert_uint_eq(load(child, BASE + i * PAGE_SIZE + 8), 1000 + i);
    }
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(forked_page_that_is_read_comes_back_for_all)
{
    start_machine(200, "fifo", 1000);
    map(BASE, 1, RW);
    map(FAR, 300, RW);
    put(space, BASE, 5);
    struct space *child = space_fork(space), *grandchild = space_fork(child);
    ck_assert_int_eq(space_protect(grandchild, BASE, BASE + PAGE_SIZE, 0), 0);
    put_numbers(space, FAR, 300); /* drives it out */
    ck_assert_uint_eq(load(child, BASE), 5);
    assert_one_fault(1);
    ck_assert_uint_eq(load(space, BASE), 5);
    ck_assert_uint_eq(fake_counts.faults, 0);
    put(space, BASE, 6);
    ck_assert_uint_eq(load(child, BASE), 5);
    ck_assert_uint_eq(guest_audit(), 0);
    ck_assert_int_eq(space_protect(grandchild, BASE, BASE + PAGE_SIZE, RW), 0);
    put(grandchild, BASE, 7);
    ck_assert_uint_eq(load(child, BASE), 5);
}
END_TEST

START_TEST(failing_read_is_an_error_and_nothing_else)
{
    start_machine(256, NULL, 0);
    map_file(BASE, FILE_PAGES, RW);
    fake_disks[0].error_percent = 100;
    uint64_t free = frames_free();
    ck_assert_int_eq(touch(BASE, ACCESS_READ), TOUCH_IO_ERROR);
    ck_assert_uint_eq(frames_free(), free);
    fake_disks[0].error_percent = 0;
    ck_assert_int_eq(touch(BASE, ACCESS_READ), TOUCH_OK);
}
END_TEST

START_TEST(disk_that_never_answers_is_given_up)
{
    start_machine(256, NULL, 0);
    map_file(BASE, FILE_PAGES, RW);
    fake_disks[0].silent = _i == 0;
    fake_disks[0].senseless = _i == 1;
    uint64_t free = frames_free();
    ck_assert_int_eq(touch(BASE, ACCESS_READ), TOUCH_IO_ERROR);
    ck_assert_uint_eq(frames_free(), free - 1); /* it might still be stored to */
    ck_assert_int_eq(touch(BASE, ACCESS_READ), TOUCH_IO_ERROR);
    ck_assert_uint_eq(frames_free(), free - 1);
    ck_assert_uint_eq(fake_counts.notifies, 0);
    ck_assert_ptr_nonnull(strstr(fake_message, "not used any more"));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("demand paging");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, anonymous_page_is_zero_at_first_touch_without_disk);
    tcase_add_test(t, three_missing_tables_cost_one_store_to_a_live_table);
    tcase_add_test(t, what_is_not_mapped_is_refused);
    tcase_add_test(t, file_pages_come_in_with_one_notification_each);
    tcase_add_test(t, last_page_of_a_file_is_filled_with_zeros_and_what_follows_is_an_error);
    tcase_add_test(t, bytes_beyond_what_a_region_takes_of_its_file_are_zero);
    tcase_add_test(t, forked_pages_are_shared_until_written);
    tcase_add_test(t, fork_costs_a_store_for_each_page_that_could_be_written);
    tcase_add_loop_test(t, forked_pages_in_swap_come_back_to_both, 0, 4);
    tcase_add_test(t, forked_page_that_is_read_comes_back_for_all);
    tcase_add_test(t, failing_read_is_an_error_and_nothing_else);
    tcase_add_loop_test(t, disk_that_never_answers_is_given_up, 0, 2);

    Suite *s = suite_create("guest demand paging");
    suite_add_tcase(s, t);
    return run_suite(s);
}
