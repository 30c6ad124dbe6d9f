/* A sweep: its grid, the words of its runs, its file of results.
 *   1. grid
 *   2. file: resuming, torn lines
 *   3. lists of words, words for a shell */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vmm/shell_quote.h"
#include "vmm/sweep_file.h"
#include "vmm/sweep_options.h"
#include "tests/run_suite.h"
#include "tests/said.h"
#include "tests/scratch_file.h"
#include "tests/words.h"

static struct sweep_options o;
static struct sweep_file file;

static void setup(void)
{
    keep_what_is_said();
    make_file();
    freopen("/dev/null", "w", stderr);
}

static void teardown(void)
{
    sweep_options_free(&o);
    sweep_file_close(&file);
    unlink(path);
}

static int parse(const char *line)
{
    char **words;
    int count = words_of(line, &words);
    return sweep_options_parse(&o, count, words);
}

/* 1. The grid. */

static const char *const grid =
    "sweep --memory 2M,4096K --policy clock,lru,random --modes pv --repeat 2 --disk d -- p a";

static json_t *key_of(unsigned i)
{
    struct sweep_point p = sweep_grid_point(&o.grid, i);
    return sweep_point_json(&p, &o.words);
}

START_TEST(every_combination_is_one_point_and_no_two_are_equal)
{
    json_t *seen = json_object();
    ck_assert_int_eq(parse(grid), 0);
    ck_assert_uint_eq(sweep_grid_count(&o.grid), 2 * 3 * 2);
    for (unsigned i = 0; i < 12; i++) {
        json_t *key = key_of(i);
        char *text = json_dumps(key, JSON_COMPACT | JSON_SORT_KEYS);
        json_object_set_new(seen, text, json_true());
        free(text);
        json_decref(key);
    }
    ck_assert_uint_eq(json_object_size(seen), 12);
    json_decref(seen);
}
END_TEST

START_TEST(a_point_says_where_it_is_and_what_it_runs)
{
    ck_assert_int_eq(parse(grid), 0);
    json_t *key = key_of(11);
    char *text = json_dumps(key, JSON_COMPACT);
    ck_assert_str_eq(text, "{\"memory\":\"4M\",\"policy\":\"random\",\"mode\":\"pv\",\"repeat\":2,"
                           "\"options\":[\"--disk=d\"],\"program\":[\"p\",\"a\"]}");
    free(text);
    json_decref(key);
}
END_TEST

START_TEST(sizes_that_are_equal_are_one_point_however_they_are_written)
{
    ck_assert_int_eq(parse("sweep --memory 4096K -- p"), 0);
    json_t *a = key_of(0);
    sweep_options_free(&o);
    ck_assert_int_eq(parse("sweep --memory 4M -- p"), 0);
    json_t *b = key_of(0);
    ck_assert(json_equal(a, b));
    json_decref(a);
    json_decref(b);
}
END_TEST

START_TEST(the_words_of_a_run_are_its_coordinates_the_options_and_the_program)
{
    static const char *const expected[] = {
        "--memory=2M", "--policy=lru", "--mode=pv", "--disk=d", "--", "p", "a"
    };
    char axis_words[NR_AXES][SWEEP_WORD_BYTES];
    ck_assert_int_eq(parse(grid), 0);
    struct sweep_point p = sweep_grid_point(&o.grid, 1);
    char **words = sweep_point_words(&p, &o.words, axis_words);
    for (unsigned i = 0; i < 7; i++)
        ck_assert_str_eq(words[i], expected[i]);
    ck_assert_ptr_null(words[7]);
    free(words);
}
END_TEST

START_TEST(an_axis_that_is_not_asked_for_is_left_to_run)
{
    ck_assert_int_eq(parse("sweep -- p"), 0);
    ck_assert_uint_eq(sweep_grid_count(&o.grid), 1);
    struct sweep_point p = sweep_grid_point(&o.grid, 0);
    ck_assert_ptr_null(p.values[AXIS_MEMORY]);
    ck_assert_ptr_null(p.values[AXIS_POLICY]);
    ck_assert_str_eq(p.values[AXIS_MODE], "pv");
    ck_assert_str_eq(o.path, "-");
    ck_assert_uint_eq(o.timeout_s, 600);
}
END_TEST

