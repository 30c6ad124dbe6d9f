/* What a guest sees of the shadow MMU, and what it costs: faults true and hidden, stores, roles, large pages.
 */
#include <check.h>
#include "shadow_machine.h"
#include "tests/run_suite.h"

#define KERNEL_BITS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)
#define USER_BITS   (KERNEL_BITS | PTE_USER)
#define LINEAR      0xffff800000000000ull /* all of memory, for the kernel */
#define PROGRAM     0x400000ull

/* The guest: root 1; linear map by tables 2, 3, 4; a program's tables 5, 6, 7; pages from 16. */
enum {
    ROOT = 1,
    LINEAR_L3,
    LINEAR_L2,
    LINEAR_L1,
    PROGRAM_L3,
    PROGRAM_L2,
    PROGRAM_L1,
    SPARE_TABLE,
    PAGE = 16
};

static struct machine *m;

static uint64_t entry_of(uint64_t f, uint64_t bits)
{
    return f << PAGE_SHIFT | bits;
}

static uint64_t linear(uint64_t f)
{
    return LINEAR + (f << PAGE_SHIFT);
}

static uint64_t at(uint64_t table, uint64_t gva, int level)
{
    return linear(table) + pt_index(gva, level) * 8;
}

/* Tables as a booting kernel makes them: before they are in use, so no store traps. */
static void boot(uint32_t pool, uint32_t ahead)
{
    m = machine_create(pool, ahead);
    m->ram[ROOT][pt_index(LINEAR, 4)] = entry_of(LINEAR_L3, KERNEL_BITS);
    m->ram[LINEAR_L3][0] = entry_of(LINEAR_L2, KERNEL_BITS);
    m->ram[LINEAR_L2][0] = entry_of(LINEAR_L1, KERNEL_BITS);
    for (uint64_t f = 0; f < NR_PFNS; f++)
        m->ram[LINEAR_L1][f] = entry_of(f, KERNEL_BITS | PTE_NX);
    m->ram[ROOT][pt_index(PROGRAM, 4)] = entry_of(PROGRAM_L3, USER_BITS);
    m->ram[PROGRAM_L3][pt_index(PROGRAM, 3)] = entry_of(PROGRAM_L2, USER_BITS);
    m->ram[PROGRAM_L2][pt_index(PROGRAM, 2)] = entry_of(PROGRAM_L1, USER_BITS);
    machine_load_cr3(m, ROOT << PAGE_SHIFT);
}

static void setup(void)
{
    boot(64, 16);
}

static void teardown(void)
{
    ck_assert_uint_eq(machine_audit(m), 0);
    machine_destroy(m);
}

START_TEST(loading_a_root_makes_what_was_accessed_reachable_without_faults)
{
    ck_assert_int_eq(machine_write(m, linear(PAGE), 7, 8).outcome, REACHED_RAM);
    ck_assert_uint_eq(m->ram[PAGE][0], 7);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
}
END_TEST

START_TEST(a_minor_fault_is_one_true_fault_and_one_store)
{
    struct machine_result r;
    unsigned resumes;

    machine_set_role(m, SHADOW_USER);
    r = machine_write(m, PROGRAM, 1, 8);
    ck_assert_int_eq(r.outcome, FAULTED);
    ck_assert_uint_eq(r.error, PF_ERR_WRITE | PF_ERR_USER);
    ck_assert_uint_eq(m->s.fault.gva, PROGRAM);

    machine_set_role(m, SHADOW_KERNEL);
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE, USER_BITS), 8);
    ck_assert_uint_eq(m->store_exits, 1);
    ck_assert_uint_eq(m->s.stats.stores_added, 1);

    machine_set_role(m, SHADOW_USER);
    resumes = m->resumes;
    r = machine_write(m, PROGRAM + 8, 42, 8);
    ck_assert_int_eq(r.outcome, REACHED_RAM);
    ck_assert_uint_eq(m->ram[PAGE][1], 42);
    ck_assert_uint_eq(m->resumes, resumes);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
}
END_TEST

