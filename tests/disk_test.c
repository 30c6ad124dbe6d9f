/* Virtual disks: which files serve, requests and their bounds, injected errors, sharing. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/disk.h"
#include "tests/run_suite.h"
#include "tests/said.h"

static char directory[] = "/tmp/disk_test.XXXXXX";
static char path[64], other_path[64];
static struct disk disk, other;

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(strcpy(directory, "/tmp/disk_test.XXXXXX")));
    snprintf(path, sizeof(path), "%s/file", directory);
    snprintf(other_path, sizeof(other_path), "%s/other", directory);
    disk = other = (struct disk){ .fd = -1 };
    keep_what_is_said();
}

static void remove_directory(void)
{
    disk_close(&disk);
    disk_close(&other);
    chmod(path, 0600);
    unlink(path);
    rmdir(path);
    unlink(other_path);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* Each byte of the file tells its sector. */
static void make_file(const char *name, size_t bytes)
{
    FILE *f = fopen(name, "w");

    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i < bytes; i++)
        putc((int)(i / SECTOR_SIZE + 1), f);
    ck_assert_int_eq(fclose(f), 0);
}

static int read_sectors(struct disk *d, uint64_t sector, void *to, size_t bytes)
{
    struct iovec piece = { to, bytes };

    return disk_read(d, sector, &piece, 1);
}

static int write_sectors(struct disk *d, uint64_t sector, void *from, size_t bytes)
{
    struct iovec piece = { from, bytes };

    return disk_write(d, sector, &piece, 1);
}

#define ck_assert_said(words) ck_assert_msg(strstr(said, words), "said: %s", said)

