/* Copies to and from the guest: checked to the last byte, and stores where they meet a table. */
#include <check.h>
#include "shadow_linear.h"
#include "tests/run_suite.h"

START_TEST(copies_check_the_last_byte_and_copy_nothing_if_it_is_bad)
{
    uint8_t bytes[32] = { 0 };

    create(64, 16);
    boot_linear();
    memset(m->ram[NR_PFNS - 1], 0x55, PAGE_SIZE);
    memset(bytes, 0xaa, sizeof bytes);
    ck_assert_int_eq(shadow_copy_to_guest(&m->s, 0, linear(NR_PFNS) - 31, bytes, 32), SHADOW_REFLECT);
    ck_assert_uint_eq(m->s.fault.gva, linear(NR_PFNS));
    ck_assert_uint_eq(m->s.fault.error, PF_ERR_WRITE);
    ck_assert_int_eq(shadow_write_memory(&m->s, linear(NR_PFNS) - 31, bytes, 32), -1);
    ck_assert_int_eq(shadow_read_memory(&m->s, ~0ull - 3, bytes, 32), -1);
    ck_assert_uint_eq(m->ram[NR_PFNS - 1][PT_ENTRIES - 1], 0x5555555555555555ull);
    ck_assert_int_eq(shadow_copy_to_guest(&m->s, 0, linear(NR_PFNS) - 32, bytes, 32), SHADOW_FIXED);
    ck_assert_uint_eq(m->ram[NR_PFNS - 1][PT_ENTRIES - 1], 0xaaaaaaaaaaaaaaaaull);
    ck_assert_int_eq(shadow_copy_from_guest(&m->s, 0, bytes, 0x7fffffffffffull, 2), SHADOW_REFLECT);
    ck_assert_int_eq(shadow_copy_from_guest(&m->s, 0, bytes, 1ull << 47, 2), SHADOW_NONCANONICAL);
    ck_assert_int_eq(shadow_copy_from_guest(&m->s, 0, bytes, ~0ull, 2), SHADOW_NONCANONICAL);
    machine_resume(m);
    destroy();
}
END_TEST

/* The owner's own store to a table, as when a guest's stack lies in one. */
START_TEST(a_copy_into_a_table_is_a_store)
{
    uint64_t entry = entry_of(5);

    create(64, 16);
    boot_linear();
    machine_resume(m);
    ck_assert_int_eq(shadow_copy_to_guest(&m->s, 0, linear(4) + 8 * 100, &entry, 8), SHADOW_FIXED);
    machine_resume(m);
    ck_assert_uint_eq(machine_read(m, linear(100)).gpa, 5ull << PAGE_SHIFT);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
    destroy();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shadow_copy");
    TCase *t = tcase_create("copy");

    tcase_add_test(t, copies_check_the_last_byte_and_copy_nothing_if_it_is_bad);
    tcase_add_test(t, a_copy_into_a_table_is_a_store);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return run_suite(s);
}
