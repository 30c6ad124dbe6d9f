/* Rows of the table, section by section:
 *   1. pieces: numbers of a run, a row of them, its ratios
 *   2. the numbers
 *   3. the sections in order */
#include <errno.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/ledger.h"
#include "vmm/run_table.h"
#include "vmm/vmm.h"

struct builder {
    struct table *table;
    const struct run_column *runs;
    unsigned nr_runs;
    const char *substrate; /* rows are of runs on this one only; NULL: of all */
    int err;
};

/* 1. Pieces. */

/* A number of one run, for a row; false: it has none. name: of the row, or what the row was made with. */
typedef bool number_fn(const json_t *run, const char *name, double *value);

/* run's a.b, or its a if b is NULL. */
static const json_t *member(const json_t *run, const char *a, const char *b)
{
    const json_t *o = json_object_get(run, a);
    return b ? json_object_get(o, b) : o;
}

static bool number_of(const json_t *value, double *number)
{
    if (!json_is_number(value))
        return false;
    *number = json_number_value(value);
    return true;
}

static void set_cell(struct table_cell *c, double value, unsigned decimals)
{
    if (decimals)
        table_cell_set_real(c, value, decimals);
    else
        table_cell_set_integer(c, value < 0 ? 0 : value >= 0x1p64 ? UINT64_MAX : (uint64_t)value);
}

static const char *substrate_of(const json_t *run)
{
    const char *name = json_string_value(member(run, "substrate", NULL));
    return name ? name : "?";
}

static bool number_in(const struct builder *b, unsigned column, number_fn *number, const char *name, double *value)
{
    const json_t *run = b->runs[column].run;
    return (!b->substrate || !strcmp(substrate_of(run), b->substrate)) && number(run, name, value);
}

/* One row; where no run has a number, or all have zero, none. */
static void add_row(struct builder *b, const char *section, const char *label, number_fn *number,
                    const char *name, unsigned decimals)
{
    double first = 0, value;
    bool is_wanted = false;
    for (unsigned i = 0; i < b->nr_runs; i++)
        is_wanted = is_wanted || (number_in(b, i, number, name, &value) && value != 0);
    if (!is_wanted || b->err)
        return;
    struct table_row *row = table_add_row(b->table, section, label);
    if (!row) {
        b->err = -ENOMEM;
        return;
    }
    bool has_first = number_in(b, 0, number, name, &first) && first != 0;
    for (unsigned i = 0; i < b->nr_runs; i++) {
        if (!number_in(b, i, number, name, &value))
            continue;
        set_cell(&row->cells[i], value, decimals);
        if (i > 0 && has_first)
            table_cell_set_real(&row->cells[b->nr_runs + i - 1], value / first, 2);
    }
}

/* A row for each name that the object has in any of the runs, in the order in which they come up. */
static void add_rows_of(struct builder *b, const char *section, number_fn *number,
                        const json_t *(*object)(const json_t *run))
{
    json_t *seen = json_object();
    for (unsigned i = 0; i < b->nr_runs; i++) {
        void *at = json_object_iter((json_t *)object(b->runs[i].run));
        for (; at; at = json_object_iter_next((json_t *)object(b->runs[i].run), at)) {
            const char *name = json_object_iter_key(at);
            if (!json_object_get(seen, name))
                add_row(b, section, name, number, name, 0);
            json_object_set_new(seen, name, json_true());
        }
    }
    json_decref(seen);
}

/* 2. The numbers. Those of a class take its name. */

static const json_t *class_member(const json_t *run, const char *class, const char *key)
{
    return json_object_get(member(run, "faults", class), key);
}

/* Where faults do not exit, none were counted, which is not to say that there were none. */
static bool fault_count(const json_t *run, const char *class, double *value)
{
    const char *mode = json_string_value(member(run, "mode", NULL));
    return mode && mode_counts_faults(mode) && number_of(class_member(run, class, "count"), value);
}

static bool all_faults(const json_t *run, const char *name, double *value)
{
    double sum = 0, count;
    bool found = false;
    (void)name;
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        if (fault_count(run, fault_class_name(i), &count)) {
            sum += count;
            found = true;
        }
    *value = sum;
    return found;
}

/* What is told of one fault is told only where there was one. */
static bool of_one_fault(const json_t *run, const char *class, const char *key, double *value)
{
    double count;
    return fault_count(run, class, &count) && count > 0 && number_of(class_member(run, class, key), value);
}

static bool mean_exits(const json_t *run, const char *class, double *value)
{
    double count, exits;
    if (!fault_count(run, class, &count) || count <= 0 ||
        !number_of(class_member(run, class, "exits"), &exits))
        return false;
    *value = exits / count;
    return true;
}

static bool least_exits(const json_t *run, const char *class, double *value)
{
    return of_one_fault(run, class, "min", value);
}

