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
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "program.h"

#define BATCH      100ul /* pages that are protected together */
#define AREAS      8ul   /* areas of so many, for what protects them all at once */
#define MOST_FRESH 1000ul

static bool checking;
static const char *file = "data/medium";
static uint64_t clock_cost_ns, started_ns, spent_ns;
static unsigned char *area;
static uint64_t order[BATCH]; /* its pages, shuffled */
static volatile uint64_t nr_signals;

/* 1. Time. */
static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ul + (uint64_t)t.tv_nsec;
}

static void start(void)
{
    started_ns = now_ns();
}

static void stop(void)
{
    uint64_t elapsed = now_ns() - started_ns;

    spent_ns += elapsed > clock_cost_ns ? elapsed - clock_cost_ns : 0;
}

static void measure_clock(void)
{
    uint64_t first = now_ns(), last = first;

    for (int i = 0; i < 20; i++)
        last = now_ns();
    clock_cost_ns = (last - first) / 20;
}

/* 2. Memory, and access to it. */
static unsigned char *fresh_pages(uint64_t pages)
{
    unsigned char *p = map_pages(pages);

    madvise(p, pages * PROGRAM_PAGE, MADV_NOHUGEPAGE);
    return p;
}

static void fill(unsigned char *p, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        *(volatile uint64_t *)(p + i * PROGRAM_PAGE) = i + 1;
}

static unsigned char *page(uint64_t n)
{
    return area + n * PROGRAM_PAGE;
}

static void protect(unsigned char *first, uint64_t pages, int rights)
{
    if (mprotect(first, pages * PROGRAM_PAGE, rights))
        fail("vmbench: mprotect: %s", strerror(errno));
}

#define PROTECT(first, pages)   protect(first, pages, PROT_NONE)
#define UNPROTECT(first, pages) protect(first, pages, PROT_READ | PROT_WRITE)

/* A store by an instruction of known length, so that a handler can step over it, of what is there already. */
#define STORE_BYTES 2
static inline void store(uint64_t n)
{
    __asm__ volatile(".byte 0x88, 0x07 # movb %%al, (%%rdi)" : : "D"(page(n)), "a"(n + 1) : "memory");
}

static void shuffle(void)
{
    uint64_t state = 1991;

    for (uint64_t i = 0; i < BATCH; i++) {
        uint64_t other = next_random(&state) % (i + 1);

        order[i] = order[other];
        order[other] = i;
    }
}

/* 3. Handlers. */
static unsigned char *page_of(const siginfo_t *info)
{
    return (unsigned char *)((uintptr_t)info->si_addr & ~(PROGRAM_PAGE - 1));
}

static void step_over(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    nr_signals++;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += STORE_BYTES;
}

static void open_page(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    nr_signals++;
    UNPROTECT(page_of(info), 1);
}

static unsigned char *opened; /* the page that is not protected */

static void exchange(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    nr_signals++;
    PROTECT(opened, 1);
    opened = page_of(info);
    UNPROTECT(opened, 1);
}

static volatile uint64_t faults_left;

/* The store is tried again and again. */
static void let_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    nr_signals++;
    if (--faults_left == 0)
        UNPROTECT(page_of(info), 1);
}

static void take_note(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    nr_signals++;
}

static void on(int signal, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, NULL))
        fail("vmbench: sigaction: %s", strerror(errno));
}

/* 4. The benchmarks: each does at least count operations, adds to spent_ns, and returns how many it did. */
static uint64_t bench_syscall(uint64_t count)
{
    start();
    for (uint64_t i = 0; i < count; i++)
        syscall(SYS_getppid);
    stop();
    return count;
}

/* What a benchmark mapped is unmapped when there is no time to be measured, and not at all if it was the
 * last: page tables that are changed page by page, only to be dropped, would be in the counts of a run. */
static void keep(unsigned char *p, uint64_t bytes)
{
    static unsigned char *kept;
    static uint64_t kept_bytes;

    if (kept)
        munmap(kept, kept_bytes);
    kept = p;
    kept_bytes = bytes;
}

static uint64_t bench_minor(uint64_t count)
{
    for (uint64_t done = 0; done < count; done += MOST_FRESH) {
        uint64_t pages = count - done < MOST_FRESH ? count - done : MOST_FRESH;
        unsigned char *p = fresh_pages(pages);

        start();
        fill(p, pages);
        stop();
        keep(p, pages * PROGRAM_PAGE);
    }
    return count;
}

static void report(const char *name, uint64_t operations);

/* The child writes, and reports, while its parent does nothing but wait. */
static uint64_t bench_cow(uint64_t count)
{
    uint64_t pages = count < MOST_FRESH ? count : MOST_FRESH;
    unsigned char *p = fresh_pages(pages);
    int status;

    fill(p, pages);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        fail("vmbench: fork: %s", strerror(errno));
    if (child == 0) {
        start();
        fill(p, pages);
        stop();
        report("cow", pages);
        exit(0);
    }
    if (waitpid(child, &status, 0) != child || status)
        fail("vmbench: the child of cow failed");
    keep(p, pages * PROGRAM_PAGE);
    return 0;
}

