/* A machine for the suites of the guest kernel's memory side: one address space, a file on disk 0, swap on
 * disk 1, and what a program loads and stores. */
#pragma once
#include <check.h>
#include <string.h>
#include "guest_fake.h"

#define BASE       0x400000ull
#define FAR        0x7f0000000000ull
#define RW         (ACCESS_READ | ACCESS_WRITE)
#define FILE_PAGES 2048

static const char *const policies[] = { "clock", "fifo", "lru", "random" };

/* A file of FILE_PAGES pages less 1000 bytes from sector 8 on: each page starts with its number. */
static struct file file = { .path = "big", .start_sector = 8, .size_bytes = FILE_PAGES * PAGE_SIZE - 1000 };

static struct space *space;

static inline void start_machine(uint64_t frames, const char *policy, uint64_t swap_pages)
{
    fake_quiet = true;
    fake_random_seed(1);
    for (unsigned i = 0; i < MAX_DISKS; i++)
        fake_disks[i].error_percent = fake_disks[i].silent = fake_disks[i].senseless = 0;
    fake_disks[0].read_only = true;
    fake_disk_resize(0, 8 + FILE_PAGES * 8);
    fake_disks[1].swap = true;
    fake_disk_resize(1, swap_pages * 8);
    for (uint64_t i = 0; i < FILE_PAGES; i++)
        memcpy(fake_disks[0].bytes + (8 + i * 8) * 512, &i, sizeof i);
    /* Whatever follows the file. */
    memset(fake_disks[0].bytes + (8 + FILE_PAGES * 8) * 512 - 1000, 0xee, 1000);
    fake_start(frames, policy, 7);
    space = space_create();
    ck_assert_ptr_nonnull(space);
}

static inline void map(gva_t start, uint64_t pages, unsigned rights)
{
    struct region r = {
        .start = start, .end = start + pages * PAGE_SIZE, .kind = REGION_ANONYMOUS, .rights = rights
    };
    ck_assert_int_eq(space_map(space, &r), 0);
}

static inline void map_file(gva_t start, uint64_t pages, unsigned rights)
{
    struct region r = { .start = start,
                        .end = start + pages * PAGE_SIZE,
                        .kind = REGION_FILE,
                        .rights = rights,
                        .file = &file,
                        .file_bytes = pages * PAGE_SIZE };
    ck_assert_int_eq(space_map(space, &r), 0);
}

static inline uint64_t load(struct space *s, gva_t a)
{
    unsigned char *p;
    uint64_t v;
    ck_assert_int_eq(fake_access(s, a, ACCESS_READ, &p), TOUCH_OK);
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void put(struct space *s, gva_t a, uint64_t v)
{
    unsigned char *p;
    ck_assert_int_eq(fake_access(s, a, ACCESS_WRITE, &p), TOUCH_OK);
    memcpy(p, &v, sizeof v);
}

static inline enum touch touch(gva_t a, unsigned access)
{
    unsigned char *p;
    return fake_access(space, a, access, &p);
}

/* Store to each page its number. */
static inline void put_numbers(struct space *s, gva_t start, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        put(s, start + i * PAGE_SIZE, i);
}

static inline void assert_numbers(struct space *s, gva_t start, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        ck_assert_uint_eq(load(s, start + i * PAGE_SIZE), i);
}

static inline void map_numbered(gva_t start, uint64_t pages)
{
    map(start, pages, RW);
    put_numbers(space, start, pages);
}

/* The last access was one fault, without a commit, and with so many disk notifications. */
static inline void assert_one_fault(unsigned notifies)
{
    ck_assert_uint_eq(fake_counts.faults, 1);
    ck_assert_uint_eq(fake_counts.commits, 0);
    ck_assert_uint_eq(fake_counts.notifies, notifies);
    ck_assert_uint_lt(fake_counts.updates, 200);
}
