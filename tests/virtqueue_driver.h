/* The driver's side of a virtqueue with block requests, and the disks behind it. The guest's pages are
 * separate allocations, so that a sanitizer sees each step over a page's end. */
#pragma once
#include <check.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/block_request.h"
#include "tests/run_suite.h"
#include "tests/scratch_file.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define NR_PAGES   64
#define HOLE_PAGE  40 /* no memory */
#define TABLE_PAGE 41 /* memory that devices must not write */
#define SIZE       16
#define DESC       0x1f80 /* each ring crosses from one page into the next */
#define AVAIL      0x3ff6
#define USED       0x5fc0
#define HEADER     0x7000
#define STATUS     0x7800
#define BIG_DESC   0xb000
#define DATA       0x10000 /* up to the hole */
#define SECTORS    64

static uint8_t *pages[NR_PAGES];
static struct virtqueue q;
static struct disk disk, archive;
static uint16_t avail_idx;
static gpa_t desc_table;

static inline void *guest(void *ctx, gpa_t gpa, uint64_t bytes, bool write)
{
    if (ctx != pages || bytes == 0 || page_offset(gpa) + bytes > PAGE_SIZE)
        ck_abort_msg("guest memory asked for wrongly");
    uint64_t page = gpa / PAGE_SIZE;
    if (page >= NR_PAGES || page == HOLE_PAGE || (write && page == TABLE_PAGE))
        return NULL;
    return pages[page] + page_offset(gpa);
}

/* The driver's side: bytes by address, over all pages. */
static inline uint8_t *at(gpa_t gpa)
{
    return &pages[gpa / PAGE_SIZE][page_offset(gpa)];
}

static inline void put(gpa_t gpa, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *at(gpa + i) = ((const uint8_t *)from)[i];
}

static inline void get(void *to, gpa_t gpa, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = *at(gpa + i);
}

static inline void set_desc(unsigned i, gpa_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
    struct vring_desc d = { addr, len, flags, next };

    put(desc_table + i * sizeof(d), &d, sizeof(d));
}

static inline void offer(uint16_t head)
{
    put(AVAIL + 4 + (avail_idx % SIZE) * 2, &head, 2);
    avail_idx++;
    put(AVAIL + 2, &avail_idx, 2);
}

static inline uint16_t used_idx(void)
{
    uint16_t idx;

    get(&idx, USED + 2, 2);
    return idx;
}

static inline struct vring_used_elem used_elem(unsigned i)
{
    struct vring_used_elem e;

    get(&e, USED + 4 + i % SIZE * sizeof(e), sizeof(e));
    return e;
}

static inline void set_header(uint32_t type, uint64_t sector)
{
    struct virtio_blk_outhdr h = { .type = type, .sector = sector };

    put(HEADER, &h, sizeof(h));
}

/* header, data, status in three descriptors from 0 on, and offered. */
static inline void offer_plain(uint32_t type, uint64_t sector, uint32_t bytes)
{
    set_header(type, sector);
    *at(STATUS) = 0xee;
    set_desc(0, HEADER, 16, VRING_DESC_F_NEXT, 1);
    set_desc(1, DATA, bytes, VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE), 2);
    set_desc(2, STATUS, 1, VRING_DESC_F_WRITE, 0);
    offer(0);
}

static inline bool page_is_zero(unsigned page)
{
    static const uint8_t zeroes[PAGE_SIZE];

    return memcmp(pages[page], zeroes, PAGE_SIZE) == 0;
}

static inline void set_up(void)
{
    char sectors[SECTORS * SECTOR_SIZE];

    for (unsigned i = 0; i < NR_PAGES; i++) {
        pages[i] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
        memset(pages[i], 0, PAGE_SIZE);
    }
    avail_idx = 0;
    desc_table = DESC;
    virtqueue_init(&q, guest, pages);
    ck_assert_int_eq(virtqueue_setup(&q, SIZE, DESC, AVAIL, USED), 0);
    ck_assert_int_eq(disk_open_swap(&disk, "32K"), 0);
    for (unsigned i = 0; i < sizeof(sectors); i++)
        sectors[i] = (char)(i / SECTOR_SIZE + 1);
    ck_assert_int_eq(pwrite(disk.fd, sectors, sizeof(sectors), 0), sizeof(sectors));

    make_file();
    write_bytes(sectors, sizeof(sectors));
    ck_assert_int_eq(disk_open_archive(&archive, path), 0);
    unlink(path);
}

static inline void tear_down(void)
{
    for (unsigned i = 0; i < NR_PAGES; i++)
        free(pages[i]);
    disk_close(&disk);
    disk_close(&archive);
}

static inline TCase *case_on_disks(const char *name)
{
    TCase *t = tcase_create(name);

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    return t;
}
