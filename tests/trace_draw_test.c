/* Reading of traces, the choice of a fault, and its pictures. The golden files are what `faultvisor trace`
 * makes of the recorded run tests/golden/trace-pv.json:
 *
 *     faultvisor trace tests/golden/trace-pv.json >tests/golden/trace-pv.txt   (and fv)
 *     LC_ALL=C faultvisor trace --fault 900 tests/golden/trace-pv.json >tests/golden/trace-pv-900.txt */
#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/error.h"
#include "vmm/json_stream.h"
#include "vmm/trace_diagram.h"
#include "tests/run_suite.h"

#define RECORDED "tests/golden/trace-pv.json"

/* The loop number of a test chooses one. */
static const struct {
    const char *trace, *drawn;
    size_t nr_faults, nr_classes;
} recorded[] = {
    { RECORDED, "tests/golden/trace-pv.txt", 16, 4 },
    { "tests/golden/trace-fv.json", "tests/golden/trace-fv.txt", 15, 5 },
};
#define NR_RECORDED 2

static char said[512];

static void remember(const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

static char *contents(const char *path)
{
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "cannot open %s: run the tests in the folder of the sources", path);
    char *text = calloc(1, 1 << 20);
    text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
    fclose(f);
    return text;
}

/* 1. Golden files. */

static struct trace_origin origin;
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

static void compare(char *text, const char *path)
{
    char *golden = contents(path);
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
    { ~0u, "user instruction fetch, protection violation, reserved bit, protection key, shadow stack, SGX, other bits" },
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

/* 2. SVG: every tag is closed, in order, and attributes and entities are as they should be. */

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
    char path[] = "/tmp/trace-test-XXXXXX";
    close(mkstemp(path));
    pick_all(_i);
    build_diagrams(_i);
    strcpy(diagrams[0].title, "\"<&>\"");
    ck_assert_int_eq(diagram_write_svg(diagrams, count, path), 0);
    char *text = contents(path);
    unlink(path);
    ck_assert_ptr_nonnull(strstr(text, "&lt;&amp;&gt;"));
    ck_assert_ptr_nonnull(strstr(text, ">frame-allocated ("));
    check_xml(text);
    free(text);
    error_sink = remember;
    ck_assert_int_lt(diagram_write_svg(diagrams, count, "/dev/full"), 0);
    ck_assert_str_eq(said, "cannot write the picture to /dev/full: No space left on device");
}
END_TEST

/* 3. The steps of recorded faults. */

static int compare_times(const void *a, const void *b)
{
    const struct trace_record *x = a, *y = b;
    return x->ns < y->ns ? -1 : x->ns > y->ns;
}

START_TEST(recorded_faults_have_their_steps_in_order)
{
    struct trace_faults faults;
    ck_assert_int_eq(trace_list_faults(recorded[_i].trace, &origin, &faults), 0);
    ck_assert_uint_eq(faults.count, recorded[_i].nr_faults);
    for (size_t i = 0; i < faults.count; i++) {
        struct trace_story s = { .number = faults.list[i].number };
        enum trace_step steps[64];
        unsigned n = 0, exits = 0;
        ck_assert_int_eq(trace_read_stories(recorded[_i].trace, &origin, &s, 1), 0);
        qsort(s.events, s.count, sizeof(s.events[0]), compare_times);
        for (size_t j = 0; j < s.count; j++) {
            if (s.events[j].kind == RECORD_STEP)
                steps[n++] = s.events[j].what;
            exits += s.events[j].kind == RECORD_EXIT;
        }
        const char *problem = trace_order_problem(origin.mode, s.fault.what, s.fault.from, steps, n);
        ck_assert_msg(!problem, "fault %u: %s", s.number, problem);
        ck_assert_uint_eq(exits, s.fault.exits);
        trace_story_free(&s);
    }
    free(faults.list);
}
END_TEST

/* 4. The choice. */

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

/* 5. Files that are none. */

#define HEAD "{\"otherData\":{\"faultvisor\":\"1\",\"mode\":\"pv\"},\"traceEvents\":["
#define FAULT1                                                                                               \
    "\"ts\":1,\"dur\":2,\"args\":{\"fault\":1,\"class\":\"minor\",\"exits\":2,\"address\":\"0x1\","          \
    "\"error\":4,"
#define FAULT "{\"cat\":\"fault\"," FAULT1 "\"rip\":\"0x1\"}}"
#define EXIT                                                                                                 \
    "{\"cat\":\"exit\",\"ts\":1,\"dur\":1,\"name\":\"port\",\"args\":{\"account\":\"boot\",\"from\":\"VMM\","    \
    "\"to\":\"VMM\""
