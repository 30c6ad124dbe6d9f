/* Pictures of faults: the choice of a typical one, its diagram in text and as SVG. */
#include "trace_recorded.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/trace_diagram.h"
#include "tests/said.h"
#include "tests/scratch_file.h"

static struct trace_story stories[NR_TRACE_CLASSES];
static struct diagram diagrams[NR_TRACE_CLASSES];
static size_t count;

static void build_diagrams(int run)
{
    ck_assert_int_eq(trace_read_stories(recorded[run].trace, &origin, stories, count), 0);
    for (size_t i = 0; i < count; i++) {
        ck_assert(stories[i].found);
        ck_assert_int_eq(diagram_build(&diagrams[i], &origin, &stories[i]), 0);
    }
}

static void pick_all(int run)
{
    struct trace_faults faults;
    ck_assert_int_eq(trace_list_faults(recorded[run].trace, &origin, &faults), 0);
    for (int class = 0; class < NR_TRACE_CLASSES; class++)
        count += trace_pick_typical(&faults, class, &stories[count]);
    free(faults.list);
    ck_assert_uint_eq(count, recorded[run].nr_classes);
}

static void teardown(void)
{
    for (size_t i = 0; i < count; i++) {
        diagram_free(&diagrams[i]);
        trace_story_free(&stories[i]);
    }
    count = 0;
    error_sink = NULL;
}

static void compare(char *text, const char *file)
{
    char *golden = golden_read(file);
    ck_assert_str_eq(text, golden);
    free(golden);
    free(text);
}

START_TEST(typical_faults_are_drawn_as_before)
{
    char *text;
    size_t size;
    pick_all(_i);
    build_diagrams(_i);
    FILE *f = open_memstream(&text, &size);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "\n\n" : "", f);
        diagram_print(&diagrams[i], f, 80, true);
    }
    fclose(f);
    compare(text, recorded[_i].drawn);
}
END_TEST

START_TEST(one_fault_is_drawn_in_ascii)
{
    char *text;
    size_t size;
    count = 1;
    stories[0] = (struct trace_story){ .number = 900 };
    build_diagrams(0);
    FILE *f = open_memstream(&text, &size);
    diagram_print(&diagrams[0], f, 80, false);
    fclose(f);
    for (size_t i = 0; i < size; i++)
        ck_assert(isascii(text[i]));
    compare(text, "tests/golden/trace-pv-900.txt");
}
END_TEST

static const struct {
    uint32_t error;
    const char *words;
} errors[] = {
    { 0, "supervisor read, not present" },
    { 2, "supervisor write, not present" },
    { 4, "user read, not present" },
    { 7, "user write, protection violation" },
    { 21, "user instruction fetch, protection violation" },
    { 13, "user read, protection violation, reserved bit" },
    { 37, "user read, protection violation, protection key" },
    { 0x8045, "user read, protection violation, shadow stack, SGX" },
    { 1u << 31, "supervisor read, not present, other bits" },
    { ~0u, "user instruction fetch, protection violation, reserved bit, protection key, shadow stack, SGX, "
           "other bits" },
};

START_TEST(an_error_code_is_told_in_words)
{
    char words[TRACE_ERROR_BYTES];
    trace_describe_error(errors[_i].error, words);
    ck_assert_str_eq(words, errors[_i].words);
}
END_TEST

/* In columns: bytes that do not continue a character. */
static unsigned longest_line(const char *text)
{
    unsigned longest = 0, length = 0;
    for (; *text; text++) {
        length = *text == '\n' ? 0 : length + ((*text & 0xc0) != 0x80);
        longest = length > longest ? length : longest;
    }
    return longest;
}

START_TEST(a_diagram_is_no_wider_than_the_terminal)
{
    pick_all(_i);
    build_diagrams(_i);
    for (unsigned width = 80; width <= 300; width++) {
        char *text;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        for (size_t i = 0; i < count; i++)
            diagram_print(&diagrams[i], f, width, true);
        fclose(f);
        ck_assert_uint_le(longest_line(text), width);
        free(text);
    }
}
END_TEST

