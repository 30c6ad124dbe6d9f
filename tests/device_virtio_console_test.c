/* The virtio console: what is sent arrives, however its buffers are cut; hostile chains send nothing. */
#include <check.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vmm/device_virtio_console.h"
#include "tests/run_suite.h"

#define MEMORY_BYTES 0x10000
#define HOLE         0xc000 /* a page without memory */
#define SIZE         8
#define DESC         0x1000
#define AVAIL        0x2000
#define USED         0x3000
#define RECEIVE      0x4000 /* the rings of that queue, laid out the same way from here on */
#define DATA         0x8000

#define LIVE        0xfu
#define NEEDS_RESET 0x40u

static _Alignas(4096) uint8_t memory[MEMORY_BYTES];
static struct virtio_console console;
static struct virtio_mmio v;
static char sent[3 * 4096];
static uint64_t nr_sent, nr_pieces;

static void *guest(void *ctx, gpa_t gpa, uint64_t bytes, bool write)
{
    (void)write;
    if (ctx != memory || bytes == 0 || page_offset(gpa) + bytes > PAGE_SIZE)
        ck_abort_msg("guest memory asked for wrongly");
    return gpa < MEMORY_BYTES && (gpa & ~0xfffull) != HOLE ? memory + gpa : NULL;
}

static void output(void *ctx, const void *data, uint64_t bytes)
{
    ck_assert_ptr_eq(ctx, sent);
    ck_assert(bytes > 0 && bytes <= PAGE_SIZE);
    for (uint64_t i = 0; i < bytes; i++) /* more than fits is counted only */
        if (nr_sent + i < sizeof(sent))
            sent[nr_sent + i] = ((const char *)data)[i];
    nr_sent += bytes;
    nr_pieces++;
}

static void out(uint64_t offset, uint64_t value)
{
    ck_assert(virtio_mmio_access(&v, offset, true, 4, &value));
}

static uint64_t in(uint64_t offset)
{
    uint64_t value = ~0ull;

    ck_assert(virtio_mmio_access(&v, offset, false, 4, &value));
    return value;
}

static void set_up_queue(unsigned number, uint32_t at)
{
    out(0x30, number);
    out(0x38, SIZE);
    out(0x80, at + DESC);
    out(0x90, at + AVAIL);
    out(0xa0, at + USED);
    out(0x44, 1);
}

static void start_driver(void)
{
    out(0x70, 0);
    out(0x70, 3);
    out(0x24, 1);
    out(0x20, 1);
    out(0x70, 0xb);
    set_up_queue(VIRTIO_CONSOLE_RECEIVE, RECEIVE);
    set_up_queue(VIRTIO_CONSOLE_TRANSMIT, 0);
    out(0x70, LIVE);
    ck_assert_uint_eq(in(0x70), LIVE);
}

static void set_up(void)
{
    memset(memory, 0, sizeof(memory));
    nr_sent = nr_pieces = 0;
    console = (struct virtio_console){ output, sent };
    virtio_mmio_init(&v, &virtio_console, &console, guest, memory);
    start_driver();
}

static void set_desc(unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
    ((struct vring_desc *)(memory + DESC))[i] = (struct vring_desc){ addr, len, flags, next };
}

static void offer(uint16_t head)
{
    struct vring_avail *avail = (void *)(memory + AVAIL);

    avail->ring[avail->idx++ % SIZE] = head;
}

static const struct vring_used *used(void)
{
    return (void *)(memory + USED);
}

static void send(uint16_t head)
{
    offer(head);
    out(0x50, VIRTIO_CONSOLE_TRANSMIT);
}

static void put(uint64_t at, const char *text)
{
    memcpy(memory + at, text, strlen(text));
}

static void expect(const char *text)
{
    ck_assert_uint_eq(nr_sent, strlen(text));
    ck_assert(!memcmp(sent, text, strlen(text)));
}

START_TEST(a_probe_finds_a_console_with_two_queues_and_no_features)
{
    ck_assert_uint_eq(in(0x00), 0x74726976);
    ck_assert_uint_eq(in(0x08), 3);
    out(0x14, 0);
    ck_assert_uint_eq(in(0x10), 0);
    out(0x14, 1);
    ck_assert_uint_eq(in(0x10), 1);
    for (unsigned i = 0; i < 4; i++) {
        out(0x30, i);
        ck_assert_uint_eq(in(0x34), i < 2 ? 256 : 0);
        ck_assert_uint_eq(in(0x100 + 4 * i), 0);
    }
}
END_TEST

