/* Tables in each format, held against golden files; the table of two recorded runs. */
#include "golden.h"
#include "vmm/run_table.h"
#include "tests/run_suite.h"

static struct table t;
static char *text;
static size_t bytes;
static FILE *to;

static void setup(void)
{
    to = open_memstream(&text, &bytes);
}

static void teardown(void)
{
    free(text);
    table_free(&t);
}

/* Text that each format has to quote, and cells that are not there. */
static void make_awkward_table(void)
{
    ck_assert_int_eq(table_init(&t, 3), 0);
    table_name_column(&t, 0, "pv");
    table_name_column(&t, 1, "a,\"b\"");
    table_name_column(&t, 2, "%s/%s", "fv", "pv");
    struct table_row *row = table_add_row(&t, "faults", "minor");
    table_cell_set_integer(&row->cells[0], 9007199254740993u);
    table_cell_set_real(&row->cells[2], 2.5, 2);
    row = table_add_row(&t, "faults", "µs | pipe");
    table_cell_set_text(&row->cells[1], "line\nbreak, \033[1m");
    row = table_add_row(&t, "disk_requests", "<b>");
    table_cell_set_text(&row->cells[0], "ends here, after thirty-one letters");
    ck_assert_int_eq(table_add_note(&t, "%s: the same output, and \"status\".", "fv"), 0);
}

/* 1. A table with everything. */

START_TEST(text_is_aligned)
{
    make_awkward_table();
    table_print_text(&t, "a title", to);
    fclose(to);
    golden_check("table.txt", text);
}
END_TEST

START_TEST(markdown_is_escaped)
{
    make_awkward_table();
    table_print_markdown(&t, "a *title*", to);
    fclose(to);
    golden_check("table.md", text);
}
END_TEST

START_TEST(csv_is_quoted)
{
    make_awkward_table();
    table_print_csv(&t, to);
    fclose(to);
    golden_check("table.csv", text);
}
END_TEST

START_TEST(json_keeps_numbers_texts_and_nothing_apart)
{
    make_awkward_table();
    json_t *o = table_to_json(&t);
    json_dumpf(o, to, JSON_INDENT(2));
    fputc('\n', to);
    fclose(to);
    golden_check("table.json", text);
    const json_t *cells = json_object_get(json_array_get(json_object_get(o, "rows"), 0), "cells");
    ck_assert(json_is_null(json_array_get(cells, 1)));
    ck_assert(json_is_real(json_array_get(cells, 2)));
    json_decref(o);
}
END_TEST

START_TEST(no_control_character_is_left)
{
    char plain[] = "\x1b[m\x7f \xc2\x80\xc2\x9b\xc2\xa0 \xc3\x9b\n\xc2";
    table_make_plain(plain);
    ck_assert_str_eq(plain, " [m      \xc2\xa0 \xc3\x9b \xc2");
    fclose(to);
}
END_TEST

START_TEST(many_rows_stay_in_order)
{
    char name[16];
    ck_assert_int_eq(table_init(&t, 1), 0);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "%u", i);
        table_cell_set_integer(&table_add_row(&t, "all", name)->cells[0], i);
    }
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_uint_eq(strtoul(t.rows[i].name, NULL, 10), i);
    fclose(to);
}
END_TEST

/* 2. Runs side by side. */

static json_t *recorded[2];

static void make_table_of_runs(unsigned nr_columns)
{
    recorded[0] = json_load_file("tests/golden/run-pv.json", 0, NULL);
    recorded[1] = json_load_file("tests/golden/run-fv.json", 0, NULL);
    ck_assert(recorded[0] && recorded[1]);
    const struct run_column columns[] = { { "pv", recorded[0] }, { "hw", NULL }, { "fv", recorded[1] } };
    ck_assert_int_eq(run_table_make(&t, columns, nr_columns), 0);
}

static void drop_runs(void)
{
    json_decref(recorded[0]);
    json_decref(recorded[1]);
}

static const struct table_cell *cell(const char *section, const char *name, unsigned column)
{
    for (unsigned i = 0; i < t.nr_rows; i++)
        if (!strcmp(t.rows[i].section, section) && !strcmp(t.rows[i].name, name))
            return &t.rows[i].cells[column];
    ck_abort_msg("no row %s: %s", section, name);
    return NULL;
}

START_TEST(recorded_runs_make_the_recorded_table)
{
    make_table_of_runs(3);
    table_print_text(&t, "two recorded runs, and one that could not be", to);
    fclose(to);
    golden_check("run_table.txt", text);
    drop_runs();
}
END_TEST

START_TEST(a_mode_whose_faults_nobody_sees_has_none_to_compare)
{
    json_t *run = json_load_file("tests/golden/run-fv.json", 0, NULL);
    ck_assert_int_eq(json_object_set_new(run, "mode", json_string("hw")), 0);
    ck_assert_int_eq(json_object_set_new(run, "start_ns", json_integer(0)), 0);
    make_table_of_runs(1);
    table_free(&t);
    const struct run_column columns[] = { { "pv", recorded[0] }, { "hw", run } };
    ck_assert_int_eq(run_table_make(&t, columns, 2), 0);
    ck_assert_int_eq(cell("faults", "all", 1)->kind, CELL_EMPTY);
    ck_assert_int_eq(cell("faults", "all", 2)->kind, CELL_EMPTY);
    ck_assert_int_eq(cell("exits by cause", "all", 1)->kind, CELL_NUMBER);
    for (unsigned i = 0; i < t.nr_rows; i++)
        if (!strcmp(t.rows[i].name, "to its first instruction"))
            ck_assert_int_eq(t.rows[i].cells[1].kind, CELL_EMPTY);
    json_decref(run);
    drop_runs();
}
END_TEST

