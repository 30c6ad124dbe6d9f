/* Archives that are broken or too large: the guest kernel says why it refuses them, and keeps what comes
 * before the damage. */
#include <check.h>
#include "archive_index.h"
#include "guest_archive_disk.h"
#include "tests/run_suite.h"

static void assert_fails(const char *reason)
{
    ck_assert_msg(strstr(fake_message, reason) != NULL, "said '%s', not '%s'", fake_message, reason);
}

START_TEST(thousands_of_files_fit_and_more_are_refused)
{
    start_archive();
    add_files("directory/file-", 4100, 0);
    ck_assert(!open_complete());
    assert_fails("too many files");
    ck_assert_ptr_nonnull(archive_find("directory/file-4095"));
    ck_assert_ptr_null(archive_find("directory/file-4096"));
}
END_TEST

START_TEST(archive_larger_than_memory_can_index_is_refused)
{
    start_archive();
    add_files("a-name-that-takes-a-good-deal-of-room-since-it-is-so-very-long-", 4000, 0);
    insert_disk(sectors + 2);
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
    add_file("good", 100);
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
    unsigned char *h = add_file("v7", 0);
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
    add_file("large", 5000);
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
        add_file("other", 10);
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
        unsigned char *h = add_file("bad", 10);
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
    insert_disk(sectors + 2);
    fake_disks[0].error_percent = 100;
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

int main(void)
{
    TCase *t = tcase_create("refusal");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, thousands_of_files_fit_and_more_are_refused);
    tcase_add_test(t, archive_larger_than_memory_can_index_is_refused);
    tcase_add_test(t, disk_that_is_no_archive_is_refused);
    tcase_add_test(t, archive_without_end_is_refused);
    tcase_add_test(t, member_beyond_the_end_is_refused);
    tcase_add_test(t, each_flipped_bit_of_a_header_is_noticed);
    tcase_add_test(t, sizes_that_are_none_are_refused);
    tcase_add_test(t, sectors_that_cannot_be_read_are_an_error);
    tcase_add_test(t, random_archives_do_no_harm);

    Suite *s = suite_create("guest archive refusal");
    suite_add_tcase(s, t);
    return run_suite(s);
}