START_TEST(one_repetition_alone_can_be_asked_for)
{
    ck_assert_int_eq(parse("sweep --repeat 3-3 -- p"), 0);
    ck_assert_uint_eq(sweep_grid_count(&o.grid), 1);
    ck_assert_uint_eq(sweep_grid_point(&o.grid, 0).repeat, 3);
}
END_TEST

static const struct {
    const char *line, *says;
} refused[] = {
    { "sweep --memory 2M,,4M -- p", "commas" },
    { "sweep --memory 2M,2048K -- p", "twice" },
    { "sweep --memory 2M,1M -- p", "from 2M to 2G" },
    { "sweep --memory some -- p", "sizes" },
    { "sweep --policy clock,mru -- p", "expected some of clock" },
    { "sweep --modes pv,xen -- p", "expected some of pv" },
    { "sweep --swap /tmp/file -- p", "sizes" },
    { "sweep --repeat 0 -- p", "--repeat" },
    { "sweep --repeat 5-4 -- p", "--repeat" },
    { "sweep --repeat 2x -- p", "--repeat" },
    { "sweep --jobs 0 -- p", "--jobs" },
    { "sweep --jobs two -- p", "--jobs" },
    { "sweep --mode pv -- p", "--modes" },
    { "sweep --stats-json f -- p", "--output" },
    { "sweep --seed x -- p", "whole number" },
    { "sweep --repeat 1000 --memory 2M,3M,4M --policy clock,fifo,lru,random -- p", "12000 points" },
    { "sweep --memory 2M", "no program" },
    { "sweep --no-such-option -- p", "" },
    { "sweep -- /bin/echo \xe9", "UTF-8" },
    { "sweep --disk \xe9.tar -- /bin/hello", "UTF-8" },
};

START_TEST(wrong_words_are_refused_with_the_reason)
{
    ck_assert_int_eq(parse(refused[_i].line), STATUS_USAGE + 1);
    ck_assert_msg(strstr(said, refused[_i].says) != NULL, "%s: said \"%s\"", refused[_i].line, said);
}
END_TEST

/* 2. The file. */

static const char *read_file(void)
{
    static char text[1 << 16];
    FILE *f = fopen(path, "r");
    ck_assert(f != NULL);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static json_t *line_of(int n, const char *failure)
{
    json_t *line = json_pack("{s:{s:i}, s:i}", "sweep", "n", n, "exit_status", 0);
    if (failure)
        json_object_set_new(line, "failure", json_string(failure));
    return line;
}

static bool has(int n)
{
    json_t *key = json_pack("{s:i}", "n", n);
    bool there = sweep_file_has(&file, key);
    json_decref(key);
    return there;
}

static void append(int n, const char *failure)
{
    json_t *line = line_of(n, failure);
    ck_assert_int_eq(sweep_file_append(&file, line), 0);
    json_decref(line);
}

START_TEST(what_was_appended_is_there_when_the_file_is_opened_again)
{
    unlink(path);
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    append(1, NULL);
    append(2, "no disk");
    ck_assert(has(1) && has(2) && !has(3));
    sweep_file_close(&file);
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    ck_assert(has(1) && has(2) && !has(3));
}
END_TEST

START_TEST(failed_runs_are_not_there_when_they_are_to_be_done_again)
{
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    append(1, NULL);
    append(2, "no disk");
    sweep_file_close(&file);
    ck_assert_int_eq(sweep_file_open(&file, path, true), 0);
    ck_assert(has(1) && !has(2));
}
END_TEST

#define WHOLE "{\"sweep\":{\"n\":1},\"exit_status\":0}\n"

START_TEST(a_line_torn_anywhere_is_taken_away_and_its_run_is_done_again)
{
    const char *whole = "{\"sweep\":{\"n\":2},\"exit_status\":0}";
    char text[256];
    for (size_t len = 1; len <= strlen(whole); len++) {
        snprintf(text, sizeof(text), WHOLE "%.*s", (int)len, whole);
        write_file(text);
        ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
        ck_assert_str_eq(read_file(), WHOLE);
        ck_assert(has(1) && !has(2));
        append(2, NULL);
        sweep_file_close(&file);
        ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
        ck_assert(has(1) && has(2));
        sweep_file_close(&file);
    }
}
END_TEST

START_TEST(a_torn_line_longer_than_a_block_is_taken_away)
{
    static char text[3 * 4096];
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, WHOLE "{\"", strlen(WHOLE) + 2);
    write_file(text);
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    ck_assert_str_eq(read_file(), WHOLE);
    sweep_file_close(&file);
    write_file(text + strlen(WHOLE));
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    ck_assert_str_eq(read_file(), "");
}
END_TEST