static uint64_t bench_pagefault(uint64_t count)
{
    struct stat st;
    int fd = open(file, O_RDONLY);

    if (fd < 0 || fstat(fd, &st))
        fail("vmbench: %s: %s", file, strerror(errno));
    uint64_t pages = (uint64_t)st.st_size / PROGRAM_PAGE;
    pages = pages < count ? pages : count;
    unsigned char *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    uint64_t *turn = malloc(pages * sizeof turn[0]), state = 1996;
    if (p == MAP_FAILED || !turn)
        fail("vmbench: %s: %s", file, strerror(errno));
    for (uint64_t i = 0; i < pages; i++) {
        uint64_t other = next_random(&state) % (i + 1);

        turn[i] = turn[other];
        turn[other] = i;
    }
    start();
    for (uint64_t i = 0; i < pages; i++)
        (void)*(volatile unsigned char *)(p + turn[i] * PROGRAM_PAGE);
    stop();
    free(turn);
    keep(p, (uint64_t)st.st_size);
    close(fd);
    return pages;
}

static uint64_t bench_signal(uint64_t count)
{
    pid_t self = getpid();

    on(SIGUSR1, take_note);
    start();
    for (uint64_t i = 0; i < count; i++)
        kill(self, 0);
    stop();
    uint64_t sending_ns = spent_ns;
    spent_ns = 0;
    start();
    for (uint64_t i = 0; i < count; i++)
        kill(self, SIGUSR1);
    stop();
    spent_ns -= sending_ns < spent_ns ? sending_ns : spent_ns;
    return count;
}

static uint64_t bench_protfault(uint64_t count)
{
    bench_signal(count);
    uint64_t catching_ns = spent_ns;
    spent_ns = 0;
    on(SIGSEGV, let_fault);
    protect(area, 1, PROT_READ);
    faults_left = count;
    start();
    *(volatile uint64_t *)area = 1;
    stop();
    spent_ns -= catching_ns < spent_ns ? catching_ns : spent_ns;
    return count;
}

static uint64_t bench_trap(uint64_t count)
{
    on(SIGSEGV, step_over);
    PROTECT(area, 1);
    start();
    for (uint64_t i = 0; i < count; i++)
        store(0);
    stop();
    UNPROTECT(area, 1);
    return count;
}

static uint64_t bench_fault(uint64_t count)
{
    uint64_t done = 0;

    for (on(SIGSEGV, open_page); done < count; done += BATCH) {
        PROTECT(area, BATCH);
        start();
        for (uint64_t i = 0; i < BATCH; i++)
            store(i);
        stop();
    }
    return done;
}

static uint64_t bench_prot1(uint64_t count)
{
    uint64_t done = 0;

    for (; done < count; done += BATCH) {
        start();
        for (uint64_t i = 0; i < BATCH; i++)
            PROTECT(page(i), 1);
        stop();
        UNPROTECT(area, BATCH);
    }
    return done;
}

/* Protect all areas, unprotect all; one of the two is timed. */
static uint64_t protect_areas(uint64_t count, bool time_protect)
{
    uint64_t done = 0;

    for (; done < count; done += AREAS) {
        if (time_protect)
            start();
        for (uint64_t i = 0; i < AREAS; i++)
            PROTECT(page(i * BATCH), BATCH);
        if (time_protect)
            stop();
        else
            start();
        for (uint64_t i = 0; i < AREAS; i++)
            UNPROTECT(page(i * BATCH), BATCH);
        if (!time_protect)
            stop();
    }
    return done;
}

static uint64_t bench_prot100(uint64_t count)
{
    return protect_areas(count, true);
}

static uint64_t bench_unprot100(uint64_t count)
{
    return protect_areas(count, false);
}

static uint64_t bench_appel1(uint64_t count)
{
    on(SIGSEGV, exchange);
    PROTECT(area, BATCH);
    opened = page(order[BATCH - 1]);
    UNPROTECT(opened, 1);
    start();
    for (uint64_t i = 0; i < count; i++)
        store(order[i % BATCH]);
    stop();
    UNPROTECT(area, BATCH);
    return count;
}

static uint64_t bench_appel2(uint64_t count)
{
    uint64_t done = 0;

    for (on(SIGSEGV, open_page); done < count; done += BATCH) {
        start();
        PROTECT(area, BATCH);
        for (uint64_t i = 0; i < BATCH; i++)
            store(order[i]);
        stop();
    }
    return done;
}

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

/* 5. Telling. */
static void report(const char *name, uint64_t operations)
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

static void check_area(void)
{
    for (uint64_t i = 0; i < AREAS * BATCH; i++)
        if (*(uint64_t *)page(i) != i + 1)
            fail("vmbench: page %lu has lost what was in it", (unsigned long)i);
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
            file = optarg;
        else
            return 1;
    }
    if (optind + 2 == argc)
        count = parse_number(argv[optind + 1]);
    if (!count)
        fail("usage: vmbench [--check] [--repeat R] [--file FILE] NAME|all COUNT");
    area = fresh_pages(AREAS * BATCH);
    fill(area, AREAS * BATCH);
    shuffle();
    measure_clock();
    for (uint64_t i = 0; i < repeat; i++)
        if (!run(argv[optind], count))
            fail("vmbench: no benchmark is called %s", argv[optind]);
    check_area();
    return 0;
}
