/* Guest kernels as files in a folder: what can be opened, and what is said of the rest. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kernel_file.h"

static char path[] = "/tmp/kernel_open_test.XXXXXX";

static void write_file(void)
{
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, &file, file_bytes), file_bytes);
    close(fd);
}

START_TEST(a_kernel_is_read_from_a_file)
{
    make_good_file();
    write_file();
    ck_assert_int_eq(kernel_image_open(&k, path, MEMORY), 0);
    unlink(path);
    check_promises();
    ck_assert_uint_eq(k.pv_entry, KERNEL_GVA + TEXT_GPA + 8);
    kernel_image_close(&k);
}
END_TEST

START_TEST(an_empty_file_is_refused)
{
    make_good_file();
    file_bytes = 0;
    write_file();
    ck_assert_int_eq(kernel_image_open(&k, path, MEMORY), -ENOEXEC);
    unlink(path);
    ck_assert_ptr_nonnull(strstr(said, "empty"));
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    ck_assert_int_eq(kernel_image_open(&k, "/nonexistent/kernel.elf", MEMORY), -ENOENT);
    ck_assert_str_eq(said, "cannot open kernel /nonexistent/kernel.elf: No such file or directory");
}
END_TEST

START_TEST(a_file_without_permission_is_named)
{
    make_good_file();
    write_file();
    ck_assert_int_eq(chmod(path, 0), 0);
    bool root = geteuid() == 0; /* who may read everything: be nobody for a while */
    if (root && seteuid(65534))
        ck_abort_msg("cannot become nobody");
    int err = kernel_image_open(&k, path, MEMORY);
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
    unlink(path);
    ck_assert_int_eq(err, -EACCES);
    ck_assert_ptr_nonnull(strstr(said, "Permission denied"));
}
END_TEST

START_TEST(a_directory_or_device_is_not_a_kernel)
{
    static const char *const paths[] = { "/tmp", "/dev/null" };

    ck_assert_int_eq(kernel_image_open(&k, paths[_i], MEMORY), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(said, "not a regular file"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernel_open");
    TCase *t = tcase_create("kernel_open");

    error_sink = keep;
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_kernel_is_read_from_a_file);
    tcase_add_test(t, an_empty_file_is_refused);
    tcase_add_test(t, a_missing_file_is_named);
    tcase_add_test(t, a_file_without_permission_is_named);
    tcase_add_loop_test(t, a_directory_or_device_is_not_a_kernel, 0, 2);
    suite_add_tcase(s, t);

    return run_suite(s);
}
