/* What the parts of vmbench share: the clock, the pages that are protected, signals, and the benchmarks. */
#pragma once
#include <signal.h>
#include "program.h"

/* 1. The clock: what passes between start() and stop() is added to spent_ns, less what asking for the time
 * costs, which measure_clock() finds out first. */
extern uint64_t spent_ns;
void measure_clock(void);
void start(void);
void stop(void);

/* 2. Memory. Fresh pages are not there before they are touched; fill() writes to each, a number from 1 up. */
unsigned char *fresh_pages(uint64_t pages);
void fill(unsigned char *p, uint64_t pages);

/* The numbers below n, in an order that the seed decides. */
void shuffle(uint64_t *numbers, uint64_t n, uint64_t seed);

/* 3. The area: pages that are filled, for benchmarks to protect. check_area() fails if one has not what was
 * filled in. */
#define BATCH 100ul /* pages that are protected together */
#define AREAS 8ul   /* areas of so many, for what protects them all at once */
extern unsigned char *area;
extern uint64_t order[BATCH]; /* its first pages, shuffled */
void make_area(void);
void check_area(void);

static inline unsigned char *page(uint64_t n)
{
    return area + n * PROGRAM_PAGE;
}

void protect(unsigned char *first, uint64_t pages, int rights);
#define PROTECT(first, pages)   protect(first, pages, PROT_NONE)
#define UNPROTECT(first, pages) protect(first, pages, PROT_READ | PROT_WRITE)

/* 4. Signals. Handlers count themselves; page_of() is the page of the access that was refused. */
extern volatile uint64_t nr_signals;
void on(int signal, void (*handler)(int, siginfo_t *, void *));
unsigned char *page_of(const siginfo_t *info);

/* 5. Telling: the line of a benchmark that took spent_ns for so many operations. */
void report(const char *name, uint64_t operations);

/* 6. The benchmarks: each does at least count operations, adds to spent_ns, and returns how many it did, or 0
 * if it has reported them itself. bench_pagefault() maps mapped_file. */
extern const char *mapped_file;
uint64_t bench_syscall(uint64_t count);
uint64_t bench_minor(uint64_t count);
uint64_t bench_cow(uint64_t count);
uint64_t bench_pagefault(uint64_t count);
uint64_t bench_signal(uint64_t count);
uint64_t bench_protfault(uint64_t count);
uint64_t bench_trap(uint64_t count);
uint64_t bench_fault(uint64_t count);
uint64_t bench_prot1(uint64_t count);
uint64_t bench_prot100(uint64_t count);
uint64_t bench_unprot100(uint64_t count);
uint64_t bench_appel1(uint64_t count);
uint64_t bench_appel2(uint64_t count);