START_TEST(times_of_two_substrates_are_not_compared)
{
    make_table_of_runs(1);
    table_free(&t);
    json_object_set_new(recorded[1], "substrate", json_string("VMX with EPT"));
    const struct run_column columns[] = { { "pv", recorded[0] }, { "fv", recorded[1] } };
    ck_assert_int_eq(run_table_make(&t, columns, 2), 0);
    ck_assert_int_eq(cell("ms of the run on PVM", "in all", 0)->kind, CELL_NUMBER);
    ck_assert_int_eq(cell("ms of the run on PVM", "in all", 1)->kind, CELL_EMPTY);
    ck_assert_int_eq(cell("us per fault, median, on VMX with EPT", "minor", 0)->kind, CELL_EMPTY);
    ck_assert_int_eq(cell("us per fault, median, on VMX with EPT", "minor", 1)->kind, CELL_NUMBER);
    ck_assert_int_eq(cell("us per fault, median, on VMX with EPT", "minor", 2)->kind, CELL_EMPTY);
    ck_assert_int_eq(cell("faults", "all", 2)->kind, CELL_NUMBER);
    fclose(to);
    drop_runs();
}
END_TEST

START_TEST(a_run_that_is_missing_has_empty_cells_and_no_ratio)
{
    make_table_of_runs(3);
    ck_assert_int_eq(cell("faults", "all", 1)->kind, CELL_EMPTY);
    ck_assert_int_eq(cell("faults", "all", 3)->kind, CELL_EMPTY);
    ck_assert_str_eq(t.columns[4], "fv/pv");
    ck_assert_int_eq(cell("faults", "all", 4)->kind, CELL_NUMBER);
    fclose(to);
    drop_runs();
}
END_TEST

START_TEST(what_one_mode_lacks_is_zero_there)
{
    make_table_of_runs(3);
    ck_assert_str_eq(cell("exits by cause", "table-store", 0)->text, "0");
    ck_assert_str_eq(cell("exits by cause", "hypercall", 2)->text, "0");
    ck_assert_int_eq(cell("exits by cause", "table-store", 4)->kind, CELL_EMPTY);
    fclose(to);
    drop_runs();
}
END_TEST

START_TEST(one_run_alone_has_no_ratios)
{
    make_table_of_runs(1);
    ck_assert_uint_eq(t.nr_columns, 1);
    fclose(to);
    drop_runs();
}
END_TEST

START_TEST(numbers_that_no_run_has_stay_in_range)
{
    json_t *odd = json_loads("{\"kvm\": {\"large\": 1e300, \"less\": -1e300, \"fraction\": 1.5}}", 0, NULL);
    const struct run_column column = { "odd", odd };
    ck_assert_int_eq(run_table_make(&t, &column, 1), 0);
    ck_assert_uint_eq(t.nr_rows, 3);
    ck_assert_str_eq(t.rows[0].cells[0].text, "18446744073709551615");
    ck_assert_str_eq(t.rows[1].cells[0].text, "0");
    ck_assert_str_eq(t.rows[2].cells[0].text, "1");
    json_decref(odd);
    fclose(to);
}
END_TEST

START_TEST(json_that_is_no_run_makes_no_rows)
{
    json_t *odd =
        json_loads("{\"faults\": [1], \"exits\": {\"by_cause\": \"x\", \"total\": \"y\"}, \"kvm\": 3,"
                   " \"disk\": {\"reads\": null}, \"substrate\": {}}",
                   0, NULL);
    const struct run_column column = { "odd", odd };
    ck_assert_int_eq(run_table_make(&t, &column, 1), 0);
    ck_assert_uint_eq(t.nr_rows, 0);
    json_decref(odd);
    fclose(to);
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("tables");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, text_is_aligned);
    tcase_add_test(c, markdown_is_escaped);
    tcase_add_test(c, csv_is_quoted);
    tcase_add_test(c, json_keeps_numbers_texts_and_nothing_apart);
    tcase_add_test(c, no_control_character_is_left);
    tcase_add_test(c, many_rows_stay_in_order);
    tcase_add_test(c, recorded_runs_make_the_recorded_table);
    tcase_add_test(c, times_of_two_substrates_are_not_compared);
    tcase_add_test(c, a_run_that_is_missing_has_empty_cells_and_no_ratio);
    tcase_add_test(c, a_mode_whose_faults_nobody_sees_has_none_to_compare);
    tcase_add_test(c, what_one_mode_lacks_is_zero_there);
    tcase_add_test(c, one_run_alone_has_no_ratios);
    tcase_add_test(c, numbers_that_no_run_has_stay_in_range);
    tcase_add_test(c, json_that_is_no_run_makes_no_rows);
    Suite *s = suite_create("table");
    suite_add_tcase(s, c);
    return run_suite(s);
}
