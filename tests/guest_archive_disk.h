/* A disk with an archive on it, made member by member, for the suites of the guest kernel's archive. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest_fake.h"
#include "kernel.h"
#include "tar_header.h"

#define MAX_SECTORS 20000

static unsigned char *disk;
static uint64_t sectors; /* of the archive so far */

static inline void set_octal(unsigned char *field, int width, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%0*lo", width - 1, value);
    memcpy(field, text, (size_t)width);
}

static inline void seal(unsigned char *header)
{
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (unsigned i = 0; i < TAR_BLOCK; i++)
        sum += header[i];
    char text[8];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(header + 148, text, 7);
}

/* Append a member's header, and its content as random bytes. Returns the header, to be changed and sealed
 * again. */
static inline unsigned char *add(const char *name, char type, uint64_t size, const char *link)
{
    unsigned char *h = disk + sectors * TAR_BLOCK;
    memset(h, 0, TAR_BLOCK);
    memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
    set_octal(h + 100, 8, 0755);
    set_octal(h + 124, 12, size);
    set_octal(h + 136, 12, 1000000000);
    h[156] = (unsigned char)type;
    memcpy(h + 157, link, strlen(link));
    memcpy(h + 257, "ustar\00000", 8);
    seal(h);
    sectors++;
    for (uint64_t i = 0; i < size; i++)
        disk[sectors * TAR_BLOCK + i] = (unsigned char)(i * 7 + sectors);
    sectors += (size + TAR_BLOCK - 1) / TAR_BLOCK;
    return h;
}

static inline void add_folder(const char *name)
{
    add(name, '5', 0, "");
}

static inline unsigned char *add_file(const char *name, uint64_t size)
{
    return add(name, '0', size, "");
}

static inline void add_link(const char *name, const char *target)
{
    add(name, '2', 0, target);
}

static inline void add_hard_link(const char *name, const char *target)
{
    add(name, '1', 0, target);
}

/* Files whose names are the prefix and a number, from 0 on. */
static inline void add_files(const char *prefix, unsigned n, uint64_t size)
{
    for (unsigned i = 0; i < n; i++) {
        char name[100];
        snprintf(name, sizeof name, "%s%u", prefix, i);
        add_file(name, size);
    }
}

static inline void start_archive(void)
{
    fake_quiet = true;
    fake_message[0] = 0;
    free(disk);
    disk = calloc(MAX_SECTORS, TAR_BLOCK);
    sectors = 0;
}

static inline void insert_disk(uint64_t nr_sectors)
{
    fake_disks[0] = (struct fake_disk){ .bytes = fake_disks[0].bytes, .read_only = true };
    fake_disk_resize(0, nr_sectors);
    if (nr_sectors)
        memcpy(fake_disks[0].bytes, disk, nr_sectors * TAR_BLOCK);
}

/* Power the machine on with this disk, and open the archive. */
static inline bool open_disk(uint64_t nr_sectors)
{
    insert_disk(nr_sectors);
    fake_start(1024, NULL, 0);
    fake_counts = (struct fake_counts){ 0 };
    return archive_open(0);
}

static inline bool open_complete(void)
{
    return open_disk(sectors + 2);
}
