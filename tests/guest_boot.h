/* A machine that has booted bin/prog, for suites that play the programs: their words and paths, and with
 * which status the machine stopped. */
#pragma once
#include <check.h>
#include <string.h>
#include "guest_fake_cpu.h"
#include "kernel.h"

/* Where programs keep what they pass to the kernel. */
#define STATUS_AT (FAKE_BSS + 8)
#define PATH_AT   (FAKE_BSS + 64)

static inline void boot(void)
{
    fake_random_seed(1);
    fake_boot(512, 64, "-- /bin/prog");
    ck_assert(!fake_cpu.stopped);
}

static inline uint64_t load(gva_t at)
{
    uint64_t v;
    fake_load(&v, at, sizeof v);
    return v;
}

static inline void store_path(const char *path)
{
    fake_store(PATH_AT, path, strlen(path) + 1);
}

static inline void assert_stopped(int status)
{
    ck_assert(fake_cpu.stopped);
    ck_assert_int_eq(fake_cpu.status, status);
}
