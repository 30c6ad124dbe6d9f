/* The virtio block device's registers, as a driver uses them, and as one that breaks the rules does. */
#include <check.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vmm/device_virtio_block.h"
#include "vmm/disk.h"
#include "tests/run_suite.h"
#include "tests/scratch_file.h"

#define MEMORY_BYTES 0x10000
#define DESC         0x1000
#define AVAIL        0x2000
#define USED         0x3000
#define HEADER       0x4000
#define DATA         0x5000
#define STATUS       0x6000

#define ACKNOWLEDGE 1u
#define DRIVER      2u
#define DRIVER_OK   4u
#define FEATURES_OK 8u
#define NEEDS_RESET 0x40u

static _Alignas(4096) uint8_t memory[MEMORY_BYTES];
static struct disk archive, swap;
static struct virtio_mmio v;

static void *guest(void *ctx, gpa_t gpa, uint64_t bytes, bool write)
{
    (void)write;
    if (ctx != memory || bytes == 0 || page_offset(gpa) + bytes > PAGE_SIZE)
        ck_abort_msg("guest memory asked for wrongly");
    return gpa < MEMORY_BYTES ? memory + gpa : NULL;
}

static void set_up(void)
{
    char sectors[5 * 512];

    memset(sectors, 0x2f, sizeof(sectors));
    make_file();
    write_bytes(sectors, sizeof(sectors));
    ck_assert_int_eq(disk_open_archive(&archive, path), 0);
    unlink(path);
    ck_assert_int_eq(disk_open_swap(&swap, "64K"), 0);
    memset(memory, 0, sizeof(memory));
    virtio_mmio_init(&v, &virtio_block, &archive, guest, memory);
}

static void tear_down(void)
{
    disk_close(&archive);
    disk_close(&swap);
}

static void out(uint64_t offset, uint64_t value)
{
    ck_assert(virtio_mmio_access(&v, offset, true, 4, &value));
}

static uint64_t in_sized(uint64_t offset, unsigned size)
{
    uint64_t value = ~0ull;

    ck_assert(virtio_mmio_access(&v, offset, false, size, &value));
    return value;
}

static uint64_t in(uint64_t offset)
{
    return in_sized(offset, 4);
}

static void negotiate(uint32_t low, uint32_t high)
{
    out(0x70, 0);
    out(0x70, ACKNOWLEDGE);
    out(0x70, ACKNOWLEDGE | DRIVER);
    out(0x24, 0);
    out(0x20, low);
    out(0x24, 1);
    out(0x20, high);
    out(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK);
}

static void set_up_queue(void)
{
    out(0x30, 0);
    out(0x38, 16);
    out(0x80, DESC);
    out(0x84, 0);
    out(0x90, AVAIL);
    out(0x94, 0);
    out(0xa0, USED);
    out(0xa4, 0);
    out(0x44, 1);
}

