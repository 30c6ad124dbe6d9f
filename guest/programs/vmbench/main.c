/* vmbench [--check] [--repeat R] [--file FILE] NAME|all COUNT: the classic benchmarks of virtual memory as
 * user programs see it.
 *
 * A line for each: its name, the operations done (COUNT, rounded up to whole batches), nanoseconds an
 * operation. A batch is timed as a whole, since asking for the time is a system call in a guest; what that
 * costs is taken off. With --check it prints what happened instead of how long it took, which is the same
 * everywhere.
 *
 *   syscall    a system call that does nothing (getppid)
 *   minor      the first write to a page of fresh memory
 *   cow        the first write to a page that a fork made shared
 *   pagefault  lmbench's: a page of a mapped file, touched for the first time, in random order
 *   signal     lmbench's: catching a signal (kill of itself, less a kill that sends nothing)
 *   protfault  lmbench's: a store to a page that is read-only, less the catching of the signal
 *
 * and, by the definitions of Appel and Li, "Virtual Memory Primitives for User Programs", ASPLOS 1991, as the
 * papers on SPIN and on the exokernel (both SOSP 1995) used them:
 *
 *   trap       a store to a protected page, until the program goes on: the handler steps over the store
 *   fault      the same, and the handler unprotects the page
 *   prot1      protect one page
 *   prot100    protect 100 pages by one call
 *   unprot100  unprotect them
 *   appel1     a store to a page that is protected; the handler unprotects it, and protects another
 *   appel2     protect 100 pages, store to each in random order; the handler unprotects it (a page)
 *
 * Their "dirty", asking whether a page was written to, has no system call in Linux; `fault` is how a program
 * finds it out. */
#include <getopt.h>
#include <stdbool.h>
#include "vmbench.h"

static bool checking;

static const struct benchmark {
    const char *name;
    uint64_t (*run)(uint64_t count);
} benchmarks[] = {
    { "syscall", bench_syscall },     { "minor", bench_minor },         { "cow", bench_cow },
    { "pagefault", bench_pagefault }, { "signal", bench_signal },       { "protfault", bench_protfault },
    { "trap", bench_trap },           { "fault", bench_fault },         { "prot1", bench_prot1 },
    { "prot100", bench_prot100 },     { "unprot100", bench_unprot100 }, { "appel1", bench_appel1 },
    { "appel2", bench_appel2 },
};
#define NR_BENCHMARKS (sizeof benchmarks / sizeof benchmarks[0])

void report(const char *name, uint64_t operations)
{
    if (checking)
        printf("%s: %lu operations, %lu signals\n", name, (unsigned long)operations,
               (unsigned long)nr_signals);
    else
        printf("%s %lu %.1f\n", name, (unsigned long)operations, (double)spent_ns / (double)operations);
}

static bool run(const char *name, uint64_t count)
{
    bool found = false;

    for (size_t i = 0; i < NR_BENCHMARKS; i++) {
        if (strcmp(name, "all") && strcmp(name, benchmarks[i].name))
            continue;
        found = true;
        nr_signals = spent_ns = 0;
        uint64_t operations = benchmarks[i].run(count);
        if (operations)
            report(benchmarks[i].name, operations);
    }
    return found;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "check", no_argument, NULL, 'c' },
        { "repeat", required_argument, NULL, 'r' },
        { "file", required_argument, NULL, 'f' },
        { 0 },
    };
    uint64_t repeat = 1, count = 0;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'c')
            checking = true;
        else if (c == 'r')
            repeat = parse_number(optarg);
        else if (c == 'f')
            mapped_file = optarg;
        else
            return 1;
    }
    if (optind + 2 == argc)
        count = parse_number(argv[optind + 1]);
    if (!count)
        fail("usage: vmbench [--check] [--repeat R] [--file FILE] NAME|all COUNT");
    make_area();
    measure_clock();
    for (uint64_t i = 0; i < repeat; i++)
        if (!run(argv[optind], count))
            fail("vmbench: no benchmark is called %s", argv[optind]);
    check_area();
    return 0;
}
