/* Virtqueues with block requests: right ones however they are cut, hostile ones, and random streams of both.
 * The guest's pages are separate allocations, so that a sanitizer sees each step over a page's end. */
#include <check.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/block_request.h"
#include "vmm/error.h"
#include "tests/run_suite.h"

#define NR_PAGES   64
#define HOLE_PAGE  40 /* no memory */
#define TABLE_PAGE 41 /* memory that devices must not write */
#define SIZE       16
#define DESC       0x1f80 /* each ring crosses from one page into the next */
#define AVAIL      0x3ff6
#define USED       0x5fc0
#define HEADER     0x7000
#define STATUS     0x7800
#define BIG_DESC   0xb000
#define DATA       0x10000 /* up to the hole */
#define SECTORS    64

static uint8_t *pages[NR_PAGES];
static struct virtqueue q;
static struct disk disk, archive;
static uint16_t avail_idx;
static gpa_t desc_table;

static void *guest(void *ctx, gpa_t gpa, uint64_t bytes, bool write)
{
    if (ctx != pages || bytes == 0 || page_offset(gpa) + bytes > PAGE_SIZE)
        ck_abort_msg("guest memory asked for wrongly");
    uint64_t page = gpa / PAGE_SIZE;
    if (page >= NR_PAGES || page == HOLE_PAGE || (write && page == TABLE_PAGE))
        return NULL;
    return pages[page] + page_offset(gpa);
}

/* The driver's side: bytes by address, over all pages. */
static uint8_t *at(gpa_t gpa)
{
    return &pages[gpa / PAGE_SIZE][page_offset(gpa)];
}

static void put(gpa_t gpa, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *at(gpa + i) = ((const uint8_t *)from)[i];
}

static void get(void *to, gpa_t gpa, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = *at(gpa + i);
}

static void set_desc(unsigned i, gpa_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
    struct vring_desc d = { addr, len, flags, next };

    put(desc_table + i * sizeof(d), &d, sizeof(d));
}

static void offer(uint16_t head)
{
    put(AVAIL + 4 + (avail_idx % SIZE) * 2, &head, 2);
    avail_idx++;
    put(AVAIL + 2, &avail_idx, 2);
}

static uint16_t used_idx(void)
{
    uint16_t idx;

    get(&idx, USED + 2, 2);
    return idx;
}

static struct vring_used_elem used_elem(unsigned i)
{
    struct vring_used_elem e;

    get(&e, USED + 4 + i % SIZE * sizeof(e), sizeof(e));
    return e;
}

static void set_header(uint32_t type, uint64_t sector)
{
    struct virtio_blk_outhdr h = { .type = type, .sector = sector };

    put(HEADER, &h, sizeof(h));
}

/* header, data, status in three descriptors from 0 on, and offered. */
static void offer_plain(uint32_t type, uint64_t sector, uint32_t bytes)
{
    set_header(type, sector);
    *at(STATUS) = 0xee;
    set_desc(0, HEADER, 16, VRING_DESC_F_NEXT, 1);
    set_desc(1, DATA, bytes, VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE), 2);
    set_desc(2, STATUS, 1, VRING_DESC_F_WRITE, 0);
    offer(0);
}

static bool page_is_zero(unsigned page)
{
    static const uint8_t zeroes[PAGE_SIZE];

    return memcmp(pages[page], zeroes, PAGE_SIZE) == 0;
}

static bool guest_equals(gpa_t gpa, const uint8_t *expected, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (*at(gpa + i) != expected[i])
            return false;
    return true;
}

static void set_up(void)
{
    char path[] = "/tmp/virtqueue_test.XXXXXX";
    char sectors[SECTORS * SECTOR_SIZE];

    for (unsigned i = 0; i < NR_PAGES; i++) {
        pages[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
        memset(pages[i], 0, PAGE_SIZE);
    }
    avail_idx = 0;
    desc_table = DESC;
    virtqueue_init(&q, guest, pages);
    ck_assert_int_eq(virtqueue_setup(&q, SIZE, DESC, AVAIL, USED), 0);
    ck_assert_int_eq(disk_open_swap(&disk, "32K"), 0);
    for (unsigned i = 0; i < sizeof(sectors); i++)
        sectors[i] = (char)(i / SECTOR_SIZE + 1);
    ck_assert_int_eq(pwrite(disk.fd, sectors, sizeof(sectors), 0), sizeof(sectors));

    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, sectors, sizeof(sectors)), sizeof(sectors));
    close(fd);
    ck_assert_int_eq(disk_open_archive(&archive, path), 0);
    unlink(path);
}

static void tear_down(void)
{
    for (unsigned i = 0; i < NR_PAGES; i++)
        free(pages[i]);
    disk_close(&disk);
    disk_close(&archive);
}

/* Right ones. */

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

/* Hostile ones: each changes a plain read, and the queue is broken for a reason. */
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

/* Random streams. */

static unsigned pick(unsigned n)
{
    return (unsigned)random() % n;
}

static void seed(const char *what)
{
    unsigned s = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);

    printf("virtqueue, %s: SEED=%u\n", what, s);
    fflush(stdout); /* before a crash */
    srandom(s);
}

/* Cut [gpa, gpa + bytes) into up to n descriptors from *next on. */
static void cut(unsigned *next, gpa_t gpa, uint32_t bytes, uint16_t flags, unsigned n)
{
    while (bytes || n == 0) {
        uint32_t part = n > 1 ? pick(bytes) + 1 : bytes;
        set_desc(*next, gpa, part, flags | VRING_DESC_F_NEXT, (uint16_t)(*next + 1));
        gpa += part;
        bytes -= part;
        (*next)++;
        n--;
    }
}

