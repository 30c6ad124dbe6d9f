/* Quantiles of times. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/time_histogram.h"
#include "tests/run_suite.h"

static struct time_histogram h;

static void setup(void)
{
    memset(&h, 0, sizeof(h));
}

START_TEST(nothing_has_quantile_zero)
{
    ck_assert_uint_eq(time_histogram_quantile(&h, 500), 0);
}
END_TEST

START_TEST(small_times_are_exact)
{
    for (uint64_t ns = 0; ns < 16; ns++)
        time_histogram_add(&h, ns);
    ck_assert_uint_eq(time_histogram_quantile(&h, 1000), 15);
    ck_assert_uint_eq(time_histogram_quantile(&h, 500), 7);
    ck_assert_uint_eq(time_histogram_quantile(&h, 0), 0);
}
END_TEST

START_TEST(each_time_is_known_within_a_thirtieth)
{
    for (uint64_t ns = 16; ns < (1ull << 60); ns += ns / 7 + 1) {
        setup();
        time_histogram_add(&h, ns);
        uint64_t q = time_histogram_quantile(&h, 500);
        uint64_t off = q > ns ? q - ns : ns - q;
        ck_assert_msg(off * 30 <= ns, "%llu became %llu", (unsigned long long)ns, (unsigned long long)q);
    }
    time_histogram_add(&h, UINT64_MAX);
    ck_assert_uint_ge(time_histogram_quantile(&h, 1000), 1ull << 63);
}
END_TEST

START_TEST(the_median_does_not_mind_a_few_slow_ones)
{
    for (int i = 0; i < 90; i++)
        time_histogram_add(&h, 1000);
    for (int i = 0; i < 10; i++)
        time_histogram_add(&h, 1000000);
    ck_assert_uint_le(time_histogram_quantile(&h, 500), 1034);
    ck_assert_uint_le(time_histogram_quantile(&h, 900), 1034);
    ck_assert_uint_ge(time_histogram_quantile(&h, 950), 900000);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("time histogram");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, nothing_has_quantile_zero);
    tcase_add_test(t, small_times_are_exact);
    tcase_add_test(t, each_time_is_known_within_a_thirtieth);
    tcase_add_test(t, the_median_does_not_mind_a_few_slow_ones);
    Suite *s = suite_create("time histogram");
    suite_add_tcase(s, t);
    return run_suite(s);
}