START_TEST(what_is_sent_arrives_and_is_answered)
{
    put(DATA, "hello\n");
    set_desc(3, DATA, 6, 0, 0);
    send(3);
    expect("hello\n");
    ck_assert_uint_eq(nr_pieces, 1);
    ck_assert_uint_eq(used()->idx, 1);
    ck_assert_uint_eq(used()->ring[0].id, 3);
    ck_assert_uint_eq(used()->ring[0].len, 0);
    ck_assert_uint_eq(in(0x60), 1);
}
END_TEST

START_TEST(a_chain_is_one_output_in_order)
{
    put(DATA, "cd");
    put(DATA + 0x800, "ab");
    put(DATA + 0x100, "e");
    set_desc(0, DATA + 0x800, 2, VRING_DESC_F_NEXT, 5);
    set_desc(5, DATA, 2, VRING_DESC_F_NEXT, 2);
    set_desc(2, DATA + 0x100, 1, 0, 7);
    send(0);
    expect("abcde");
    ck_assert_uint_eq(used()->idx, 1);
}
END_TEST

START_TEST(one_notification_sends_all_that_waits_in_order)
{
    for (uint16_t i = 0; i < SIZE; i++) {
        memory[DATA + i] = (uint8_t)('a' + i);
        set_desc(i, DATA + i, 1, 0, 0);
        offer(i);
    }
    out(0x50, VIRTIO_CONSOLE_TRANSMIT);
    expect("abcdefgh");
    ck_assert_uint_eq(used()->idx, SIZE);
    out(0x50, VIRTIO_CONSOLE_TRANSMIT);
    ck_assert_uint_eq(nr_sent, SIZE);
}
END_TEST

START_TEST(a_buffer_over_several_pages_arrives_whole)
{
    for (unsigned i = 0; i < 2 * PAGE_SIZE; i++)
        memory[DATA + 0xffd + i] = (uint8_t)(i * 7);
    set_desc(0, DATA + 0xffd, 2 * PAGE_SIZE, 0, 0);
    send(0);
    ck_assert_uint_eq(nr_sent, 2 * PAGE_SIZE);
    ck_assert(!memcmp(sent, memory + DATA + 0xffd, 2 * PAGE_SIZE));
}
END_TEST

START_TEST(a_write_of_no_bytes_is_answered_and_prints_nothing)
{
    set_desc(0, 0xffffffffffff0000, 0, 0, 0);
    send(0);
    ck_assert_uint_eq(nr_pieces, 0);
    ck_assert_uint_eq(used()->idx, 1);
    ck_assert_uint_eq(in(0x70), LIVE);
}
END_TEST

START_TEST(buffers_to_receive_in_stay_as_they_are)
{
    struct vring_avail *avail = (void *)(memory + RECEIVE + AVAIL);
    const struct vring_used *back = (void *)(memory + RECEIVE + USED);

    *(struct vring_desc *)(memory + RECEIVE + DESC) = (struct vring_desc){ DATA, 64, VRING_DESC_F_WRITE, 0 };
    avail->idx = 1;
    out(0x50, VIRTIO_CONSOLE_RECEIVE);
    put(DATA + 0x1000, "x");
    set_desc(0, DATA + 0x1000, 1, 0, 0);
    send(0);
    expect("x");
    ck_assert_uint_eq(back->idx, 0);
    ck_assert_uint_eq(memory[DATA], 0);
    ck_assert_uint_eq(in(0x70), LIVE);
}
END_TEST

START_TEST(nothing_is_sent_before_the_driver_is_ready)
{
    out(0x70, 0);
    set_desc(0, DATA, 4, 0, 0);
    send(0);
    ck_assert_uint_eq(nr_pieces, 0);
    ck_assert_uint_eq(used()->idx, 0);
}
END_TEST

static const struct {
    const char *reason;
    struct vring_desc chain[2];
} hostile[] = {
    { "loop", { { DATA, 4, VRING_DESC_F_NEXT, 1 }, { DATA, 4, VRING_DESC_F_NEXT, 0 } } },
    { "loop", { { DATA, 0, VRING_DESC_F_NEXT, 0 } } },
    { "outside the table", { { DATA, 4, VRING_DESC_F_NEXT, SIZE } } },
    { "not in memory", { { DATA, 4, VRING_DESC_F_NEXT, 1 }, { HOLE, 1, 0, 0 } } },
    { "not in memory", { { HOLE - 1, 2, 0, 0 } } },
    { "not in memory", { { MEMORY_BYTES - 1, 2, 0, 0 } } },
    { "not in memory", { { 1ull << 63, 4, 0, 0 } } },
    { "wraps around", { { 0xfffffffffffffffe, 4, 0, 0 } } },
    { "indirect", { { DATA, 16, VRING_DESC_F_INDIRECT, 0 } } },
    { "one for the device to write", { { DATA, 4, VRING_DESC_F_WRITE, 0 } } },
    { "one for the device to write",
      { { DATA, 4, VRING_DESC_F_NEXT, 1 }, { DATA, 4, VRING_DESC_F_WRITE, 0 } } },
    { "after one to write", { { DATA, 4, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1 }, { DATA, 4, 0, 0 } } },
    { "not in memory", { { 0, 0xffffffff, 0, 0 } } },
};

