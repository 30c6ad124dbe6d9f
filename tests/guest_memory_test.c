/* Demand paging, one situation after the other: what a program sees, and what each fault costs. */
#include <check.h>
#include <stdlib.h>
#include "evict.h"
#include "guest_audit.h"
#include "guest_fake.h"
#include "kernel.h"
#include "tests/run_suite.h"

#define BASE       0x400000ull
#define FAR        0x7f0000000000ull
#define RW         (ACCESS_READ | ACCESS_WRITE)
#define FILE_PAGES 2048

static const char *const policies[] = { "clock", "fifo", "lru", "random" };

/* A file of FILE_PAGES pages less 1000 bytes from sector 8 on: each page starts with its number. */
static struct file file = { .path = "big", .start_sector = 8, .size_bytes = FILE_PAGES * PAGE_SIZE - 1000 };

static struct space *space;

static void start_machine(uint64_t frames, const char *policy, uint64_t swap_pages)
{
    fake_quiet = true;
    fake_random_seed(1);
    for (unsigned i = 0; i < MAX_DISKS; i++)
        fake_disks[i].error_percent = fake_disks[i].silent = fake_disks[i].senseless = 0;
    fake_disks[0].read_only = true;
    fake_disk_resize(0, 8 + FILE_PAGES * 8);
    fake_disks[1].swap = true;
    fake_disk_resize(1, swap_pages * 8);
    for (uint64_t i = 0; i < FILE_PAGES; i++)
        memcpy(fake_disks[0].bytes + (8 + i * 8) * 512, &i, sizeof i);
    /* Whatever follows the file. */
    memset(fake_disks[0].bytes + (8 + FILE_PAGES * 8) * 512 - 1000, 0xee, 1000);
    fake_start(frames, policy, 7);
    space = space_create();
    ck_assert_ptr_nonnull(space);
}

static void map(gva_t start, uint64_t pages, unsigned rights)
{
    struct region r = {
        .start = start, .end = start + pages * PAGE_SIZE, .kind = REGION_ANONYMOUS, .rights = rights
    };
    ck_assert_int_eq(space_map(space, &r), 0);
}

static void map_file(gva_t start, uint64_t pages, unsigned rights)
{
    struct region r = { .start = start,
                        .end = start + pages * PAGE_SIZE,
                        .kind = REGION_FILE,
                        .rights = rights,
                        .file = &file,
                        .file_bytes = pages * PAGE_SIZE };
    ck_assert_int_eq(space_map(space, &r), 0);
}

static uint64_t load(struct space *s, gva_t a)
{
    unsigned char *p;
    uint64_t v;
    ck_assert_int_eq(fake_access(s, a, ACCESS_READ, &p), TOUCH_OK);
    memcpy(&v, p, sizeof v);
    return v;
}

static void put(struct space *s, gva_t a, uint64_t v)
{
    unsigned char *p;
    ck_assert_int_eq(fake_access(s, a, ACCESS_WRITE, &p), TOUCH_OK);
    memcpy(p, &v, sizeof v);
}

static enum touch touch(gva_t a, unsigned access)
{
    unsigned char *p;
    return fake_access(space, a, access, &p);
}

/* The last access was one fault, without a commit, and with so many disk notifications. */
static void assert_one_fault(unsigned notifies)
{
    ck_assert_uint_eq(fake_counts.faults, 1);
    ck_assert_uint_eq(fake_counts.commits, 0);
    ck_assert_uint_eq(fake_counts.notifies, notifies);
    ck_assert_uint_lt(fake_counts.updates, 200);
}

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
    map(BASE, 600, RW);
    for (uint64_t i = 0; i < 600; i++)
        put(space, BASE + i * PAGE_SIZE, i);
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
    map(BASE, 400, RW);
    for (uint64_t i = 0; i < 400; i++)
        put(space, BASE + i * PAGE_SIZE, i);
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
    for (uint64_t i = 0; i < 300; i++)
        put(space, FAR + i * PAGE_SIZE, i); /* drives it out */
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
        for (uint64_t i = 0; i < 150; i++)
            put(space, BASE + i * PAGE_SIZE, i);
        struct space *child = space_fork(space);
        for (uint64_t i = 0; i < 50; i++)
            put(child, FAR + i * PAGE_SIZE, i);
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
    map(FAR, 10, RW);
    for (uint64_t i = 0; i < 10; i++)
        put(space, FAR + i * PAGE_SIZE, i);
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
        for (uint64_t i = 0; i < 400; i++)
            put(space, FAR + i * PAGE_SIZE, i);
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

