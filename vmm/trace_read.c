/* Reading of a trace.
 *   1. fields, each checked for its type and range
 *   2. events by category
 *   3. the file around them */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/json_stream.h"
#include "vmm/trace_read.h"
#include "vmm/vmm.h"

#define MOST_US    1e12 /* eleven days */
#define MOST_EXITS 1000000000u

/* 1. Fields. A getter answers false if the field is missing or not what it should be. */

static bool get_ns(const json_t *o, const char *key, uint64_t *ns)
{
    const json_t *n = json_object_get(o, key);
    double us = json_number_value(n);
    if (!json_is_number(n) || !(us >= 0 && us <= MOST_US))
        return false;
    *ns = (uint64_t)(us * 1000 + 0.5);
    return true;
}

static bool get_uint(const json_t *o, const char *key, uint32_t most, uint32_t *value)
{
    const json_t *n = json_object_get(o, key);
    json_int_t i = json_integer_value(n);
    if (!json_is_integer(n) || i < 0 || i > (json_int_t)most)
        return false;
    *value = (uint32_t)i;
    return true;
}

static bool get_hex(const json_t *o, const char *key, uint64_t *value)
{
    const char *text = json_string_value(json_object_get(o, key));
    if (!text || strncmp(text, "0x", 2) || strlen(text) > 18 || strlen(text) < 3 ||
        strspn(text + 2, "0123456789abcdef") != strlen(text + 2))
        return false;
    *value = strtoull(text, NULL, 16);
    return true;
}

/* One of the names of a table. */
static bool get_name(const json_t *o, const char *key, const char *(*name)(int), int count, uint8_t *value)
{
    const char *text = json_string_value(json_object_get(o, key));
    for (int i = 0; text && i < count; i++)
        if (!strcmp(text, name(i))) {
            *value = (uint8_t)i;
            return true;
        }
    return false;
}

static const char *name_of_cause(int i)
{
    return exit_cause_name((enum exit_cause)i);
}

static const char *name_of_account(int i)
{
    return account_name((enum account)i);
}

static const char *name_of_lane(int i)
{
    return trace_lane_name((enum trace_lane)i);
}

static const char *name_of_step(int i)
{
    return trace_step_name((enum trace_step)i);
}

static const char *name_of_source(int i)
{
    return trace_source_name((enum trace_source)i);
}

static const char *name_of_instruction(int i)
{
    return trace_instruction_name(FV_NONE + 1 + i);
}

/* 2. Events. Each of these fills what its kind has; false: it is not as it should be. */

/* Few exits have one. */
static bool read_instruction(const json_t *args, struct trace_record *r)
{
    uint64_t port = 0;
    if (!json_object_get(args, "instruction"))
        return true;
    if (json_object_get(args, "port") && (!get_hex(args, "port", &port) || port > UINT16_MAX))
        return false;
    r->port = (uint16_t)port;
    if (!get_name(args, "instruction", name_of_instruction, NR_TRACE_INSTRUCTIONS - 1, &r->instruction))
        return false;
    r->instruction += FV_NONE + 1;
    return true;
}

static bool read_exit(const json_t *o, const json_t *args, struct trace_record *r)
{
    r->kind = RECORD_EXIT;
    return get_ns(o, "dur", &r->duration_ns) &&
           get_name(o, "name", name_of_cause, NR_EXIT_CAUSES, &r->what) &&
           get_name(args, "account", name_of_account, NR_ACCOUNTS, &r->payer) &&
           get_name(args, "from", name_of_lane, NR_TRACE_LANES, &r->from) &&
           get_name(args, "to", name_of_lane, NR_TRACE_LANES, &r->to) &&
           read_instruction(args, r);
}

static bool read_step(const json_t *o, const json_t *args, struct trace_record *r)
{
    r->kind = RECORD_STEP;
    r->from = SOURCE_SEEN;
    return get_name(o, "name", name_of_step, NR_TRACE_STEPS, &r->what) &&
           (!json_object_get(args, "source") ||
            get_name(args, "source", name_of_source, NR_TRACE_SOURCES, &r->from));
}

static bool read_disk(const json_t *o, const json_t *args, struct trace_record *r)
{
    r->kind = RECORD_DISK;
    return get_ns(o, "dur", &r->duration_ns) && get_uint(args, "requests", MOST_EXITS, &r->exits);
}

static bool read_work(const json_t *o, const json_t *args, struct trace_record *r)
{
    (void)o;
    r->kind = RECORD_WORK;
    r->from = json_is_true(json_object_get(args, "root"));
    return get_uint(args, "stores", MOST_EXITS, &r->exits) &&
           get_uint(args, "flushes", MOST_EXITS, &r->error);
}