#define ODD   "this event is not as faultvisor run --trace writes it"
#define ALIEN "it is not a trace of faultvisor run --trace"

static const struct {
    const char *text, *reason;
} broken[] = {
    { "", ALIEN },
    { "[]", ALIEN },
    { "{}", "a value is missing" },
    { "{\"traceEvents\":[]}", ALIEN },
    { "{\"otherData\":{},\"traceEvents\":[]}", ALIEN },
    { "{\"a\":1}", ALIEN },
    { "{\"a\" 1}", "it is no JSON object" },
    { "{1:1}", "it is no JSON object" },
    { "{\"a\":]}", "a value is missing" },
    { HEAD, "it ends in the middle" },
    { HEAD "{\"cat\":", "it ends in the middle" },
    { HEAD "\"\\", "it ends in the middle" },
    { HEAD FAULT, "it ends in the middle of the events" },
    { HEAD FAULT ",]}", "a value is missing" },
    { HEAD FAULT "]", "it ends in the middle" },
    { "{\"mode\":\"pv\"}\n{\"mode\":\"pv\"}\n", ALIEN },
    { HEAD FAULT "]} x", "something comes after its end" },
    { HEAD "1]}", ODD },
    { HEAD "{\"cat\":\"exit\"}]}", ODD },
    { HEAD EXIT ",\"instruction\":\"\"}}]}", ODD },
    { HEAD EXIT ",\"instruction\":\"mov\"}}]}", ODD },
    { HEAD EXIT ",\"instruction\":\"out\",\"port\":\"0x10000\"}}]}", ODD },
    { HEAD "{\"cat\":\"fault\",\"args\":[]}]}", ODD },
    { HEAD "{\"cat\":\"fault\"," FAULT1 "\"rip\":1}}]}", ODD },
    { HEAD "{\"cat\":\"fault\"," FAULT1 "\"rip\":\"0x12345678123456781\"}}]}", ODD },
    { HEAD "{\"cat\":\"fault\"," FAULT1 "\"rip\":\"0x\"}}]}", ODD },
    { HEAD "{\"cat\":\"fault\"," FAULT1 "\"rip\":\"0x1g\"}}]}", ODD },
    { HEAD "{\"cat\":\"step\",\"ts\":-1,\"name\":\"caught\"}]}", ODD },
    { HEAD "{\"cat\":\"step\",\"ts\":1e300,\"name\":\"caught\"}]}", ODD },
    { HEAD "{\"cat\":\"step\",\"ts\":\"1\",\"name\":\"caught\"}]}", ODD },
    { HEAD "{\"cat\":\"step\",\"ts\":1,\"name\":\"\\u001b[2J\"}]}", ODD },
    { HEAD "{\"cat\":\"step\",\"ts\":1,\"name\":\"caught\",\"args\":{\"fault\":-1}}]}", ODD },
    { HEAD "{\"cat\":\"step\",\"ts\":1,\"name\":\"caught\",\"args\":{\"fault\":4294967296}}]}", ODD },
    { HEAD "{\"cat\":\"disk\",\"ts\":1,\"dur\":1,\"args\":{\"requests\":1.5}}]}", ODD },
    { HEAD "{\"cat\":\"step\",\"cat\":\"step\"}]}", "duplicate object key" },
    { HEAD "{\"cat\":\"\xff\"}]}", "unable to decode byte 0xff" },
};