START_TEST(the_typical_fault_has_the_median_time_of_the_most_common_exits)
{
    struct trace_fault list[] = {
        { 1, 3, FAULT_MINOR, 10 },  { 2, 2, FAULT_MINOR, 300 }, { 3, 2, FAULT_MINOR, 100 },
        { 4, 2, FAULT_MINOR, 200 }, { 5, 3, FAULT_MINOR, 20 },  { 6, 9, FAULT_COW, 1 },
        { 7, 2, FAULT_MAJOR, 150 },
    };
    struct trace_faults faults = { .list = list, .count = 7 };
    struct trace_story s;
    ck_assert(trace_pick_typical(&faults, FAULT_MINOR, &s));
    ck_assert_uint_eq(s.number, 4);
    ck_assert_uint_eq(s.alike, 3);
    ck_assert_uint_eq(s.of_class, 5);
    ck_assert(trace_pick_typical(&faults, FAULT_COW, &s));
    ck_assert_uint_eq(s.number, 6);
    ck_assert(!trace_pick_typical(&faults, FAULT_PROTECTION, &s));
    faults.count = 0;
    ck_assert(!trace_pick_typical(&faults, FAULT_MINOR, &s));
}
END_TEST

/* SVG: every tag is closed, in order, and attributes and entities are as they should be. */

static const char *skip_tag(const char *at)
{
    bool quoted = false;
    for (; *at && (quoted || *at != '>'); at++) {
        quoted ^= *at == '"';
        ck_assert_msg(*at != '<', "< within a tag");
    }
    ck_assert_msg(*at == '>' && !quoted, "a tag does not end");
    return at;
}

static void check_xml(const char *text)
{
    char open[16][16];
    int depth = 0;
    for (const char *at = strstr(text, "?>") + 2; *at; at++) {
        if (*at == '&')
            ck_assert(!strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4) || !strncmp(at, "&amp;", 5));
        if (*at != '<')
            continue;
        const char *end = skip_tag(at + 1);
        char name[16] = "";
        sscanf(at + (at[1] == '/' ? 2 : 1), "%15[a-z]", name);
        if (at[1] == '/') {
            ck_assert_int_gt(depth, 0);
            ck_assert_str_eq(name, open[--depth]);
        } else if (end[-1] != '/') {
            ck_assert_int_lt(depth, 16);
            strcpy(open[depth++], name);
        }
        at = end;
    }
    ck_assert_int_eq(depth, 0);
}

START_TEST(the_picture_is_well_formed)
{
    make_file();
    pick_all(_i);
    build_diagrams(_i);
    strcpy(diagrams[0].title, "\"<&>\"");
    ck_assert_int_eq(diagram_write_svg(diagrams, count, path), 0);
    char *text = golden_read(path);
    unlink(path);
    ck_assert_ptr_nonnull(strstr(text, "&lt;&amp;&gt;"));
    ck_assert_ptr_nonnull(strstr(text, ">frame-allocated ("));
    check_xml(text);
    free(text);
    keep_what_is_said();
    ck_assert_int_lt(diagram_write_svg(diagrams, count, "/dev/full"), 0);
    ck_assert_str_eq(said, "cannot write the picture to /dev/full: No space left on device");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("trace_draw");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, NULL, teardown);
    tcase_add_loop_test(t, typical_faults_are_drawn_as_before, 0, NR_RECORDED);
    tcase_add_test(t, one_fault_is_drawn_in_ascii);
    tcase_add_loop_test(t, an_error_code_is_told_in_words, 0, sizeof(errors) / sizeof(errors[0]));
    tcase_add_loop_test(t, a_diagram_is_no_wider_than_the_terminal, 0, NR_RECORDED);
    tcase_add_test(t, the_typical_fault_has_the_median_time_of_the_most_common_exits);
    tcase_add_loop_test(t, the_picture_is_well_formed, 0, NR_RECORDED);
    Suite *s = suite_create("trace_draw");
    suite_add_tcase(s, t);
    return run_suite(s);
}
