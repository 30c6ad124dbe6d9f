/* Eviction: more pages than frames, under every policy, until swap is full or fails, too. */
#include <check.h>
#include "evict.h"
#include "guest_audit.h"
#include "guest_memory_machine.h"
#include "kernel.h"
#include "tests/run_suite.h"

/* Twice as many anonymous pages as frames, each written, then all of them read and written again in turn. */
static void page_against_swap(const char *policy)
{
    const uint64_t pages = 600;
    start_machine(300, policy, 1000);
    map(BASE, pages, RW);
    for (uint64_t i = 0; i < pages; i++)
        put(space, BASE + i * PAGE_SIZE, i + 1);
    for (unsigned pass = 0; pass < 3; pass++)
        for (uint64_t i = 0; i < pages; i++) {
            gva_t a = BASE + i * PAGE_SIZE;
            ck_assert_uint_eq(load(space, a), i + 1 + pass);
            if (fake_counts.faults) {
                assert_one_fault(1);
                ck_assert_uint_eq(fake_counts.page_ins, 1);
                ck_assert_uint_eq(fake_counts.reads, 1);
                ck_assert_uint_eq(frames_free(), FRAMES_HIGH);
            }
            put(space, a, i + 2 + pass);
        }
    ck_assert_uint_eq(guest_audit(), 0);
}

START_TEST(major_faults_cost_one_notification_under_every_policy)
{
    page_against_swap(policies[_i]);
}
END_TEST

START_TEST(victims_of_zero_filled_pages_are_written_together)
{
    start_machine(300, policies[_i], 1000);
    map(BASE, 900, RW);
    unsigned notifies = 0, writes = 0;
    for (uint64_t i = 0; i < 900; i++) {
        put(space, BASE + i * PAGE_SIZE, i);
        assert_one_fault(fake_counts.writes ? 1 : 0);
        notifies += fake_counts.notifies;
        writes += fake_counts.writes;
    }
    ck_assert_uint_gt(writes, 600);
    ck_assert_uint_le(notifies, 1 + writes / (FRAMES_HIGH - FRAMES_LOW));
}
END_TEST

START_TEST(clean_pages_are_dropped_without_a_write)
{
    start_machine(300, policies[_i], 1000);
    map_numbered(BASE, 600);
    for (uint64_t i = 0; i < 600; i++)
        load(space, BASE + i * PAGE_SIZE);
    /* By now whatever is in memory has its place in swap, or was never swapped; a third pass settles it. */
    for (uint64_t i = 0; i < 600; i++)
        load(space, BASE + i * PAGE_SIZE);
    unsigned writes = 0;
    for (uint64_t i = 0; i < 600; i++) {
        ck_assert_uint_eq(load(space, BASE + i * PAGE_SIZE), i);
        writes += fake_counts.writes;
    }
    ck_assert_uint_le(writes, _i == 3 ? 20 : 0); /* random may have spared a dirty page so long */
}
END_TEST

