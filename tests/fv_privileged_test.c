/* Each privileged instruction on a virtual CPU: done right, and done wrong. */
#include <x86intrin.h>
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

/* Interrupt flag, halting. */

START_TEST(sti_holds_interrupts_back_for_one_instruction)
{
    struct fv *f = fv_create();
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    ck_assert(EMULATE(f, 0xfb)); /* sti */
    ck_assert(fv_cpu_flags(&f->c) & RFLAGS_IF);
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    ck_assert(fv_cpu_is_inhibited(&f->c));
    f->regs.rip++; /* a nop */
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(hlt_behind_sti_is_the_one_instruction)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0xfb));
    ck_assert(EMULATE(f, 0xf4)); /* hlt */
    ck_assert_uint_eq(f->halts, 1);
    ck_assert_done(f, 2);
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(sti_with_interrupts_on_already_holds_nothing_back)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_IF);
    ck_assert(EMULATE(f, 0xfb));
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(cli_turns_interrupts_off)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_IF);
    ck_assert(EMULATE(f, 0xfa));
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    ck_assert(!(fv_cpu_flags(&f->c) & RFLAGS_IF));
    fv_destroy(f);
}
END_TEST

START_TEST(hlt_with_interrupts_off_ends_the_guest)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0xf4));
    ck_assert_ended(f, "halts");
    ck_assert_uint_eq(f->halts, 0);
    fv_destroy(f);
}
END_TEST

/* MSRs. */

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

START_TEST(unknown_msrs_are_general_protection_faults)
{
    struct fv *f = fv_create();
    ck_assert(!write_msr(f, 0x1b, 0));
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

START_TEST(caches_are_left_alone)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0x0f, 0x08)); /* invd */
    ck_assert(EMULATE(f, 0x0f, 0x09)); /* wbinvd */
    ck_assert_done(f, 4);
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

/* Who may. */

START_TEST(programs_may_do_nothing_of_it)
{
    static const uint8_t forbidden[][4] = {
        { 0x0f, 0x20, 0xc0 },
        { 0x0f, 0x22, 0xc0 },
        { 0x0f, 0x21, 0xc0 },
        { 0x0f, 0x23, 0xc0 },
        { 0x0f, 0x06 },
        { 0x0f, 0x01, 0xf0 },
        { 0xfa },
        { 0xfb },
        { 0xf4 },
        { 0x0f, 0x01, 0x10 },
        { 0x0f, 0x01, 0x18 },
        { 0x0f, 0x00, 0xd0 },
        { 0x0f, 0x00, 0xd8 },
        { 0x0f, 0x32 },
        { 0x0f, 0x30 },
        { 0x0f, 0x33 },
        { 0x0f, 0x01, 0x38 },
        { 0x0f, 0x08 },
        { 0x0f, 0x09 },
        { 0x0f, 0x01, 0xf8 },
        { 0x48, 0x0f, 0x07 },
        { 0xe4, 0x60 },
        { 0xee },
        { 0x6e },
    };
    struct fv *f = fv_create();
    be_program(f);
    for (unsigned i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        ck_assert_msg(!emulate_bytes(f, forbidden[i], 4), "number %u was emulated", i);
        ck_assert_msg(f->insn.what == FV_NONE, "number %u is left to be emulated", i);
    }
    fv_destroy(f);
}
END_TEST

START_TEST(only_certain_exceptions_are_looked_into)
{
    struct fv *f = fv_create();
    memcpy(at(f, CODE), (const uint8_t[]){ 0xfa }, 1);
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_DE));
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_PF));
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_DB));
    ck_assert(fv_cpu_decode(&f->c, &f->insn, VEC_UD));
    memcpy(at(f, CODE), (const uint8_t[]){ 0x0f, 0x0b }, 2); /* ud2 */
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_UD));
    memcpy(at(f, CODE), (const uint8_t[]){ 0x48, 0x8b, 0x00 }, 3); /* mov (%rax), %rax */
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_GP));
    fv_destroy(f);
}
END_TEST

START_TEST(an_unknown_privileged_instruction_ends_the_guest_with_its_bytes)
{
    struct fv *f = fv_create();
    ck_assert(EMULATE(f, 0x0f, 0x01, 0xd1)); /* xsetbv */
    ck_assert_ended(f, "0f 01 d1");
    fv_destroy(f);
}
END_TEST

/* Where operands are. */

START_TEST(operands_are_found_by_every_way_of_addressing)
{
    struct fv *f = fv_create();
    f->c.gdtr = (struct fv_table){ .base = 0x123456789abc, .limit = 0x7f };
    f->regs.rax = DATA;
    f->regs.rbx = 2;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x44, 0xd8, 0x10)); /* sgdt 0x10(%rax,%rbx,8) */
    ck_assert_uint_eq(word(f, DATA + 0x20 + 2), 0x123456789abc);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x05, 0xf9, 0x1f, 0x00, 0x00)); /* sgdt 0x1ff9(%rip) */
    ck_assert_uint_eq(word(f, DATA + 2), 0x123456789abc);
    f->regs.rip = CODE;
    f->regs.rcx = 0xffffffff00000000 | (DATA + 0x40);
    ck_assert(EMULATE(f, 0x67, 0x0f, 0x01, 0x01)); /* sgdt (%ecx) */
    ck_assert_uint_eq(word(f, DATA + 0x42), 0x123456789abc);
    f->regs.rip = CODE;
    f->bases[FV_FS] = DATA;
    f->regs.rdx = 0x60;
    ck_assert(EMULATE(f, 0x64, 0x0f, 0x01, 0x02)); /* sgdt %fs:(%rdx) */
    ck_assert_uint_eq(word(f, DATA + 0x62), 0x123456789abc);
    f->regs.rip = CODE;
    f->bases[FV_GS] = DATA + 0x80;
    ck_assert(EMULATE(f, 0x65, 0x0f, 0x01, 0x04, 0x25, 0, 0, 0, 0)); /* sgdt %gs:0 */
    ck_assert_uint_eq(word(f, DATA + 0x82), 0x123456789abc);
    fv_destroy(f);
}
END_TEST

