/* The substrate is told from sysfs first, then from a hint, then from the CPU's flags. Every case is a small
 * tree of files below a directory of its own. */
#include "vmm/substrate.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tests/run_suite.h"

static char root[] = "/tmp/substrate_test.XXXXXX";

static void write_file(const char *path, const char *text)
{
    char command[512], full[256];
    FILE *f;

    snprintf(full, sizeof(full), "%s%s", root, path);
    snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s')\"", full);
    ck_assert_int_eq(system(command), 0);
    f = fopen(full, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void make_root(void)
{
    snprintf(root, sizeof(root), "/tmp/substrate_test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    ck_assert_int_eq(system(command), 0);
}

static void expect(const char *hint, const char *id, const char *name)
{
    const struct substrate *s = substrate_find(root, hint);

    ck_assert_str_eq(s->id, id);
    ck_assert_str_eq(s->name, name);
}

START_TEST(kvm_amd_with_npt_is_svm)
{
    write_file("/sys/module/kvm_amd/parameters/npt", "Y\n");
    expect(NULL, "svm", "SVM with NPT");
}
END_TEST

START_TEST(kvm_amd_without_npt_is_svm_with_shadow_paging)
{
    write_file("/sys/module/kvm_amd/parameters/npt", "N\n");
    expect(NULL, "svm-shadow", "SVM with shadow paging");
}
END_TEST

START_TEST(kvm_intel_with_ept_is_vmx)
{
    write_file("/sys/module/kvm_intel/parameters/ept", "Y\n");
    expect(NULL, "vmx", "VMX with EPT");
}
END_TEST

START_TEST(kvm_intel_without_ept_is_vmx_with_shadow_paging)
{
    write_file("/sys/module/kvm_intel/parameters/ept", "N\n");
    expect(NULL, "vmx-shadow", "VMX with shadow paging");
}
END_TEST

START_TEST(old_modules_say_one_and_zero)
{
    write_file("/sys/module/kvm_amd/parameters/npt", "0\n");
    expect(NULL, "svm-shadow", "SVM with shadow paging");
    write_file("/sys/module/kvm_amd/parameters/npt", "1\n");
    expect(NULL, "svm", "SVM with NPT");
}
END_TEST

START_TEST(kvm_pvm_wins_over_the_other_modules)
{
    write_file("/sys/module/kvm_intel/parameters/ept", "Y\n");
    write_file("/sys/module/kvm_pvm/parameters/stats", "N\n");
    expect(NULL, "pvm", "PVM");
}
END_TEST

START_TEST(modules_win_over_hint_and_flags)
{
    write_file("/sys/module/kvm_amd/parameters/npt", "Y\n");
    write_file("/proc/cpuinfo", "flags : fpu vmx ept\n");
    expect("vmx-shadow", "svm", "SVM with NPT");
}
END_TEST

START_TEST(hint_wins_over_flags)
{
    write_file("/proc/cpuinfo", "flags : fpu vmx ept\n");
    expect("svm-shadow", "svm-shadow", "SVM with shadow paging");
}
END_TEST

START_TEST(hint_that_is_no_id_is_ignored)
{
    expect("svm-", "unknown", "unknown");
    expect("", "unknown", "unknown");
}
END_TEST

START_TEST(flags_tell_when_no_module_does)
{
    write_file("/proc/cpuinfo", "processor : 0\nflags : fpu svm npt lbrv\n");
    expect(NULL, "svm", "SVM with NPT");
    write_file("/proc/cpuinfo", "processor : 0\nflags : fpu svm lbrv\n");
    expect(NULL, "svm-shadow", "SVM with shadow paging");
    write_file("/proc/cpuinfo", "processor : 0\nflags : fpu vmx ept vpid\n");
    expect(NULL, "vmx", "VMX with EPT");
    write_file("/proc/cpuinfo", "processor : 0\nflags : fpu vmx vpid\n");
    expect(NULL, "vmx-shadow", "VMX with shadow paging");
}
END_TEST

START_TEST(flag_inside_a_longer_word_is_not_a_flag)
{
    write_file("/proc/cpuinfo", "flags : fpu svm_lock vmxoff ept_ad\n");
    expect(NULL, "unknown", "unknown");
}
END_TEST

START_TEST(parameter_that_is_empty_tells_nothing)
{
    write_file("/sys/module/kvm_amd/parameters/npt", "");
    expect(NULL, "unknown", "unknown");
}
END_TEST

START_TEST(empty_system_is_unknown)
{
    expect(NULL, "unknown", "unknown");
}
END_TEST

START_TEST(path_too_long_is_unknown)
{
    char long_root[1024];

    snprintf(long_root, sizeof(long_root), "%01000d", 0);
    ck_assert_str_eq(substrate_find(long_root, NULL)->id, "unknown");
}
END_TEST

START_TEST(a_name_is_told_about_by_its_name)
{
    ck_assert_str_eq(substrate_about("PVM"), "KVM without hardware virtualization");
    ck_assert_str_eq(substrate_about(substrate_find("/nonexistent", "vmx")->name), "Intel, nested paging");
    ck_assert_ptr_null(substrate_about("unknown"));
    ck_assert_ptr_null(substrate_about("another"));
}
END_TEST

START_TEST(this_machine_has_a_name_that_stays)
{
    ck_assert_str_eq(substrate_name(), substrate_find("", getenv("FV_SUBSTRATE"))->name);
    ck_assert_ptr_eq(substrate_of_this_machine(), substrate_find("", getenv("FV_SUBSTRATE")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("substrate");
    TCase *tc = tcase_create("find");

    tcase_add_checked_fixture(tc, make_root, remove_root);
    tcase_add_test(tc, kvm_amd_with_npt_is_svm);
    tcase_add_test(tc, kvm_amd_without_npt_is_svm_with_shadow_paging);
    tcase_add_test(tc, kvm_intel_with_ept_is_vmx);
    tcase_add_test(tc, kvm_intel_without_ept_is_vmx_with_shadow_paging);
    tcase_add_test(tc, old_modules_say_one_and_zero);
    tcase_add_test(tc, kvm_pvm_wins_over_the_other_modules);
    tcase_add_test(tc, modules_win_over_hint_and_flags);
    tcase_add_test(tc, hint_wins_over_flags);
    tcase_add_test(tc, hint_that_is_no_id_is_ignored);
    tcase_add_test(tc, flags_tell_when_no_module_does);
    tcase_add_test(tc, flag_inside_a_longer_word_is_not_a_flag);
    tcase_add_test(tc, parameter_that_is_empty_tells_nothing);
    tcase_add_test(tc, empty_system_is_unknown);
    tcase_add_test(tc, path_too_long_is_unknown);
    tcase_add_test(tc, a_name_is_told_about_by_its_name);
    tcase_add_test(tc, this_machine_has_a_name_that_stays);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
