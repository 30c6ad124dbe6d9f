/* Control registers, debug registers, and what is to be invalidated: done right, and done wrong. */
#include "fv_machine.h"
#include "tests/run_suite.h"

/* Control registers. */

START_TEST(each_control_register_is_read)
{
    struct fv *f = fv_create();
    f->c.cr2 = 0x1122334455667788;
    f->c.cr8 = 5;
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xc0)); /* mov %cr0, %rax */
    ck_assert_uint_eq(f->regs.rax, f->c.cr0);
    ck_assert_done(f, 3);
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xd3)); /* mov %cr2, %rbx */
    ck_assert_uint_eq(f->regs.rbx, 0x1122334455667788);
    ck_assert(EMULATE(f, 0x41, 0x0f, 0x20, 0xdf)); /* mov %cr3, %r15 */
    ck_assert_uint_eq(f->regs.r15, 1 << PAGE_SHIFT);
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xe1)); /* mov %cr4, %rcx */
    ck_assert_uint_eq(f->regs.rcx, CR4_PAE);
    ck_assert(EMULATE(f, 0x44, 0x0f, 0x20, 0xc2)); /* mov %cr8, %rdx */
    ck_assert_uint_eq(f->regs.rdx, 5);
    ck_assert_uint_eq(f->counts[FV_MOV_FROM_CR2], 1);
    fv_destroy(f);
}
END_TEST

START_TEST(control_registers_take_what_is_allowed)
{
    struct fv *f = fv_create();
    f->regs.rax = (f->c.cr0 & ~CR0_WP) | CR0_MP;
    ck_assert(EMULATE(f, 0x0f, 0x22, 0xc0)); /* mov %rax, %cr0 */
    ck_assert_uint_eq(f->c.cr0, f->regs.rax);
    ck_assert_done(f, 3);
    f->regs.rax = CR4_PAE | CR4_OSFXSR | CR4_UMIP;
    ck_assert(EMULATE(f, 0x0f, 0x22, 0xe0)); /* mov %rax, %cr4 */
    ck_assert_uint_eq(f->c.cr4, f->regs.rax);
    f->regs.rax = ~0ull;
    ck_assert(EMULATE(f, 0x0f, 0x22, 0xd0)); /* mov %rax, %cr2 */
    ck_assert_uint_eq(f->c.cr2, ~0ull);
    f->regs.rax = 15;
    ck_assert(EMULATE(f, 0x44, 0x0f, 0x22, 0xc0)); /* mov %rax, %cr8 */
    ck_assert_uint_eq(f->c.cr8, 15);
    memcpy(f->m->ram[5], f->m->ram[1], PAGE_SIZE);
    f->regs.rax = 5 << PAGE_SHIFT;
    ck_assert(EMULATE(f, 0x0f, 0x22, 0xd8)); /* mov %rax, %cr3 */
    ck_assert_uint_eq(f->c.cr3, 5 << PAGE_SHIFT);
    ck_assert_int_eq(caught(f), -1);
    fv_destroy(f);
}
END_TEST

static const struct {
    uint8_t modrm; /* of 0f 22 modrm: mov %rax, %crN */
    uint64_t value;
} wrong_values[] = {
    { 0xc0, CR0_PE | CR0_ET },              /* CR0 without paging */
    { 0xc0, CR0_PG | CR0_ET },              /* without protection */
    { 0xc0, CR0_PE | CR0_PG | CR0_NW },     /* NW without CD */
    { 0xc0, CR0_PE | CR0_PG | 1ull << 32 }, /* the upper half */
    { 0xd8, 1ull << MAXPHYADDR },           /* CR3 beyond what there can be */
    { 0xd8, 1ull << 63 },
    { 0xe0, 0 },                  /* CR4 without PAE */
    { 0xe0, CR4_PAE | CR4_SMEP }, /* what CPUID does not promise */
    { 0xe0, CR4_PAE | CR4_SMAP },
    { 0xe0, CR4_PAE | 1ull << 12 }, /* LA57 */
    { 0xe0, CR4_PAE | CR4_OSXSAVE },
    { 0xe0, CR4_PAE | 1ull << 40 },
};

