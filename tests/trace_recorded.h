/* Traces of recorded runs. The golden files are what `faultvisor trace` makes of the recorded run
 * tests/golden/trace-pv.json:
 *
 *     faultvisor trace tests/golden/trace-pv.json >tests/golden/trace-pv.txt   (and fv)
 *     LC_ALL=C faultvisor trace --fault 900 tests/golden/trace-pv.json >tests/golden/trace-pv-900.txt */
#pragma once
#include <check.h>
#include "vmm/trace_pick.h"
#include "golden.h"
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

static struct trace_origin origin;
