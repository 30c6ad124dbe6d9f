/* Block requests in a virtqueue, however they are cut: what they transfer, and the status of those that fail.
 */
#include <signal.h>
#include "vmm/clock.h"
#include "virtqueue_driver.h"

START_TEST(a_read_over_several_pages_arrives_whole)
{
    offer_plain(VIRTIO_BLK_T_IN, 3, 9 * 512);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    for (unsigned i = 0; i < 9 * 512; i++)
        ck_assert_uint_eq(*at(DATA + i), i / 512 + 4);
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_OK);
    ck_assert_uint_eq(used_idx(), 1);
    ck_assert_uint_eq(used_elem(0).id, 0);
    ck_assert_uint_eq(used_elem(0).len, 9 * 512 + 1);
    ck_assert_uint_eq(disk.stats.reads, 1);
    ck_assert_uint_eq(disk.stats.bytes_read, 9 * 512);
    ck_assert_uint_eq(disk.stats.notifies, 1);
}
END_TEST

START_TEST(a_write_reads_back_and_only_its_status_is_written)
{
    memset(at(DATA), 0xab, PAGE_SIZE);
    offer_plain(VIRTIO_BLK_T_OUT, 8, 4096);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_OK);
    ck_assert_uint_eq(used_elem(0).len, 1);
    memset(at(DATA), 0, PAGE_SIZE);
    offer_plain(VIRTIO_BLK_T_IN, 8, 4096);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_uint_eq(*at(DATA), 0xab);
    ck_assert_uint_eq(*at(DATA + 4095), 0xab);
    ck_assert_uint_eq(disk.stats.bytes_written, 4096);
}
END_TEST

START_TEST(a_write_and_the_read_after_it_go_out_in_one_ring_in_order)
{
    struct virtio_blk_outhdr out = { .type = VIRTIO_BLK_T_OUT, .sector = 5 },
                             in = { .type = VIRTIO_BLK_T_IN, .sector = 5 };

    memset(at(DATA), 0x77, 512);
    put(HEADER, &out, sizeof(out));
    put(HEADER + 16, &in, sizeof(in));
    set_desc(3, HEADER, 16, VRING_DESC_F_NEXT, 9);
    set_desc(9, DATA, 512, VRING_DESC_F_NEXT, 15);
    set_desc(15, STATUS, 1, VRING_DESC_F_WRITE, 0);
    set_desc(7, HEADER + 16, 16, VRING_DESC_F_NEXT, 1);
    set_desc(1, DATA + 4096, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
    set_desc(2, STATUS + 1, 1, VRING_DESC_F_WRITE, 0);
    offer(3);
    offer(7);
    ck_assert_int_eq(block_requests_process(&q, &disk), 2);
    ck_assert_uint_eq(*at(DATA + 4096), 0x77);
    ck_assert_uint_eq(used_idx(), 2);
    ck_assert_uint_eq(used_elem(0).id, 3);
    ck_assert_uint_eq(used_elem(1).id, 7);
    ck_assert_uint_eq(disk.stats.notifies, 1);
}
END_TEST

START_TEST(header_data_and_status_may_be_cut_anywhere)
{
    /* 16 + 512 out bytes in pieces of 5, then 7, ...; the header straddles a page too. */
    struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_OUT, .sector = 2 };
    gpa_t from = 0x8ffa;

    put(from, &h, sizeof(h));
    for (unsigned i = 0; i < 512; i++)
        *at(from + 16 + i) = (uint8_t)(i * 7);
    static const uint32_t cuts[] = { 5, 0, 7, 3, 2, 400, 1, 110 };
    unsigned n = sizeof(cuts) / sizeof(cuts[0]);
    for (unsigned i = 0; i < n; from += cuts[i], i++)
        set_desc(i, from, cuts[i], VRING_DESC_F_NEXT, (uint16_t)(i + 1));
    set_desc(n, STATUS, 1, VRING_DESC_F_WRITE, 0);
    offer(0);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_OK);
    uint8_t sector[512];
    ck_assert_int_eq(pread(disk.fd, sector, 512, 1024), 512);
    for (unsigned i = 0; i < 512; i++)
        ck_assert_uint_eq(sector[i], (uint8_t)(i * 7));
}
END_TEST

START_TEST(data_and_status_may_share_a_descriptor)
{
    set_header(VIRTIO_BLK_T_IN, 0);
    set_desc(0, HEADER, 16, VRING_DESC_F_NEXT, 1);
    set_desc(1, 0x9e00, 513, VRING_DESC_F_WRITE, 0); /* the status is alone on the next page */
    *at(0xa000) = 0xee;
    offer(0);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_uint_eq(*at(0x9fff), 1);
    ck_assert_uint_eq(*at(0xa000), VIRTIO_BLK_S_OK);
    ck_assert_uint_eq(used_elem(0).len, 513);
}
END_TEST

