/* Sizes of the command line. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "vmm/size.h"
#include "tests/run_suite.h"

static const struct {
    const char *text;
    uint64_t bytes;
} good[] = {
    { "0", 0 },
    { "1", 1 },
    { "4096", 4096 },
    { "00012", 12 },
    { "64K", 65536 },
    { "64k", 65536 },
    { "16M", 16ull << 20 },
    { "16m", 16ull << 20 },
    { "3G", 3ull << 30 },
    { "3g", 3ull << 30 },
    { "18446744073709551615", UINT64_MAX },
    { "18014398509481983K", UINT64_MAX - 1023 },
    { "17179869183G", 17179869183ull << 30 },
};

static const char *const garbage[] = {
    "",
    " ",
    "K",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1KB",
    "1KK",
    "1T",
    "1.5M",
    "0x10",
    "M1",
    "1M1",
    "ten",
    "1,000",
    "\xff",
    "1\n",
    "99999999999999999999X",
    "64M swap",
};

static const char *const too_large[] = {
    "18446744073709551616",          "18014398509481984K", "17592186044416M", "17179869184G",
    "99999999999999999999999999999",
};

START_TEST(sizes_with_and_without_unit_are_read)
{
    uint64_t bytes = 77;

    ck_assert_int_eq(size_parse(good[_i].text, &bytes), 0);
    ck_assert_uint_eq(bytes, good[_i].bytes);
}
END_TEST

START_TEST(garbage_is_refused_and_leaves_the_result_alone)
{
    uint64_t bytes = 77;

    ck_assert_int_eq(size_parse(garbage[_i], &bytes), -EINVAL);
    ck_assert_uint_eq(bytes, 77);
}
END_TEST

START_TEST(what_does_not_fit_is_told_from_garbage)
{
    uint64_t bytes = 77;

    ck_assert_int_eq(size_parse(too_large[_i], &bytes), -ERANGE);
    ck_assert_uint_eq(bytes, 77);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("size");
    TCase *t = tcase_create("size");

    tcase_add_loop_test(t, sizes_with_and_without_unit_are_read, 0, COUNT(good));
    tcase_add_loop_test(t, garbage_is_refused_and_leaves_the_result_alone, 0, COUNT(garbage));
    tcase_add_loop_test(t, what_does_not_fit_is_told_from_garbage, 0, COUNT(too_large));
    suite_add_tcase(s, t);

    return run_suite(s);
}
