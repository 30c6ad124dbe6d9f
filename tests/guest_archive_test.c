/* The archive as the guest kernel reads it: good ones, made by tar and by hand, and broken ones. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include "archive_index.h"
#include "guest_fake.h"
#include "kernel.h"
#include "syscall.h"
#include "tar_header.h"
#include "tests/run_suite.h"

#define MAX_SECTORS 20000

static unsigned char *disk;
static uint64_t sectors; /* of the archive so far */

static void set_octal(unsigned char *field, int width, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%0*lo", width - 1, value);
    memcpy(field, text, (size_t)width);
}

static void seal(unsigned char *header)
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
static unsigned char *add(const char *name, char type, uint64_t size, const char *link)
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

static void start_archive(void)
{
    fake_quiet = true;
    fake_message[0] = 0;
    free(disk);
    disk = calloc(MAX_SECTORS, TAR_BLOCK);
    sectors = 0;
}

/* Power the machine on with this disk, and open the archive. */
static bool open_disk(uint64_t nr_sectors)
{
    fake_disks[0] = (struct fake_disk){ .bytes = fake_disks[0].bytes, .read_only = true };
    fake_disk_resize(0, nr_sectors);
    if (nr_sectors)
        memcpy(fake_disks[0].bytes, disk, nr_sectors * TAR_BLOCK);
    fake_start(1024, NULL, 0);
    fake_counts = (struct fake_counts){ 0 };
    return archive_open(0);
}

static bool open_complete(void)
{
    return open_disk(sectors + 2);
}

static void assert_fails(const char *reason)
{
    ck_assert_msg(strstr(fake_message, reason) != NULL, "said '%s', not '%s'", fake_message, reason);
}

START_TEST(members_are_found_with_what_they_are)
{
    start_archive();
    add("./", '5', 0, "");
    add("./bin/", '5', 0, "");
    add("./bin/tool", '0', 5000, "");
    add("plain", 0, 3, "");
    ck_assert(open_complete());

    const struct file *f = archive_find("/bin/tool");
    ck_assert_ptr_nonnull(f);
    ck_assert_str_eq(f->path, "bin/tool");
    ck_assert_uint_eq(f->size_bytes, 5000);
    ck_assert_uint_eq(f->start_sector, 3);
    ck_assert_uint_eq(f->mode, S_IFREG | 0755);
    ck_assert_uint_eq(f->mtime_s, 1000000000);
    ck_assert_ptr_eq(archive_find("bin//./tool"), f);
    ck_assert_ptr_eq(archive_find("/../bin/../bin/tool"), f);
    ck_assert_uint_eq(archive_find("/bin")->mode & S_IFMT, S_IFDIR);
    ck_assert_uint_eq(archive_find("/")->mode & S_IFMT, S_IFDIR);
    ck_assert_uint_eq(archive_find("plain")->mode & S_IFMT, S_IFREG);
    ck_assert_uint_ne(archive_find("plain")->inode, f->inode);
    ck_assert_ptr_null(archive_find("/bin/too"));
    ck_assert_ptr_null(archive_find("/bin/tool/x"));
    ck_assert_ptr_null(archive_find("/bin/tool/.."));
}
END_TEST

START_TEST(links_are_followed)
{
    start_archive();
    add("dir/file", '0', 10, "");
    add("relative", '2', 0, "dir/file");
    add("dir/up", '2', 0, "../dir/./file");
    add("absolute", '2', 0, "/dir");
    add("twice", '2', 0, "absolute/up");
    add("hard", '1', 0, "dir/file");
    add("loop1", '2', 0, "loop2");
    add("loop2", '2', 0, "loop1");
    add("broken", '2', 0, "nothing");
    add("hard-to-nothing", '1', 0, "nothing");
    ck_assert(open_complete());

    const struct file *f = archive_find("dir/file");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_eq(archive_find("relative"), f);
    ck_assert_ptr_eq(archive_find("dir/up"), f);
    ck_assert_ptr_eq(archive_find("absolute/file"), f);
    ck_assert_ptr_eq(archive_find("twice"), f);
    ck_assert_uint_eq(archive_find("hard")->inode, f->inode);
    ck_assert_uint_eq(archive_find("hard")->start_sector, f->start_sector);
    ck_assert_ptr_null(archive_find("loop1"));
    ck_assert_ptr_null(archive_find("broken"));
    ck_assert_ptr_null(archive_find("hard-to-nothing"));
    ck_assert_ptr_null(archive_link(f));
    ck_assert_int_eq(archive_lookup("broken", false, &f), 0);
    ck_assert_str_eq(archive_link(f), "nothing");
    ck_assert_uint_eq(f->mode & S_IFMT, S_IFLNK);
}
END_TEST