START_TEST(the_same_place_again_has_other_bytes_or_other_registers)
{
    struct fv *f = fv_create();
    for (unsigned round = 0; round < 3; round++) {
        f->regs.rip = CODE;
        f->c.cr2 = round;
        ck_assert(EMULATE(f, 0x0f, 0x20, 0xd3)); /* mov %cr2, %rbx */
        ck_assert_uint_eq(f->regs.rbx, round);
        f->regs.rip = CODE;
        f->regs.rdi = DATA + 64 * round;
        ck_assert(EMULATE(f, 0x0f, 0x01, 0x47, 0x08)); /* sgdt 8(%rdi) */
        ck_assert_uint_eq(word(f, DATA + 64 * round + 8) & 0xffff, GDT_BYTES - 1);
        f->regs.rip = CODE;
        ck_assert(!EMULATE(f, 0x90, 0x90, 0x90, 0x90)); /* nothing that is to be emulated */
    }
    fv_destroy(f);
}
END_TEST

START_TEST(an_instruction_may_lie_across_pages)
{
    struct fv *f = fv_create();
    f->regs.rip = CODE + PAGE_SIZE - 1;
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xc0));
    ck_assert_uint_eq(f->regs.rax, f->c.cr0);
    fv_destroy(f);
}
END_TEST

START_TEST(an_instruction_may_end_where_memory_ends)
{
    struct fv *f = fv_create();
    map_page(f, CODE + PAGE_SIZE, 0);
    f->regs.rip = CODE + PAGE_SIZE - 2;
    ck_assert(EMULATE(f, 0x0f, 0x06));
    f->regs.rip = CODE + PAGE_SIZE - 1; /* the last byte alone is none */
    ck_assert(!EMULATE(f, 0x0f));
    f->regs.rip = HOLE;
    ck_assert(!fv_cpu_decode(&f->c, &f->insn, VEC_GP));
    fv_destroy(f);
}
END_TEST

START_TEST(a_single_step_traps_behind_an_emulated_instruction)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_TF);
    ck_assert(EMULATE(f, 0x0f, 0x20, 0xc0));
    ck_assert_caught(f, VEC_DB);
    ck_assert_uint_eq(word(f, f->regs.rsp), CODE + 3);
    ck_assert(f->c.dr[6] & 1 << 14);
    fv_destroy(f);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("fv_privileged");
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
    tcase_add_test(t, debug_registers_keep_what_is_written);
    tcase_add_test(t, debug_register_4_is_none_with_debug_extensions);
    tcase_add_test(t, the_upper_half_of_dr7_must_be_zero);
    tcase_add_test(t, general_detect_traps_the_next_access);
    suite_add_tcase(s, t);
    t = tcase_create("interrupts and msrs");
    tcase_add_test(t, sti_holds_interrupts_back_for_one_instruction);
    tcase_add_test(t, hlt_behind_sti_is_the_one_instruction);
    tcase_add_test(t, sti_with_interrupts_on_already_holds_nothing_back);
    tcase_add_test(t, cli_turns_interrupts_off);
    tcase_add_test(t, hlt_with_interrupts_off_ends_the_guest);
    tcase_add_test(t, msrs_are_written_and_read);
    tcase_add_test(t, efer_keeps_long_mode);
    tcase_add_test(t, pat_takes_memory_types_only);
    tcase_add_test(t, the_time_stamp_counter_is_what_rdtsc_shows_the_guest);
    tcase_add_test(t, unknown_msrs_are_general_protection_faults);
    tcase_add_test(t, swapgs_exchanges_the_two_bases);
    tcase_add_test(t, there_are_no_performance_counters);
    tcase_add_test(t, caches_are_left_alone);
    tcase_add_test(t, invpcid_is_not_there);
    suite_add_tcase(s, t);
    t = tcase_create("decoding");
    tcase_add_test(t, programs_may_do_nothing_of_it);
    tcase_add_test(t, only_certain_exceptions_are_looked_into);
    tcase_add_test(t, an_unknown_privileged_instruction_ends_the_guest_with_its_bytes);
    tcase_add_test(t, operands_are_found_by_every_way_of_addressing);
    tcase_add_test(t, the_same_place_again_has_other_bytes_or_other_registers);
    tcase_add_test(t, an_instruction_may_lie_across_pages);
    tcase_add_test(t, an_instruction_may_end_where_memory_ends);
    tcase_add_test(t, a_single_step_traps_behind_an_emulated_instruction);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
