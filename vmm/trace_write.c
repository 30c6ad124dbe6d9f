/* Events as text.
 *   1. pieces
 *   2. one event of each kind
 *   3. head and tail
 * Every name comes from a table of ours; only the head holds text from outside, and goes through jansson. */
#include <jansson.h>
#include "pv/pv.h"
#include "vmm/json_text.h"
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

static void write_time(FILE *to, const char *key, uint64_t ns)
{
    fprintf(to, ",\"%s\":%llu.%03u", key, (unsigned long long)(ns / 1000), (unsigned)(ns % 1000));
}

static void open_event(FILE *to, const char *phase, enum trace_lane lane, const char *category, uint64_t ns)
{
    fprintf(to, "{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"cat\":\"%s\"", phase, TRACE_PROCESS, (int)lane + 1,
            category);
    write_time(to, "ts", ns);
}

static void open_span(FILE *to, enum trace_lane lane, const char *category, const struct trace_record *r,
                      uint64_t ns)
{
    open_event(to, "X", lane, category, ns);
    write_time(to, "dur", r->duration_ns);
}

static void open_instant(FILE *to, enum trace_lane lane, const char *category, uint64_t ns)
{
    open_event(to, "i", lane, category, ns);
    fputs(",\"s\":\"t\"", to);
}

static void close_event(FILE *to, const struct trace_record *r)
{
    if (r->fault)
        fprintf(to, "\"fault\":%u", r->fault);
    fputs("}}", to);
}

/* 2. Kinds. */

static const char *comma(const struct trace_record *r)
{
    return r->fault ? "," : "";
}

/* The guest's part in an exit. */
static void write_deed(FILE *to, const struct trace_record *r)
{
    if (r->instruction != FV_NONE)
        fprintf(to, ",\"instruction\":\"%s\"", trace_instruction_name(r->instruction));
    if (r->instruction == TRACE_IN || r->instruction == TRACE_OUT)
        fprintf(to, ",\"port\":\"0x%x\"", r->port);
    const char *between = ",\"hypercalls\":\"";
    for (unsigned op = 0; op < NR_PV_HYPERCALLS; op++)
        if (r->hypercalls & 1u << op) {
            fprintf(to, "%s%s", between, pv_hypercall_name(op));
            between = " ";
        }
    if (r->hypercalls)
        fputc('"', to);
}

static void write_exit(FILE *to, const struct trace_record *r, uint64_t ns)
{
    open_span(to, LANE_VMM, "exit", r, ns);
    fprintf(to, ",\"name\":\"%s\",\"args\":{\"account\":\"%s\",\"from\":\"%s\",\"to\":\"%s\"",
            exit_cause_name(r->what), account_name(r->payer), trace_lane_name(r->from),
            trace_lane_name(r->to));
    write_deed(to, r);
    fputs(comma(r), to);
    close_event(to, r);
}

static void write_step(FILE *to, const struct trace_record *r, uint64_t ns)
{
    open_instant(to, trace_step_lane(r->what), "step", ns);
    fprintf(to, ",\"name\":\"%s\",\"args\":{", trace_step_name(r->what));
    if (r->from != SOURCE_SEEN)
        fprintf(to, "\"source\":\"%s\"%s", trace_source_name(r->from), comma(r));
    close_event(to, r);
}

static void write_work(FILE *to, const struct trace_record *r, uint64_t ns)
{
    open_instant(to, LANE_MONITOR, "monitor", ns);
    fprintf(to, ",\"name\":\"work\",\"args\":{\"stores\":%u,\"flushes\":%u,\"root\":%s%s", r->exits, r->error,
            r->from ? "true" : "false", comma(r));
    close_event(to, r);
}

static void write_fault(FILE *to, const struct trace_record *r, uint64_t ns)
{
    open_span(to, LANE_PROGRAM, "fault", r, ns);
    fprintf(
        to,
        ",\"name\":\"%s fault\",\"args\":{\"class\":\"%s\",\"exits\":%u,\"address\":\"0x%llx\",\"error\":%u,",
        trace_class_name(r->what), trace_class_name(r->what), r->exits, (unsigned long long)r->address,
        r->error);
    fprintf(to, "\"access\":\"%s\",\"rip\":\"0x%llx\",%s", trace_access_name(r->error),
            (unsigned long long)r->rip, r->from ? "\"stopped\":true," : "");
    close_event(to, r);
}

static void write_plain_span(FILE *to, const struct trace_record *r, uint64_t ns)
{
    switch (r->kind) {
    case RECORD_RUN:
        open_span(to, LANE_KERNEL, "run", r, ns);
        fputs(",\"name\":\"runs\",\"args\":{", to);
        break;
    case RECORD_DISK:
        open_span(to, LANE_DISK, "disk", r, ns);
        fprintf(to, ",\"name\":\"requests\",\"args\":{\"requests\":%u%s", r->exits, comma(r));
        break;
    case RECORD_ACTIVITY:
        open_span(to, LANE_PROGRAM, "activity", r, ns);
        fprintf(to, ",\"name\":\"%s\",\"args\":{\"exits\":%u%s", account_name(r->what), r->exits, comma(r));
        break;
    default:
        open_span(to, LANE_VMM, "trace", r, ns);
        fputs(",\"name\":\"trace-written\",\"args\":{", to);
        break;
    }
    close_event(to, r);
}

void trace_write_record(FILE *to, const struct trace_record *r, uint64_t start_ns)
{
    uint64_t ns = r->ns - start_ns;
    fputs(",\n", to);
    switch (r->kind) {
    case RECORD_EXIT:
        write_exit(to, r, ns);
        break;
    case RECORD_STEP:
        write_step(to, r, ns);
        break;
    case RECORD_WORK:
        write_work(to, r, ns);
        break;
    case RECORD_FAULT:
        write_fault(to, r, ns);
        break;
    default:
        write_plain_span(to, r, ns);
    }
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
