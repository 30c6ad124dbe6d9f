/* The i8254: what the VMM is told of channel 0, what the counters show as time goes by, read-back, port 0x61.
 * The clock stands still unless a test moves it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vmm/device_pit.h"
#include "tests/run_suite.h"

#define NS_PER_SECOND 1000000000ull

static struct pit pit;
static uint64_t now_ns;
static uint64_t told_first, told_period;
static unsigned nr_told;

static uint64_t clock_ns(void *ctx)
{
    ck_assert_ptr_eq(ctx, &now_ns);
    return now_ns;
}

static void timer(void *ctx, uint64_t first_ns, uint64_t period_ns)
{
    ck_assert_ptr_eq(ctx, &now_ns);
    told_first = first_ns;
    told_period = period_ns;
    nr_told++;
}

static void set_up(void)
{
    now_ns = 12345678901ull;
    told_first = told_period = nr_told = 0;
    pit_init(&pit, clock_ns, timer, &now_ns);
}

static void out(uint64_t port, uint64_t value)
{
    ck_assert(pit_access(&pit, port, true, 1, &value));
}

static unsigned in(uint64_t port)
{
    uint64_t value = ~0ull;

    ck_assert(pit_access(&pit, port, false, 1, &value));
    return (unsigned)value;
}

static unsigned in16(uint64_t port)
{
    unsigned low = in(port);

    return low | in(port) << 8;
}

/* So many ticks after the start; half a tick more, so that rounding does not matter. */
static void set_time(uint64_t start_ns, uint64_t ticks)
{
    now_ns = start_ns + (ticks * NS_PER_SECOND + NS_PER_SECOND / 2) / PIT_HZ;
}

static uint64_t start(unsigned channel, unsigned mode, unsigned count)
{
    now_ns = NS_PER_SECOND * 3; /* a whole number of ticks */
    out(0x43, channel << 6 | 0x30 | mode << 1);
    out(0x40 + channel, count & 0xff);
    out(0x40 + channel, count >> 8);
    return now_ns;
}

static unsigned status(unsigned channel)
{
    out(0x43, 0xe0 | 2u << channel);
    return in(0x40 + channel);
}

START_TEST(a_rate_tells_its_period_when_the_count_is_complete)
{
    out(0x43, 0x34);
    ck_assert_uint_eq(nr_told, 1);
    ck_assert_uint_eq(told_first + told_period, 0);
    out(0x40, 11932 & 0xff);
    ck_assert_uint_eq(nr_told, 1);
    out(0x40, 11932 >> 8);
    ck_assert_uint_eq(nr_told, 2);
    ck_assert_uint_eq(told_period, 11932 * NS_PER_SECOND / PIT_HZ);
    ck_assert_uint_eq(told_first, told_period);
}
END_TEST

START_TEST(each_mode_tells_its_timer)
{
    static const struct {
        unsigned mode;
        bool once, again;
    } modes[] = { { 0, true, false }, { 1, false, false }, { 2, true, true }, { 3, true, true },
                  { 4, true, false }, { 5, false, false }, { 6, true, true }, { 7, true, true } };

    for (unsigned i = 0; i < 8; i++) {
        start(0, modes[i].mode, 20000);
        ck_assert_uint_eq(told_first != 0, modes[i].once);
        ck_assert_uint_eq(told_period != 0, modes[i].again);
    }
}
END_TEST

START_TEST(a_count_of_zero_is_the_longest)
{
    start(0, 2, 0);
    ck_assert_uint_eq(told_period, 65536 * NS_PER_SECOND / PIT_HZ);
    out(0x43, 0x35); /* BCD */
    out(0x40, 0);
    out(0x40, 0);
    ck_assert_uint_eq(told_period, 10000 * NS_PER_SECOND / PIT_HZ);
}
END_TEST

START_TEST(a_period_is_never_told_to_be_tiny)
{
    for (unsigned count = 1; count < 120; count++) {
        start(0, 2, count);
        ck_assert_uint_ge(told_period, PIT_MIN_PERIOD_NS);
    }
}
END_TEST

START_TEST(a_new_mode_stops_the_timer)
{
    start(0, 2, 20000);
    out(0x43, 0x30);
    ck_assert_uint_eq(told_first + told_period, 0);
    start(1, 2, 20000);
    start(2, 2, 20000);
    ck_assert_uint_eq(told_first + told_period, 0); /* the others are none of the VMM's business */
}
END_TEST

START_TEST(a_rate_counts_down_and_again)
{
    static const struct {
        uint64_t ticks;
        unsigned count;
    } times[] = { { 0, 1000 },   { 1, 999 },        { 999, 1 },    { 1000, 1000 },
                  { 1001, 999 }, { 1000000, 1000 }, { 1000999, 1 } };
    uint64_t began = start(0, 2, 1000);

    for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        set_time(began, times[i].ticks);
        out(0x43, 0x00);
        ck_assert_uint_eq(in16(0x40), times[i].count);
    }
}
END_TEST

