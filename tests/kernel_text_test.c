/* The guest kernel's own string functions and messages, against those of the C library. */
#define memcpy  k_memcpy
#define memmove k_memmove
#define memset  k_memset
#define memcmp  k_memcmp
#define strlen  k_strlen
#define strcmp  k_strcmp
#define strncmp k_strncmp
#define strchr  k_strchr
#include "guest/kstring.c"
#include "guest/kprintf.c"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr
#include <check.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/run_suite.h"

/* A platform that keeps what is written. */
static char written[16384];
static size_t nr_written;
static unsigned nr_commits;
static int shutdown_status;
static jmp_buf end;

static void fake_console_write(enum pv_console_stream stream, const void *data, uint64_t bytes)
{
    ck_assert_int_eq(stream, PV_CONSOLE_LOG);
    ck_assert_uint_lt(nr_written + bytes, sizeof(written));
    memcpy(written + nr_written, data, bytes);
    nr_written += bytes;
    written[nr_written] = '\0';
}

static void fake_commit(void)
{
    nr_commits++;
}

static _Noreturn void fake_shutdown(enum pv_shutdown_reason reason, int status)
{
    ck_assert_int_eq(reason, PV_SHUTDOWN_PANIC);
    shutdown_status = status;
    longjmp(end, 1);
}

static const struct platform fake = {
    .console_write = fake_console_write,
    .commit = fake_commit,
    .shutdown = fake_shutdown,
};
const struct platform *platform = &fake;

/* Format by both; the text, what was counted, and what did not fit must be the same. */
#define ASSERT_SAME(size, ...)                                                                               \
    do {                                                                                                     \
        char ours[256], theirs[256];                                                                         \
        memset(ours, 'x', sizeof(ours));                                                                     \
        memset(theirs, 'x', sizeof(theirs));                                                                 \
        int counted = ksnprintf(ours, size, __VA_ARGS__);                                                    \
        ck_assert_int_eq(counted, snprintf(theirs, size, __VA_ARGS__));                                      \
        ck_assert_mem_eq(ours, theirs, sizeof(ours));                                                        \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat-truncation"

START_TEST(numbers_print_as_in_the_c_library)
{
    const long numbers[] = { 0,         1,        -1, 9, 10, 42, -42, 123456789, 2147483647, -2147483647l - 1,
                             INT64_MAX, INT64_MIN };
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        long n = numbers[i];
        ASSERT_SAME(256, "%d|%u|%x|%i", (int)n, (unsigned)n, (unsigned)n, (int)n);
        ASSERT_SAME(256, "%ld|%lu|%lx|%zu", n, (unsigned long)n, (unsigned long)n, (size_t)n);
        ASSERT_SAME(256, "%8d|%-8d|%08d|%016lx|%3ld", (int)n, (int)n, (int)n, (unsigned long)n, n);
        ASSERT_SAME(256, "%*d|%-*ld|", 7, (int)n, 12, n);
    }
    ASSERT_SAME(256, "%p", (void *)0x1234);
}
END_TEST

START_TEST(strings_and_characters_print_as_in_the_c_library)
{
    ASSERT_SAME(256, "plain");
    ASSERT_SAME(256, "%s|%10s|%-10s|%.2s|%.0s|%5.1s|", "abc", "abc", "abc", "abc", "abc", "abc");
    ASSERT_SAME(256, "%c%3c%-3c|%%", 'a', 'b', 'c');
    ASSERT_SAME(256, "%.*s|", 3, "not terminated in three");
    const char *volatile nothing = NULL;
    char text[256];
    ck_assert_int_eq(ksnprintf(text, sizeof(text), "%s", nothing), 6);
    ck_assert_str_eq(text, "(null)");
}
END_TEST

/* Every size of the buffer, from nothing to enough. */
START_TEST(what_does_not_fit_is_cut_and_counted)
{
    ASSERT_SAME((size_t)_i, "%s %05d end", "text", -42);
}
END_TEST

START_TEST(a_message_is_on_the_log_and_waits_for_the_next_request)
{
    kprintf("%s %d\n", "frames:", 7);
    ck_assert_str_eq(written, "frames: 7\n");
    ck_assert_uint_eq(nr_commits, 0);
}
END_TEST

START_TEST(messages_that_fill_their_room_are_sent)
{
    for (int i = 0; i < 4 * LOG_BYTES / 100; i++)
        kprintf("%099d\n", i);
    ck_assert_uint_ge(nr_commits, 2);
    ck_assert_uint_le(nr_commits, 8);
}
END_TEST