static bool most_exits(const json_t *run, const char *class, double *value)
{
    return of_one_fault(run, class, "max", value);
}

static bool median_us(const json_t *run, const char *class, double *value)
{
    if (!of_one_fault(run, class, "median_ns", value))
        return false;
    *value /= 1000;
    return true;
}

static bool all_exits(const json_t *run, const char *name, double *value)
{
    (void)name;
    return number_of(member(run, "exits", "total"), value);
}

static const json_t *causes(const json_t *run)
{
    return member(run, "exits", "by_cause");
}

/* Of objects that leave out what is zero. */
static bool number_or_zero(const json_t *object, const char *name, double *value)
{
    *value = 0;
    number_of(json_object_get(object, name), value);
    return json_object_size(object) > 0;
}

static bool exits_of_cause(const json_t *run, const char *name, double *value)
{
    return number_or_zero(causes(run), name, value);
}

static const json_t *outside(const json_t *run)
{
    return member(run, "outside_faults", NULL);
}

static bool exits_outside(const json_t *run, const char *name, double *value)
{
    return number_or_zero(outside(run), name, value);
}

static bool disk_number(const json_t *run, const char *name, double *value)
{
    return number_of(member(run, "disk", name), value);
}

static const json_t *kvm_counters(const json_t *run)
{
    return member(run, "kvm", NULL);
}

static bool kvm_counter(const json_t *run, const char *name, double *value)
{
    return number_or_zero(kvm_counters(run), name, value);
}

/* Zero: nobody saw it (the first instruction in hw). */
static bool time_ms(const json_t *run, const char *name, double *value)
{
    if (!number_of(member(run, name, NULL), value) || *value == 0)
        return false;
    *value /= 1000000;
    return true;
}

/* 3. The sections. */

static void add_faults(struct builder *b)
{
    char section[TABLE_NAME_BYTES];
    add_row(b, "faults", "all", all_faults, "", 0);
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        add_row(b, "faults", fault_class_name(i), fault_count, fault_class_name(i), 0);
    for (int i = 0; i < NR_FAULT_CLASSES; i++) {
        const char *class = fault_class_name(i);
        snprintf(section, sizeof(section), "exits per %s fault", class);
        add_row(b, section, "mean", mean_exits, class, 2);
        add_row(b, section, "min", least_exits, class, 0);
        add_row(b, section, "max", most_exits, class, 0);
    }
}

static void add_disk(struct builder *b)
{
    static const struct {
        const char *label, *name;
    } rows[] = { { "reads", "reads" },           { "writes", "writes" },
                 { "bytes read", "bytes_read" }, { "bytes written", "bytes_written" },
                 { "errors", "errors" },         { "notifications", "notifies" } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        add_row(b, "disk requests", rows[i].label, disk_number, rows[i].name, 0);
}

static void add_times_on(struct builder *b, const char *substrate)
{
    char section[TABLE_NAME_BYTES];
    b->substrate = substrate;
    snprintf(section, sizeof(section), "us per fault, median, on %.30s", substrate);
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        add_row(b, section, fault_class_name(i), median_us, fault_class_name(i), 1);
    snprintf(section, sizeof(section), "ms of the run on %.30s", substrate);
    add_row(b, section, "to its first instruction", time_ms, "start_ns", 1);
    add_row(b, section, "in all", time_ms, "wall_ns", 1);
    b->substrate = NULL;
}

/* Times are those of a substrate, which is named with them: runs on others have sections of their own. */
static void add_times(struct builder *b)
{
    for (unsigned i = 0; i < b->nr_runs; i++) {
        unsigned first = 0;
        while (strcmp(substrate_of(b->runs[first].run), substrate_of(b->runs[i].run)))
            first++;
        if (first == i)
            add_times_on(b, substrate_of(b->runs[i].run));
    }
}

int run_table_make(struct table *t, const struct run_column *columns, unsigned nr_columns)
{
    struct builder b = { .table = t, .runs = columns, .nr_runs = nr_columns };
    b.err = table_init(t, 2 * nr_columns - 1);
    if (b.err)
        return b.err;
    for (unsigned i = 0; i < nr_columns; i++) {
        table_name_column(t, i, "%.30s", columns[i].name);
        if (i > 0)
            table_name_column(t, nr_columns + i - 1, "%.30s/%.30s", columns[i].name, columns[0].name);
    }
    add_faults(&b);
    add_row(&b, "exits by cause", "all", all_exits, "", 0);
    add_rows_of(&b, "exits by cause", exits_of_cause, causes);
    add_rows_of(&b, "exits outside of faults, by purpose", exits_outside, outside);
    add_disk(&b);
    add_times(&b);
    add_rows_of(&b, "KVM's own counters", kvm_counter, kvm_counters);
    return b.err;
}