START_TEST(a_square_wave_counts_by_two_and_is_high_for_half_of_it)
{
    static const struct {
        uint64_t ticks;
        unsigned count, high;
    } times[] = { { 0, 1000, 1 },   { 1, 998, 1 }, { 499, 2, 1 },
                  { 500, 1000, 0 }, { 999, 2, 0 }, { 1000, 1000, 1 } };
    uint64_t began = start(0, 3, 1000);

    for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        set_time(began, times[i].ticks);
        ck_assert_uint_eq(status(0) >> 7, times[i].high);
        ck_assert_uint_eq(in16(0x40), times[i].count);
    }
}
END_TEST

START_TEST(a_terminal_count_is_reached_once_and_wraps)
{
    uint64_t began = start(0, 0, 100);

    set_time(began, 99);
    ck_assert_uint_eq(status(0) & 0x80, 0);
    ck_assert_uint_eq(in16(0x40), 1);
    set_time(began, 100);
    ck_assert_uint_eq(status(0) & 0x80, 0x80);
    ck_assert_uint_eq(in16(0x40), 0);
    set_time(began, 101);
    ck_assert_uint_eq(in16(0x40), 0xffff);
    set_time(began, 1000000);
    ck_assert_uint_eq(status(0) & 0x80, 0x80);
}
END_TEST

START_TEST(a_rate_is_low_for_its_last_tick_and_a_strobe_for_one)
{
    uint64_t began = start(0, 2, 10);

    set_time(began, 8);
    ck_assert_uint_eq(status(0) & 0x80, 0x80);
    set_time(began, 9);
    ck_assert_uint_eq(status(0) & 0x80, 0);
    set_time(began, 10);
    ck_assert_uint_eq(status(0) & 0x80, 0x80);
    began = start(0, 4, 10);
    set_time(began, 10);
    ck_assert_uint_eq(status(0) & 0x80, 0);
    set_time(began, 11);
    ck_assert_uint_eq(status(0) & 0x80, 0x80);
}
END_TEST

START_TEST(a_latched_count_stands_still_until_both_bytes_are_read)
{
    uint64_t began = start(0, 2, 0x1234);

    set_time(began, 4);
    out(0x43, 0x00);
    set_time(began, 100);
    out(0x43, 0x00); /* a second latch changes nothing */
    ck_assert_uint_eq(in(0x40), 0x30);
    set_time(began, 200);
    ck_assert_uint_eq(in(0x40), 0x12);
    ck_assert_uint_eq(in16(0x40), 0x1234 - 200);
}
END_TEST

START_TEST(read_back_keeps_several_channels_and_gives_status_first)
{
    uint64_t began = start(0, 2, 5000);

    start(1, 3, 600);
    now_ns = began;
    set_time(began, 10);
    out(0x43, 0xc0 | 2 | 4); /* count and status of 0 and 1 */
    set_time(began, 20);
    ck_assert_uint_eq(in(0x40), 0x80 | 0x30 | 2 << 1);
    ck_assert_uint_eq(in16(0x40), 4990);
    ck_assert_uint_eq(in(0x41), 0x80 | 0x30 | 3 << 1);
    ck_assert_uint_eq(in16(0x41), 580);
    ck_assert_uint_eq(in16(0x40), 4980);
    out(0x43, 0xd0 | 2); /* count only */
    ck_assert_uint_eq(in16(0x40), 4980);
}
END_TEST

START_TEST(status_tells_that_no_count_was_loaded_yet)
{
    out(0x43, 0x35);
    ck_assert_uint_eq(status(0), 0x80 | 0x40 | 0x30 | 2 << 1 | 1);
    out(0x40, 1);
    ck_assert_uint_eq(status(0) & 0x40, 0x40);
    out(0x40, 1);
    ck_assert_uint_eq(status(0) & 0x40, 0);
}
END_TEST

START_TEST(one_byte_access_sets_and_reads_that_byte)
{
    out(0x43, 0x14); /* low byte only, rate */
    out(0x40, 200);
    ck_assert_uint_eq(in(0x40), 200);
    ck_assert_uint_eq(in(0x40), 200);
    out(0x43, 0x24); /* high byte only */
    out(0x40, 2);
    ck_assert_uint_eq(in(0x40), 2);
    ck_assert_uint_eq(told_period, 512 * NS_PER_SECOND / PIT_HZ);
}
END_TEST

START_TEST(bcd_counts_in_decimal_digits)
{
    now_ns = NS_PER_SECOND * 3;
    out(0x43, 0x35);
    out(0x40, 0x34);
    out(0x40, 0x12);
    ck_assert_uint_eq(told_period, 1234 * NS_PER_SECOND / PIT_HZ);
    set_time(NS_PER_SECOND * 3, 235);
    ck_assert_uint_eq(in16(0x40), 0x0999);
}
END_TEST