START_TEST(a_minor_fault_that_needs_a_new_table_hides_no_fault_either)
{
    uint64_t gva = PROGRAM + (2ull << 20);

    machine_set_role(m, SHADOW_USER);
    ck_assert_int_eq(machine_read(m, gva).outcome, FAULTED);
    machine_set_role(m, SHADOW_KERNEL);
    machine_write(m, at(PROGRAM_L2, gva, 2), entry_of(SPARE_TABLE, USER_BITS), 8);
    machine_write(m, at(SPARE_TABLE, gva, 1), entry_of(PAGE, USER_BITS), 8);
    machine_set_role(m, SHADOW_USER);
    ck_assert_uint_eq(machine_audit(m), 0);
    ck_assert_int_eq(machine_read(m, gva).outcome, REACHED_RAM);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
    ck_assert_uint_eq(m->store_exits, 1); /* the new table is not tracked before the monitor has run */

    machine_set_role(m, SHADOW_KERNEL);
    machine_write(m, at(SPARE_TABLE, gva + PAGE_SIZE, 1), entry_of(PAGE, USER_BITS), 8);
    ck_assert_uint_eq(m->store_exits, 2);
}
END_TEST

START_TEST(copy_on_write_is_one_true_fault_one_store_and_an_invlpg)
{
    m->ram[PROGRAM_L1][0] = 0;
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE, USER_BITS & ~PTE_WRITE), 8);
    machine_set_role(m, SHADOW_USER);
    ck_assert_int_eq(machine_read(m, PROGRAM).outcome, REACHED_RAM);
    ck_assert_uint_eq(machine_write(m, PROGRAM, 1, 8).error, PF_ERR_PRESENT | PF_ERR_WRITE | PF_ERR_USER);
    machine_set_role(m, SHADOW_KERNEL);
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE + 1, USER_BITS), 8);
    machine_invlpg(m, PROGRAM);
    machine_set_role(m, SHADOW_USER);
    ck_assert_uint_eq(machine_write(m, PROGRAM, 1, 8).gpa, (PAGE + 1) << PAGE_SHIFT);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
}
END_TEST

/* A parent of 500 pages; the kernel takes its write rights, builds the child's tables beside, and loads them.
 */
START_TEST(fork_costs_one_exit_for_each_entry_of_the_parent_and_none_for_the_child)
{
    enum { NR = 500, CHILD = 10, CHILD_L3, CHILD_L2, CHILD_L1 };

    for (uint64_t i = 0; i < NR; i++)
        machine_write(m, at(PROGRAM_L1, PROGRAM + (i << PAGE_SHIFT), 1), entry_of(PAGE + i % 40, USER_BITS),
                      8);
    m->store_exits = 0;
    for (uint64_t i = 0; i < NR; i++) {
        uint64_t e = entry_of(PAGE + i % 40, USER_BITS & ~PTE_WRITE);

        machine_write(m, at(PROGRAM_L1, PROGRAM + (i << PAGE_SHIFT), 1), e, 8);
        machine_write(m, at(CHILD_L1, PROGRAM + (i << PAGE_SHIFT), 1), e, 8);
    }
    ck_assert_uint_eq(m->store_exits, NR);
    machine_write(m, at(CHILD_L2, PROGRAM, 2), entry_of(CHILD_L1, USER_BITS), 8);
    machine_write(m, at(CHILD_L3, PROGRAM, 3), entry_of(CHILD_L2, USER_BITS), 8);
    machine_write(m, at(CHILD, PROGRAM, 4), entry_of(CHILD_L3, USER_BITS), 8);
    machine_write(m, at(CHILD, LINEAR, 4), entry_of(LINEAR_L3, KERNEL_BITS), 8);
    machine_load_cr3(m, CHILD << PAGE_SHIFT);
    machine_set_role(m, SHADOW_USER);
    for (uint64_t i = 0; i < NR; i++)
        ck_assert_uint_eq(machine_read(m, PROGRAM + (i << PAGE_SHIFT)).gpa, (PAGE + i % 40) << PAGE_SHIFT);
    ck_assert_uint_eq(m->store_exits, NR);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
}
END_TEST

START_TEST(an_entry_without_accessed_bit_costs_one_hidden_fault_that_sets_it)
{
    uint64_t bits = PTE_PRESENT | PTE_WRITE | PTE_USER;

    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE, bits), 8);
    machine_set_role(m, SHADOW_USER);
    machine_read(m, PROGRAM);
    ck_assert_uint_eq(m->s.stats.hidden[SHADOW_HIDDEN_ACCESSED], 1);
    ck_assert_uint_eq(m->ram[PROGRAM_L1][0], entry_of(PAGE, bits | PTE_ACCESSED));
    machine_write(m, PROGRAM, 1, 8);
    ck_assert_uint_eq(m->s.stats.hidden[SHADOW_HIDDEN_DIRTY], 1);
    ck_assert_uint_eq(m->ram[PROGRAM_L1][0], entry_of(PAGE, bits | PTE_ACCESSED | PTE_DIRTY));
    machine_write(m, PROGRAM, 2, 8);
    ck_assert_uint_eq(machine_hidden_faults(m), 2);
}
END_TEST