static bool read_fault(const json_t *o, const json_t *args, struct trace_record *r)
{
    r->kind = RECORD_FAULT;
    r->from = json_is_true(json_object_get(args, "stopped"));
    return r->fault && get_ns(o, "dur", &r->duration_ns) &&
           get_name(args, "class", trace_class_name, NR_TRACE_CLASSES, &r->what) &&
           get_uint(args, "exits", MOST_EXITS, &r->exits) && get_uint(args, "error", UINT32_MAX, &r->error) &&
           get_hex(args, "address", &r->address) && get_hex(args, "rip", &r->rip);
}

static const struct {
    const char *category;
    bool (*read)(const json_t *o, const json_t *args, struct trace_record *r);
} readers[] = {
    { "exit", read_exit },    { "step", read_step },   { "disk", read_disk },
    { "monitor", read_work }, { "fault", read_fault },
};

/* 1: *r is an event; 0: it is one that nobody asks for; -EINVAL: it is none. */
static int decode(const json_t *o, struct trace_record *r)
{
    *r = (struct trace_record){ 0 };
    if (!json_is_object(o))
        return -EINVAL;
    const char *category = json_string_value(json_object_get(o, "cat"));
    const json_t *args = json_object_get(o, "args");
    for (size_t i = 0; category && i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (strcmp(category, readers[i].category))
            continue;
        if (json_object_get(args, "fault") && !get_uint(args, "fault", UINT32_MAX, &r->fault))
            return -EINVAL;
        return get_ns(o, "ts", &r->ns) && readers[i].read(o, args, r) ? 1 : -EINVAL;
    }
    return 0;
}

/* 3. The file. */

static void append_text(char *to, size_t size, const char *text)
{
    size_t used = strlen(to);
    for (; text && *text && used + 1 < size; text++)
        to[used++] = *text >= ' ' && *text <= '~' ? *text : '?';
    to[used] = '\0';
}

static void read_origin(const json_t *o, struct trace_origin *origin)
{
    size_t i;
    const json_t *word;
    append_text(origin->mode, sizeof(origin->mode), json_string_value(json_object_get(o, "mode")));
    append_text(origin->substrate, sizeof(origin->substrate),
                json_string_value(json_object_get(o, "substrate")));
    json_array_foreach(json_object_get(o, "program"), i, word)
    {
        append_text(origin->program, sizeof(origin->program), i ? " " : "");
        append_text(origin->program, sizeof(origin->program), json_string_value(word));
    }
}

static int read_event(struct json_stream *s, trace_visitor *visit, void *arg)
{
    struct trace_record r;
    json_t *event = json_stream_value(s);
    if (!event)
        return -EINVAL;
    int kind = decode(event, &r);
    json_decref(event);
    if (kind < 0)
        return json_stream_fail(s, "this event is not as faultvisor run --trace writes it");
    return kind && !visit(arg, &r) ? -EINVAL : 0;
}

static int read_events(struct json_stream *s, trace_visitor *visit, void *arg)
{
    if (!json_stream_take(s, '['))
        return json_stream_fail(s, "traceEvents is no array");
    int err = 0;
    if (json_stream_take(s, ']'))
        return 0;
    do
        err = read_event(s, visit, arg);
    while (!err && json_stream_take(s, ','));
    if (!err && !json_stream_take(s, ']'))
        err = json_stream_fail(s, "it ends in the middle of the events, as if the run had been killed");
    return err;
}

/* One member of the outermost object. */
static int read_member(struct json_stream *s, struct trace_origin *origin, trace_visitor *visit, void *arg)
{
    json_t *key = json_stream_value(s);
    if (!key)
        return -EINVAL;
    const char *name = json_string_value(key);
    int err = 0;
    if (!name || !json_stream_take(s, ':')) {
        err = json_stream_fail(s, "it is no JSON object");
    } else if (!strcmp(name, "traceEvents")) {
        err = origin->mode[0] ? read_events(s, visit, arg)
                              : json_stream_fail(s, "it is not a trace of faultvisor run --trace");
    } else {
        json_t *value = json_stream_value(s);
        err = value ? 0 : -EINVAL;
        if (!strcmp(name, "otherData") && json_is_string(json_object_get(value, "faultvisor")))
            read_origin(value, origin);
        json_decref(value);
    }
    json_decref(key);
    return err;
}

int trace_read(const char *path, struct trace_origin *origin, trace_visitor *visit, void *arg)
{
    struct json_stream s;
    int err = json_stream_open(&s, path);
    if (err)
        return err;
    *origin = (struct trace_origin){ 0 };
    if (!json_stream_take(&s, '{'))
        err = json_stream_fail(&s, "it is not a trace of faultvisor run --trace");
    else
        do
            err = read_member(&s, origin, visit, arg);
        while (!err && json_stream_take(&s, ','));
    if (!err && !json_stream_take(&s, '}'))
        err = json_stream_fail(&s, "it ends in the middle");
    if (!err && !origin->mode[0])
        err = json_stream_fail(&s, "it is not a trace of faultvisor run --trace");
    if (!err && json_stream_peek(&s) != EOF)
        err = json_stream_fail(&s, "something comes after its end");
    json_stream_close(&s);
    return err;
}
