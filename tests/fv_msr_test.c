/* Model-specific registers, and performance counters, of which there are none. */
#include <x86intrin.h>
#include "fv_machine.h"
#include "tests/run_suite.h"

static bool write_msr(struct fv *f, uint32_t index, uint64_t value)
{
    f->regs.rip = CODE;
    f->regs.rcx = 0xffffffff00000000 | index; /* the upper half does not count */
    f->regs.rax = value | 0xdead00000000;
    f->regs.rdx = value >> 32;
    return EMULATE(f, 0x0f, 0x30) && caught(f) < 0;
}

static uint64_t read_msr(struct fv *f, uint32_t index)
{
    f->regs.rip = CODE;
    f->regs.rcx = index;
    f->regs.rax = f->regs.rdx = ~0ull;
    ck_assert(EMULATE(f, 0x0f, 0x32));
    ck_assert_done(f, 2);
    return f->regs.rdx << 32 | f->regs.rax;
}

START_TEST(msrs_are_written_and_read)
{
    static const uint32_t canonical[] = { MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE,
                                          MSR_KERNEL_GS_BASE };
    struct fv *f = fv_create();
    for (unsigned i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
        ck_assert(write_msr(f, canonical[i], 0xffff800000000000 + i));
        ck_assert_uint_eq(read_msr(f, canonical[i]), 0xffff800000000000 + i);
        ck_assert(!write_msr(f, canonical[i], 0x0000800000000000));
        ck_assert_uint_eq(read_msr(f, canonical[i]), 0xffff800000000000 + i);
    }
    ck_assert(write_msr(f, MSR_STAR, 0x1234567890abcdef));
    ck_assert_uint_eq(read_msr(f, MSR_STAR), 0x1234567890abcdef);
    ck_assert(write_msr(f, MSR_SFMASK, 0x40700));
    ck_assert(!write_msr(f, MSR_SFMASK, 1ull << 32));
    ck_assert_uint_eq(read_msr(f, MSR_SFMASK), 0x40700);
    fv_destroy(f);
}
END_TEST

START_TEST(efer_keeps_long_mode)
{
    struct fv *f = fv_create();
    ck_assert(write_msr(f, MSR_EFER, EFER_LME | EFER_LMA | EFER_SCE));
    ck_assert_uint_eq(read_msr(f, MSR_EFER), EFER_LME | EFER_LMA | EFER_SCE);
    ck_assert(write_msr(f, MSR_EFER, EFER_LME)); /* LMA is not for writing */
    ck_assert_uint_eq(read_msr(f, MSR_EFER), EFER_LME | EFER_LMA);
    ck_assert(!write_msr(f, MSR_EFER, EFER_LMA));
    ck_assert(!write_msr(f, MSR_EFER, EFER_LME | 1 << 12)); /* SVME */
    fv_destroy(f);
}
END_TEST

START_TEST(pat_takes_memory_types_only)
{
    struct fv *f = fv_create();
    ck_assert(write_msr(f, 0x277, 0x0001040506070001));
    ck_assert(!write_msr(f, 0x277, 0x0001040502070001));
    ck_assert(!write_msr(f, 0x277, 0x0801040506070001));
    ck_assert_uint_eq(read_msr(f, 0x277), 0x0001040506070001);
    fv_destroy(f);
}
END_TEST

START_TEST(the_time_stamp_counter_is_what_rdtsc_shows_the_guest)
{
    struct fv *f = fv_create();
    f->c.tsc_offset = 1ull << 62;
    uint64_t before = __rdtsc() + f->c.tsc_offset, value = read_msr(f, 0x10);
    ck_assert_uint_ge(value, before);
    ck_assert_uint_le(value, __rdtsc() + f->c.tsc_offset);
    fv_destroy(f);
}
END_TEST

START_TEST(the_local_apic_and_machine_checks_are_as_cpuid_promises_them)
{
    struct fv *f = fv_create();
    ck_assert_uint_eq(read_msr(f, 0x1b), 0xfee00900); /* where it is at reset, enabled, of the first CPU */
    ck_assert(write_msr(f, 0x1b, 0xfee00900));
    ck_assert(!write_msr(f, 0x1b, 0xfee00100)); /* it stays on */
    ck_assert(!write_msr(f, 0x1b, 0xfee00d00)); /* and is no x2APIC */
    ck_assert_uint_eq(read_msr(f, 0x1b), 0xfee00900);
    ck_assert_uint_eq(read_msr(f, 0x179), 0);
    fv_destroy(f);
}
END_TEST

START_TEST(unknown_msrs_are_general_protection_faults)
{
    struct fv *f = fv_create();
    ck_assert(!write_msr(f, 0x1a, 0));
    ck_assert_caught_error(f, VEC_GP, 0);
    f->regs.rip = CODE;
    f->regs.rcx = 0xc0010015;
    ck_assert(EMULATE(f, 0x0f, 0x32));
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(swapgs_exchanges_the_two_bases)
{
    struct fv *f = fv_create();
    f->bases[FV_GS] = 0x1000;
    f->c.kernel_gs_base = 0x2000;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0xf8));
    ck_assert_uint_eq(f->bases[FV_GS], 0x2000);
    ck_assert_uint_eq(f->c.kernel_gs_base, 0x1000);
    fv_destroy(f);
}
END_TEST

START_TEST(there_are_no_performance_counters)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0x0f, 0x33)); /* rdpmc */
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_msr");
    TCase *t = tcase_create("msrs");
    tcase_add_test(t, msrs_are_written_and_read);
    tcase_add_test(t, efer_keeps_long_mode);
    tcase_add_test(t, pat_takes_memory_types_only);
    tcase_add_test(t, the_time_stamp_counter_is_what_rdtsc_shows_the_guest);
    tcase_add_test(t, the_local_apic_and_machine_checks_are_as_cpuid_promises_them);
    tcase_add_test(t, unknown_msrs_are_general_protection_faults);
    tcase_add_test(t, swapgs_exchanges_the_two_bases);
    tcase_add_test(t, there_are_no_performance_counters);
    suite_add_tcase(s, t);
    return run_suite(s);
}