static void start_driver(void)
{
    negotiate(0, 1);
    set_up_queue();
    out(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    ck_assert_uint_eq(in(0x70), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

/* A read of sector 0, in the ring as number n; head is the first descriptor's index. */
static void offer_read(uint16_t n, uint16_t head)
{
    struct vring_desc *desc = (void *)(memory + DESC);
    uint16_t *avail = (void *)(memory + AVAIL);

    memset(memory + HEADER, 0, 16);
    memory[STATUS] = 0xee;
    desc[0] = (struct vring_desc){ HEADER, 16, VRING_DESC_F_NEXT, 1 };
    desc[1] = (struct vring_desc){ DATA, 512, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2 };
    desc[2] = (struct vring_desc){ STATUS, 1, VRING_DESC_F_WRITE, 0 };
    avail[2 + n % 16] = head;
    avail[1] = n + 1;
}

START_TEST(a_probe_finds_a_block_device)
{
    ck_assert_uint_eq(in(0x00), 0x74726976);
    ck_assert_uint_eq(in(0x04), 2);
    ck_assert_uint_eq(in(0x08), 2);
    ck_assert_uint_eq(in(0x34), 256);
    ck_assert_uint_eq(in(0x44), 0);
    ck_assert_uint_eq(in(0x60), 0);
    ck_assert_uint_eq(in(0x70), 0);
    ck_assert_uint_eq(in(0xfc), 0);
    ck_assert_uint_eq(in(0xb0), 0xffffffff); /* no shared memory */
}
END_TEST

START_TEST(a_place_without_disk_says_so_and_ignores_writes)
{
    virtio_mmio_init(&v, NULL, NULL, guest, memory);
    ck_assert_uint_eq(in(0x00), 0x74726976);
    ck_assert_uint_eq(in(0x08), 0);
    ck_assert_uint_eq(in(0x34), 0);
    negotiate(0, 1);
    set_up_queue();
    out(0x50, 0);
    ck_assert_uint_eq(in(0x70), 0);
    ck_assert_uint_eq(in(0x100), 0);
}
END_TEST

START_TEST(features_tell_the_kind_of_disk)
{
    ck_assert_uint_eq(in(0x10), 1u << VIRTIO_BLK_F_RO | 1u << VIRTIO_BLK_F_FLUSH);
    out(0x14, 1);
    ck_assert_uint_eq(in(0x10), 1);
    out(0x14, 2);
    ck_assert_uint_eq(in(0x10), 0);
    virtio_mmio_init(&v, &virtio_block, &swap, guest, memory);
    ck_assert_uint_eq(in(0x10), 1u << VIRTIO_BLK_F_FLUSH);
}
END_TEST

START_TEST(only_features_that_were_offered_are_agreed_on)
{
    static const struct {
        uint32_t low, high;
        bool good;
    } sets[] = {
        { 0, 1, true },         { 1u << 5, 1, true },  { 1u << 5 | 1u << 9, 1, true },
        { 0, 0, false },        { 1u << 5, 0, false }, { 1, 1, false },
        { 1u << 28, 1, false }, { 0, 3, false },       { 0xffffffff, 1, false },
    };

    for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        negotiate(sets[i].low, sets[i].high);
        ck_assert_uint_eq(!!(in(0x70) & FEATURES_OK), sets[i].good);
    }
}
END_TEST

START_TEST(features_cannot_change_once_they_are_agreed_on)
{
    negotiate(0, 1);
    out(0x24, 1);
    out(0x20, 0xffffffff);
    out(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    ck_assert_uint_eq(in(0x70), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
    ck_assert_uint_eq(v.driver_features, 1ull << 32);
}
END_TEST

START_TEST(the_capacity_is_read_in_any_width)
{
    ck_assert_uint_eq(in(0x100), 5);
    ck_assert_uint_eq(in(0x104), 0);
    ck_assert_uint_eq(in_sized(0x100, 1), 5);
    ck_assert_uint_eq(in_sized(0x100, 2), 5);
    ck_assert_uint_eq(in_sized(0x100, 8), 5);
    ck_assert_uint_eq(in_sized(0x101, 1), 0);
    ck_assert_uint_eq(in_sized(0x1fc, 4), 0);
    out(0x100, 1000);
    ck_assert_uint_eq(in(0x100), 5);
}
END_TEST

START_TEST(registers_are_32_bits_wide)
{
    static const struct {
        uint64_t offset;
        unsigned size;
    } wrong[] = { { 0, 1 }, { 0, 2 },     { 0, 8 },     { 1, 4 },    { 2, 4 },
                  { 3, 1 }, { 0x101, 2 }, { 0x102, 4 }, { 0x104, 8 } };

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_uint_eq(in_sized(wrong[i].offset, wrong[i].size), 0);

    uint64_t status = ACKNOWLEDGE;
    ck_assert(virtio_mmio_access(&v, 0x70, true, 1, &status));
    ck_assert(virtio_mmio_access(&v, 0x70, true, 2, &status));
    ck_assert(virtio_mmio_access(&v, 0x70, true, 8, &status));
    ck_assert_uint_eq(in(0x70), 0);
}
END_TEST

START_TEST(accesses_beyond_the_device_are_not_ours)
{
    uint64_t value = 7;

    ck_assert(!virtio_mmio_access(&v, 0x200, false, 4, &value));
    ck_assert(!virtio_mmio_access(&v, 0x1fe, false, 4, &value));
    ck_assert(!virtio_mmio_access(&v, UINT64_MAX, true, 4, &value));
    ck_assert(!virtio_mmio_access(&v, UINT64_MAX - 3, true, 8, &value));
    ck_assert(!virtio_mmio_access(&v, 0, false, 16, &value));
    ck_assert_uint_eq(value, 7);
}
END_TEST

START_TEST(a_notified_request_is_done_and_interrupts)
{
    start_driver();
    offer_read(0, 0);
    ck_assert(!virtio_mmio_interrupt(&v));
    out(0x50, 0);
    ck_assert_uint_eq(memory[DATA], 0x2f);
    ck_assert_uint_eq(memory[DATA + 511], 0x2f);
    ck_assert_uint_eq(memory[STATUS], VIRTIO_BLK_S_OK);
    ck_assert(virtio_mmio_interrupt(&v));
    ck_assert_uint_eq(in(0x60), 1);
    out(0x64, 1);
    ck_assert_uint_eq(in(0x60), 0);
    ck_assert(!virtio_mmio_interrupt(&v));
}
END_TEST

START_TEST(a_driver_that_polls_is_not_interrupted)
{
    start_driver();
    *(uint16_t *)(memory + AVAIL) = VRING_AVAIL_F_NO_INTERRUPT;
    offer_read(0, 0);
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], VIRTIO_BLK_S_OK);
    ck_assert(!virtio_mmio_interrupt(&v));
}
END_TEST

START_TEST(a_notify_without_requests_does_not_interrupt)
{
    start_driver();
    out(0x50, 0);
    ck_assert(!virtio_mmio_interrupt(&v));
    ck_assert_uint_eq(in(0x70) & NEEDS_RESET, 0);
}
END_TEST

START_TEST(no_buffer_is_taken_before_the_driver_is_ready)
{
    negotiate(0, 1);
    set_up_queue();
    offer_read(0, 0);
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], 0xee);
    out(0x70, in(0x70) | DRIVER_OK);
    out(0x50, 1); /* there is no queue 1 */
    ck_assert_uint_eq(memory[STATUS], 0xee);
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(a_driver_that_skips_the_features_gets_nothing)
{
    out(0x70, ACKNOWLEDGE | DRIVER | DRIVER_OK);
    set_up_queue();
    offer_read(0, 0);
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], 0xee);
}
END_TEST

