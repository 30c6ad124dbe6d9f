/* The benchmarks of Appel and Li. */
#include <stdbool.h>
#include <ucontext.h>
#include "vmbench.h"

/* A store by an instruction of known length, so that a handler can step over it, of what is there already. */
#define STORE_BYTES 2
static inline void store(uint64_t n)
{
    __asm__ volatile(".byte 0x88, 0x07 # movb %%al, (%%rdi)" : : "D"(page(n)), "a"(n + 1) : "memory");
}

static void step_over(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    nr_signals++;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += STORE_BYTES;
}

uint64_t bench_trap(uint64_t count)
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

static void open_page(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    nr_signals++;
    UNPROTECT(page_of(info), 1);
}

uint64_t bench_fault(uint64_t count)
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

uint64_t bench_prot1(uint64_t count)
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

uint64_t bench_prot100(uint64_t count)
{
    return protect_areas(count, true);
}

uint64_t bench_unprot100(uint64_t count)
{
    return protect_areas(count, false);
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

uint64_t bench_appel1(uint64_t count)
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

uint64_t bench_appel2(uint64_t count)
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
