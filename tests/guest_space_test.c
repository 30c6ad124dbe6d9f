/* Address spaces: their regions and rights, stack and heap, what the kernel copies to and from them, and that
 * nothing is left of what is unmapped or destroyed. */
#include <check.h>
#include "frames.h"
#include "guest_audit.h"
#include "guest_memory_machine.h"
#include "kernel.h"
#include "tests/run_suite.h"

START_TEST(impossible_ranges_are_refused)
{
    start_machine(256, NULL, 0);
    const struct region good = { .start = BASE, .end = BASE + PAGE_SIZE, .rights = RW };
    struct region r = good;
    r.end = r.start;
    ck_assert_int_eq(space_map(space, &r), -EINVAL);
    r = good, r.start++;
    ck_assert_int_eq(space_map(space, &r), -EINVAL);
    r = good, r.end = USER_TOP + PAGE_SIZE;
    ck_assert_int_eq(space_map(space, &r), -EINVAL);
    r = good, r.rights = 8;
    ck_assert_int_eq(space_map(space, &r), -EINVAL);
    r = good, r.kind = REGION_FILE;
    ck_assert_int_eq(space_map(space, &r), -EINVAL);
    ck_assert_int_eq(space_unmap(space, BASE + PAGE_SIZE, BASE), -EINVAL);
    ck_assert_int_eq(space_protect(space, BASE, BASE + PAGE_SIZE, RW), -ENOMEM);
}
END_TEST