START_TEST(a_path_that_leads_nowhere_says_why)
{
    static const struct {
        const char *path;
        bool follow;
        int error;
    } cases[] = {
        { "dir/file/", true, -ENOTDIR },
        { "dir/file/x", true, -ENOTDIR },
        { "dir/file/.", true, -ENOTDIR },
        { "dir/file/..", true, -ENOTDIR },
        { "to-file/x", true, -ENOTDIR },
        { "to-file/", false, -ENOTDIR },
        { "none/../dir/file", true, -ENOENT },
        { "dir/none", true, -ENOENT },
        { "broken/x", true, -ENOENT },
        { "loop1", true, -ELOOP },
        { "loop1/x", false, -ELOOP },
        { "loop1", false, 0 },
        { "dir/../to-file", true, 0 },
        { "to-dir/file", true, 0 },
        { "to-dir/../to-file", true, 0 },
        { "to-dir/./file", false, 0 },
        { "empty", true, -ENOENT },
        { "chain0", true, -ELOOP },
        { "chain1", true, 0 },
    };
    start_archive();
    add("dir/file", '0', 10, ""); /* "dir" has no entry of its own */
    add("to-file", '2', 0, "dir/file");
    add("to-dir", '2', 0, "/dir/");
    add("loop1", '2', 0, "loop2");
    add("loop2", '2', 0, "./loop1");
    add("broken", '2', 0, "nothing");
    add("empty", '2', 0, "");
    for (unsigned i = 0; i < 41; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "chain%u", i);
        snprintf(to, sizeof to, i < 40 ? "chain%u" : "dir/file", i + 1);
        add(from, '2', 0, to);
    }
    ck_assert(open_complete());
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct file *f;
        int error = archive_lookup(cases[i].path, cases[i].follow, &f);
        ck_assert_msg(error == cases[i].error, "%s: %d", cases[i].path, error);
    }
    char part[300];
    const struct file *f;
    memset(part, 'x', sizeof part);
    part[PART_SIZE - 1] = 0;
    ck_assert_int_eq(archive_lookup(part, true, &f), -ENOENT);
    part[PART_SIZE - 1] = 'x';
    part[PART_SIZE] = 0;
    ck_assert_int_eq(archive_lookup(part, true, &f), -ENAMETOOLONG);
}
END_TEST

