/* Hostile tables (self-maps, loops, noise, one frame at all levels) neither break the shadow nor reach what
 * is not the guest's. */
#include <check.h>
#include "shadow_linear.h"
#include "tests/run_suite.h"

START_TEST(a_recursive_root_shows_its_own_tables_and_traps_stores_there)
{
    uint64_t l1_of_0 = address(256, 0, 0, 0), root = address(256, 256, 256, 256);

    create(64, 16);
    m->ram[1][256] = entry_of(1);
    boot_linear();
    ck_assert_uint_eq(machine_read(m, root).gpa, 1ull << PAGE_SHIFT);
    ck_assert_uint_eq(machine_write(m, l1_of_0 + 60 * 8, entry_of(5), 8).gpa, (4ull << PAGE_SHIFT) + 60 * 8);
    ck_assert_uint_eq(m->store_exits, 1);
    machine_invlpg(m, linear(60));
    ck_assert_uint_eq(machine_read(m, linear(60)).gpa, 5ull << PAGE_SHIFT);
    machine_write(m, root + 256 * 8, 0, 8); /* it removes itself */
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    ck_assert_int_eq(machine_read(m, root).outcome, FAULTED);
    destroy();
}
END_TEST

START_TEST(one_frame_can_be_the_table_of_all_levels)
{
    create(SHADOW_MIN_FRAMES, 64);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        m->ram[1][i] = entry_of(i == 7 ? 5 : 1);
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    for (unsigned n = 0; n < 256; n++) {
        unsigned i = n & 3 ? n & 3 : 7;

        machine_write(m, address(0, i, i * 3, 7) + n * 8, n, 8);
        machine_write(m, address(i, i, i, i) + (n % 3 + 8) * 8, entry_of(1), 8);
        machine_resume(m);
        ck_assert_uint_eq(machine_audit(m), 0);
    }
    ck_assert_uint_le(m->s.stats.tables_peak, SHADOW_MIN_FRAMES);
    destroy();
}
END_TEST

/* Every entry of every table is noise; the fake CPU aborts if it ever reaches what is not the guest's. */
START_TEST(tables_of_noise_reach_nothing_foreign)
{
    uint64_t x = 88172645463325252ull;

    create(64, 64);
    for (unsigned f = 1; f < 16; f++) {
        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            m->ram[f][i] =
                i % 2 ? x : (x & ~PTE_FRAME_MASK & ~PTE_LARGE) | PTE_PRESENT | (x >> 20) % 16 << PAGE_SHIFT;
        }
    }
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    for (unsigned n = 0; n < 20000; n++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        machine_write(m, address(x >> 9 & 511, x >> 18 & 511, x >> 27 & 511, x >> 36 & 511) | (x & 0xff8), x,
                      8);
        if (n % 100 == 0)
            machine_set_role(m, n % 200 ? SHADOW_USER : SHADOW_KERNEL);
        if (n % 500 == 0)
            ck_assert_uint_eq(machine_audit(m), 0);
    }
    machine_resume(m);
    destroy();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shadow_hostile");
    TCase *t = tcase_create("hostile");

    tcase_add_test(t, a_recursive_root_shows_its_own_tables_and_traps_stores_there);
    tcase_add_test(t, one_frame_can_be_the_table_of_all_levels);
    tcase_add_test(t, tables_of_noise_reach_nothing_foreign);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return run_suite(s);
}