START_TEST(destroyed_spaces_leave_nothing_behind)
{
    start_machine(200, NULL, 500);
    map(BASE, 1, RW);
    space_destroy(space);
    struct memory_state before = memory_state();
    for (unsigned round = 0; round < 20; round++) {
        space = space_create();
        map(BASE, 150, RW);
        map(FAR, 50, RW);
        put_numbers(space, BASE, 150);
        struct space *child = space_fork(space);
        put_numbers(child, FAR, 50);
        space_destroy(space);
        space_destroy(child);
        struct memory_state after = memory_state();
        ck_assert_uint_eq(after.free, before.free);
        ck_assert_uint_eq(after.swap_free, before.swap_free);
        ck_assert_uint_eq(after.resident, 0);
    }
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(unmapped_tables_go_back)
{
    start_machine(256, NULL, 0);
    map(BASE, 1, RW); /* so that the pool of regions has its frame */
    uint64_t before = frames_free();
    map_numbered(FAR, 10);
    ck_assert_uint_eq(before - frames_free(), 13);
    ck_assert_int_eq(space_unmap(space, FAR, FAR + 9 * PAGE_SIZE), 0);
    ck_assert_uint_eq(before - frames_free(), 4);
    ck_assert_int_eq(space_unmap(space, 0, USER_TOP), 0);
    ck_assert_uint_eq(before, frames_free());
    ck_assert_int_eq(touch(FAR, ACCESS_READ), TOUCH_UNMAPPED);
}
END_TEST

START_TEST(page_without_rights_keeps_its_content)
{
    start_machine(200, policies[_i], 1000);
    map(BASE, 2, RW);
    map(FAR, 400, RW);
    put(space, BASE, 1);
    put(space, BASE + PAGE_SIZE, 2);
    ck_assert_int_eq(space_protect(space, BASE, BASE + PAGE_SIZE, 0), 0);
    ck_assert_int_eq(touch(BASE, ACCESS_READ), TOUCH_FORBIDDEN);
    if (_i % 2) /* also when it goes to swap meanwhile */
        put_numbers(space, FAR, 400);
    ck_assert_uint_eq(guest_audit(), 0);
    ck_assert_int_eq(space_protect(space, BASE, BASE + PAGE_SIZE, ACCESS_READ), 0);
    ck_assert_int_eq(touch(BASE, ACCESS_WRITE), TOUCH_FORBIDDEN);
    ck_assert_uint_eq(load(space, BASE), 1);
    ck_assert_int_eq(space_protect(space, BASE, BASE + PAGE_SIZE, RW), 0);
    put(space, BASE, 3);
    ck_assert_uint_eq(load(space, BASE), 3);
    ck_assert_uint_eq(load(space, BASE + PAGE_SIZE), 2);
}
END_TEST

START_TEST(single_pages_of_a_hundred_can_be_protected)
{
    start_machine(256, NULL, 0);
    map(BASE, 100, RW);
    for (unsigned i = 0; i < 100; i += 2)
        ck_assert_int_eq(space_protect(space, BASE + i * PAGE_SIZE, BASE + (i + 1) * PAGE_SIZE, ACCESS_READ),
                         0);
    for (unsigned i = 0; i < 100; i++)
        ck_assert_int_eq(touch(BASE + i * PAGE_SIZE, ACCESS_WRITE), i % 2 ? TOUCH_OK : TOUCH_FORBIDDEN);
    ck_assert_int_eq(space_protect(space, BASE, BASE + 100 * PAGE_SIZE, RW), 0);
    const struct region *r = space_region(space, BASE + 50 * PAGE_SIZE);
    ck_assert_uint_eq(r->start, BASE); /* one region again */
    ck_assert_uint_eq(r->end, BASE + 100 * PAGE_SIZE);
}
END_TEST

START_TEST(regions_of_a_space_are_limited)
{
    start_machine(256, NULL, 0);
    struct region r = { .rights = RW };
    int result = 0;
    unsigned n = 0;
    for (; !result && n < 2 * MAX_REGIONS; n++) {
        r.start = BASE + n * 4 * PAGE_SIZE;
        r.end = r.start + 3 * PAGE_SIZE;
        result = space_map(space, &r);
    }
    ck_assert_int_eq(result, -ENOMEM);
    ck_assert_uint_le(n, MAX_REGIONS + 1);
    int holes = 0;
    while (space_unmap(space, BASE + (holes * 4 + 1) * PAGE_SIZE, BASE + (holes * 4 + 2) * PAGE_SIZE) == 0)
        holes++;
    ck_assert_int_gt(holes, 0);
    /* What makes no region more can still go: an end of one, or all. */
    gva_t last = BASE + 100 * 4 * PAGE_SIZE;
    ck_assert_int_eq(space_unmap(space, last + 2 * PAGE_SIZE, last + 3 * PAGE_SIZE), 0);
    ck_assert_int_eq(space_unmap(space, BASE, BASE + PAGE_SIZE), 0);
    ck_assert_ptr_null(space_region(space, last + 2 * PAGE_SIZE));
    ck_assert_ptr_null(space_region(space, BASE));
    space_destroy(space);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

static void map_stack(gva_t start, gva_t end)
{
    struct region r = { .start = start, .end = end, .rights = RW, .grows_down = true };
    ck_assert_int_eq(space_map(space, &r), 0);
}

START_TEST(stack_grows_down_to_its_limit)
{
    start_machine(256, NULL, 0);
    gva_t top = FAR + (64ull << 20);
    map_stack(top - PAGE_SIZE, top);
    put(space, top - 5 * PAGE_SIZE, 1);
    ck_assert_uint_eq(space_region(space, top - 1)->start, top - 5 * PAGE_SIZE);
    put(space, top - STACK_LIMIT, 2);
    ck_assert_int_eq(touch(top - STACK_LIMIT - 1, ACCESS_WRITE), TOUCH_UNMAPPED);
    ck_assert_int_eq(touch(top, ACCESS_WRITE), TOUCH_UNMAPPED);
}
END_TEST

START_TEST(stack_keeps_a_distance_from_what_is_below)
{
    start_machine(256, NULL, 0);
    map_stack(FAR + 10 * PAGE_SIZE, FAR + 11 * PAGE_SIZE);
    map(FAR, 5, RW);
    ck_assert_int_eq(touch(FAR + 6 * PAGE_SIZE, ACCESS_WRITE), TOUCH_OK);
    ck_assert_int_eq(touch(FAR + 5 * PAGE_SIZE, ACCESS_WRITE), TOUCH_UNMAPPED);
}
END_TEST

START_TEST(gaps_are_found_from_the_top_and_stay_clear_of_the_stack)
{
    start_machine(256, NULL, 0);
    gva_t a = space_find_gap(space, 10 * PAGE_SIZE);
    ck_assert_uint_ne(a, 0);
    map(a, 10, RW);
    gva_t b = space_find_gap(space, 1);
    ck_assert_uint_eq(b, a - PAGE_SIZE);
    gva_t stack_end = a - PAGE_SIZE;
    map_stack(stack_end - PAGE_SIZE, stack_end);
    ck_assert_uint_eq(space_find_gap(space, PAGE_SIZE), a - PAGE_SIZE);
    ck_assert_uint_eq(space_find_gap(space, 2 * PAGE_SIZE), stack_end - STACK_LIMIT - 2 * PAGE_SIZE);
    ck_assert_uint_eq(space_find_gap(space, 0), 0);
    ck_assert_uint_eq(space_find_gap(space, USER_TOP), 0);
    ck_assert_uint_eq(space_find_gap(space, ~0ull), 0);
}
END_TEST

START_TEST(heap_ends_where_it_is_put)
{
    start_machine(256, NULL, 0);
    gva_t start = BASE + 100;
    ck_assert_uint_eq(space_brk(space, start + 5), 0); /* no start yet */
    space_set_brk_start(space, start);
    ck_assert_uint_eq(space_brk(space, 0), start);
    ck_assert_uint_eq(space_brk(space, start + 5 * PAGE_SIZE), start + 5 * PAGE_SIZE);
    put(space, start + 5 * PAGE_SIZE - 8, 9);
    ck_assert_int_eq(touch(BASE, ACCESS_READ), TOUCH_UNMAPPED);
    ck_assert_uint_eq(space_brk(space, start + PAGE_SIZE), start + PAGE_SIZE);
    ck_assert_int_eq(touch(start + 3 * PAGE_SIZE, ACCESS_READ), TOUCH_UNMAPPED);
    map(BASE + 10 * PAGE_SIZE, 1, RW);
    ck_assert_uint_eq(space_brk(space, start + 20 * PAGE_SIZE), start + PAGE_SIZE);
    ck_assert_uint_eq(space_brk(space, ~0ull), start + PAGE_SIZE);
    ck_assert_uint_eq(space_brk(space, start + 5 * PAGE_SIZE), start + 5 * PAGE_SIZE);
    ck_assert_uint_eq(load(space, start + 5 * PAGE_SIZE - 8), 0);
}
END_TEST

START_TEST(kernel_copies_across_pages_and_respects_rights)
{
    start_machine(256, NULL, 0);
    char text[10000], back[10000];
    map(BASE, 4, RW);
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 26);
    ck_assert_int_eq(space_write(space, BASE + 100, text, sizeof text), 0);
    ck_assert_int_eq(space_read(space, back, BASE + 100, sizeof back), 0);
    ck_assert_mem_eq(text, back, sizeof text);
    ck_assert_int_eq(space_protect(space, BASE + PAGE_SIZE, BASE + 2 * PAGE_SIZE, ACCESS_READ), 0);
    ck_assert_int_eq(space_write(space, BASE + 100, text, sizeof text), -EFAULT);
    ck_assert_int_eq(space_read(space, back, BASE + 3 * PAGE_SIZE, PAGE_SIZE + 1), -EFAULT);
    ck_assert_int_eq(space_read(space, back, USER_TOP - 1, 2), -EFAULT);
    ck_assert_int_eq(space_read(space, back, ~0ull, 2), -EFAULT);

    char s[64];
    ck_assert_int_eq(space_write(space, BASE + 4 * PAGE_SIZE - 4, "abc", 4), 0);
    ck_assert_int_eq(space_read_string(space, s, BASE + 4 * PAGE_SIZE - 4, sizeof s), 3);
    ck_assert_str_eq(s, "abc");
    ck_assert_int_eq(space_read_string(space, s, BASE + 200, sizeof s), -ENAMETOOLONG);
    ck_assert_int_eq(space_write(space, BASE + 4 * PAGE_SIZE - 4, "abcd", 4), 0);
    ck_assert_int_eq(space_read_string(space, s, BASE + 4 * PAGE_SIZE - 4, sizeof s), -EFAULT);
}
END_TEST

START_TEST(spaces_are_limited)
{
    start_machine(256, NULL, 0);
    unsigned n = 1;
    while (space_create())
        n++;
    ck_assert_uint_eq(n, MAX_SPACES);
    ck_assert_ptr_null(space_fork(space));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("space");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, impossible_ranges_are_refused);
    tcase_add_test(t, destroyed_spaces_leave_nothing_behind);
    tcase_add_test(t, unmapped_tables_go_back);
    tcase_add_loop_test(t, page_without_rights_keeps_its_content, 0, 4);
    tcase_add_test(t, single_pages_of_a_hundred_can_be_protected);
    tcase_add_test(t, regions_of_a_space_are_limited);
    tcase_add_test(t, stack_grows_down_to_its_limit);
    tcase_add_test(t, stack_keeps_a_distance_from_what_is_below);
    tcase_add_test(t, gaps_are_found_from_the_top_and_stay_clear_of_the_stack);
    tcase_add_test(t, heap_ends_where_it_is_put);
    tcase_add_test(t, kernel_copies_across_pages_and_respects_rights);
    tcase_add_test(t, spaces_are_limited);

    Suite *s = suite_create("guest space");
    suite_add_tcase(s, t);
    return run_suite(s);
}