START_TEST(channel_2_measures_time_through_port_0x61)
{
    out(0x61, 0x00);
    uint64_t began = start(2, 0, 11932); /* 10 ms */
    set_time(began, 20000);
    ck_assert_uint_eq(in(0x61) & 0x20, 0); /* the gate is closed */
    ck_assert_uint_eq(in16(0x42), 11932);
    began = now_ns;
    out(0x61, 0x01);
    set_time(began, 11930);
    ck_assert_uint_eq(in(0x61) & 0x21, 0x01);
    set_time(began, 11933);
    ck_assert_uint_eq(in(0x61) & 0x21, 0x21);
}
END_TEST

START_TEST(closing_the_gate_of_channel_2_holds_its_count)
{
    out(0x61, 0x01);
    uint64_t began = start(2, 0, 1000);
    set_time(began, 400);
    out(0x61, 0x00);
    set_time(began, 5000);
    ck_assert_uint_eq(in16(0x42), 600);
    began = now_ns;
    out(0x61, 0x01);
    set_time(began, 100);
    unsigned count = in16(0x42);
    ck_assert(count >= 499 && count <= 501);
}
END_TEST

START_TEST(a_rise_of_the_gate_starts_a_one_shot)
{
    out(0x61, 0x00);
    start(2, 1, 100);
    ck_assert_uint_eq(in(0x61) & 0x20, 0x20);
    uint64_t began = now_ns;
    out(0x61, 0x01);
    set_time(began, 50);
    ck_assert_uint_eq(in(0x61) & 0x20, 0);
    set_time(began, 101);
    ck_assert_uint_eq(in(0x61) & 0x20, 0x20);
}
END_TEST

START_TEST(port_0x61_shows_refresh_and_speaker)
{
    out(0x61, 0x02);
    ck_assert_uint_eq(in(0x61) & 0x03, 0x02);
    ck_assert_uint_ne(in(0x61) & 0x10, in(0x61) & 0x10);
}
END_TEST

START_TEST(wide_and_foreign_accesses)
{
    uint64_t value = 0x1122;

    ck_assert(!pit_access(&pit, 0x44, true, 1, &value));
    ck_assert(!pit_access(&pit, 0x43, true, 2, &value));
    ck_assert(!pit_access(&pit, 0x60, false, 2, &value));
    ck_assert(!pit_access(&pit, 0x3f, false, 2, &value));
    ck_assert_uint_eq(value, 0x1122);
    ck_assert(pit_access(&pit, 0x40, false, 4, &value));
    ck_assert_uint_eq(value >> 24, 0xff);
}
END_TEST

START_TEST(random_use_does_no_harm)
{
    unsigned s = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);

    printf("device_pit: SEED=%u\n", s);
    fflush(stdout); /* before a crash */
    srandom(s);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t value = (uint64_t)random() & 0xff,
                 port = random() % 8 ? 0x40 + (uint64_t)random() % 4 : 0x61;
        ck_assert(pit_access(&pit, port, random() % 2, 1, &value));
        now_ns += (uint64_t)random() % 100000 << random() % 12;
        for (unsigned c = 0; c < PIT_NR_CHANNELS; c++)
            if (pit.channels[c].count == 0)
                ck_abort_msg("a count of zero would be divided by");
        if (told_period && told_period < PIT_MIN_PERIOD_NS)
            ck_abort_msg("period of %lu ns", told_period);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("device_pit");
    TCase *t = tcase_create("device_pit");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, a_rate_tells_its_period_when_the_count_is_complete);
    tcase_add_test(t, each_mode_tells_its_timer);
    tcase_add_test(t, a_count_of_zero_is_the_longest);
    tcase_add_test(t, a_period_is_never_told_to_be_tiny);
    tcase_add_test(t, a_new_mode_stops_the_timer);
    tcase_add_test(t, a_rate_counts_down_and_again);
    tcase_add_test(t, a_square_wave_counts_by_two_and_is_high_for_half_of_it);
    tcase_add_test(t, a_terminal_count_is_reached_once_and_wraps);
    tcase_add_test(t, a_rate_is_low_for_its_last_tick_and_a_strobe_for_one);
    tcase_add_test(t, a_latched_count_stands_still_until_both_bytes_are_read);
    tcase_add_test(t, read_back_keeps_several_channels_and_gives_status_first);
    tcase_add_test(t, status_tells_that_no_count_was_loaded_yet);
    tcase_add_test(t, one_byte_access_sets_and_reads_that_byte);
    tcase_add_test(t, bcd_counts_in_decimal_digits);
    tcase_add_test(t, channel_2_measures_time_through_port_0x61);
    tcase_add_test(t, closing_the_gate_of_channel_2_holds_its_count);
    tcase_add_test(t, a_rise_of_the_gate_starts_a_one_shot);
    tcase_add_test(t, port_0x61_shows_refresh_and_speaker);
    tcase_add_test(t, wide_and_foreign_accesses);
    tcase_add_test(t, random_use_does_no_harm);
    suite_add_tcase(s, t);

    return run_suite(s);
}