START_TEST(stack_grows_down_to_its_limit)
{
    start_machine(256, NULL, 0);
    gva_t top = FAR + (64ull << 20);
    struct region r = { .start = top - PAGE_SIZE, .end = top, .rights = RW, .grows_down = true };
    ck_assert_int_eq(space_map(space, &r), 0);
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
    struct region r = {
        .start = FAR + 10 * PAGE_SIZE, .end = FAR + 11 * PAGE_SIZE, .rights = RW, .grows_down = true
    };
    ck_assert_int_eq(space_map(space, &r), 0);
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
    struct region stack = {
        .start = a - 2 * PAGE_SIZE, .end = a - PAGE_SIZE, .rights = RW, .grows_down = true
    };
    ck_assert_int_eq(space_map(space, &stack), 0);
    ck_assert_uint_eq(space_find_gap(space, PAGE_SIZE), a - PAGE_SIZE);
    ck_assert_uint_eq(space_find_gap(space, 2 * PAGE_SIZE), stack.end - STACK_LIMIT - 2 * PAGE_SIZE);
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
    map(BASE, 300, RW);
    for (uint64_t i = 0; i < 300; i++)
        put(space, BASE + i * PAGE_SIZE, i);
    for (unsigned i = 0; i < 100; i++) {
        pfn_t f = memory_take_frame();
        ck_assert(pfn_is_valid(f));
        for (unsigned k = 0; k < 512; k++)
            ck_assert_uint_eq(((uint64_t *)pfn_to_virt(f))[k], 0);
    }
    for (uint64_t i = 0; i < 300; i++)
        ck_assert_uint_eq(load(space, BASE + i * PAGE_SIZE), i);
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
    for (uint64_t i = 0; i < 300; i++)
        ck_assert_uint_eq(load(space, BASE + i * PAGE_SIZE), i);
    ck_assert_uint_eq(guest_audit(), 0);
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
    TCase *t = tcase_create("memory");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, anonymous_page_is_zero_at_first_touch_without_disk);
    tcase_add_test(t, three_missing_tables_cost_one_store_to_a_live_table);
    tcase_add_test(t, what_is_not_mapped_is_refused);
    tcase_add_test(t, impossible_ranges_are_refused);
    tcase_add_test(t, file_pages_come_in_with_one_notification_each);
    tcase_add_test(t, last_page_of_a_file_is_filled_with_zeros_and_what_follows_is_an_error);
    tcase_add_test(t, bytes_beyond_what_a_region_takes_of_its_file_are_zero);
    tcase_add_loop_test(t, major_faults_cost_one_notification_under_every_policy, 0, 4);
    tcase_add_loop_test(t, victims_of_zero_filled_pages_are_written_together, 0, 4);
    tcase_add_loop_test(t, clean_pages_are_dropped_without_a_write, 0, 4);
    tcase_add_loop_test(t, file_larger_than_memory_is_read_under_every_policy, 0, 4);
    tcase_add_loop_test(t, empty_tables_make_room, 0, 4);
    tcase_add_loop_test(t, same_run_gives_same_counts, 0, 4);
    tcase_add_loop_test(t, clock_and_lru_keep_what_is_used, 0, 2);
    tcase_add_test(t, forked_pages_are_shared_until_written);
    tcase_add_test(t, fork_costs_a_store_for_each_page_that_could_be_written);
    tcase_add_loop_test(t, forked_pages_in_swap_come_back_to_both, 0, 4);
    tcase_add_test(t, forked_page_that_is_read_comes_back_for_all);
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
    tcase_add_loop_test(t, what_the_kernel_writes_survives_swap, 0, 4);
    tcase_add_loop_test(t, frames_and_swap_both_gone_is_said_and_passes, 0, 4);
    tcase_add_loop_test(t, program_that_takes_all_memory_comes_to_an_end, 0, 8);
    tcase_add_loop_test(t, kernel_gets_frames_by_eviction, 0, 4);
    tcase_add_test(t, failing_read_is_an_error_and_nothing_else);
    tcase_add_loop_test(t, failing_writes_to_swap_lose_no_page, 0, 4);
    tcase_add_loop_test(t, disk_that_never_answers_is_given_up, 0, 2);
    tcase_add_loop_test(t, swap_that_never_answers_ends_in_no_memory, 0, 4);
    tcase_add_test(t, unknown_policy_is_refused);
    tcase_add_test(t, spaces_are_limited);

    Suite *s = suite_create("guest memory");
    suite_add_tcase(s, t);
    return run_suite(s);
}
