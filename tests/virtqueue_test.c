/* Virtqueues: their setup, their rings, whether the driver wants an interrupt. */
#include <errno.h>
#include "virtqueue_driver.h"

static const struct {
    uint64_t size, desc, avail, used;
    int result;
} setups[] = {
    { 1, DESC, AVAIL, USED, 0 },
    { 256, DESC, AVAIL, USED, 0 },
    { 0, DESC, AVAIL, USED, -EINVAL },
    { 3, DESC, AVAIL, USED, -EINVAL },
    { 512, DESC, AVAIL, USED, -EINVAL },
    { 65536, DESC, AVAIL, USED, -EINVAL },
    { 1ull << 63, DESC, AVAIL, USED, -EINVAL },
    { 16, DESC + 8, AVAIL, USED, -EINVAL },
    { 16, DESC, AVAIL + 1, USED, -EINVAL },
    { 16, DESC, AVAIL, USED + 2, -EINVAL },
    { 16, NR_PAGES *PAGE_SIZE - 255 * 16, AVAIL, USED, 0 },
    { 256, NR_PAGES *PAGE_SIZE - 255 * 16, AVAIL, USED, -EFAULT },
    { 16, -16ull, AVAIL, USED, -EFAULT },
    { 16, DESC, -2ull, USED, -EFAULT },
    { 16, DESC, AVAIL, -4ull, -EFAULT },
    { 16, HOLE_PAGE *PAGE_SIZE, AVAIL, USED, -EFAULT },
    { 16, DESC, HOLE_PAGE *PAGE_SIZE - 32, USED, -EFAULT },
    { 16, DESC, HOLE_PAGE *PAGE_SIZE - 36, USED, 0 },
    { 16, DESC, AVAIL, TABLE_PAGE *PAGE_SIZE, -EFAULT },
    { 16, TABLE_PAGE *PAGE_SIZE, AVAIL, USED, 0 },
};

START_TEST(a_setup_is_checked)
{
    ck_assert_int_eq(virtqueue_setup(&q, setups[_i].size, setups[_i].desc, setups[_i].avail, setups[_i].used),
                     setups[_i].result);
    ck_assert(q.ready == (setups[_i].result == 0));
    ck_assert_int_eq(block_requests_process(&q, &disk), 0);
}
END_TEST

START_TEST(the_indices_wrap)
{
    for (unsigned i = 0; i < 70000; i++) {
        offer_plain(VIRTIO_BLK_T_FLUSH, 0, 0);
        ck_assert_int_eq(block_requests_process(&q, &archive), 1);
    }
    ck_assert_uint_eq(used_idx(), 70000 & 0xffff);
}
END_TEST

START_TEST(a_full_ring_is_done_at_once)
{
    offer_plain(VIRTIO_BLK_T_IN, 0, 512);
    for (unsigned i = 1; i < SIZE; i++)
        offer(0);
    ck_assert_int_eq(block_requests_process(&q, &disk), SIZE);
    ck_assert_int_eq(block_requests_process(&q, &disk), 0);
    ck_assert_uint_eq(used_idx(), SIZE);
}
END_TEST

START_TEST(the_driver_can_ask_for_no_interrupts)
{
    uint16_t flags = VRING_AVAIL_F_NO_INTERRUPT;

    ck_assert(virtqueue_wants_interrupt(&q));
    put(AVAIL, &flags, 2);
    ck_assert(!virtqueue_wants_interrupt(&q));
    virtqueue_init(&q, guest, pages);
    ck_assert(!virtqueue_wants_interrupt(&q));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("virtqueue");
    TCase *t = case_on_disks("virtqueue");

    tcase_add_loop_test(t, a_setup_is_checked, 0, COUNT(setups));
    tcase_add_test(t, the_indices_wrap);
    tcase_add_test(t, a_full_ring_is_done_at_once);
    tcase_add_test(t, the_driver_can_ask_for_no_interrupts);
    suite_add_tcase(s, t);
    return run_suite(s);
}
