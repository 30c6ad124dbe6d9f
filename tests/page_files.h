/* For suites of the page of a report: recorded runs, and a file that is made of them. */
#pragma once
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vmm/page_write.h"
#include "tests/run_suite.h"
#include "tests/said.h"
#include "tests/scratch_file.h"

static struct page_data d;

static inline void setup(void)
{
    keep_what_is_said();
    make_file();
}

static inline void teardown(void)
{
    page_data_free(&d);
    unlink(path);
}

static inline json_t *recorded(const char *mode)
{
    char name[64];
    snprintf(name, sizeof(name), "tests/golden/run-%s.json", mode);
    json_t *o = json_load_file(name, 0, NULL);
    ck_assert_msg(o != NULL, "cannot read %s: run the tests in the folder of the sources", name);
    return o;
}

/* Takes o over; more is what else is in the file. */
static inline void read_json(json_t *o, const char *more)
{
    char *text = json_dumps(o, JSON_COMPACT), *all;
    ck_assert_int_ge(asprintf(&all, "%s\n%s", text, more), 0);
    write_file(all);
    free(text);
    free(all);
    json_decref(o);
    ck_assert_int_eq(page_data_read(&d, path), 0);
}

/* Of a mode that failed and one that did not. */
static inline void read_comparison(void)
{
    json_t *failed = json_pack("{s:s, s:i, s:s, s:n}", "mode", "hw", "status", 69, "failure", "none", "run");
    json_t *good = json_pack("{s:s, s:i, s:o}", "mode", "fv", "status", 0, "run", recorded("fv"));
    read_json(json_pack("{s:s, s:[o, o]}", "faultvisor", "0", "compare", failed, good), "");
}
