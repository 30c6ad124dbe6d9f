/* Events as text.
 *   1. pieces
 *   2. one event of each kind
 *   3. head and tail
 * Every name comes from a table of ours; only the head holds text from outside, and goes through jansson. */
#include <jansson.h>
#include "pv/pv.h"
#include "vmm/json_text.h"
#include "vmm/text_line.h"
#include "vmm/trace_write.h"
#include "vmm/vmm.h"
#include "x86_paging.h"

#define TRACE_PROCESS 1

/* 1. Pieces. */

const char *trace_access_name(uint32_t error)
{
    if (error & PF_ERR_FETCH)
        return "execute";
    return error & PF_ERR_WRITE ? "write" : "read";
}

void trace_describe_error(uint32_t error, char text[TRACE_ERROR_BYTES])
{
    static const struct {
        uint32_t bit;
        const char *name;
    } others[] = { { PF_ERR_RESERVED, "reserved bit" },
                   { 1u << 5, "protection key" },
                   { 1u << 6, "shadow stack" },
                   { 1u << 15, "SGX" } };
    uint32_t rest = error & ~(PF_ERR_PRESENT | PF_ERR_WRITE | PF_ERR_USER | PF_ERR_FETCH);
    int used = snprintf(text, TRACE_ERROR_BYTES, "%s %s, %s", error & PF_ERR_USER ? "user" : "supervisor",
                        error & PF_ERR_FETCH ? "instruction fetch" : trace_access_name(error),
                        error & PF_ERR_PRESENT ? "protection violation" : "not present");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (rest & others[i].bit) {
            used += snprintf(text + used, TRACE_ERROR_BYTES - (size_t)used, ", %s", others[i].name);
            rest &= ~others[i].bit;
        }
    if (rest)
        snprintf(text + used, TRACE_ERROR_BYTES - (size_t)used, ", other bits");
}

static void write_time(struct text_line *to, const char *key, uint64_t ns)
{
    line_add(to, key);
    line_add_decimal(to, ns / 1000);
    line_add(to, ".");
    line_add_number(to, ns % 1000, 10, 3);
}

/* ,"key":"value" or, as the first of its object, without the comma. */
static void write_word(struct text_line *to, const char *key, const char *value)
{
    line_add(to, key);
    line_add(to, value);
    line_add(to, "\"");
}

static void write_number(struct text_line *to, const char *key, uint64_t number)
{
    line_add(to, key);
    line_add_decimal(to, number);
}

static void write_address(struct text_line *to, const char *key, uint64_t address)
{
    line_add(to, key);
    line_add_hex(to, address);
    line_add(to, "\"");
}

static void open_event(struct text_line *to, const char *phase, enum trace_lane lane, const char *category, uint64_t ns)
{
    write_word(to, "{\"ph\":\"", phase);
    write_number(to, ",\"pid\":", TRACE_PROCESS);
    write_number(to, ",\"tid\":", (unsigned)lane + 1);
    write_word(to, ",\"cat\":\"", category);
    write_time(to, ",\"ts\":", ns);
}

static void open_span(struct text_line *to, enum trace_lane lane, const char *category, const struct trace_record *r,
                      uint64_t ns)
{
    open_event(to, "X", lane, category, ns);
    write_time(to, ",\"dur\":", r->duration_ns);
}

static void open_instant(struct text_line *to, enum trace_lane lane, const char *category, uint64_t ns)
{
    open_event(to, "i", lane, category, ns);
    line_add(to, ",\"s\":\"t\"");
}

static void close_event(struct text_line *to, const struct trace_record *r)
{
    if (r->fault)
        write_number(to, "\"fault\":", r->fault);
    line_add(to, "}}");
}

/* 2. Kinds. */

static const char *comma(const struct trace_record *r)
{
    return r->fault ? "," : "";
}

/* The guest's part in an exit. */
static void write_deed(struct text_line *to, const struct trace_record *r)
{
    if (r->instruction != FV_NONE)
        write_word(to, ",\"instruction\":\"", trace_instruction_name(r->instruction));
    if (r->instruction == TRACE_IN || r->instruction == TRACE_OUT)
        write_address(to, ",\"port\":\"", r->port);
    const char *between = ",\"hypercalls\":\"";
    for (unsigned op = 0; op < NR_PV_HYPERCALLS; op++)
        if (r->hypercalls & 1u << op) {
            line_add(to, between);
            line_add(to, pv_hypercall_name(op));
            between = " ";
        }
    if (r->hypercalls)
        line_add(to, "\"");
}

static void write_exit(struct text_line *to, const struct trace_record *r, uint64_t ns)
{
    open_span(to, LANE_VMM, "exit", r, ns);
    write_word(to, ",\"name\":\"", exit_cause_name(r->what));
    write_word(to, ",\"args\":{\"account\":\"", account_name(r->payer));
    write_word(to, ",\"from\":\"", trace_lane_name(r->from));
    write_word(to, ",\"to\":\"", trace_lane_name(r->to));
    write_deed(to, r);
    line_add(to, comma(r));
    close_event(to, r);
}

