/* Hostile virtqueues: descriptors, rings and memory that break the queue, for a reason that is told, and
 * nothing else. */
#include <errno.h>
#include "virtqueue_driver.h"

/* Each changes a plain read, and the queue is broken for a reason. */
static void self_loop(void)
{
    set_desc(1, DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
}
static void loop_to_head(void)
{
    set_desc(1, DATA, 0, VRING_DESC_F_NEXT, 0);
}
static void next_outside(void)
{
    set_desc(1, DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, SIZE);
}
static void next_far_outside(void)
{
    set_desc(1, DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 0xffff);
}
static void head_outside(void)
{
    uint16_t head = SIZE;
    put(AVAIL + 4, &head, 2);
}
static void indirect(void)
{
    set_desc(1, DATA, 512, VRING_DESC_F_INDIRECT, 0);
}
static void read_after_write(void)
{
    set_desc(2, STATUS, 1, 0, 0);
}
static void nothing_to_write(void)
{
    set_desc(1, DATA, 512, 0, 0);
}
static void nothing_to_read(void)
{
    set_desc(0, HEADER, 16, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1);
}
static void short_header(void)
{
    set_desc(0, HEADER, 15, VRING_DESC_F_NEXT, 1);
}
static void no_status(void)
{
    set_desc(1, DATA, 0, VRING_DESC_F_WRITE, 0);
}
static void outside_memory(void)
{
    set_desc(1, NR_PAGES * PAGE_SIZE, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
}
static void in_the_hole(void)
{
    set_desc(1, HOLE_PAGE * PAGE_SIZE, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
}
static void last_byte_in_the_hole(void)
{
    set_desc(1, HOLE_PAGE * PAGE_SIZE - 511, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
}
static void into_a_page_table(void)
{
    set_desc(1, TABLE_PAGE * PAGE_SIZE, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
}
static void status_into_a_page_table(void)
{
    set_desc(2, TABLE_PAGE * PAGE_SIZE + 5, 1, VRING_DESC_F_WRITE, 0);
}
static void wraps_around(void)
{
    set_desc(1, UINT64_MAX - 100, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
}
static void largest_length(void)
{
    set_desc(1, 0, UINT32_MAX, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
}
static void jump(void)
{
    uint16_t idx = SIZE + 1;
    put(AVAIL + 2, &idx, 2);
}
static void backwards(void)
{
    uint16_t idx = 0xffff;
    put(AVAIL + 2, &idx, 2);
}

static const struct {
    void (*make)(void);
    const char *reason;
} hostile[] = {
    { self_loop, "loop" },
    { loop_to_head, "loop" },
    { next_outside, "index of a descriptor" },
    { next_far_outside, "index of a descriptor" },
    { head_outside, "index of a descriptor" },
    { indirect, "indirect" },
    { read_after_write, "comes after one to write" },
    { nothing_to_write, "no room for its status" },
    { nothing_to_read, "shorter than its header" },
    { short_header, "shorter than its header" },
    { no_status, "no room for its status" },
    { outside_memory, "a device may write" },
    { in_the_hole, "a device may write" },
    { last_byte_in_the_hole, "a device may write" },
    { into_a_page_table, "a device may write" },
    { status_into_a_page_table, "a device may write" },
    { wraps_around, "wraps" },
    { largest_length, "not in memory" },
    { jump, "more than its size" },
    { backwards, "more than its size" },
};

START_TEST(a_hostile_ring_breaks_the_queue_and_nothing_else)
{
    offer_plain(VIRTIO_BLK_T_IN, 0, 512);
    hostile[_i].make();
    ck_assert_int_eq(block_requests_process(&q, &disk), -EPROTO);
    ck_assert_msg(strstr(q.broken_reason, hostile[_i].reason), "reason: %s", q.broken_reason);
    ck_assert_uint_eq(used_idx(), 0);
    ck_assert_uint_eq(*at(STATUS), 0xee);
    ck_assert_uint_eq(disk.stats.reads, 0);
    ck_assert(page_is_zero(TABLE_PAGE));

    offer_plain(VIRTIO_BLK_T_IN, 0, 512); /* told once, silent from then on */
    ck_assert_int_eq(block_requests_process(&q, &disk), 0);
    ck_assert_uint_eq(used_idx(), 0);

    avail_idx = 0; /* and usable after a new setup */
    ck_assert_int_eq(virtqueue_setup(&q, SIZE, DESC, AVAIL, USED), 0);
    offer_plain(VIRTIO_BLK_T_IN, 0, 512);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_ptr_null(q.broken_reason);
}
END_TEST

START_TEST(requests_before_a_hostile_one_are_done)
{
    offer_plain(VIRTIO_BLK_T_IN, 0, 512);
    offer(SIZE + 5);
    ck_assert_int_eq(block_requests_process(&q, &disk), -EPROTO);
    ck_assert_uint_eq(used_idx(), 1);
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(a_request_of_at_most_four_mebibytes_is_taken)
{
    /* The same pages 42 times, then the rest and the status. */
    static const struct {
        uint32_t last_bytes;
        int result;
    } tries[] = { { 0x10000 + 1, 1 }, { 0x10000 + 2, -EPROTO } };

    for (unsigned i = 0; i < 2; i++) {
        avail_idx = 0;
        desc_table = BIG_DESC;
        ck_assert_int_eq(virtqueue_setup(&q, 64, BIG_DESC, AVAIL, USED), 0);
        set_header(VIRTIO_BLK_T_IN, 0);
        set_desc(0, HEADER, 16, VRING_DESC_F_NEXT, 1);
        for (uint16_t n = 1; n <= 42; n++)
            set_desc(n, DATA, 0x18000, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, n + 1);
        set_desc(43, DATA, tries[i].last_bytes, VRING_DESC_F_WRITE, 0);
        offer(0);
        ck_assert_int_eq(block_requests_process(&q, &disk), tries[i].result);
    }
    ck_assert_ptr_nonnull(strstr(q.broken_reason, "larger than 4 MiB"));
}
END_TEST

static bool memory_is_gone;
static void *vanishing_guest(void *ctx, gpa_t gpa, uint64_t bytes, bool write)
{
    return memory_is_gone && (write || gpa / PAGE_SIZE == AVAIL / PAGE_SIZE) ? NULL
                                                                             : guest(ctx, gpa, bytes, write);
}

START_TEST(rings_that_became_page_tables_break_the_queue)
{
    virtqueue_init(&q, vanishing_guest, pages);
    memory_is_gone = false;
    ck_assert_int_eq(virtqueue_setup(&q, SIZE, DESC, AVAIL, USED), 0);
    offer_plain(VIRTIO_BLK_T_IN, 0, 512);
    memory_is_gone = true;
    ck_assert_int_eq(block_requests_process(&q, &disk), -EPROTO);
    memory_is_gone = false;
    ck_assert_uint_eq(used_idx(), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("virtqueue_hostile");
    TCase *t = case_on_disks("virtqueue_hostile");

    tcase_add_loop_test(t, a_hostile_ring_breaks_the_queue_and_nothing_else, 0, COUNT(hostile));
    tcase_add_test(t, requests_before_a_hostile_one_are_done);
    tcase_add_test(t, a_request_of_at_most_four_mebibytes_is_taken);
    tcase_add_test(t, rings_that_became_page_tables_break_the_queue);
    suite_add_tcase(s, t);
    return run_suite(s);
}
