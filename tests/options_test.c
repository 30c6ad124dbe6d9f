/* The command line of `faultvisor run`. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/options.h"
#include "tests/run_suite.h"
#include "tests/said.h"
#include "tests/words.h"

static struct options o;

static void setup(void)
{
    keep_what_is_said();
    freopen("/dev/null", "w", stderr);
}

static int parse(const char *line)
{
    char **words;
    int count = words_of(line, &words);
    return options_parse(&o, count, words);
}

START_TEST(a_program_alone_gets_the_defaults)
{
    ck_assert_int_eq(parse("run -- /bin/touch"), 0);
    ck_assert_str_eq(o.mode, "pv");
    ck_assert_uint_eq(o.memory_bytes, 16u << 20);
    ck_assert_uint_eq(o.seed, 1);
    ck_assert_ptr_null(o.disk);
    ck_assert_ptr_null(o.swap);
    ck_assert_int_eq(o.argc, 1);
    ck_assert_str_eq(o.argv[0], "/bin/touch");
}
END_TEST

START_TEST(every_option_is_taken)
{
    ck_assert_int_eq(parse("run --mode pv --memory 4M --kernel k --disk d --swap 1M --policy lru --seed 9 --stats "
                           "--stats-json j --audit --timeout 5 --disk-error 1-2 -q -- p a b"),
                     0);
    ck_assert_uint_eq(o.memory_bytes, 4u << 20);
    ck_assert_str_eq(o.kernel, "k");
    ck_assert_str_eq(o.disk, "d");
    ck_assert_str_eq(o.swap, "1M");
    ck_assert_str_eq(o.policy, "lru");
    ck_assert_uint_eq(o.seed, 9);
    ck_assert(o.stats && o.audit_exits == 509 && o.quiet);
    ck_assert_str_eq(o.stats_json, "j");
    ck_assert_uint_eq(o.timeout_s, 5);
    ck_assert_str_eq(o.disk_error, "1-2");
    ck_assert_int_eq(o.argc, 3);
}
END_TEST

START_TEST(audits_come_as_often_as_is_said)
{
    ck_assert_int_eq(parse("run -- p"), 0);
    ck_assert_uint_eq(o.audit_exits, 0);
    ck_assert_int_eq(parse("run --audit -- p"), 0);
    ck_assert_uint_eq(o.audit_exits, 509);
    ck_assert_int_eq(parse("run --audit=1 -- p"), 0);
    ck_assert_uint_eq(o.audit_exits, 1);
    ck_assert_int_eq(parse("run --audit=0 -- p"), STATUS_USAGE + 1);
    ck_assert_int_eq(parse("run --audit=often -- p"), STATUS_USAGE + 1);
}
END_TEST

START_TEST(options_of_the_program_are_left_to_it)
{
    ck_assert_int_eq(parse("run -m 2M prog --memory 9 -q"), 0);
    ck_assert_uint_eq(o.memory_bytes, 2u << 20);
    ck_assert(!o.quiet);
    ck_assert_int_eq(o.argc, 4);
}
END_TEST

static const struct {
    const char *line;
    const char *says;
} refused[] = {
    { "run", "no program to run" },
    { "run --", "no program to run" },
    { "run --mode xen -- p", "expected one of pv" },
    { "run --memory 1M -- p", "from 2M to 2G" },
    { "run --memory 4097K -- p", "multiple of 4K" },
    { "run --memory 3G -- p", "from 2M to 2G" },
    { "run --memory 3000001 -- p", "multiple of 4K" },
    { "run --memory lots -- p", "--memory lots" },
    { "run --policy mru -- p", "expected one of clock, fifo, lru, random" },
    { "run --timeout -1 -- p", "whole number" },
    { "run --timeout 1x -- p", "whole number" },
    { "run --timeout 99999999 -- p", "up to 1000000" },
    { "run --seed 18446744073709551616 -- p", "whole number" },
    { "run --disk-error 9-3 -- p", "--disk-error 9-3" },
    { "run --disk-error -3 -- p", "--disk-error -3" },
    { "run --disk-error 3- -- p", "--disk-error 3-" },
    { "run --trace - -- p", "name a file" },
    { "run --no-such-option -- p", "" },
    { "run --memory", "" },
};

START_TEST(wrong_words_are_refused_with_the_reason)
{
    ck_assert_int_eq(parse(refused[_i].line), STATUS_USAGE + 1);
    ck_assert_msg(strstr(said, refused[_i].says) != NULL, "%s: said \"%s\"", refused[_i].line, said);
}
END_TEST

/* In a folder of its own, where there is a file "d" and another name for it, "e". */
static const struct {
    const char *line;
    const char *says; /* NULL: nothing is wrong */
} same_files[] = {
    { "run --disk d --trace d -- p", "--trace d would overwrite the disk" },
    { "run --disk d --stats-json e -- p", "--stats-json e would overwrite the disk" },
    { "run --disk d --swap ./d -- p", "--swap ./d would overwrite the disk" },
    { "run --kernel d --trace e -- p", "--trace e would overwrite the kernel" },
    { "run --swap d --trace e -- p", "--trace e would overwrite the swap" },
    { "run --stats-json new --trace new -- p", "--trace new would overwrite the counts of --stats-json" },
    { "run --stats-json /dev/null --trace /dev/null -- p", NULL },
    { "run --disk d --swap 4M --stats-json - --trace new -- p", NULL },
};

START_TEST(what_is_written_is_not_what_is_read)
{
    char folder[] = "/tmp/options-XXXXXX", home[4096];
    ck_assert_ptr_nonnull(getcwd(home, sizeof(home)));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    fclose(fopen("d", "w"));
    ck_assert_int_eq(symlink("d", "e"), 0);
    int end = parse(same_files[_i].line);
    unlink("e");
    unlink("d");
    ck_assert_int_eq(chdir(home), 0);
    rmdir(folder);
    ck_assert_int_eq(end, same_files[_i].says ? STATUS_USAGE + 1 : 0);
    ck_assert_msg(!same_files[_i].says || strstr(said, same_files[_i].says), "said \"%s\"", said);
}
END_TEST

START_TEST(help_is_asked_for_and_is_no_error)
{
    freopen("/dev/null", "w", stdout);
    ck_assert_int_eq(parse("run --help"), 1);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("options");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, a_program_alone_gets_the_defaults);
    tcase_add_test(t, every_option_is_taken);
    tcase_add_test(t, audits_come_as_often_as_is_said);
    tcase_add_test(t, options_of_the_program_are_left_to_it);
    tcase_add_loop_test(t, wrong_words_are_refused_with_the_reason, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_loop_test(t, what_is_written_is_not_what_is_read, 0, sizeof(same_files) / sizeof(same_files[0]));
    tcase_add_test(t, help_is_asked_for_and_is_no_error);
    Suite *s = suite_create("options");
    suite_add_tcase(s, t);
    return run_suite(s);
}