START_TEST(there_is_one_queue)
{
    negotiate(0, 1);
    out(0x30, 1);
    ck_assert_uint_eq(in(0x34), 0);
    out(0x38, 16);
    out(0x44, 1);
    ck_assert_uint_eq(in(0x44), 0);
    out(0x30, 0);
    ck_assert_uint_eq(in(0x34), 256);
    ck_assert_uint_eq(in(0x44), 0);
    ck_assert_uint_eq(in(0x70) & NEEDS_RESET, 0);
}
END_TEST

START_TEST(a_queue_that_is_ready_does_not_move)
{
    start_driver();
    out(0x38, 8);
    out(0x80, 0xdead0000);
    out(0xa4, 0xffffffff);
    out(0x44, 1);
    ck_assert_uint_eq(in(0x44), 1);
    offer_read(0, 0);
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], VIRTIO_BLK_S_OK);
    out(0x44, 0);
    ck_assert_uint_eq(in(0x44), 0);
    offer_read(1, 0);
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], 0xee);
}
END_TEST

START_TEST(a_queue_at_a_wrong_place_is_not_ready_and_needs_a_reset)
{
    negotiate(0, 1);
    out(0x38, 16);
    out(0x80, DESC);
    out(0x84, 0xffffffff);
    out(0x44, 1);
    ck_assert_uint_eq(in(0x44), 0);
    ck_assert_uint_eq(in(0x70) & NEEDS_RESET, NEEDS_RESET);
}
END_TEST

