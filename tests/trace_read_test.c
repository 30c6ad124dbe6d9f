/* Reading of traces: files that are none are refused, whatever is in them. */
#include "trace_recorded.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/json_stream.h"
#include "tests/said.h"
#include "tests/scratch_file.h"

#define HEAD "{\"otherData\":{\"faultvisor\":\"1\",\"mode\":\"pv\"},\"traceEvents\":["
#define FAULT1                                                                                               \
    "\"ts\":1,\"dur\":2,\"args\":{\"fault\":1,\"class\":\"minor\",\"exits\":2,\"address\":\"0x1\","          \
    "\"error\":4,"
#define FAULT "{\"cat\":\"fault\"," FAULT1 "\"rip\":\"0x1\"}}"
#define EXIT                                                                                                 \
    "{\"cat\":\"exit\",\"ts\":1,\"dur\":1,\"name\":\"port\",\"args\":{\"account\":\"boot\",\"from\":"        \
    "\"VMM\","                                                                                               \
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

/* Of a file of these bytes. */
static int list_faults(const char *text, size_t length)
{
    struct trace_faults faults;
    make_file();
    write_bytes(text, length);
    keep_what_is_said();
    int err = trace_list_faults(path, &origin, &faults);
    free(faults.list);
    unlink(path);
    return err;
}

START_TEST(a_broken_file_is_refused_with_the_reason)
{
    ck_assert_int_lt(list_faults(broken[_i].text, strlen(broken[_i].text)), 0);
    ck_assert_msg(strstr(said, broken[_i].reason) != NULL, "%s: %s", broken[_i].text, said);
    ck_assert_ptr_nonnull(strstr(said, ", line 1: "));
}
END_TEST

START_TEST(a_file_cut_off_anywhere_is_refused)
{
    char *text = golden_read(RECORDED);
    size_t whole = strlen(text) - 1;
    for (size_t length = 0; length < whole; length += length < 300 || length > whole - 300 ? 1 : 97)
        ck_assert_msg(list_faults(text, length) < 0, "%zu bytes", length);
    ck_assert_int_eq(list_faults(text, whole), 0);
    free(text);
}
END_TEST

/* With a fixed seed: what comes of it is of no interest, as long as it is an answer. */
START_TEST(a_file_with_other_bytes_in_it_does_no_harm)
{
    char *text = golden_read(RECORDED);
    size_t length = strlen(text);
    srand(1);
    for (int round = 0; round < 300; round++) {
        char *other = strdup(text);
        for (int i = 0; i < 1 + rand() % 4; i++)
            other[(size_t)rand() % length] = "{}[]\",:0e-\\x"[rand() % 12];
        int err = list_faults(other, length);
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
    ck_assert_int_lt(list_faults(text, strlen(text)), 0);
    ck_assert_ptr_nonnull(strstr(said, "a value is larger than 64 KiB"));
    strcpy(text, HEAD);
    memset(text + strlen(text), '[', JSON_STREAM_MOST - 100);
    ck_assert_int_lt(list_faults(text, strlen(text)), 0);
    free(text);
}
END_TEST

START_TEST(a_fault_that_is_there_twice_is_refused)
{
    struct trace_story s = { .number = 1 };
    make_file();
    write_file(HEAD FAULT "," FAULT "]}");
    keep_what_is_said();
    ck_assert_int_lt(trace_read_stories(path, &origin, &s, 1), 0);
    ck_assert_str_eq(said, "fault 1 is twice in the trace");
    unlink(path);
    trace_story_free(&s);
}
END_TEST

START_TEST(what_is_no_file_is_refused)
{
    keep_what_is_said();
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
    ck_assert_int_eq(list_faults(text, strlen(text)), 0);
    ck_assert_str_eq(origin.mode, "pv-and-many-let");
    ck_assert_str_eq(origin.substrate, "?[31m");
    ck_assert_str_eq(origin.program, "/bin/x  ??");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("trace_read");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, a_broken_file_is_refused_with_the_reason, 0, sizeof(broken) / sizeof(broken[0]));
    tcase_add_test(t, a_file_cut_off_anywhere_is_refused);
    tcase_add_test(t, a_file_with_other_bytes_in_it_does_no_harm);
    tcase_add_test(t, a_value_that_is_too_large_is_refused);
    tcase_add_test(t, a_fault_that_is_there_twice_is_refused);
    tcase_add_test(t, what_is_no_file_is_refused);
    tcase_add_test(t, names_of_the_run_are_made_printable);
    Suite *s = suite_create("trace_read");
    suite_add_tcase(s, t);
    return run_suite(s);
}