START_TEST(a_line_that_another_process_left_torn_does_not_spoil_the_next)
{
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    append(1, NULL);
    FILE *other = fopen(path, "a");
    fputs("{\"sweep\":{\"n\"", other);
    fclose(other);
    append(2, NULL);
    sweep_file_close(&file);
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    ck_assert(has(1) && has(2));
}
END_TEST

static const char *const no_results[] = {
    "hello\n",       WHOLE "{}\n", "[1]\n" WHOLE,   WHOLE "\n",    "{\"sweep\":3}\n",
    "hello\nno end", "no end",     WHOLE "no end", "{\"a\":1}",   WHOLE "{} {\"sweep\"",
};

START_TEST(a_file_with_other_lines_is_refused_and_left_as_it_is)
{
    write_file(no_results[_i]);
    ck_assert_int_lt(sweep_file_open(&file, path, false), 0);
    ck_assert_msg(strstr(said, "is no result of a sweep"), "said %s", said);
    ck_assert_str_eq(read_file(), no_results[_i]);
}
END_TEST

START_TEST(processes_that_append_at_the_same_time_do_not_mix_lines)
{
    for (int child = 0; child < 4; child++) {
        if (fork() != 0)
            continue;
        int err = sweep_file_open(&file, path, false);
        for (int n = 0; n < 50 && !err; n++) {
            json_t *line = line_of(100 * child + n, "some text to make the line longer");
            err = sweep_file_append(&file, line);
            json_decref(line);
        }
        _exit(err != 0);
    }
    for (int child = 0, status; child < 4; child++)
        ck_assert(wait(&status) > 0 && status == 0);
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    for (int child = 0; child < 4; child++)
        for (int n = 0; n < 50; n++)
            ck_assert(has(100 * child + n));
}
END_TEST

static bool claim(const struct sweep_file *f, int n)
{
    json_t *key = json_pack("{s:i}", "n", n);
    bool ours = sweep_file_claim(f, key);
    json_decref(key);
    return ours;
}

START_TEST(a_run_is_claimed_by_one_sweep_at_a_time)
{
    struct sweep_file other;
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    ck_assert_int_eq(sweep_file_open(&other, path, false), 0);
    ck_assert(claim(&file, 1) && claim(&other, 2));
    ck_assert(claim(&file, 1) && !claim(&file, 2) && !claim(&other, 1));
    append(1, NULL); /* holds no claim back, nor gives one up */
    ck_assert(!claim(&other, 1));
    sweep_file_close(&file);
    ck_assert(claim(&other, 1));
    ck_assert_int_eq(sweep_file_read(&other, false), 0);
    sweep_file_close(&other);
}
END_TEST

START_TEST(what_another_sweep_has_done_is_there_when_the_file_is_read_again)
{
    struct sweep_file other;
    ck_assert_int_eq(sweep_file_open(&other, path, false), 0);
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    append(1, NULL);
    json_t *key = json_pack("{s:i}", "n", 1);
    ck_assert(!sweep_file_has(&other, key));
    ck_assert_int_eq(sweep_file_read(&other, false), 0);
    ck_assert(sweep_file_has(&other, key));
    json_decref(key);
    sweep_file_close(&other);
}
END_TEST