START_TEST(what_was_replaced_is_not_listed)
{
    const struct file *f = NULL;
    unsigned n = 0;
    start_archive();
    add("a", '0', 1, "");
    add("b", '2', 0, "a");
    add("a", '0', 2, "");
    add("b", '0', 2, "");
    add("c", '1', 0, "a");
    ck_assert(open_complete());
    for (; (f = archive_next_member(archive_find("/"), f)); n++)
        ck_assert_uint_eq(f->size_bytes, 2);
    ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(later_member_of_the_same_name_counts)
{
    start_archive();
    add("a", '0', 1, "");
    add("a", '0', 2, "");
    ck_assert(open_complete());
    ck_assert_uint_eq(archive_find("a")->size_bytes, 2);
}
END_TEST

START_TEST(prefix_and_full_fields_and_long_names_are_read)
{
    char hundred[101], name[300];
    start_archive();
    memset(hundred, 'n', 100);
    hundred[100] = 0;
    unsigned char *h = add(hundred, '0', 1, "");
    memset(h + 345, 'p', 155);
    seal(h);
    memset(name, 'l', 290);
    name[290] = 0;
    h = add("././@LongLink", 'L', 291, "");
    memcpy(h + TAR_BLOCK, name, 291);
    add("cut", '0', 7, "");
    add("next", '0', 8, "");
    ck_assert(open_complete());

    char path[300];
    memset(path, 'p', 155);
    snprintf(path + 155, sizeof path - 155, "/%s", hundred);
    ck_assert_ptr_nonnull(archive_find(path));
    ck_assert_uint_eq(archive_find(name)->size_bytes, 7);
    ck_assert_uint_eq(archive_find("next")->size_bytes, 8);
    ck_assert_ptr_null(archive_find("cut"));
}
END_TEST

START_TEST(sizes_in_base_256_are_read)
{
    start_archive();
    unsigned char *h = add("a", '0', 700, "");
    memset(h + 124, 0, 12);
    h[124] = 0x80;
    h[134] = 700 >> 8;
    h[135] = 700 & 255;
    seal(h);
    add("b", '0', 1, "");
    ck_assert(open_complete());
    ck_assert_uint_eq(archive_find("a")->size_bytes, 700);
    ck_assert_ptr_nonnull(archive_find("b"));
}
END_TEST

START_TEST(content_is_read_at_any_offset)
{
    start_archive();
    add("a", '0', 70000, "");
    ck_assert(open_complete());
    const struct file *f = archive_find("a");
    char *buffer = pfn_to_virt(pfn(900)); /* frames that nobody was given yet, one after the other */
    static const struct {
        uint64_t offset, bytes;
    } reads[] = { { 0, 70000 },  { 0, 1 },       { 511, 2 },      { 512, 512 },
                  { 100, 5000 }, { 69999, 100 }, { 65536, 9999 }, { 1024, 66000 } };
    for (unsigned i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        uint64_t left = 70000 - reads[i].offset, n = reads[i].bytes < left ? reads[i].bytes : left;
        memset(buffer, 0xaa, 20 * PAGE_SIZE);
        ck_assert_int_eq(archive_read(f, reads[i].offset, buffer, reads[i].bytes), (int64_t)n);
        ck_assert_mem_eq(buffer, disk + f->start_sector * 512 + reads[i].offset, n);
        ck_assert_uint_eq((unsigned char)buffer[n], 0xaa);
    }
    ck_assert_int_eq(archive_read(f, 70000, buffer, 1), 0);
    ck_assert_int_eq(archive_read(f, ~0ull, buffer, 1), 0);
    ck_assert_int_eq(archive_read(f, 1, buffer, ~0ull), 69999);
    fake_disks[0].error_percent = 100;
    ck_assert_int_eq(archive_read(f, 0, buffer, 1), -EIO);
    ck_assert_int_eq(archive_read(f, 0, buffer, 4096), -EIO);
}
END_TEST

START_TEST(small_members_share_a_notification)
{
    start_archive();
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%u", i);
        add(name, '0', 100, "");
    }
    ck_assert(open_complete());
    ck_assert_uint_le(fake_counts.notifies, 7); /* 202 sectors, 32 at a time */
}
END_TEST

START_TEST(thousands_of_files_fit_and_more_are_refused)
{
    start_archive();
    for (unsigned i = 0; i < 4100; i++) {
        char name[32];
        snprintf(name, sizeof name, "directory/file-%u", i);
        add(name, '0', 0, "");
    }
    ck_assert(!open_complete());
    assert_fails("too many files");
    ck_assert_ptr_nonnull(archive_find("directory/file-4095"));
    ck_assert_ptr_null(archive_find("directory/file-4096"));
}
END_TEST

/* The kernel does nothing else meanwhile: so it must not take minutes. */
START_TEST(a_directory_of_thousands_is_listed_at_once)
{
    static struct process p;
    const struct region buffer = { .start = 1 << 20, .end = 2 << 20, .rights = ACCESS_READ | ACCESS_WRITE };
    uint64_t entries = 0;
    int64_t bytes;
    start_archive();
    add("directory/", '5', 0, "");
    for (unsigned i = 0; i < 4000; i++) {
        char name[32];
        snprintf(name, sizeof name, "directory/file-%u", i);
        add(name, '0', 0, "");
    }
    ck_assert(open_complete());
    p.space = space_create();
    ck_assert_int_eq(space_map(p.space, &buffer), 0);
    uint64_t fd = (uint64_t)descriptor_open(&p.files, archive_find("directory"), 0, false);
    const uint64_t args[NR_SYSCALL_ARGS] = { fd, buffer.start, 2048 };
    while ((bytes = sys_getdents64(&p, args)) > 0) {
        unsigned char list[2048];
        uint16_t record;
        ck_assert_int_eq(space_read(p.space, list, buffer.start, sizeof list), 0);
        for (int64_t at = 0; at < bytes; at += record, entries++)
            memcpy(&record, list + at + 16, sizeof record);
    }
    ck_assert_int_eq((int)bytes, 0);
    ck_assert_uint_eq(entries, 4002);
}
END_TEST