static void write_step(struct text_line *to, const struct trace_record *r, uint64_t ns)
{
    open_instant(to, trace_step_lane(r->what), "step", ns);
    write_word(to, ",\"name\":\"", trace_step_name(r->what));
    line_add(to, ",\"args\":{");
    if (r->from != SOURCE_SEEN) {
        write_word(to, "\"source\":\"", trace_source_name(r->from));
        line_add(to, comma(r));
    }
    close_event(to, r);
}

static void write_work(struct text_line *to, const struct trace_record *r, uint64_t ns)
{
    open_instant(to, LANE_MONITOR, "monitor", ns);
    write_number(to, ",\"name\":\"work\",\"args\":{\"stores\":", r->exits);
    write_number(to, ",\"flushes\":", r->error);
    line_add(to, r->from ? ",\"root\":true" : ",\"root\":false");
    line_add(to, comma(r));
    close_event(to, r);
}

static void write_fault(struct text_line *to, const struct trace_record *r, uint64_t ns)
{
    open_span(to, LANE_PROGRAM, "fault", r, ns);
    line_add(to, ",\"name\":\"");
    line_add(to, trace_class_name(r->what));
    write_word(to, " fault\",\"args\":{\"class\":\"", trace_class_name(r->what));
    write_number(to, ",\"exits\":", r->exits);
    write_address(to, ",\"address\":\"", r->address);
    write_number(to, ",\"error\":", r->error);
    write_word(to, ",\"access\":\"", trace_access_name(r->error));
    write_address(to, ",\"rip\":\"", r->rip);
    line_add(to, r->from ? ",\"stopped\":true," : ",");
    close_event(to, r);
}

static void write_plain_span(struct text_line *to, const struct trace_record *r, uint64_t ns)
{
    switch (r->kind) {
    case RECORD_RUN:
        open_span(to, LANE_KERNEL, "run", r, ns);
        line_add(to, ",\"name\":\"runs\",\"args\":{");
        break;
    case RECORD_DISK:
        open_span(to, LANE_DISK, "disk", r, ns);
        write_number(to, ",\"name\":\"requests\",\"args\":{\"requests\":", r->exits);
        line_add(to, comma(r));
        break;
    case RECORD_ACTIVITY:
        open_span(to, LANE_PROGRAM, "activity", r, ns);
        write_word(to, ",\"name\":\"", account_name(r->what));
        write_number(to, ",\"args\":{\"exits\":", r->exits);
        line_add(to, comma(r));
        break;
    default:
        open_span(to, LANE_VMM, "trace", r, ns);
        line_add(to, ",\"name\":\"trace-written\",\"args\":{");
        break;
    }
    close_event(to, r);
}

void trace_write_record(FILE *to, const struct trace_record *r, uint64_t start_ns)
{
    struct text_line line;
    uint64_t ns = r->ns - start_ns;
    line.length = 0;
    line_add(&line, ",\n");
    switch (r->kind) {
    case RECORD_EXIT:
        write_exit(&line, r, ns);
        break;
    case RECORD_STEP:
        write_step(&line, r, ns);
        break;
    case RECORD_WORK:
        write_work(&line, r, ns);
        break;
    case RECORD_FAULT:
        write_fault(&line, r, ns);
        break;
    default:
        write_plain_span(&line, r, ns);
    }
    fwrite(line.text, 1, line.length, to);
}

/* 3. Head and tail. */

static json_t *about_json(const struct trace_about *about)
{
    json_t *program = json_array();
    for (int i = 0; i < about->program_words; i++)
        json_array_append_new(program, json_text(about->program[i]));
    json_t *o = json_object();
    json_object_set_new(o, "faultvisor", json_string(FV_VERSION));
    json_object_set_new(o, "mode", json_string(about->mode));
    json_object_set_new(o, "substrate", json_string(about->substrate));
    json_object_set_new(o, "program", program);
    return o;
}

/* Names of the process and of the lanes, as the viewers show them. */
static void write_names(FILE *to, const struct trace_about *about)
{
    fprintf(to, "\n{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"faultvisor %s\"}}",
            TRACE_PROCESS, about->mode);
    for (int lane = 0; lane < NR_TRACE_LANES; lane++) {
        fprintf(to,
                ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}",
                TRACE_PROCESS, lane + 1, trace_lane_name(lane));
        fprintf(to,
                ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_sort_index\",\"args\":{\"sort_"
                "index\":%d}}",
                TRACE_PROCESS, lane + 1, lane);
    }
}

void trace_write_head(FILE *to, const struct trace_about *about)
{
    json_t *o = about_json(about);
    fputs("{\"displayTimeUnit\":\"ns\",\"otherData\":", to);
    json_dumpf(o, to, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(o);
    fputs(",\"traceEvents\":[", to);
    write_names(to, about);
}

void trace_write_tail(FILE *to)
{
    fputs("\n]}\n", to);
}