START_TEST(control_registers_refuse_what_is_not)
{
    struct fv *f = fv_create();
    uint64_t cr0 = f->c.cr0, cr3 = f->c.cr3, cr4 = f->c.cr4;
    f->regs.rax = wrong_values[_i].value;
    ck_assert(EMULATE(f, 0x0f, 0x22, wrong_values[_i].modrm));
    ck_assert_caught_error(f, VEC_GP, 0);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), CODE);
    ck_assert(f->c.cr0 == cr0 && f->c.cr3 == cr3 && f->c.cr4 == cr4);
    fv_destroy(f);
}
END_TEST

START_TEST(cr8_has_four_bits)
{
    struct fv *f = fv_create();
    f->regs.rax = 16;
    ck_assert(EMULATE(f, 0x44, 0x0f, 0x22, 0xc0));
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(umip_needs_a_cpu_that_has_it)
{
    struct fv *f = fv_create();
    f->c.has_umip = false;
    f->regs.rax = CR4_PAE | CR4_UMIP;
    ck_assert(EMULATE(f, 0x0f, 0x22, 0xe0));
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(a_root_where_no_memory_is_ends_the_guest)
{
    struct fv *f = fv_create();
    f->regs.rax = NR_PFNS << PAGE_SHIFT;
    ck_assert(EMULATE(f, 0x0f, 0x22, 0xd8));
    ck_assert_ended(f, "CR3");
    ck_assert_uint_eq(f->c.cr3, 1 << PAGE_SHIFT);
    fv_destroy(f);
}
END_TEST

START_TEST(lmsw_sets_pe_but_cannot_clear_it)
{
    struct fv *f = fv_create();
    f->regs.rax = CR0_MP;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0xf0)); /* lmsw %ax */
    ck_assert_done(f, 3);
    ck_assert_uint_eq(f->c.cr0 & 0xf, CR0_PE | CR0_MP);
    fv_destroy(f);
}
END_TEST

START_TEST(smsw_takes_the_width_of_its_operand)
{
    struct fv *f = fv_create();
    f->regs.rax = f->regs.rbx = f->regs.rcx = ~0ull;
    ck_assert(EMULATE(f, 0x66, 0x0f, 0x01, 0xe0)); /* smsw %ax */
    ck_assert_uint_eq(f->regs.rax, ~0xffffull | (f->c.cr0 & 0xffff));
    ck_assert(EMULATE(f, 0x48, 0x0f, 0x01, 0xe3)); /* smsw %rbx */
    ck_assert_uint_eq(f->regs.rbx, f->c.cr0);
    ck_assert(EMULATE(f, 0x0f, 0x01, 0xe1)); /* smsw %ecx */
    ck_assert_uint_eq(f->regs.rcx, (uint32_t)f->c.cr0);
    put_word(f, DATA, ~0ull);
    f->regs.rdi = DATA;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x27)); /* smsw (%rdi) */
    ck_assert_uint_eq(word(f, DATA), ~0xffffull | (f->c.cr0 & 0xffff));
    fv_destroy(f);
}
END_TEST

START_TEST(clts_clears_ts)
{
    struct fv *f = fv_create();
    f->c.cr0 |= CR0_TS;
    ck_assert(EMULATE(f, 0x0f, 0x06));
    ck_assert_done(f, 2);
    ck_assert(!(f->c.cr0 & CR0_TS));
    fv_destroy(f);
}
END_TEST

START_TEST(invlpg_of_any_address_is_no_fault)
{
    struct fv *f = fv_create();
    f->regs.rax = DATA;
    f->m->nr_flush_pages = 0;
    f->m->flush_all_queued = false;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x38)); /* invlpg (%rax) */
    ck_assert_uint_eq(f->m->nr_flush_pages, 1);
    ck_assert_uint_eq(f->m->flush_pages[0], DATA);
    f->regs.rax = 1ull << 47;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x38));
    ck_assert_done(f, 6);
    ck_assert_uint_eq(f->m->nr_flush_pages, 1);
    fv_destroy(f);
}
END_TEST