START_TEST(an_archive_is_read_by_sector)
{
    uint8_t buffer[1024];

    make_file(path, 10 * SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_uint_eq(disk.sectors, 10);
    ck_assert(disk.read_only && !disk.swap);
    ck_assert_int_eq(read_sectors(&disk, 8, buffer, sizeof(buffer)), 0);
    ck_assert_uint_eq(buffer[0], 9);
    ck_assert_uint_eq(buffer[511], 9);
    ck_assert_uint_eq(buffer[512], 10);
    ck_assert_uint_eq(buffer[1023], 10);
}
END_TEST

START_TEST(a_request_may_be_scattered_over_many_pieces)
{
    uint8_t buffer[8 * 512];
    struct iovec pieces[2048];
    unsigned n = 0;

    make_file(path, 10 * SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    for (size_t at = 0; at < sizeof(buffer);
         n++) { /* more pieces than one preadv takes, some of them empty */
        size_t bytes = n % 3;
        bytes = bytes < sizeof(buffer) - at ? bytes : sizeof(buffer) - at;
        if (n == 2000)
            bytes = sizeof(buffer) - at;
        pieces[n] = (struct iovec){ buffer + at, bytes };
        at += bytes;
    }
    ck_assert_uint_gt(n, 1024);
    ck_assert_int_eq(disk_read(&disk, 1, pieces, n), 0);
    for (size_t i = 0; i < sizeof(buffer); i++)
        ck_assert_uint_eq(buffer[i], i / 512 + 2);
    ck_assert_uint_eq(disk.stats.reads, 1);
    ck_assert_uint_eq(disk.stats.bytes_read, sizeof(buffer));
}
END_TEST

static const struct {
    uint64_t sector, bytes;
    int result;
} ranges[] = {
    { 0, 512, 0 },
    { 9, 512, 0 },
    { 0, 5120, 0 },
    { 0, 0, 0 },
    { 10, 0, 0 },
    { 10, 512, -EINVAL },
    { 11, 0, -EINVAL },
    { 9, 1024, -EINVAL },
    { 0, 5632, -EINVAL },
    { 0, 511, -EINVAL },
    { 0, 513, -EINVAL },
    { UINT64_MAX, 512, -EINVAL },
    { UINT64_MAX / 512, 512, -EINVAL },
    { UINT64_MAX / 512 + 1, 512, -EINVAL },
    { 1, UINT64_MAX - 511, -EINVAL },
};

START_TEST(a_request_must_be_whole_sectors_on_the_disk)
{
    uint8_t buffer[5632];

    make_file(path, 10 * SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_int_eq(read_sectors(&disk, ranges[_i].sector, buffer, ranges[_i].bytes), ranges[_i].result);
    ck_assert_uint_eq(disk.stats.errors, ranges[_i].result ? 1 : 0);
    disk_close(&disk);
    make_file(path, 8 * SECTOR_SIZE);
    ck_assert_int_eq(disk_open_swap(&disk, path), 0);
    disk.sectors = 10;
    ck_assert_int_eq(write_sectors(&disk, ranges[_i].sector, buffer, ranges[_i].bytes), ranges[_i].result);
}
END_TEST

START_TEST(pieces_whose_sum_overflows_are_refused)
{
    struct iovec pieces[2] = { { NULL, SIZE_MAX - 511 }, { NULL, 1024 } };

    make_file(path, SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_int_eq(disk_read(&disk, 0, pieces, 2), -EINVAL);
}
END_TEST

START_TEST(an_archive_cannot_be_written)
{
    uint8_t buffer[512] = { 0 };

    make_file(path, SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_int_eq(write_sectors(&disk, 0, buffer, sizeof(buffer)), -EROFS);
    ck_assert_uint_eq(disk.stats.errors, 1);
    ck_assert_int_eq(disk_flush(&disk), 0);
}
END_TEST

START_TEST(an_archive_that_shrinks_meanwhile_is_an_io_error)
{
    uint8_t buffer[1024];

    make_file(path, 4 * SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_int_eq(truncate(path, 3 * SECTOR_SIZE), 0);
    ck_assert_int_eq(read_sectors(&disk, 2, buffer, sizeof(buffer)), -EIO);
    ck_assert_int_eq(read_sectors(&disk, 2, buffer, 512), 0);
    ck_assert_uint_eq(disk.stats.bytes_read, 512);
    ck_assert_uint_eq(disk.stats.reads, 2);
}
END_TEST

START_TEST(an_archive_that_is_no_archive_is_refused)
{
    ck_assert_int_eq(disk_open_archive(&disk, path), -ENOENT);
    ck_assert_said("No such file");
    make_file(path, 0);
    ck_assert_int_eq(disk_open_archive(&disk, path), -EINVAL);
    ck_assert_said("it is empty");
    make_file(path, 700);
    ck_assert_int_eq(disk_open_archive(&disk, path), -EINVAL);
    ck_assert_said("700 bytes are not whole sectors");
    ck_assert_int_eq(disk_open_archive(&disk, directory), -EISDIR);
    ck_assert_said("tar --format=ustar");
    ck_assert_int_eq(disk_open_archive(&disk, "/dev/null"), -EINVAL);
    ck_assert_said("neither a regular file nor a block device");
    ck_assert_int_eq(disk.fd, -1);
}
END_TEST

START_TEST(a_pipe_is_refused_and_not_waited_for)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(disk_open_archive(&disk, path), -EINVAL);
    ck_assert_said("neither");
    ck_assert_int_eq(disk_open_swap(&disk, path), -EINVAL);
    ck_assert_said("not a regular file");
}
END_TEST

START_TEST(a_file_without_permission_is_refused)
{
    make_file(path, SECTOR_SIZE);
    ck_assert_int_eq(chmod(path, 0), 0);
    bool root = geteuid() == 0; /* who may read everything: be nobody for a while */
    if (root)
        ck_assert_int_eq(seteuid(65534), 0);
    int archive = disk_open_archive(&disk, path), swap = disk_open_swap(&other, path);
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(archive, -EACCES);
    ck_assert_int_eq(swap, -EACCES);
    ck_assert_said("Permission denied");
}
END_TEST

START_TEST(private_swap_reads_as_zeroes_then_as_written)
{
    uint8_t buffer[4096];

    ck_assert_int_eq(disk_open_swap(&disk, "64K"), 0);
    ck_assert_uint_eq(disk.sectors, 128);
    ck_assert(!disk.read_only && disk.swap);
    ck_assert_int_eq(read_sectors(&disk, 120, buffer, sizeof(buffer)), 0);
    for (unsigned i = 0; i < sizeof(buffer); i++)
        ck_assert_uint_eq(buffer[i], 0);
    memset(buffer, 0x5a, sizeof(buffer));
    ck_assert_int_eq(write_sectors(&disk, 120, buffer, sizeof(buffer)), 0);
    memset(buffer, 0, sizeof(buffer));
    ck_assert_int_eq(read_sectors(&disk, 120, buffer, sizeof(buffer)), 0);
    ck_assert_uint_eq(buffer[0], 0x5a);
    ck_assert_uint_eq(buffer[4095], 0x5a);
    ck_assert_int_eq(disk_flush(&disk), 0);
    ck_assert_uint_eq(disk.stats.writes, 1);
    ck_assert_uint_eq(disk.stats.bytes_written, 4096);
}
END_TEST

START_TEST(private_swap_leaves_no_name_behind)
{
    ck_assert_int_eq(setenv("TMPDIR", directory, 1), 0);
    ck_assert_int_eq(disk_open_swap(&disk, "64K"), 0);
    unsetenv("TMPDIR");
    struct stat st, in;
    ck_assert_int_eq(fstat(disk.fd, &st), 0);
    ck_assert_int_eq(stat(directory, &in), 0);
    ck_assert_uint_eq(st.st_dev, in.st_dev);
    ck_assert_uint_eq(st.st_nlink, 0); /* and remove_directory finds the directory empty */
}
END_TEST

START_TEST(private_swap_does_without_a_directory)
{
    ck_assert_int_eq(setenv("TMPDIR", "/nonexistent", 1), 0);
    int err = disk_open_swap(&disk, "64K");
    unsetenv("TMPDIR");
    ck_assert_int_eq(err, 0);
}
END_TEST

START_TEST(two_private_swaps_do_not_share)
{
    uint8_t buffer[512] = { 1 };

    ck_assert_int_eq(disk_open_swap(&disk, "4K"), 0);
    ck_assert_int_eq(disk_open_swap(&other, "4K"), 0);
    ck_assert_int_eq(write_sectors(&disk, 0, buffer, sizeof(buffer)), 0);
    ck_assert_int_eq(read_sectors(&other, 0, buffer, sizeof(buffer)), 0);
    ck_assert_uint_eq(buffer[0], 0);
}
END_TEST

START_TEST(a_bad_swap_size_is_refused)
{
    ck_assert_int_eq(disk_open_swap(&disk, "0"), -EINVAL);
    ck_assert_said("not a positive multiple of 4096");
    ck_assert_int_eq(disk_open_swap(&disk, "5000"), -EINVAL);
    ck_assert_int_eq(disk_open_swap(&disk, "17179869184G"), -ERANGE);
    ck_assert_int_eq(disk_open_swap(&disk, "17179869183G"), -EFBIG);
    ck_assert_said("no file can be that large");
}
END_TEST

START_TEST(a_swap_file_is_the_users_and_its_size_is_the_swaps)
{
    uint8_t buffer[512] = { 7 };

    make_file(path, 8192);
    ck_assert_int_eq(disk_open_swap(&disk, path), 0);
    ck_assert_uint_eq(disk.sectors, 16);
    ck_assert_int_eq(write_sectors(&disk, 15, buffer, sizeof(buffer)), 0);
    disk_close(&disk);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_int_eq(read_sectors(&disk, 15, buffer, sizeof(buffer)), 0);
    ck_assert_uint_eq(buffer[0], 7);
}
END_TEST

START_TEST(a_bad_swap_file_is_refused)
{
    ck_assert_int_eq(disk_open_swap(&disk, path), -ENOENT);
    ck_assert_said("truncate -s");
    make_file(path, 0);
    ck_assert_int_eq(disk_open_swap(&disk, path), -EINVAL);
    ck_assert_said("not a positive multiple of 4096");
    make_file(path, 4608);
    ck_assert_int_eq(disk_open_swap(&disk, path), -EINVAL);
    ck_assert_int_eq(disk_open_swap(&disk, directory), -EISDIR);
    ck_assert_int_eq(disk_open_swap(&disk, "/dev/null"), -EINVAL);
    ck_assert_said("not a regular file");
}
END_TEST

START_TEST(a_swap_file_is_not_shared)
{
    make_file(path, 8192);
    ck_assert_int_eq(disk_open_swap(&disk, path), 0);
    ck_assert_int_eq(disk_open_swap(&other, path), -EBUSY);
    ck_assert_said("another run uses it");
    ck_assert_int_eq(disk_open_archive(&other, path), -EBUSY);
    ck_assert_said("in use as swap");
    disk_close(&disk);
    ck_assert_int_eq(disk_open_swap(&other, path), 0);
}
END_TEST

START_TEST(an_archive_is_shared_by_readers_only)
{
    make_file(path, 8192);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_int_eq(disk_open_swap(&other, path), -EBUSY);
    ck_assert_int_eq(disk_open_archive(&other, path), 0);
}
END_TEST

START_TEST(injected_errors_hit_their_sectors_and_no_others)
{
    static const struct {
        uint64_t sector, count;
        int result;
    } tries[] = { { 0, 3, 0 },    { 3, 1, -EIO }, { 5, 1, -EIO }, { 6, 4, 0 },
                  { 2, 2, -EIO }, { 5, 2, -EIO }, { 0, 10, -EIO } };
    uint8_t buffer[5120];

    make_file(path, 10 * SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    ck_assert_int_eq(disk_inject_errors(&disk, "3-5"), 0);
    for (unsigned i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
        ck_assert_int_eq(read_sectors(&disk, tries[i].sector, buffer, tries[i].count * 512), tries[i].result);
    ck_assert_uint_eq(disk.stats.errors, 5);
    ck_assert_uint_eq(disk.stats.reads, 7);
    ck_assert_int_eq(disk_inject_errors(&disk, "9"), 0);
    ck_assert_int_eq(read_sectors(&disk, 3, buffer, 512), 0);
    ck_assert_int_eq(read_sectors(&disk, 9, buffer, 512), -EIO);
}
END_TEST

START_TEST(a_bad_range_of_injected_errors_is_refused)
{
    static const char *const bad[] = { "",
                                       "-",
                                       "1-",
                                       "-1",
                                       "5-3",
                                       "1-10",
                                       "10",
                                       "1-2-3",
                                       "a",
                                       " 1",
                                       "1 ",
                                       "1-2x",
                                       "99999999999999999999",
                                       "0-99999999999999999999" };
    uint8_t buffer[5120];

    make_file(path, 10 * SECTOR_SIZE);
    ck_assert_int_eq(disk_open_archive(&disk, path), 0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(disk_inject_errors(&disk, bad[i]), -EINVAL);
    ck_assert_int_eq(read_sectors(&disk, 0, buffer, sizeof(buffer)), 0);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("disk");
    TCase *t = tcase_create("disk");

    tcase_add_checked_fixture(t, make_directory, remove_directory);
    tcase_add_test(t, an_archive_is_read_by_sector);
    tcase_add_test(t, a_request_may_be_scattered_over_many_pieces);
    tcase_add_loop_test(t, a_request_must_be_whole_sectors_on_the_disk, 0, COUNT(ranges));
    tcase_add_test(t, pieces_whose_sum_overflows_are_refused);
    tcase_add_test(t, an_archive_cannot_be_written);
    tcase_add_test(t, an_archive_that_shrinks_meanwhile_is_an_io_error);
    tcase_add_test(t, an_archive_that_is_no_archive_is_refused);
    tcase_add_test(t, a_pipe_is_refused_and_not_waited_for);
    tcase_add_test(t, a_file_without_permission_is_refused);
    tcase_add_test(t, private_swap_reads_as_zeroes_then_as_written);
    tcase_add_test(t, private_swap_leaves_no_name_behind);
    tcase_add_test(t, private_swap_does_without_a_directory);
    tcase_add_test(t, two_private_swaps_do_not_share);
    tcase_add_test(t, a_bad_swap_size_is_refused);
    tcase_add_test(t, a_swap_file_is_the_users_and_its_size_is_the_swaps);
    tcase_add_test(t, a_bad_swap_file_is_refused);
    tcase_add_test(t, a_swap_file_is_not_shared);
    tcase_add_test(t, an_archive_is_shared_by_readers_only);
    tcase_add_test(t, injected_errors_hit_their_sectors_and_no_others);
    tcase_add_test(t, a_bad_range_of_injected_errors_is_refused);
    suite_add_tcase(s, t);

    return run_suite(s);
}