START_TEST(get_id_tells_the_name_and_zeroes)
{
    memset(at(DATA), 0xff, 64);
    offer_plain(VIRTIO_BLK_T_GET_ID, 0, 20);
    ck_assert_int_eq(block_requests_process(&q, &archive), 1);
    ck_assert_mem_eq(at(DATA), "faultvisor-archive\0\0\xff", 21);
    ck_assert_uint_eq(used_elem(0).len, 21);
    offer_plain(VIRTIO_BLK_T_GET_ID, 0, 7);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_mem_eq(at(DATA), "faultvi", 7);
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_OK);
}
END_TEST

/* What the disk cannot do is told in the status. */
static const struct {
    bool archive;
    uint32_t type;
    uint64_t sector;
    uint32_t bytes;
    unsigned status, len;
} told[] = {
    { false, VIRTIO_BLK_T_IN, SECTORS, 512, VIRTIO_BLK_S_IOERR, 0 },
    { false, VIRTIO_BLK_T_IN, SECTORS - 1, 1024, VIRTIO_BLK_S_IOERR, 0 },
    { false, VIRTIO_BLK_T_IN, UINT64_MAX, 512, VIRTIO_BLK_S_IOERR, 0 },
    { false, VIRTIO_BLK_T_IN, UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR, 0 },
    { false, VIRTIO_BLK_T_IN, 0, 511, VIRTIO_BLK_S_IOERR, 0 },
    { false, VIRTIO_BLK_T_IN, 0, 513, VIRTIO_BLK_S_IOERR, 0 },
    { false, VIRTIO_BLK_T_OUT, SECTORS, 512, VIRTIO_BLK_S_IOERR, 1 },
    { false, VIRTIO_BLK_T_OUT, 0, 100, VIRTIO_BLK_S_IOERR, 1 },
    { true, VIRTIO_BLK_T_OUT, 0, 512, VIRTIO_BLK_S_IOERR, 1 },
    { true, VIRTIO_BLK_T_FLUSH, 0, 0, VIRTIO_BLK_S_OK, 1 },
    { false, VIRTIO_BLK_T_FLUSH, 0, 0, VIRTIO_BLK_S_OK, 1 },
    { false, VIRTIO_BLK_T_IN, 0, 0, VIRTIO_BLK_S_OK, 1 },
    { false, VIRTIO_BLK_T_DISCARD, 0, 512, VIRTIO_BLK_S_UNSUPP, 0 },
    { false, VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, VIRTIO_BLK_S_UNSUPP, 1 },
    { false, 2, 0, 0, VIRTIO_BLK_S_UNSUPP, 1 },
    { false, UINT32_MAX, 0, 512, VIRTIO_BLK_S_UNSUPP, 0 },
};

START_TEST(what_the_disk_cannot_do_is_told_in_the_status)
{
    offer_plain(told[_i].type, told[_i].sector, told[_i].bytes);
    ck_assert_int_eq(block_requests_process(&q, told[_i].archive ? &archive : &disk), 1);
    ck_assert_uint_eq(*at(STATUS), told[_i].status);
    ck_assert_uint_eq(used_elem(0).len, told[_i].len);
    ck_assert(q.ready);
}
END_TEST

START_TEST(an_io_error_hits_its_request_alone)
{
    ck_assert_int_eq(disk_inject_errors(&disk, "4-5"), 0);
    offer_plain(VIRTIO_BLK_T_IN, 4, 512);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_IOERR);
    ck_assert_uint_eq(disk.stats.errors, 1);
    offer_plain(VIRTIO_BLK_T_IN, 6, 512);
    ck_assert_int_eq(block_requests_process(&q, &disk), 1);
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(after_a_signal_that_stops_the_run_no_request_reaches_the_disk)
{
    struct kvm_run run = { 0 };
    ck_assert_int_eq(clock_start(&run, 0), 0);
    raise(SIGTERM);
    for (unsigned i = 0; i < 2; i++)
        offer_plain(VIRTIO_BLK_T_IN, 4, 512);
    ck_assert_int_eq(block_requests_process(&q, &disk), 2);
    clock_stop();
    ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_IOERR);
    ck_assert_uint_eq(disk.stats.reads, 0);
    ck_assert(q.ready);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("block_request");
    TCase *t = case_on_disks("block_request");

    tcase_add_test(t, a_read_over_several_pages_arrives_whole);
    tcase_add_test(t, a_write_reads_back_and_only_its_status_is_written);
    tcase_add_test(t, a_write_and_the_read_after_it_go_out_in_one_ring_in_order);
    tcase_add_test(t, header_data_and_status_may_be_cut_anywhere);
    tcase_add_test(t, data_and_status_may_share_a_descriptor);
    tcase_add_test(t, get_id_tells_the_name_and_zeroes);
    tcase_add_loop_test(t, what_the_disk_cannot_do_is_told_in_the_status, 0, COUNT(told));
    tcase_add_test(t, an_io_error_hits_its_request_alone);
    tcase_add_test(t, after_a_signal_that_stops_the_run_no_request_reaches_the_disk);
    suite_add_tcase(s, t);
    return run_suite(s);
}