START_TEST(a_message_that_is_too_long_is_cut)
{
    char text[2 * MESSAGE_MAX];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    kprintf("%s", text);
    ck_assert_uint_eq(nr_written, MESSAGE_MAX - 1);
}
END_TEST

START_TEST(a_panic_says_why_and_ends_the_machine)
{
    if (!setjmp(end))
        panic("no frame %d", 3);
    ck_assert_str_eq(written, "kernel panic: no frame 3\n");
    ck_assert_int_eq(shutdown_status, PANIC_STATUS);
    if (!setjmp(end))
        panic("again");
    ck_assert_str_eq(written, "kernel panic: no frame 3\nkernel panic: again\n");
    if (!setjmp(end))
        panic("and again");
    ck_assert_str_eq(written, "kernel panic: no frame 3\nkernel panic: again\n");
}
END_TEST

enum { SPAN = 24 };

/* Every length, from and to every place in a short span, overlapping or not. */
START_TEST(memmove_moves_overlapping_bytes)
{
    for (unsigned from = 0; from < SPAN; from++)
        for (unsigned to = 0; to < SPAN; to++)
            for (unsigned n = 0; n <= SPAN - (from > to ? from : to); n++) {
                char ours[SPAN], theirs[SPAN];
                for (unsigned i = 0; i < SPAN; i++)
                    ours[i] = theirs[i] = (char)('a' + i);
                ck_assert_ptr_eq(k_memmove(ours + to, ours + from, n), ours + to);
                memmove(theirs + to, theirs + from, n);
                ck_assert_mem_eq(ours, theirs, SPAN);
            }
}
END_TEST

START_TEST(memset_and_memcpy_touch_just_what_they_should)
{
    for (unsigned n = 0; n <= SPAN; n++) {
        char ours[SPAN + 2] = "", theirs[SPAN + 2] = "";
        ck_assert_ptr_eq(k_memset(ours + 1, 0x1e5, n), ours + 1);
        memset(theirs + 1, 0xe5, n);
        ck_assert_mem_eq(ours, theirs, sizeof(ours));
        ck_assert_ptr_eq(k_memcpy(ours + 1, "abcdefghijklmnopqrstuvwxyz", n), ours + 1);
        memcpy(theirs + 1, "abcdefghijklmnopqrstuvwxyz", n);
        ck_assert_mem_eq(ours, theirs, sizeof(ours));
    }
}
END_TEST

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

START_TEST(comparisons_agree_with_the_c_library)
{
    const char *texts[] = { "", "a", "ab", "abc", "abd", "b", "\xff", "\x7f", "ab\xff" };
    const unsigned nr = sizeof(texts) / sizeof(texts[0]);
    for (unsigned i = 0; i < nr; i++) {
        ck_assert_uint_eq(k_strlen(texts[i]), strlen(texts[i]));
        ck_assert_ptr_eq(k_strchr(texts[i], 'b'), strchr(texts[i], 'b'));
        ck_assert_ptr_eq(k_strchr(texts[i], 0), strchr(texts[i], 0));
        for (unsigned j = 0; j < nr; j++) {
            ck_assert_int_eq(sign(k_strcmp(texts[i], texts[j])), sign(strcmp(texts[i], texts[j])));
            for (unsigned n = 0; n < 5; n++)
                ck_assert_int_eq(sign(k_strncmp(texts[i], texts[j], n)),
                                 sign(strncmp(texts[i], texts[j], n)));
            ck_assert_int_eq(sign(k_memcmp(texts[i], texts[j], 1)), sign(memcmp(texts[i], texts[j], 1)));
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernel_text");
    TCase *c = tcase_create("messages");
    tcase_add_test(c, numbers_print_as_in_the_c_library);
    tcase_add_test(c, strings_and_characters_print_as_in_the_c_library);
    tcase_add_loop_test(c, what_does_not_fit_is_cut_and_counted, 0, 20);
    tcase_add_test(c, a_message_is_on_the_log_and_waits_for_the_next_request);
    tcase_add_test(c, messages_that_fill_their_room_are_sent);
    tcase_add_test(c, a_message_that_is_too_long_is_cut);
    tcase_add_test(c, a_panic_says_why_and_ends_the_machine);
    suite_add_tcase(s, c);
    c = tcase_create("strings");
    tcase_add_test(c, memmove_moves_overlapping_bytes);
    tcase_add_test(c, memset_and_memcpy_touch_just_what_they_should);
    tcase_add_test(c, comparisons_agree_with_the_c_library);
    suite_add_tcase(s, c);
    return run_suite(s);
}