START_TEST(a_broken_ring_asks_for_a_reset_and_works_after_it)
{
    start_driver();
    offer_read(0, 77);
    out(0x50, 0);
    ck_assert_uint_eq(in(0x70) & NEEDS_RESET, NEEDS_RESET);
    ck_assert_uint_eq(in(0x60), 2);
    ck_assert_ptr_nonnull(v.queues[0].ring.broken_reason);
    offer_read(0, 0);
    out(0x50, 0);
    out(0x44, 1); /* not even a new queue helps */
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], 0xee);

    memset(memory, 0, sizeof(memory));
    start_driver();
    ck_assert_uint_eq(in(0x60), 0);
    offer_read(0, 0);
    out(0x50, 0);
    ck_assert_uint_eq(memory[STATUS], VIRTIO_BLK_S_OK);
}
END_TEST

START_TEST(a_reset_forgets_everything)
{
    start_driver();
    offer_read(0, 0);
    out(0x50, 0);
    out(0x14, 1);
    out(0x70, 0);
    ck_assert_uint_eq(in(0x70), 0);
    ck_assert_uint_eq(in(0x60), 0);
    ck_assert_uint_eq(in(0x44), 0);
    ck_assert_uint_eq(v.driver_features, 0);
    ck_assert_uint_eq(in(0x10) & 1u << VIRTIO_BLK_F_RO, 1u << VIRTIO_BLK_F_RO);
    ck_assert_uint_eq(archive.stats.reads, 1);
}
END_TEST

START_TEST(random_accesses_do_no_harm)
{
    unsigned s = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);
    static const uint64_t values[] = { 0,  1,   2,    3,     7,    8,      15,        16,
                                       64, 256, DESC, AVAIL, USED, 0xfff0, 0xffffffff };

    printf("device_virtio_mmio: SEED=%u\n", s);
    fflush(stdout); /* before a crash */
    srandom(s);
    start_driver();
    for (unsigned i = 0; i < 300000; i++) {
        uint64_t value = values[(unsigned)random() % 15], offset = (uint64_t)random() % 0x210;
        unsigned size = 1u << random() % 4;
        if (random() % 4)
            offset &= ~3ull, size = 4;
        bool inside = offset + size <= VIRTIO_MMIO_BYTES, write = random() % 2;
        ck_assert(virtio_mmio_access(&v, offset, write, size, &value) == inside);
        ck_assert(write || !inside || size == 8 || value >> (8 * size) == 0);
        memory[DESC + random() % 0x3000] = (uint8_t)random();
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("device_virtio_mmio");
    TCase *t = tcase_create("device_virtio_mmio");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_probe_finds_a_block_device);
    tcase_add_test(t, a_place_without_disk_says_so_and_ignores_writes);
    tcase_add_test(t, features_tell_the_kind_of_disk);
    tcase_add_test(t, only_features_that_were_offered_are_agreed_on);
    tcase_add_test(t, features_cannot_change_once_they_are_agreed_on);
    tcase_add_test(t, the_capacity_is_read_in_any_width);
    tcase_add_test(t, registers_are_32_bits_wide);
    tcase_add_test(t, accesses_beyond_the_device_are_not_ours);
    tcase_add_test(t, a_notified_request_is_done_and_interrupts);
    tcase_add_test(t, a_driver_that_polls_is_not_interrupted);
    tcase_add_test(t, a_notify_without_requests_does_not_interrupt);
    tcase_add_test(t, no_buffer_is_taken_before_the_driver_is_ready);
    tcase_add_test(t, a_driver_that_skips_the_features_gets_nothing);
    tcase_add_test(t, there_is_one_queue);
    tcase_add_test(t, a_queue_that_is_ready_does_not_move);
    tcase_add_test(t, a_queue_at_a_wrong_place_is_not_ready_and_needs_a_reset);
    tcase_add_test(t, a_broken_ring_asks_for_a_reset_and_works_after_it);
    tcase_add_test(t, a_reset_forgets_everything);
    tcase_add_test(t, random_accesses_do_no_harm);
    suite_add_tcase(s, t);

    return run_suite(s);
}