START_TEST(file_larger_than_memory_is_read_under_every_policy)
{
    start_machine(300, policies[_i], 0);
    map_file(BASE, FILE_PAGES, ACCESS_READ);
    for (unsigned pass = 0; pass < 2; pass++)
        for (uint64_t i = 0; i < FILE_PAGES; i++) {
            ck_assert_uint_eq(load(space, BASE + i * PAGE_SIZE), i);
            if (fake_counts.faults)
                assert_one_fault(1);
        }
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(empty_tables_make_room)
{
    const unsigned regions = 250;
    start_machine(200, policies[_i], 0);
    for (unsigned i = 0; i < regions; i++)
        map_file(FAR + ((uint64_t)i << 21), 1, ACCESS_READ); /* each needs a table of its own */
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < regions; i++)
            ck_assert_uint_eq(load(space, FAR + ((uint64_t)i << 21)), 0);
    ck_assert_uint_eq(guest_audit(), 0);
    struct space *child = space_fork(space);
    for (unsigned i = 0; child && i < regions; i++)
        ck_assert_uint_eq(load(child, FAR + ((uint64_t)i << 21)), 0);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(same_run_gives_same_counts)
{
    unsigned updates[2] = { 0, 0 }, reads[2] = { 0, 0 };
    for (unsigned run = 0; run < 2; run++) {
        start_machine(300, policies[_i], 1000);
        map(BASE, 600, RW);
        for (uint64_t i = 0; i < 6000; i++) {
            put(space, BASE + fake_random() % 600 * PAGE_SIZE, i);
            updates[run] += fake_counts.updates;
            reads[run] += fake_counts.reads;
        }
    }
    ck_assert_uint_eq(updates[0], updates[1]);
    ck_assert_uint_eq(reads[0], reads[1]);
    ck_assert_uint_gt(reads[0], 1000);
}
END_TEST

START_TEST(clock_and_lru_keep_what_is_used)
{
    start_machine(300, _i ? "lru" : "clock", 0);
    map(BASE, 20, RW);
    map_file(FAR, FILE_PAGES, ACCESS_READ);
    unsigned lost = 0;
    for (uint64_t i = 0; i < FILE_PAGES; i++) {
        load(space, FAR + i * PAGE_SIZE);
        put(space, BASE + i % 20 * PAGE_SIZE, i);
        lost += fake_counts.faults;
    }
    ck_assert_uint_eq(lost, 20); /* their first touches */
}
END_TEST

START_TEST(what_the_kernel_writes_survives_swap)
{
    start_machine(200, policies[_i], 1000);
    map(BASE, 400, RW);
    for (uint64_t i = 0; i < 400; i++)
        load(space, BASE + i * PAGE_SIZE); /* clean zeros */
    for (unsigned pass = 0; pass < 2; pass++)
        for (uint64_t i = 0; i < 400; i++) {
            uint64_t v = i * 3 + pass, was = 0;
            if (pass) {
                ck_assert_int_eq(space_read(space, &was, BASE + i * PAGE_SIZE, 8), 0);
                ck_assert_uint_eq(was, i * 3);
            }
            ck_assert_int_eq(space_write(space, BASE + i * PAGE_SIZE, &v, 8), 0);
        }
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(frames_and_swap_both_gone_is_said_and_passes)
{
    start_machine(200, policies[_i], 100);
    map(BASE, 1000, RW);
    enum touch t = TOUCH_OK;
    uint64_t n = 0;
    for (; n < 1000; n++) {
        unsigned char *p;
        t = fake_access(space, BASE + n * PAGE_SIZE, ACCESS_WRITE, &p);
        if (t != TOUCH_OK)
            break;
        *p = (unsigned char)n;
    }
    ck_assert_int_eq(t, TOUCH_NO_MEMORY);
    ck_assert_uint_eq(memory_state().swap_free, 0);
    ck_assert_uint_ge(n, memory_state().resident + 100); /* all of both was used */
    ck_assert_uint_eq(guest_audit(), 0);
    ck_assert_int_eq(space_unmap(space, BASE + PAGE_SIZE, BASE + 50 * PAGE_SIZE), 0);
    put(space, BASE + n * PAGE_SIZE, 1);
    for (uint64_t i = 50; i < n; i++)
        ck_assert_uint_eq(load(space, BASE + i * PAGE_SIZE) & 255, i & 255);
}
END_TEST

/* An instruction that needs all of these pages at once: try until no fault comes. */
static enum touch run_instruction(const gva_t *pages, unsigned n)
{
    for (unsigned tries = 0; tries < 1000; tries++) {
        unsigned faults = 0;
        for (unsigned i = 0; i < n; i++) {
            enum touch t = touch(pages[i], i % 2 ? ACCESS_WRITE : ACCESS_READ);
            if (t != TOUCH_OK)
                return t;
            faults += fake_counts.faults;
        }
        if (!faults)
            return TOUCH_OK;
    }
    ck_abort_msg("the same faults over and over");
}

/* It takes page after page, and reaches its code and its stack for each. Its code is in a file, its stack has
 * a place in swap: both can always go, until nothing else can. */
START_TEST(program_that_takes_all_memory_comes_to_an_end)
{
    const uint64_t swap_pages = _i / 4 ? 100 : 0;
    start_machine(200, policies[_i % 4], swap_pages);
    map(BASE, 1000, RW);
    map_file(FAR, 3, ACCESS_READ | ACCESS_EXEC);
    map(FAR + 8 * PAGE_SIZE, 3, RW);
    enum touch t = TOUCH_OK;
    uint64_t n = 0;
    for (; t == TOUCH_OK && n < 1000; n++) {
        gva_t stack = FAR + (8 + n % 2) * PAGE_SIZE;
        const gva_t one[] = { FAR, BASE + n * PAGE_SIZE };
        const gva_t other[] = { FAR + PAGE_SIZE, stack, FAR + 2 * PAGE_SIZE, stack + PAGE_SIZE };
        t = run_instruction(one, 2);
        if (t == TOUCH_OK)
            t = run_instruction(other, 4);
    }
    ck_assert_int_eq(t, TOUCH_NO_MEMORY);
    ck_assert_uint_ge(n + EVICT_NEWCOMERS + 5, memory_state().resident + swap_pages);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(kernel_gets_frames_by_eviction)
{
    start_machine(200, policies[_i], 1000);
    map_numbered(BASE, 300);
    for (unsigned i = 0; i < 100; i++) {
        pfn_t f = memory_take_frame();
        ck_assert(pfn_is_valid(f));
        for (unsigned k = 0; k < 512; k++)
            ck_assert_uint_eq(((uint64_t *)pfn_to_virt(f))[k], 0);
    }
    assert_numbers(space, BASE, 300);
}
END_TEST

START_TEST(failing_writes_to_swap_lose_no_page)
{
    start_machine(200, policies[_i], 2000);
    map(BASE, 300, RW);
    fake_disks[1].error_percent = 20;
    uint64_t written = 0;
    for (; written < 300; written++) {
        unsigned char *p;
        if (fake_access(space, BASE + written * PAGE_SIZE, ACCESS_WRITE, &p) != TOUCH_OK)
            break;
        memcpy(p, &written, sizeof written);
    }
    ck_assert_uint_eq(written, 300);
    ck_assert_uint_lt(memory_state().swap, 2000);
    fake_disks[1].error_percent = 0;
    assert_numbers(space, BASE, 300);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(swap_that_never_answers_ends_in_no_memory)
{
    start_machine(200, policies[_i], 1000);
    map(BASE, 500, RW);
    fake_disks[1].silent = true;
    enum touch t = TOUCH_OK;
    uint64_t n = 0;
    for (; t == TOUCH_OK && n < 500; n++) {
        t = touch(BASE + n * PAGE_SIZE, ACCESS_WRITE);
        if (fake_counts.notifies > 1)
            ck_abort_msg("a dead disk was rung again");
    }
    ck_assert_int_eq(t, TOUCH_NO_MEMORY);
    ck_assert_uint_eq(guest_audit(), 0);
}
END_TEST

START_TEST(unknown_policy_is_refused)
{
    struct boot_info boot = { .nr_frames = 256, .nr_free = 1, .free = { { pfn(16), 200 } } };
    start_machine(256, NULL, 0);
    ck_assert(!memory_init(&boot, "mru", 0));
    ck_assert(memory_init(&boot, "lru", 0));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("eviction");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, major_faults_cost_one_notification_under_every_policy, 0, 4);
    tcase_add_loop_test(t, victims_of_zero_filled_pages_are_written_together, 0, 4);
    tcase_add_loop_test(t, clean_pages_are_dropped_without_a_write, 0, 4);
    tcase_add_loop_test(t, file_larger_than_memory_is_read_under_every_policy, 0, 4);
    tcase_add_loop_test(t, empty_tables_make_room, 0, 4);
    tcase_add_loop_test(t, same_run_gives_same_counts, 0, 4);
    tcase_add_loop_test(t, clock_and_lru_keep_what_is_used, 0, 2);
    tcase_add_loop_test(t, what_the_kernel_writes_survives_swap, 0, 4);
    tcase_add_loop_test(t, frames_and_swap_both_gone_is_said_and_passes, 0, 4);
    tcase_add_loop_test(t, program_that_takes_all_memory_comes_to_an_end, 0, 8);
    tcase_add_loop_test(t, kernel_gets_frames_by_eviction, 0, 4);
    tcase_add_loop_test(t, failing_writes_to_swap_lose_no_page, 0, 4);
    tcase_add_loop_test(t, swap_that_never_answers_ends_in_no_memory, 0, 4);
    tcase_add_test(t, unknown_policy_is_refused);

    Suite *s = suite_create("guest eviction");
    suite_add_tcase(s, t);
    return run_suite(s);
}