START_TEST(a_hostile_chain_sends_nothing_and_asks_for_a_reset)
{
    put(DATA, "first");
    set_desc(7, DATA, 5, 0, 0);
    memcpy(memory + DESC, hostile[_i].chain, sizeof(hostile[_i].chain));
    offer(7);
    send(0);
    expect("first"); /* what came before is not lost */
    ck_assert_uint_eq(used()->idx, 1);
    ck_assert_uint_eq(in(0x70), LIVE | NEEDS_RESET);
    const char *reason = v.queues[VIRTIO_CONSOLE_TRANSMIT].ring.broken_reason;
    ck_assert_msg(reason && strstr(reason, hostile[_i].reason), "reason: %s", reason);

    send(7);
    expect("first");
    memset(memory, 0, sizeof(memory));
    start_driver();
    put(DATA, "again");
    set_desc(7, DATA, 5, 0, 0);
    send(7);
    ck_assert_uint_eq(nr_sent, 10);
}
END_TEST

/* 128 times the same 32 KiB, then the rest: up to the bound, and a byte more. */
START_TEST(a_chain_of_more_than_four_mebibytes_is_refused)
{
    static const struct {
        uint32_t last_bytes;
        uint64_t sent, status;
    } tries[] = { { 17, (4 << 20) + 17, LIVE }, { 18, 0, LIVE | NEEDS_RESET } };

    for (unsigned i = 0; i < 2; i++) {
        memset(memory, 0, sizeof(memory));
        nr_sent = 0;
        start_driver();
        out(0x44, 0);
        out(0x38, 256);
        out(0x44, 1);
        for (uint16_t n = 0; n < 128; n++)
            set_desc(n, 0, 0x8000, VRING_DESC_F_NEXT, n + 1);
        set_desc(128, DATA, tries[i].last_bytes, 0, 0);
        send(0);
        ck_assert_uint_eq(nr_sent, tries[i].sent);
        ck_assert_uint_eq(in(0x70), tries[i].status);
    }
    ck_assert(strstr(v.queues[VIRTIO_CONSOLE_TRANSMIT].ring.broken_reason, "larger than 4 MiB"));
}
END_TEST

START_TEST(random_chains_do_no_harm)
{
    unsigned s = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);
    static const uint64_t places[] = { 0, DESC, USED, DATA, HOLE - 3, MEMORY_BYTES - 5, 0xfffffffffffff000 };
    static const uint32_t lengths[] = { 0, 1, 16, 4096, 0x4000, 0xfffff000 };

    printf("device_virtio_console: SEED=%u\n", s);
    fflush(stdout); /* before a crash */
    srandom(s);
    for (unsigned i = 0; i < 100000; i++) {
        if (in(0x70) & NEEDS_RESET) {
            memset(memory, 0, sizeof(memory));
            start_driver();
        }
        set_desc((unsigned)random() % SIZE, places[random() % 7], lengths[random() % 6],
                 (uint16_t)(random() % 8 ? random() % 2 : random()), (uint16_t)(random() % (SIZE + 1)));
        offer((uint16_t)(random() % SIZE));
        out(0x50, (uint64_t)random() % 3);
    }
    ck_assert_uint_gt(nr_pieces, 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("device_virtio_console");
    TCase *t = tcase_create("device_virtio_console");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, a_probe_finds_a_console_with_two_queues_and_no_features);
    tcase_add_test(t, what_is_sent_arrives_and_is_answered);
    tcase_add_test(t, a_chain_is_one_output_in_order);
    tcase_add_test(t, one_notification_sends_all_that_waits_in_order);
    tcase_add_test(t, a_buffer_over_several_pages_arrives_whole);
    tcase_add_test(t, a_write_of_no_bytes_is_answered_and_prints_nothing);
    tcase_add_test(t, buffers_to_receive_in_stay_as_they_are);
    tcase_add_test(t, nothing_is_sent_before_the_driver_is_ready);
    tcase_add_loop_test(t, a_hostile_chain_sends_nothing_and_asks_for_a_reset, 0,
                        sizeof(hostile) / sizeof(hostile[0]));
    tcase_add_test(t, a_chain_of_more_than_four_mebibytes_is_refused);
    tcase_add_test(t, random_chains_do_no_harm);
    suite_add_tcase(s, t);

    return run_suite(s);
}