START_TEST(clearing_accessed_and_dirty_bits_shows_the_next_access)
{
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE, USER_BITS), 8);
    machine_set_role(m, SHADOW_USER);
    machine_write(m, PROGRAM, 1, 8);
    machine_set_role(m, SHADOW_KERNEL);
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE, USER_BITS & ~(PTE_ACCESSED | PTE_DIRTY)), 8);
    machine_invlpg(m, PROGRAM);
    machine_set_role(m, SHADOW_USER);
    machine_write(m, PROGRAM, 2, 8);
    ck_assert_uint_eq(m->ram[PROGRAM_L1][0], entry_of(PAGE, USER_BITS));
    ck_assert_uint_eq(machine_hidden_faults(m), 1);
}
END_TEST

START_TEST(the_user_role_does_not_see_what_is_the_kernels)
{
    machine_set_role(m, SHADOW_USER);
    ck_assert_uint_eq(machine_read(m, linear(PAGE)).error, PF_ERR_PRESENT | PF_ERR_USER);
    ck_assert_uint_eq(machine_write(m, linear(ROOT), 0, 8).error,
                      PF_ERR_PRESENT | PF_ERR_USER | PF_ERR_WRITE);
    ck_assert_uint_eq(m->store_exits, 0);
}
END_TEST

START_TEST(a_store_in_pieces_and_across_two_entries_is_worked_in)
{
    uint64_t low = entry_of(PAGE, USER_BITS), high = entry_of(PAGE + 1, USER_BITS), where;

    for (unsigned i = 0; i < 8; i++)
        machine_write(m, at(PROGRAM_L1, PROGRAM, 1) + i, low >> 8 * i & 0xff, 1);
    ck_assert_uint_eq(m->ram[PROGRAM_L1][0], low);
    where = at(PROGRAM_L1, PROGRAM, 1) + 4;
    machine_write(m, where, low >> 32 | high << 32, 8);
    machine_write(m, where + 8, high >> 32, 4);
    ck_assert_uint_eq(m->ram[PROGRAM_L1][1], high);
    machine_set_role(m, SHADOW_USER);
    ck_assert_uint_eq(machine_read(m, PROGRAM).gpa, PAGE << PAGE_SHIFT);
    ck_assert_uint_eq(machine_read(m, PROGRAM + PAGE_SIZE).gpa, (PAGE + 1) << PAGE_SHIFT);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
}
END_TEST

START_TEST(without_write_protection_the_kernel_writes_where_the_user_may_not)
{
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE, USER_BITS & ~PTE_WRITE), 8);
    machine_resume(m);
    ck_assert_uint_eq(machine_write(m, PROGRAM, 1, 8).error, PF_ERR_PRESENT | PF_ERR_WRITE);
    machine_set_controls(m, false, true);
    ck_assert_int_eq(machine_write(m, PROGRAM, 1, 8).outcome, REACHED_RAM);
    machine_set_role(m, SHADOW_USER);
    ck_assert_uint_eq(machine_write(m, PROGRAM, 1, 8).error, PF_ERR_PRESENT | PF_ERR_WRITE | PF_ERR_USER);
}
END_TEST

START_TEST(a_large_page_is_splintered_with_its_rights)
{
    uint64_t gva = 8ull << 20;

    machine_write(m, at(PROGRAM_L2, gva, 2), entry_of(0, USER_BITS | PTE_LARGE | PTE_NX), 8);
    machine_set_role(m, SHADOW_USER);
    ck_assert_uint_eq(machine_write(m, gva + (PAGE << PAGE_SHIFT), 5, 8).gpa, PAGE << PAGE_SHIFT);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
    ck_assert_uint_eq(machine_fetch(m, gva).error, PF_ERR_PRESENT | PF_ERR_USER | PF_ERR_FETCH);
    machine_write(m, gva + (PROGRAM_L1 << PAGE_SHIFT), entry_of(PAGE, USER_BITS), 8); /* a table inside */
    ck_assert_uint_eq(m->store_exits, 2);
    machine_resume(m);
    ck_assert_uint_eq(machine_read(m, PROGRAM).gpa, PAGE << PAGE_SHIFT);
}
END_TEST