START_TEST(invpcid_is_not_there)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0x66, 0x0f, 0x38, 0x82, 0x00));
    ck_assert_caught(f, VEC_UD);
    fv_destroy(f);
}
END_TEST

START_TEST(caches_are_left_alone)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0x0f, 0x08)); /* invd */
    ck_assert(EMULATE(f, 0x0f, 0x09)); /* wbinvd */
    ck_assert_done(f, 4);
    fv_destroy(f);
}
END_TEST

/* Debug registers. */

START_TEST(debug_registers_keep_what_is_written)
{
    struct fv *f = fv_create();
    f->regs.rax = 0x12345678;
    ck_assert(EMULATE(f, 0x0f, 0x23, 0xd8)); /* mov %rax, %dr3 */
    ck_assert(EMULATE(f, 0x0f, 0x21, 0xdb)); /* mov %dr3, %rbx */
    ck_assert_uint_eq(f->regs.rbx, 0x12345678);
    f->regs.rax = 0;
    ck_assert(EMULATE(f, 0x0f, 0x23, 0xf8)); /* mov %rax, %dr7 */
    ck_assert_uint_eq(f->c.dr[7], 0x400);
    ck_assert(EMULATE(f, 0x0f, 0x23, 0xe0)); /* mov %rax, %dr4, which is dr6 */
    ck_assert_uint_eq(f->c.dr[6], 0xffff0ff0);
    ck_assert_int_eq(caught(f), -1);
    fv_destroy(f);
}
END_TEST

START_TEST(debug_register_4_is_none_with_debug_extensions)
{
    struct fv *f = fv_create();
    f->c.cr4 |= 8;
    ck_assert(EMULATE(f, 0x0f, 0x21, 0xe0)); /* mov %dr4, %rax */
    ck_assert_caught(f, VEC_UD);
    fv_destroy(f);
}
END_TEST

START_TEST(the_upper_half_of_dr7_must_be_zero)
{
    struct fv *f = fv_create();
    f->regs.rax = 1ull << 32;
    ck_assert(EMULATE(f, 0x0f, 0x23, 0xf8));
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(general_detect_traps_the_next_access)
{
    struct fv *f = fv_create();
    f->c.dr[7] |= 1 << 13;
    ck_assert(EMULATE(f, 0x0f, 0x21, 0xc0)); /* mov %dr0, %rax */
    ck_assert_caught(f, VEC_DB);
    ck_assert(f->c.dr[6] & 1 << 13);
    ck_assert(!(f->c.dr[7] & 1 << 13));
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_control");
    TCase *t = tcase_create("control");
    tcase_add_test(t, each_control_register_is_read);
    tcase_add_test(t, control_registers_take_what_is_allowed);
    tcase_add_loop_test(t, control_registers_refuse_what_is_not, 0,
                        sizeof(wrong_values) / sizeof(wrong_values[0]));
    tcase_add_test(t, cr8_has_four_bits);
    tcase_add_test(t, umip_needs_a_cpu_that_has_it);
    tcase_add_test(t, a_root_where_no_memory_is_ends_the_guest);
    tcase_add_test(t, lmsw_sets_pe_but_cannot_clear_it);
    tcase_add_test(t, smsw_takes_the_width_of_its_operand);
    tcase_add_test(t, clts_clears_ts);
    tcase_add_test(t, invlpg_of_any_address_is_no_fault);
    tcase_add_test(t, invpcid_is_not_there);
    tcase_add_test(t, caches_are_left_alone);
    suite_add_tcase(s, t);
    t = tcase_create("debug");
    tcase_add_test(t, debug_registers_keep_what_is_written);
    tcase_add_test(t, debug_register_4_is_none_with_debug_extensions);
    tcase_add_test(t, the_upper_half_of_dr7_must_be_zero);
    tcase_add_test(t, general_detect_traps_the_next_access);
    suite_add_tcase(s, t);
    return run_suite(s);
}