static char *file_of(const char *text, size_t length)
{
    static char path[32];
    strcpy(path, "/tmp/trace-test-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, text, length), (ssize_t)length);
    close(fd);
    return path;
}

static int list_file(const char *path)
{
    struct trace_faults faults;
    said[0] = '\0';
    error_sink = remember;
    int err = trace_list_faults(path, &origin, &faults);
    free(faults.list);
    unlink(path);
    return err;
}

START_TEST(a_broken_file_is_refused_with_the_reason)
{
    ck_assert_int_lt(list_file(file_of(broken[_i].text, strlen(broken[_i].text))), 0);
    ck_assert_msg(strstr(said, broken[_i].reason) != NULL, "%s: %s", broken[_i].text, said);
    ck_assert_ptr_nonnull(strstr(said, ", line 1: "));
}
END_TEST

START_TEST(a_file_cut_off_anywhere_is_refused)
{
    char *text = contents(RECORDED);
    size_t whole = strlen(text) - 1;
    for (size_t length = 0; length < whole; length += length < 300 || length > whole - 300 ? 1 : 97)
        ck_assert_msg(list_file(file_of(text, length)) < 0, "%zu bytes", length);
    ck_assert_int_eq(list_file(file_of(text, whole)), 0);
    free(text);
}
END_TEST

/* With a fixed seed: what comes of it is of no interest, as long as it is an answer. */
START_TEST(a_file_with_other_bytes_in_it_does_no_harm)
{
    char *text = contents(RECORDED);
    size_t length = strlen(text);
    srand(1);
    for (int round = 0; round < 300; round++) {
        char *other = strdup(text);
        for (int i = 0; i < 1 + rand() % 4; i++)
            other[(size_t)rand() % length] = "{}[]\",:0e-\\x"[rand() % 12];
        int err = list_file(file_of(other, length));
        ck_assert(err == 0 || said[0]);
        free(other);
    }
    free(text);
}
END_TEST

START_TEST(a_value_that_is_too_large_is_refused)
{
    size_t room = 2 * JSON_STREAM_MOST;
    char *text = calloc(1, room);
    strcpy(text, HEAD "\"");
    memset(text + strlen(text), 'a', room - 100);
    ck_assert_int_lt(list_file(file_of(text, strlen(text))), 0);
    ck_assert_ptr_nonnull(strstr(said, "a value is larger than 64 KiB"));
    strcpy(text, HEAD);
    memset(text + strlen(text), '[', JSON_STREAM_MOST - 100);
    ck_assert_int_lt(list_file(file_of(text, strlen(text))), 0);
    free(text);
}
END_TEST

START_TEST(a_fault_that_is_there_twice_is_refused)
{
    struct trace_story s = { .number = 1 };
    const char *text = HEAD FAULT "," FAULT "]}";
    char *path = file_of(text, strlen(text));
    error_sink = remember;
    ck_assert_int_lt(trace_read_stories(path, &origin, &s, 1), 0);
    ck_assert_str_eq(said, "fault 1 is twice in the trace");
    unlink(path);
    trace_story_free(&s);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    error_sink = remember;
    ck_assert_int_lt(trace_read_stories("/tmp", &origin, NULL, 0), 0);
    ck_assert_str_eq(said, "cannot use /tmp: it is not a regular file");
    ck_assert_int_lt(trace_read_stories("/nonexistent", &origin, NULL, 0), 0);
    ck_assert_str_eq(said, "cannot open /nonexistent: No such file or directory");
}
END_TEST

START_TEST(names_of_the_run_are_made_printable)
{
    const char *text =
        "{\"otherData\":{\"faultvisor\":\"1\",\"mode\":\"pv-and-many-letters-more\",\"substrate\":"
        "\"\\u001b[31m\",\"program\":[\"/bin/x\",1,\"\\u00e9\"]},\"traceEvents\":[]}";
    ck_assert_int_eq(list_file(file_of(text, strlen(text))), 0);
    ck_assert_str_eq(origin.mode, "pv-and-many-let");
    ck_assert_str_eq(origin.substrate, "?[31m");
    ck_assert_str_eq(origin.program, "/bin/x  ??");
}
END_TEST

int main(void)
{
    TCase *pictures = tcase_create("pictures");
    tcase_set_timeout(pictures, 30);
    tcase_add_checked_fixture(pictures, NULL, teardown);
    tcase_add_loop_test(pictures, typical_faults_are_drawn_as_before, 0, NR_RECORDED);
    tcase_add_test(pictures, one_fault_is_drawn_in_ascii);
    tcase_add_loop_test(pictures, an_error_code_is_told_in_words, 0, sizeof(errors) / sizeof(errors[0]));
    tcase_add_loop_test(pictures, a_diagram_is_no_wider_than_the_terminal, 0, NR_RECORDED);
    tcase_add_loop_test(pictures, the_picture_is_well_formed, 0, NR_RECORDED);
    tcase_add_loop_test(pictures, recorded_faults_have_their_steps_in_order, 0, NR_RECORDED);
    tcase_add_test(pictures, the_typical_fault_has_the_median_time_of_the_most_common_exits);
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 30);
    tcase_add_checked_fixture(files, NULL, teardown);
    tcase_add_loop_test(files, a_broken_file_is_refused_with_the_reason, 0,
                        sizeof(broken) / sizeof(broken[0]));
    tcase_add_test(files, a_file_cut_off_anywhere_is_refused);
    tcase_add_test(files, a_file_with_other_bytes_in_it_does_no_harm);
    tcase_add_test(files, a_value_that_is_too_large_is_refused);
    tcase_add_test(files, a_fault_that_is_there_twice_is_refused);
    tcase_add_test(files, what_is_no_file_is_refused);
    tcase_add_test(files, names_of_the_run_are_made_printable);
    Suite *s = suite_create("trace_draw");
    suite_add_tcase(s, pictures);
    suite_add_tcase(s, files);
    return run_suite(s);
}
