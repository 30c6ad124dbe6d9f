/* The local APIC: what it holds, what it refuses, and when the i8259's line comes through it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "vmm/device_apic.h"
#include "tests/run_suite.h"

#define SPURIOUS 0xf0
#define LINT0    0x350

static struct apic apic;

static void set_up(void)
{
    apic_init(&apic);
}

static uint32_t read_register(uint64_t offset)
{
    uint64_t value = ~0ull;

    ck_assert(apic_access(&apic, offset, false, 4, &value));
    return (uint32_t)value;
}

static void write_register(uint64_t offset, uint64_t value)
{
    ck_assert(apic_access(&apic, offset, true, 4, &value));
}

START_TEST(line_comes_through_as_firmware_leaves_it)
{
    ck_assert(apic_passes_line(&apic));
    ck_assert_uint_eq(read_register(LINT0), 0x700);
}
END_TEST

START_TEST(line_comes_through_an_unmasked_extint_only)
{
    for (uint32_t mode = 0; mode < 8; mode++) {
        write_register(LINT0, mode << 8);
        ck_assert_int_eq(apic_passes_line(&apic), mode == 7);
        write_register(LINT0, 0x10000 | mode << 8);
        ck_assert(!apic_passes_line(&apic));
    }
}
END_TEST

START_TEST(disabled_by_software_it_masks_all_vectors_for_good)
{
    write_register(SPURIOUS, 0xff);
    ck_assert(!apic_passes_line(&apic));
    for (uint64_t at = 0x320; at <= 0x370; at += 0x10)
        ck_assert_uint_eq(read_register(at) & 0x10000, 0x10000);
    write_register(LINT0, 0x700);
    ck_assert_uint_eq(read_register(LINT0), 0x10700);
    write_register(SPURIOUS, 0x1ff);
    ck_assert(!apic_passes_line(&apic));
    write_register(LINT0, 0x700);
    ck_assert(apic_passes_line(&apic));
}
END_TEST

START_TEST(registers_hold_the_bits_that_they_have)
{
    static const struct {
        uint64_t offset;
        uint32_t after_ones;
    } registers[] = { { 0x20, 0xff000000 }, { 0x30, 0x00050014 }, { 0x80, 0xff },     { 0xb0, 0 },
                      { 0xd0, 0xff000000 }, { 0xe0, 0xffffffff }, { SPURIOUS, 0x3ff }, { 0x280, 0 },
                      { 0x310, 0xff000000 }, { 0x320, 0x300ff },  { 0x380, 0xffffffff }, { 0x390, 0 },
                      { 0x3e0, 0xb },       { 0xff0, 0 } };
    for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        write_register(registers[i].offset, ~0ull);
        ck_assert_msg(read_register(registers[i].offset) == registers[i].after_ones, "register %#lx reads %#x",
                      (unsigned long)registers[i].offset, read_register(registers[i].offset));
    }
    write_register(0xe0, 0);
    ck_assert_uint_eq(read_register(0xe0), 0x0fffffff);
}
END_TEST

START_TEST(accesses_that_are_no_register_are_refused)
{
    for (unsigned size = 1; size <= 8; size++) {
        for (uint64_t offset = 0; offset <= APIC_BYTES + 16; offset++) {
            uint64_t value = 0;
            bool right = size == 4 && offset % 16 == 0 && offset < APIC_BYTES;
            ck_assert_int_eq(apic_access(&apic, offset, false, size, &value), right);
            ck_assert_int_eq(apic_access(&apic, offset, true, size, &value), right);
        }
    }
    uint64_t value = 0;
    ck_assert(!apic_access(&apic, ~0ull - 15, true, 4, &value));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("device_apic");
    TCase *tests = tcase_create("all");

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, line_comes_through_as_firmware_leaves_it);
    tcase_add_test(tests, line_comes_through_an_unmasked_extint_only);
    tcase_add_test(tests, disabled_by_software_it_masks_all_vectors_for_good);
    tcase_add_test(tests, registers_hold_the_bits_that_they_have);
    tcase_add_test(tests, accesses_that_are_no_register_are_refused);
    suite_add_tcase(suite, tests);

    return run_suite(suite);
}
