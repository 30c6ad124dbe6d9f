/* Archives that are good, made by tar and by hand: which members the guest kernel finds by which paths, and
 * what is in them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include "archive_index.h"
#include "guest_archive_disk.h"
#include "syscall.h"
#include "tests/run_suite.h"

static void assert_each_leads_to(const struct file *f, const char *const *path)
{
    for (; *path; path++)
        ck_assert_msg(archive_find(*path) == f, "%s leads elsewhere", *path);
}

#define assert_lead_to(f, ...)      assert_each_leads_to(f, (const char *const[]){ __VA_ARGS__, NULL })
#define assert_lead_to_nothing(...) assert_lead_to(NULL, __VA_ARGS__)

static void assert_type(const char *path, unsigned type)
{
    ck_assert_uint_eq(archive_find(path)->mode & S_IFMT, type);
}

static void assert_size(const char *path, uint64_t bytes)
{
    ck_assert_uint_eq(archive_find(path)->size_bytes, bytes);
}

START_TEST(members_are_found_with_what_they_are)
{
    start_archive();
    add_folder("./");
    add_folder("./bin/");
    add_file("./bin/tool", 5000);
    add("plain", 0, 3, "");
    ck_assert(open_complete());

    const struct file *f = archive_find("/bin/tool");
    ck_assert_ptr_nonnull(f);
    ck_assert_str_eq(f->path, "bin/tool");
    ck_assert_uint_eq(f->size_bytes, 5000);
    ck_assert_uint_eq(f->start_sector, 3);
    ck_assert_uint_eq(f->mode, S_IFREG | 0755);
    ck_assert_uint_eq(f->mtime_s, 1000000000);
    assert_lead_to(f, "bin//./tool", "/../bin/../bin/tool");
    assert_type("/bin", S_IFDIR);
    assert_type("/", S_IFDIR);
    assert_type("plain", S_IFREG);
    ck_assert_uint_ne(archive_find("plain")->inode, f->inode);
    assert_lead_to_nothing("/bin/too", "/bin/tool/x", "/bin/tool/..");
}
END_TEST

START_TEST(links_are_followed)
{
    start_archive();
    add_file("dir/file", 10);
    add_link("relative", "dir/file");
    add_link("dir/up", "../dir/./file");
    add_link("absolute", "/dir");
    add_link("twice", "absolute/up");
    add_hard_link("hard", "dir/file");
    add_link("loop1", "loop2");
    add_link("loop2", "loop1");
    add_link("broken", "nothing");
    add_hard_link("hard-to-nothing", "nothing");
    ck_assert(open_complete());

    const struct file *f = archive_find("dir/file");
    ck_assert_ptr_nonnull(f);
    assert_lead_to(f, "relative", "dir/up", "absolute/file", "twice");
    ck_assert_uint_eq(archive_find("hard")->inode, f->inode);
    ck_assert_uint_eq(archive_find("hard")->start_sector, f->start_sector);
    assert_lead_to_nothing("loop1", "broken", "hard-to-nothing");
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
    add_file("dir/file", 10); /* "dir" has no entry of its own */
    add_link("to-file", "dir/file");
    add_link("to-dir", "/dir/");
    add_link("loop1", "loop2");
    add_link("loop2", "./loop1");
    add_link("broken", "nothing");
    add_link("empty", "");
    for (unsigned i = 0; i < 41; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "chain%u", i);
        snprintf(to, sizeof to, i < 40 ? "chain%u" : "dir/file", i + 1);
        add_link(from, to);
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

START_TEST(paths_too_long_are_not_found)
{
    char path[3000];
    start_archive();
    add_file("good", 100);
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

START_TEST(what_was_replaced_is_not_listed)
{
    const struct file *f = NULL;
    unsigned n = 0;
    start_archive();
    add_file("a", 1);
    add_link("b", "a");
    add_file("a", 2);
    add_file("b", 2);
    add_hard_link("c", "a");
    ck_assert(open_complete());
    for (; (f = archive_next_member(archive_find("/"), f)); n++)
        ck_assert_uint_eq(f->size_bytes, 2);
    ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(later_member_of_the_same_name_counts)
{
    start_archive();
    add_file("a", 1);
    add_file("a", 2);
    ck_assert(open_complete());
    assert_size("a", 2);
}
END_TEST

START_TEST(prefix_and_full_fields_and_long_names_are_read)
{
    char hundred[101], name[300];
    start_archive();
    memset(hundred, 'n', 100);
    hundred[100] = 0;
    unsigned char *h = add_file(hundred, 1);
    memset(h + 345, 'p', 155);
    seal(h);
    memset(name, 'l', 290);
    name[290] = 0;
    h = add("././@LongLink", 'L', 291, "");
    memcpy(h + TAR_BLOCK, name, 291);
    add_file("cut", 7);
    add_file("next", 8);
    ck_assert(open_complete());

    char path[300];
    memset(path, 'p', 155);
    snprintf(path + 155, sizeof path - 155, "/%s", hundred);
    ck_assert_ptr_nonnull(archive_find(path));
    assert_size(name, 7);
    assert_size("next", 8);
    ck_assert_ptr_null(archive_find("cut"));
}
END_TEST

START_TEST(sizes_in_base_256_are_read)
{
    start_archive();
    unsigned char *h = add_file("a", 700);
    memset(h + 124, 0, 12);
    h[124] = 0x80;
    h[134] = 700 >> 8;
    h[135] = 700 & 255;
    seal(h);
    add_file("b", 1);
    ck_assert(open_complete());
    assert_size("a", 700);
    ck_assert_ptr_nonnull(archive_find("b"));
}
END_TEST

START_TEST(content_is_read_at_any_offset)
{
    start_archive();
    add_file("a", 70000);
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
    add_files("f", 100, 100);
    ck_assert(open_complete());
    ck_assert_uint_le(fake_counts.notifies, 7); /* 202 sectors, 32 at a time */
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
    add_folder("directory/");
    add_files("directory/file-", 4000, 0);
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
        assert_size("/d/link", 6);
        assert_size("/d/zeros", 10000);
        assert_size("/d/hard", 10000);
        ck_assert_mem_eq(disk + archive_find("/d/e/f")->start_sector * 512, "hello\n", 6);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("members");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, members_are_found_with_what_they_are);
    tcase_add_test(t, links_are_followed);
    tcase_add_test(t, a_path_that_leads_nowhere_says_why);
    tcase_add_test(t, paths_too_long_are_not_found);
    tcase_add_test(t, what_was_replaced_is_not_listed);
    tcase_add_test(t, later_member_of_the_same_name_counts);
    tcase_add_test(t, prefix_and_full_fields_and_long_names_are_read);
    tcase_add_test(t, sizes_in_base_256_are_read);
    tcase_add_test(t, content_is_read_at_any_offset);
    tcase_add_test(t, small_members_share_a_notification);
    tcase_add_test(t, a_directory_of_thousands_is_listed_at_once);
    tcase_add_test(t, what_tar_makes_is_read);

    Suite *s = suite_create("guest archive members");
    suite_add_tcase(s, t);
    return run_suite(s);
}