START_TEST(archive_larger_than_memory_can_index_is_refused)
{
    start_archive();
    for (unsigned i = 0; i < 4000; i++) {
        char name[100];
        snprintf(name, sizeof name, "a-name-that-takes-a-good-deal-of-room-since-it-is-so-very-long-%u", i);
        add(name, '0', 0, "");
    }
    fake_disks[0] = (struct fake_disk){ .bytes = fake_disks[0].bytes, .read_only = true };
    fake_disk_resize(0, sectors + 2);
    memcpy(fake_disks[0].bytes, disk, sectors * TAR_BLOCK);
    fake_start(64, NULL, 0);
    ck_assert(!archive_open(0));
    assert_fails("too many files");
    ck_assert_ptr_nonnull(archive_find("a-name-that-takes-a-good-deal-of-room-since-it-is-so-very-long-0"));
}
END_TEST

/* What follows damage is lost; what is before it stays. */
static void add_good_start(void)
{
    start_archive();
    add("good", '0', 100, "");
}

static void assert_good_start(void)
{
    ck_assert_ptr_nonnull(archive_find("good"));
    ck_assert_uint_eq(archive_find("good")->size_bytes, 100);
}

START_TEST(disk_that_is_no_archive_is_refused)
{
    start_archive();
    memset(disk, 'x', 100 * TAR_BLOCK);
    ck_assert(!open_disk(100));
    assert_fails("no ustar header");
    ck_assert(!open_disk(0));
    assert_fails("ends before");
    start_archive();
    unsigned char *h = add("v7", '0', 0, "");
    memset(h + 257, 0, 8);
    seal(h);
    ck_assert(!open_complete());
    assert_fails("no ustar header");
}
END_TEST

START_TEST(archive_without_end_is_refused)
{
    add_good_start();
    ck_assert(!open_disk(sectors));
    assert_fails("ends before");
    assert_good_start();
    ck_assert(open_disk(sectors + 1)); /* one zero block will do */
}
END_TEST

START_TEST(member_beyond_the_end_is_refused)
{
    add_good_start();
    add("large", '0', 5000, "");
    ck_assert(!open_disk(sectors - 1));
    assert_fails("beyond the end");
    assert_good_start();
    ck_assert_ptr_null(archive_find("large"));
}
END_TEST

START_TEST(each_flipped_bit_of_a_header_is_noticed)
{
    for (unsigned bit = 0; bit < TAR_BLOCK * 8; bit += 13) {
        add_good_start();
        add("other", '0', 10, "");
        disk[2 * TAR_BLOCK + bit / 8] ^= (unsigned char)(1u << bit % 8);
        /* In the checksum itself a flip may turn padding into other padding. */
        bool in_checksum = bit / 8 >= 148 && bit / 8 < 156;
        ck_assert(!open_complete() || in_checksum);
        assert_good_start();
    }
}
END_TEST

START_TEST(sizes_that_are_none_are_refused)
{
    static const struct {
        const char *field;
        const char *reason;
    } sizes[] = {
        { "0000000009\0\0", "no number" },
        { "-0000000001\0", "no number" },
        { "abcdefghijkl", "no number" },
        { "0000 0000 1\0", "no number" },
        { "777777777777", "beyond" },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "no number" },
        { "\x80\0\0\1\0\0\0\0\0\0\0\0", "no number" },
        { "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", "beyond" },
        { "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", "beyond" },
    };
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        add_good_start();
        unsigned char *h = add("bad", '0', 10, "");
        memcpy(h + 124, sizes[i].field, 12);
        seal(h);
        ck_assert(!open_complete());
        assert_fails(sizes[i].reason);
        assert_good_start();
    }
}
END_TEST

START_TEST(sectors_that_cannot_be_read_are_an_error)
{
    add_good_start();
    fake_disks[0] =
        (struct fake_disk){ .bytes = fake_disks[0].bytes, .read_only = true, .error_percent = 100 };
    fake_disk_resize(0, sectors + 2);
    fake_start(1024, NULL, 0);
    ck_assert(!archive_open(0));
    assert_fails("cannot be read");
    ck_assert_ptr_null(archive_find("good"));
}
END_TEST