START_TEST(random_right_requests_do_what_a_model_does)
{
    static uint8_t model[SECTORS * 512];

    seed("right requests");
    ck_assert_int_eq(pread(disk.fd, model, sizeof(model), 0), sizeof(model));
    for (unsigned round = 0; round < 2000; round++) {
        bool write = pick(2);
        uint32_t sector = pick(SECTORS), count = pick(SECTORS - sector + 1), bytes = count * 512,
                 data = DATA + pick(5000);
        unsigned next = 0;

        set_header(write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, sector);
        for (uint32_t i = 0; i < bytes; i++)
            *at(data + i) = (uint8_t)random();
        for (uint32_t i = 0; write && i < bytes; i++)
            model[sector * 512 + i] = *at(data + i);
        cut(&next, HEADER, 16, 0, 1 + pick(4));
        cut(&next, data, bytes, write ? 0 : VRING_DESC_F_WRITE, 1 + pick(8));
        set_desc(next, STATUS, 1, VRING_DESC_F_WRITE, 0);
        *at(STATUS) = 0xee;
        offer(0);
        ck_assert_int_eq(block_requests_process(&q, &disk), 1);
        ck_assert_uint_eq(*at(STATUS), VIRTIO_BLK_S_OK);
        ck_assert_uint_eq(used_elem(round).len, write ? 1 : bytes + 1);
        ck_assert(guest_equals(data, model + sector * 512, bytes));
    }
}
END_TEST

static gpa_t random_gpa(void)
{
    switch (pick(8)) {
    case 0:
        return (gpa_t)random() << 33 | (gpa_t)random();
    case 1:
        return (gpa_t)(HOLE_PAGE + pick(2)) * PAGE_SIZE + pick(64) - 32;
    case 2:
        return UINT64_MAX - pick(600);
    case 3:
        return DESC + pick(0x7000); /* the rings themselves */
    default:
        return DATA + pick(0x10000);
    }
}

START_TEST(random_hostile_rings_do_no_harm)
{
    unsigned done = 0, broken = 0;

    seed("hostile rings");
    for (unsigned round = 0; round < 20000; round++) {
        for (unsigned i = 0; i < SIZE; i++)
            set_desc(i, random_gpa(), pick(4) ? pick(1600) : (uint32_t)random() << pick(2),
                     (uint16_t)(pick(4) ? pick(4) : (uint32_t)random()),
                     (uint16_t)(pick(10) ? pick(SIZE) : pick(65536)));
        if (pick(4)) { /* one with a chance to be right */
            set_header(pick(5), pick(SECTORS + 2));
            set_desc(0, HEADER, 16, VRING_DESC_F_NEXT, (uint16_t)pick(SIZE));
            set_desc(SIZE - 1, STATUS, 1, VRING_DESC_F_WRITE, 0);
        }
        for (unsigned n = pick(4); n; n--)
            offer((uint16_t)(pick(3) ? 0 : pick(SIZE + 1)));
        if (pick(50) == 0)
            avail_idx = (uint16_t)random();

        int n = block_requests_process(&q, pick(2) ? &disk : &archive);
        ck_assert(n == -EPROTO || (n >= 0 && n <= SIZE));
        done += n > 0 ? (unsigned)n : 0;
        ck_assert(page_is_zero(TABLE_PAGE));
        if (n < 0) {
            broken++;
            ck_assert(!q.ready && q.broken_reason);
            avail_idx = 0;
            put(AVAIL + 2, &avail_idx, 2);
            ck_assert_int_eq(virtqueue_setup(&q, SIZE, DESC, AVAIL, USED), 0);
        }
    }
    ck_assert_uint_gt(done, 100);
    ck_assert_uint_gt(broken, 100);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("virtqueue");
    TCase *t = tcase_create("virtqueue");

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_read_over_several_pages_arrives_whole);
    tcase_add_test(t, a_write_reads_back_and_only_its_status_is_written);
    tcase_add_test(t, a_write_and_the_read_after_it_go_out_in_one_ring_in_order);
    tcase_add_test(t, header_data_and_status_may_be_cut_anywhere);
    tcase_add_test(t, data_and_status_may_share_a_descriptor);
    tcase_add_test(t, the_indices_wrap);
    tcase_add_test(t, a_full_ring_is_done_at_once);
    tcase_add_test(t, get_id_tells_the_name_and_zeroes);
    tcase_add_loop_test(t, what_the_disk_cannot_do_is_told_in_the_status, 0, COUNT(told));
    tcase_add_test(t, an_io_error_hits_its_request_alone);
    tcase_add_loop_test(t, a_hostile_ring_breaks_the_queue_and_nothing_else, 0, COUNT(hostile));
    tcase_add_test(t, requests_before_a_hostile_one_are_done);
    tcase_add_test(t, a_request_of_at_most_four_mebibytes_is_taken);
    tcase_add_loop_test(t, a_setup_is_checked, 0, COUNT(setups));
    tcase_add_test(t, rings_that_became_page_tables_break_the_queue);
    tcase_add_test(t, the_driver_can_ask_for_no_interrupts);
    tcase_add_test(t, random_right_requests_do_what_a_model_does);
    tcase_add_test(t, random_hostile_rings_do_no_harm);
    suite_add_tcase(s, t);

    return run_suite(s);
}