/* To the guest it is one translation, to the TLB as many as were touched. _i: the level whose entry loses the right. */
START_TEST(invlpg_of_any_part_of_a_large_page_flushes_all_of_it)
{
    uint64_t gva = 8ull << 20, far = gva + (PAGE << PAGE_SHIFT);
    uint64_t entries[] = { [2] = entry_of(0, USER_BITS | PTE_LARGE), [3] = entry_of(PROGRAM_L2, USER_BITS) };

    machine_write(m, at(PROGRAM_L2, gva, 2), entries[2], 8);
    ck_assert_int_eq(machine_write(m, gva, 5, 8).outcome, REACHED_RAM);
    ck_assert_int_eq(machine_write(m, far, 5, 8).outcome, REACHED_RAM);
    machine_write(m, at(_i == 2 ? PROGRAM_L2 : PROGRAM_L3, gva, _i), entries[_i] & ~PTE_WRITE, 8);
    machine_invlpg(m, gva);
    ck_assert_int_eq(machine_write(m, far, 5, 8).outcome, FAULTED);
    machine_write(m, at(_i == 2 ? PROGRAM_L2 : PROGRAM_L3, gva, _i), entries[_i], 8);
    ck_assert_int_eq(machine_write(m, far, 5, 8).outcome, REACHED_RAM);
    machine_write(m, at(PROGRAM_L2, gva + (2 << 20), 2), entries[2], 8); /* the same memory: what splinters it is shared */
    machine_resume(m);
    machine_write(m, at(PROGRAM_L2, gva, 2), 0, 8);
    machine_invlpg(m, gva);
    ck_assert_int_eq(machine_read(m, far).outcome, FAULTED);
}
END_TEST

START_TEST(invlpg_of_a_small_page_flushes_no_other)
{
    uint64_t far = PROGRAM + PAGE_SIZE;

    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(PAGE, USER_BITS), 8);
    machine_write(m, at(PROGRAM_L1, far, 1), entry_of(PAGE, USER_BITS), 8);
    machine_resume(m);
    machine_write(m, far, 5, 8);
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), 0, 8);
    m->s.stats.flushes = 0;
    machine_invlpg(m, PROGRAM);
    ck_assert_uint_eq(m->s.stats.flushes, 0);
    ck_assert(m->tlb[(far >> PAGE_SHIFT) % TLB_SIZE].valid);
}
END_TEST

START_TEST(a_page_of_1_gib_is_filled_by_parts_of_2_mib)
{
    uint64_t gva = 1ull << 30;

    machine_write(m, at(PROGRAM_L3, gva, 3), entry_of(0, USER_BITS | PTE_LARGE), 8);
    machine_set_role(m, SHADOW_USER);
    machine_write(m, gva + (PAGE << PAGE_SHIFT), 5, 8);
    machine_write(m, gva + ((PAGE + 1) << PAGE_SHIFT), 5, 8);
    ck_assert_uint_eq(m->ram[PAGE + 1][0], 5);
    ck_assert_uint_eq(m->s.stats.hidden[SHADOW_HIDDEN_LARGE], 1);
    ck_assert_int_eq(machine_read(m, gva + (DEVICE_PFN << PAGE_SHIFT)).outcome, REACHED_DEVICE);
    ck_assert_uint_eq(machine_hidden_faults(m), 1);
    ck_assert_int_eq(machine_read(m, gva + (5ull << 20)).why, SHADOW_NOWHERE);
}
END_TEST

START_TEST(a_device_page_exits_with_its_address_and_an_empty_place_is_said)
{
    machine_write(m, at(PROGRAM_L1, PROGRAM, 1), entry_of(DEVICE_PFN + 3, USER_BITS), 8);
    machine_write(m, at(PROGRAM_L1, PROGRAM + PAGE_SIZE, 1), entry_of(0x7777, USER_BITS), 8);
    machine_resume(m);
    ck_assert_uint_eq(machine_write(m, PROGRAM + 0x10, 1, 4).gpa, ((DEVICE_PFN + 3) << PAGE_SHIFT) + 0x10);
    ck_assert_int_eq(machine_read(m, PROGRAM + PAGE_SIZE).why, SHADOW_NOWHERE);
    ck_assert_uint_eq(m->s.fault.gpa, 0x7777ull << PAGE_SHIFT);
}
END_TEST