START_TEST(random_archives_do_no_harm)
{
    fake_random_seed(5);
    for (unsigned round = 0; round < 300; round++) {
        start_archive();
        for (unsigned i = 0; i < 5; i++) {
            static const char types[] = "0123456757LKxgLK\0";
            unsigned char *h =
                add(i % 2 ? "a/b" : "c", types[fake_random() % 17], fake_random() % 2000, "a/../c");
            for (unsigned k = (unsigned)(fake_random() % 4); k > 0; k--)
                h[fake_random() % TAR_BLOCK] = (unsigned char)fake_random();
            memcpy(h + 257, "ustar", 5);
            seal(h); /* so that what is inside is looked at */
        }
        open_disk(fake_random() % (sectors + 3));
        for (const struct archive_entry *e = archive_entries; e; e = e->next) {
            archive_find(e->file.path);
            if ((e->file.mode & S_IFMT) == S_IFREG)
                ck_assert_uint_le(e->file.start_sector + (e->file.size_bytes + 511) / 512,
                                  fake_disks[0].sectors);
        }
    }
}
END_TEST

START_TEST(paths_too_long_are_not_found)
{
    char path[3000];
    add_good_start();
    ck_assert(open_complete());
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    const struct file *f;
    ck_assert_int_eq(archive_lookup(path, true, &f), -ENAMETOOLONG);
    for (unsigned i = 0; i + 7 < PATH_SIZE; i += 2)
        memcpy(path + i, "./good", 7);
    ck_assert_ptr_eq(archive_find(path), archive_find("good"));
}
END_TEST

START_TEST(what_tar_makes_is_read)
{
    char folder[] = "/tmp/guest_archive_XXXXXX", command[600];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    static const char *const formats[] = { "ustar", "gnu", "oldgnu", "pax" };
    for (unsigned i = 0; i < 4; i++) {
        snprintf(command, sizeof command,
                 "cd %s && mkdir -p d/e && echo hello > d/e/f && head -c 10000 /dev/zero > d/zeros && ln -sf "
                 "e/f d/link && "
                 "ln -f d/zeros d/hard && tar --format=%s -cf t.tar ./d && cat t.tar",
                 folder, formats[i]);
        start_archive();
        FILE *tar = popen(command, "r");
        ck_assert_ptr_nonnull(tar);
        sectors = fread(disk, TAR_BLOCK, MAX_SECTORS, tar);
        ck_assert_int_eq(pclose(tar), 0);
        ck_assert(open_disk(sectors));
        ck_assert_uint_eq(archive_find("/d/link")->size_bytes, 6);
        ck_assert_uint_eq(archive_find("/d/zeros")->size_bytes, 10000);
        ck_assert_uint_eq(archive_find("/d/hard")->size_bytes, 10000);
        ck_assert_mem_eq(disk + archive_find("/d/e/f")->start_sector * 512, "hello\n", 6);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("archive");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, members_are_found_with_what_they_are);
    tcase_add_test(t, links_are_followed);
    tcase_add_test(t, a_path_that_leads_nowhere_says_why);
    tcase_add_test(t, what_was_replaced_is_not_listed);
    tcase_add_test(t, later_member_of_the_same_name_counts);
    tcase_add_test(t, prefix_and_full_fields_and_long_names_are_read);
    tcase_add_test(t, sizes_in_base_256_are_read);
    tcase_add_test(t, content_is_read_at_any_offset);
    tcase_add_test(t, small_members_share_a_notification);
    tcase_add_test(t, thousands_of_files_fit_and_more_are_refused);
    tcase_add_test(t, a_directory_of_thousands_is_listed_at_once);
    tcase_add_test(t, archive_larger_than_memory_can_index_is_refused);
    tcase_add_test(t, disk_that_is_no_archive_is_refused);
    tcase_add_test(t, archive_without_end_is_refused);
    tcase_add_test(t, member_beyond_the_end_is_refused);
    tcase_add_test(t, each_flipped_bit_of_a_header_is_noticed);
    tcase_add_test(t, sizes_that_are_none_are_refused);
    tcase_add_test(t, sectors_that_cannot_be_read_are_an_error);
    tcase_add_test(t, random_archives_do_no_harm);
    tcase_add_test(t, paths_too_long_are_not_found);
    tcase_add_test(t, what_tar_makes_is_read);

    Suite *s = suite_create("guest archive");
    suite_add_tcase(s, t);
    return run_suite(s);
}
