/* The JSON of a run. */
#include <errno.h>
#include <string.h>
#include "pv/pv.h"
#include "vmm/error.h"
#include "vmm/json_text.h"
#include "vmm/output.h"
#include "vmm/report.h"
#include "vmm/substrate.h"

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *histogram_json(const struct tally *t)
{
    json_t *histogram = json_object();
    char exits[24];
    for (unsigned i = 0; i < LEDGER_HISTOGRAM; i++) {
        if (!t->histogram[i])
            continue;
        snprintf(exits, sizeof(exits), i + 1 < LEDGER_HISTOGRAM ? "%u" : "%u+", i);
        json_object_set_new(histogram, exits, number(t->histogram[i]));
    }
    return histogram;
}

static json_t *rows_json(const struct tally *t)
{
    json_t *rows = json_object();
    for (unsigned i = 0; i < NR_LEDGER_ROWS; i++)
        if (t->rows[i])
            json_object_set_new(rows, ledger_row_name(i), number(t->rows[i]));
    return rows;
}

static json_t *tally_json(const struct tally *t)
{
    json_t *o = json_object();
    json_object_set_new(o, "count", number(t->count));
    json_object_set_new(o, "exits", number(t->exits));
    json_object_set_new(o, "min", number(t->min));
    json_object_set_new(o, "max", number(t->max));
    json_object_set_new(o, "histogram", histogram_json(t));
    json_object_set_new(o, "by_cause", rows_json(t));
    json_object_set_new(o, "ns", number(t->ns));
    json_object_set_new(o, "p10_ns", number(time_histogram_quantile(&t->times, 100)));
    json_object_set_new(o, "median_ns", number(time_histogram_quantile(&t->times, 500)));
    json_object_set_new(o, "p90_ns", number(time_histogram_quantile(&t->times, 900)));
    return o;
}

static json_t *exits_json(const struct ledger *l)
{
    json_t *by_cause = json_object();
    for (int i = 0; i < NR_EXIT_CAUSES; i++)
        if (l->causes[i])
            json_object_set_new(by_cause, exit_cause_name(i), number(l->causes[i]));
    json_t *o = json_object();
    json_object_set_new(o, "total", number(l->exits));
    json_object_set_new(o, "by_cause", by_cause);
    return o;
}

static json_t *faults_json(const struct ledger *l)
{
    json_t *o = json_object();
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        json_object_set_new(o, fault_class_name(i), tally_json(&l->faults[i]));
    return o;
}

static json_t *outside_json(const struct ledger *l)
{
    json_t *o = json_object();
    for (int i = 0; i < NR_ACCOUNTS; i++)
        if (i != ACCOUNT_FAULT)
            json_object_set_new(o, account_name(i), number(l->accounts[i]));
    json_object_set_new(o, "unfinished-fault", number(ledger_unfinished(l)));
    return o;
}

static json_t *disk_json(const struct vmm *v)
{
    struct disk_stats sum = { 0 };
    for (unsigned i = 0; i < v->nr_disks; i++) {
        const struct disk_stats *s = &v->disks[i]->stats;
        sum.reads += s->reads;
        sum.writes += s->writes;
        sum.bytes_read += s->bytes_read;
        sum.bytes_written += s->bytes_written;
        sum.errors += s->errors;
    }
    json_t *o = json_object();
    json_object_set_new(o, "reads", number(sum.reads));
    json_object_set_new(o, "writes", number(sum.writes));
    json_object_set_new(o, "bytes_read", number(sum.bytes_read));
    json_object_set_new(o, "bytes_written", number(sum.bytes_written));
    json_object_set_new(o, "errors", number(sum.errors));
    json_object_set_new(o, "notifies", number(v->ledger.disk_notifies));
    return o;
}

static json_t *hypercalls_json(const struct vmm *v)
{
    json_t *o = json_object();
    for (unsigned i = 0; i < NR_PV_HYPERCALLS; i++)
        if (v->hypercalls[i])
            json_object_set_new(o, pv_hypercall_name(i), number(v->hypercalls[i]));
    return o;
}

static void add_mode_count(void *arg, const char *group, const char *name, uint64_t n)
{
    json_t *o = json_object_get(arg, group);
    if (!o) {
        o = json_object();
        json_object_set_new(arg, group, o);
    }
    json_object_set_new(o, name, number(n));
}

static void add_kvm_stat(void *arg, const char *name, uint64_t value)
{
    json_object_set_new(arg, name, number(value));
}

static json_t *program_json(const struct options *o)
{
    json_t *program = json_array();
    for (int i = 0; i < o->argc; i++)
        json_array_append_new(program, json_text(o->argv[i]));
    return program;
}

json_t *report_to_json(struct vmm *v, int status)
{
    json_t *kvm = json_object();
    machine_kvm_stats(&v->machine, add_kvm_stat, kvm);
    json_t *o = json_object();
    json_object_set_new(o, "faultvisor", json_string(FV_VERSION));
    json_object_set_new(o, "mode", json_string(v->mode->name));
    json_object_set_new(o, "substrate", json_string(substrate_name()));
    json_object_set_new(o, "program", program_json(v->options));
    json_object_set_new(o, "memory_bytes", number(v->options->memory_bytes));
    json_object_set_new(o, "policy", json_string(v->options->policy));
    json_object_set_new(o, "exit_status", json_integer(status));
    json_object_set_new(o, "exits", exits_json(&v->ledger));
    json_object_set_new(o, "faults", faults_json(&v->ledger));
    json_object_set_new(o, "system_calls", tally_json(&v->ledger.system_calls));
    json_object_set_new(o, "timer", tally_json(&v->ledger.timers));
    json_object_set_new(o, "outside_faults", outside_json(&v->ledger));
    json_object_set_new(o, "hypercalls", hypercalls_json(v));
    if (v->mode->each_count)
        v->mode->each_count(v, add_mode_count, o);
    json_object_set_new(o, "disk", disk_json(v));
    json_object_set_new(o, "kvm", kvm);
    json_object_set_new(o, "start_ns", number(v->first_program_ns ? v->first_program_ns - v->start_ns : 0));
    json_object_set_new(o, "wall_ns", number(v->end_ns - v->start_ns));
    return o;
}

#define WHAT "the counts"

FILE *report_open_json(const char *path)
{
    return output_open(path, WHAT);
}

int report_write_json(struct vmm *v, int status, FILE *to, const char *path)
{
    json_t *o = report_to_json(v, status);
    errno = ENOMEM;
    bool bad = !o || json_dumpf(o, to, JSON_INDENT(2)) < 0 || fputc('\n', to) == EOF || fflush(to) == EOF;
    int error = bad ? errno : 0;
    json_decref(o);
    if (to == stdout && error == EPIPE)
        return -EPIPE; /* whoever reads it may not want it all; that is no failure */
    return output_close(to, error, path, WHAT);
}