START_TEST(using_the_monitors_slot_is_told)
{
    uint64_t gva = 0xffff000000000000ull | (uint64_t)MONITOR_SLOT << 39;

    ck_assert_uint_eq(machine_read(m, gva).error, 0);
    machine_write(m, at(ROOT, gva, 4), entry_of(LINEAR_L3, KERNEL_BITS), 8);
    machine_resume(m);
    ck_assert_int_eq(machine_read(m, gva).why, SHADOW_RESERVED_SLOT);
    ck_assert_int_eq(shadow_copy_from_guest(&m->s, 0, &gva, gva, 8), SHADOW_RESERVED_SLOT);
}
END_TEST

START_TEST(what_is_no_address_is_no_page_fault)
{
    ck_assert_int_eq(shadow_handle_fault(&m->s, 1ull << 47, PF_ERR_FETCH), SHADOW_NONCANONICAL);
    ck_assert_int_eq(shadow_handle_fault(&m->s, LINEAR & ~(1ull << 63), 0), SHADOW_NONCANONICAL);
    ck_assert_uint_eq(m->s.stats.true_faults + machine_hidden_faults(m), 0);
    machine_resume(m);
}
END_TEST

START_TEST(control_bits_that_are_not_modelled_are_refused)
{
    uint64_t cr0 = CR0_PE | CR0_PG, efer = EFER_LME | EFER_LMA;

    ck_assert(!shadow_set_controls(&m->s, cr0, CR4_PAE | CR4_SMEP, efer));
    ck_assert(!shadow_set_controls(&m->s, cr0, CR4_PAE | CR4_SMAP, efer));
    ck_assert(!shadow_set_controls(&m->s, cr0, CR4_PAE | 1ull << 17, efer));
    ck_assert(!shadow_set_controls(&m->s, CR0_PE, CR4_PAE, efer));
    ck_assert(!shadow_set_controls(&m->s, cr0, 0, efer));
    ck_assert(shadow_set_controls(&m->s, cr0, CR4_PAE | CR4_PGE | CR4_OSFXSR, efer));
    machine_resume(m);
}
END_TEST

START_TEST(a_bad_root_is_refused_and_changes_nothing)
{
    ck_assert_int_eq(shadow_load_cr3(&m->s, 1ull << MAXPHYADDR), SHADOW_REFLECT);
    ck_assert_int_eq(shadow_load_cr3(&m->s, (uint64_t)NR_PFNS << PAGE_SHIFT), SHADOW_NOWHERE);
    machine_resume(m);
    ck_assert_int_eq(machine_read(m, linear(PAGE)).outcome, REACHED_RAM);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shadow_fault");
    TCase *t = tcase_create("faults");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, loading_a_root_makes_what_was_accessed_reachable_without_faults);
    tcase_add_test(t, a_minor_fault_is_one_true_fault_and_one_store);
    tcase_add_test(t, a_minor_fault_that_needs_a_new_table_hides_no_fault_either);
    tcase_add_test(t, copy_on_write_is_one_true_fault_one_store_and_an_invlpg);
    tcase_add_test(t, fork_costs_one_exit_for_each_entry_of_the_parent_and_none_for_the_child);
    tcase_add_test(t, an_entry_without_accessed_bit_costs_one_hidden_fault_that_sets_it);
    tcase_add_test(t, clearing_accessed_and_dirty_bits_shows_the_next_access);
    tcase_add_test(t, the_user_role_does_not_see_what_is_the_kernels);
    tcase_add_test(t, a_store_in_pieces_and_across_two_entries_is_worked_in);
    tcase_add_test(t, without_write_protection_the_kernel_writes_where_the_user_may_not);
    tcase_add_test(t, a_large_page_is_splintered_with_its_rights);
    tcase_add_loop_test(t, invlpg_of_any_part_of_a_large_page_flushes_all_of_it, 2, 4);
    tcase_add_test(t, invlpg_of_a_small_page_flushes_no_other);
    tcase_add_test(t, a_page_of_1_gib_is_filled_by_parts_of_2_mib);
    tcase_add_test(t, a_device_page_exits_with_its_address_and_an_empty_place_is_said);
    tcase_add_test(t, using_the_monitors_slot_is_told);
    tcase_add_test(t, what_is_no_address_is_no_page_fault);
    tcase_add_test(t, control_bits_that_are_not_modelled_are_refused);
    tcase_add_test(t, a_bad_root_is_refused_and_changes_nothing);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
