/* Guest kernels that can be used: what is read of a good one, and in which modes each runs. */
#include <errno.h>

#include "tests/kernel_file.h"

START_TEST(a_good_kernel_is_read_as_it_is)
{
    make_good_file();
    ck_assert_int_eq(open_file(), 0);
    ck_assert_uint_eq(k.nr_segments, 2);
    check_promises();
    ck_assert_uint_eq(k.segments[0].gpa, TEXT_GPA);
    ck_assert_uint_eq(k.segments[0].gva, KERNEL_GVA + TEXT_GPA);
    ck_assert_uint_eq(k.segments[0].file_bytes, sizeof(file.text_bytes));
    ck_assert_uint_eq(k.segments[0].mem_bytes, 0x1800);
    ck_assert(k.segments[0].executable && !k.segments[0].writable);
    ck_assert(!k.segments[1].executable && k.segments[1].writable);
    ck_assert_mem_eq(k.segments[1].data, file.data_bytes, sizeof(file.data_bytes));
    ck_assert(k.has_pv && k.has_native && k.has_pvh);
    ck_assert_uint_eq(k.pv_entry, KERNEL_GVA + TEXT_GPA + 8);
    ck_assert_uint_eq(k.native_entry, TEXT_GPA + 16);
    ck_assert_uint_eq(k.pvh_entry, TEXT_GPA + 32);
    ck_assert_int_eq(kernel_image_require_pv(&k), 0);
    ck_assert_int_eq(kernel_image_require_native(&k), 0);
    ck_assert_uint_eq(nr_said, 0);
    kernel_image_close(&k);
    kernel_image_close(&k);
}
END_TEST

START_TEST(segments_of_no_bytes_are_left_out)
{
    make_good_file();
    file.other = load(7, 13, 0, 0, PF_R);
    ck_assert_int_eq(open_file(), 0);
    ck_assert_uint_eq(k.nr_segments, 2);
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_segment_may_end_with_memory_and_with_addresses)
{
    make_good_file();
    file.data.p_paddr = MEMORY - 0x5000;
    file.data.p_vaddr = -0x5000ull;
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), 0);
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_kernel_without_pv_note_runs_only_natively)
{
    make_good_file();
    file.note.header.n_type = 99;
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_native(&k), 0);
    ck_assert_uint_eq(nr_said, 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(said, "no paravirtual entry"));
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_note_of_another_name_is_not_ours)
{
    make_good_file();
    file.note.name[3] = 'x';
    file.pvh.name[0] = 'K';
    ck_assert_int_eq(open_file(), 0);
    ck_assert(!k.has_pv && !k.has_pvh);
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_kernel_whose_elf_entry_is_not_code_runs_only_paravirtualized)
{
    static const uint64_t entries[] = { 0, DATA_GPA, KERNEL_GVA + TEXT_GPA,
                                        TEXT_GPA + sizeof(file.text_bytes), TEXT_GPA - 1 };

    make_good_file();
    file.h.e_entry = entries[_i];
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), 0);
    ck_assert_int_eq(kernel_image_require_native(&k), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(said, "no native entry"));
    kernel_image_close(&k);
}
END_TEST

static const struct {
    uint64_t gva;
    const char *reason;
} clashes[] = {
    { KERNEL_GVA + TEXT_GPA + 0x1000, "two segments" },
    { 0xffffff0000000000ull, "monitor's slot" },
    { 0xffffff8000000000ull - 0x1000, "monitor's slot" },
    { 0xffffff0000000000ull - 0x1000, "monitor's slot" },
    { PV_LINEAR_BASE, "all memory is mapped" },
    { PV_LINEAR_BASE + MEMORY - 0x1000, "all memory is mapped" },
    { PV_LINEAR_BASE + MEMORY, NULL },
    { 0xffffff8000000000ull, NULL },
    { 0x400000, NULL },
};

START_TEST(what_the_pv_start_maps_must_not_clash)
{
    make_good_file();
    file.data.p_vaddr = clashes[_i].gva;
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), clashes[_i].reason ? -ENOEXEC : 0);
    if (clashes[_i].reason)
        ck_assert_msg(strstr(said, clashes[_i].reason), "said: %s", said);
    kernel_image_close(&k);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernel_image");
    TCase *t = tcase_create("kernel_image");

    error_sink = keep;
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_good_kernel_is_read_as_it_is);
    tcase_add_test(t, segments_of_no_bytes_are_left_out);
    tcase_add_test(t, a_segment_may_end_with_memory_and_with_addresses);
    tcase_add_test(t, a_kernel_without_pv_note_runs_only_natively);
    tcase_add_test(t, a_note_of_another_name_is_not_ours);
    tcase_add_loop_test(t, a_kernel_whose_elf_entry_is_not_code_runs_only_paravirtualized, 0, 5);
    tcase_add_loop_test(t, what_the_pv_start_maps_must_not_clash, 0, COUNT(clashes));
    suite_add_tcase(s, t);

    return run_suite(s);
}