START_TEST(where_lines_are_only_written_nothing_is_claimed)
{
    ck_assert_int_eq(sweep_file_open(&file, "/dev/null", false), 0);
    ck_assert(claim(&file, 1));
    ck_assert_int_eq(sweep_file_read(&file, false), 0);
}
END_TEST

START_TEST(lines_that_do_not_fit_leave_no_part_of_them)
{
    int full = open("/dev/full", O_WRONLY);
    ck_assert_int_ge(full, 0);
    ck_assert_int_eq(sweep_file_open(&file, path, false), 0);
    append(1, NULL);
    dup2(full, file.fd);
    file.is_regular = false;
    json_t *line = line_of(2, NULL);
    ck_assert_int_lt(sweep_file_append(&file, line), 0);
    ck_assert(!has(2));
    json_decref(line);
    close(full);
}
END_TEST

/* 3. Words. */

static const struct {
    const char *word, *quoted;
} quotes[] = {
    { "plain-1.2/x=3", "plain-1.2/x=3" },
    { "", "''" },
    { "two words", "'two words'" },
    { "it's", "'it'\\''s'" },
    { "$HOME", "'$HOME'" },
    { "*", "'*'" },
    { "a\nb", "'a\nb'" },
    { "~", "'~'" },
};

START_TEST(a_shell_reads_a_quoted_word_as_it_was)
{
    char *text, command[256], back[256] = "";
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    shell_quote(quotes[_i].word, to);
    fclose(to);
    ck_assert_str_eq(text, quotes[_i].quoted);
    snprintf(command, sizeof(command), "printf %%s %s", text);
    FILE *from = popen(command, "r");
    back[fread(back, 1, sizeof(back) - 1, from)] = '\0';
    pclose(from);
    ck_assert_str_eq(back, quotes[_i].word);
    free(text);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("sweep");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, every_combination_is_one_point_and_no_two_are_equal);
    tcase_add_test(t, a_point_says_where_it_is_and_what_it_runs);
    tcase_add_test(t, sizes_that_are_equal_are_one_point_however_they_are_written);
    tcase_add_test(t, the_words_of_a_run_are_its_coordinates_the_options_and_the_program);
    tcase_add_test(t, an_axis_that_is_not_asked_for_is_left_to_run);
    tcase_add_test(t, one_repetition_alone_can_be_asked_for);
    tcase_add_loop_test(t, wrong_words_are_refused_with_the_reason, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(t, what_was_appended_is_there_when_the_file_is_opened_again);
    tcase_add_test(t, failed_runs_are_not_there_when_they_are_to_be_done_again);
    tcase_add_test(t, a_line_torn_anywhere_is_taken_away_and_its_run_is_done_again);
    tcase_add_test(t, a_torn_line_longer_than_a_block_is_taken_away);
    tcase_add_test(t, a_line_that_another_process_left_torn_does_not_spoil_the_next);
    tcase_add_loop_test(t, a_file_with_other_lines_is_refused_and_left_as_it_is, 0,
                        sizeof(no_results) / sizeof(no_results[0]));
    tcase_add_test(t, processes_that_append_at_the_same_time_do_not_mix_lines);
    tcase_add_test(t, a_run_is_claimed_by_one_sweep_at_a_time);
    tcase_add_test(t, what_another_sweep_has_done_is_there_when_the_file_is_read_again);
    tcase_add_test(t, where_lines_are_only_written_nothing_is_claimed);
    tcase_add_test(t, lines_that_do_not_fit_leave_no_part_of_them);
    tcase_add_loop_test(t, a_shell_reads_a_quoted_word_as_it_was, 0, sizeof(quotes) / sizeof(quotes[0]));
    Suite *s = suite_create("sweep");
    suite_add_tcase(s, t);
    return run_suite(s);
}
