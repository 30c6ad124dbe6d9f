/* Random streams of block requests, right ones against a model and hostile ones. They print their seeds. */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "virtqueue_driver.h"

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

static bool guest_equals(gpa_t gpa, const uint8_t *expected, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (*at(gpa + i) != expected[i])
            return false;
    return true;
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

int main(void)
{
    Suite *s = suite_create("virtqueue_random");
    TCase *t = case_on_disks("virtqueue_random");

    tcase_add_test(t, random_right_requests_do_what_a_model_does);
    tcase_add_test(t, random_hostile_rings_do_no_harm);
    suite_add_tcase(s, t);
    return run_suite(s);
}
