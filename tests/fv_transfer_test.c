/* What changes CS or another segment register: returns, system calls, software interrupts, loads. */
#include "fv_machine.h"
#include "tests/run_suite.h"

static const uint8_t iretq[] = { 0x48, 0xcf }, iretd[] = { 0xcf };

/* IRETQ with this frame on the stack. */
static void return_by(struct fv *f, uint64_t rip, uint64_t cs, uint64_t flags, uint64_t rsp, uint64_t ss)
{
    const uint64_t frame[] = { rip, cs, flags, rsp, ss };
    memcpy(at(f, f->regs.rsp), frame, sizeof(frame));
    ck_assert(emulate_bytes(f, iretq, sizeof(iretq)));
}

/* IRET. */

START_TEST(iret_returns_to_a_program)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF | RFLAGS_AC, USER_RSP, UDATA);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF | RFLAGS_AC);
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert_uint_eq(f->c.selectors[FV_CS], UCODE);
    ck_assert_uint_eq(f->c.selectors[FV_SS], UDATA);
    ck_assert_uint_eq(f->returns, 1);
    ck_assert_int_eq(f->m->s.role, SHADOW_USER);
    fv_destroy(f);
}
END_TEST

START_TEST(iret_returns_to_the_kernel)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, KCODE, RFLAGS_FIXED | RFLAGS_IF, KSTACK + 0x100, KDATA);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->c.cpl, 0);
    ck_assert_uint_eq(f->returns, 0);
    ck_assert(fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(the_kernel_may_return_with_a_null_stack_segment)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, KCODE, RFLAGS_FIXED, KSTACK, 0);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    fv_destroy(f);
}
END_TEST

START_TEST(iret_with_32_bit_operands_pops_half_words)
{
    struct fv *f = fv_create();
    const uint32_t frame[] = { 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA };
    memcpy(at(f, f->regs.rsp), frame, sizeof(frame));
    ck_assert(emulate_bytes(f, iretd, sizeof(iretd)));
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(f->c.cpl, 3);
    fv_destroy(f);
}
END_TEST

static const struct {
    uint64_t rip, cs, ss;
    unsigned vector;
    uint32_t error;
} wrong_frames[] = {
    { 0x400000, 0, KDATA, VEC_GP, 0 }, /* null */
    { 0x400000, 3, UDATA, VEC_GP, 0 },
    { 0x400000, GDT_BYTES, KDATA, VEC_GP, GDT_BYTES }, /* beyond the table */
    { 0x400000, KDATA, KDATA, VEC_GP, KDATA },         /* no code */
    { 0x400000, KCODE | 3, UDATA, VEC_GP, KCODE },     /* RPL is not DPL */
    { 0x400000, UCODE & ~3, KDATA, VEC_GP, UCODE & ~3 },
    { 0x400000, KCODE_ABSENT, KDATA, VEC_NP, KCODE_ABSENT },
    { 0x400000, UCODE_ABSENT, UDATA, VEC_NP, UCODE_ABSENT & ~3 },
    { 0x400000, CODE_LONG_AND_32, KDATA, VEC_GP, CODE_LONG_AND_32 },
    { 0x400000, TSS_SEL, KDATA, VEC_GP, TSS_SEL },
    { 0x400000, UCODE, 0, VEC_GP, 0 }, /* a program has no null stack */
    { 0x400000, UCODE, 3, VEC_GP, 0 },
    { 0x400000, UCODE, KDATA, VEC_GP, KDATA }, /* a stack of another level */
    { 0x400000, KCODE, UDATA, VEC_GP, UDATA & ~3 },
    { 0x400000, KCODE, KDATA_READ_ONLY, VEC_GP, KDATA_READ_ONLY },
    { 0x400000, KCODE, KDATA_ABSENT, VEC_SS, KDATA_ABSENT },
    { 0x400000, KCODE, KCODE, VEC_GP, KCODE },
    { 0x400000, KCODE, GDT_BYTES, VEC_GP, GDT_BYTES },
    { 0x800000000000, KCODE, KDATA, VEC_GP, 0 }, /* not canonical */
    { 0x800000000000, UCODE, UDATA, VEC_GP, 0 },
};

START_TEST(a_wrong_frame_faults_at_the_iret)
{
    struct fv *f = fv_create();
    uint64_t rsp = f->regs.rsp;
    return_by(f, wrong_frames[_i].rip, wrong_frames[_i].cs, RFLAGS_FIXED | RFLAGS_IF, USER_RSP,
              wrong_frames[_i].ss);
    ck_assert_caught_error(f, (int)wrong_frames[_i].vector, wrong_frames[_i].error);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), CODE);
    ck_assert_uint_eq(word(f, f->regs.rsp + 32), rsp);
    ck_assert(!(word(f, f->regs.rsp + 24) & RFLAGS_IF));
    ck_assert_uint_eq(f->returns, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(iret_of_a_nested_task_is_none_in_long_mode)
{
    struct fv *f = fv_create();
    fv_set_flags(&f->c, RFLAGS_FIXED | RFLAGS_NT);
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA);
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(a_program_may_iret_to_itself_but_changes_no_privileged_flag)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rsp = USER + 0x100;
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED | RFLAGS_IOPL | RFLAGS_CF, USER_RSP, UDATA);
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_CF);
    ck_assert_uint_eq(f->returns, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(a_program_cannot_iret_into_the_kernel)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rsp = USER + 0x100;
    return_by(f, 0x400000, KCODE, RFLAGS_FIXED, KSTACK, KDATA);
    ck_assert_caught_error(f, VEC_GP, KCODE);
    fv_destroy(f);
}
END_TEST

START_TEST(a_program_cannot_pop_from_the_kernels_memory)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rsp = DATA;
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA);
    ck_assert_caught_error(f, VEC_PF, PF_ERR_USER | PF_ERR_PRESENT);
    ck_assert_uint_eq(f->c.cr2, DATA);
    fv_destroy(f);
}
END_TEST

START_TEST(code_of_32_bits_ends_the_guest)
{
    struct fv *f = fv_create();
    return_by(f, 0x400000, CODE_32, RFLAGS_FIXED, KSTACK, KDATA);
    ck_assert_ended(f, "32-bit");
    fv_destroy(f);
}
END_TEST

START_TEST(a_loaded_segment_is_marked_as_accessed)
{
    struct fv *f = fv_create();
    ((uint8_t *)at(f, GDT + (UCODE & ~7)))[5] &= ~FV_TYPE_ACCESSED;
    ((uint8_t *)at(f, GDT + (UDATA & ~7)))[5] &= ~FV_TYPE_ACCESSED;
    return_by(f, 0x400000, UCODE, RFLAGS_FIXED, USER_RSP, UDATA);
    ck_assert_uint_eq(((uint8_t *)at(f, GDT + (UCODE & ~7)))[5], 0xfb);
    ck_assert_uint_eq(((uint8_t *)at(f, GDT + (UDATA & ~7)))[5], 0xf3);
    fv_destroy(f);
}
END_TEST

/* Far returns, jumps, calls. */

START_TEST(a_far_return_stays_in_the_kernel_or_goes_to_a_program)
{
    struct fv *f = fv_create();
    put_word(f, KSTACK, 0x400000);
    put_word(f, KSTACK + 8, KCODE);
    f->regs.rsp = KSTACK;
    ck_assert(EMULATE(f, 0x48, 0xca, 0x20, 0x00)); /* lretq $32 */
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, KSTACK + 16 + 32);
    const uint64_t outward[] = { 0x500000, UCODE, USER_RSP, UDATA };
    memcpy(at(f, KSTACK), outward, sizeof(outward));
    f->regs.rsp = KSTACK;
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0xcb)); /* lretq */
    ck_assert_uint_eq(f->regs.rip, 0x500000);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert_uint_eq(f->returns, 1);
    fv_destroy(f);
}
END_TEST

START_TEST(near_returns_and_jumps_are_none_of_ours)
{
    struct fv *f = fv_create();
    ck_assert(!EMULATE(f, 0xc3));       /* ret */
    ck_assert(!EMULATE(f, 0xff, 0xe0)); /* jmp *%rax */
    ck_assert(!EMULATE(f, 0xff, 0x10)); /* call *(%rax) */
    ck_assert(!EMULATE(f, 0x58));       /* pop %rax */
    fv_destroy(f);
}
END_TEST

static void put_far_pointer(struct fv *f, gva_t a, uint64_t rip, uint16_t cs)
{
    put_word(f, a, rip);
    memcpy(at(f, a + 8), &cs, 2);
}

START_TEST(a_far_jump_loads_cs)
{
    struct fv *f = fv_create();
    put_far_pointer(f, DATA, 0xffff800000001000, KCODE);
    f->regs.rax = DATA;
    f->c.selectors[FV_CS] = 0;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x28)); /* rex.w ljmp *(%rax) */
    ck_assert_uint_eq(f->regs.rip, 0xffff800000001000);
    ck_assert_uint_eq(f->c.selectors[FV_CS], KCODE);
    put_far_pointer(f, DATA, 0x1000, UCODE);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x28));
    ck_assert_caught_error(f, VEC_GP, UCODE & ~3);
    put_far_pointer(f, DATA, 1ull << 47, KCODE);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x28));
    ck_assert_caught_error(f, VEC_GP, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(a_far_call_pushes_where_it_came_from)
{
    struct fv *f = fv_create();
    put_far_pointer(f, DATA, 0x400000, KCODE);
    f->regs.rax = DATA;
    f->regs.rsp = KSTACK + 0x100;
    ck_assert(EMULATE(f, 0x48, 0xff, 0x18)); /* rex.w lcall *(%rax) */
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(f->regs.rsp, KSTACK + 0xf0);
    ck_assert_uint_eq(word(f, KSTACK + 0xf0), CODE + 3);
    ck_assert_uint_eq(word(f, KSTACK + 0xf8), KCODE);
    fv_destroy(f);
}
END_TEST

/* System calls. */

START_TEST(syscall_enters_the_kernel)
{
    struct fv *f = fv_create();
    be_program(f);
    f->regs.rcx = CODE + 2;
    f->regs.r11 = RFLAGS_FIXED | RFLAGS_CF | RFLAGS_DF; /* the real flags: no word of the virtual ones */
    fv_cpu_syscall(&f->c);
    ck_assert_uint_eq(f->regs.rip, f->c.lstar);
    ck_assert_uint_eq(f->regs.rcx, CODE + 2);
    ck_assert_uint_eq(f->regs.r11, RFLAGS_FIXED | RFLAGS_CF | RFLAGS_DF | RFLAGS_IF);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_CF);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(f->c.cpl, 0);
    ck_assert_uint_eq(f->c.selectors[FV_CS], KCODE);
    ck_assert_uint_eq(f->c.selectors[FV_SS], KDATA);
    fv_destroy(f);
}
END_TEST

START_TEST(syscall_is_invalid_where_it_is_not_enabled)
{
    struct fv *f = fv_create();
    be_program(f);
    f->c.efer &= ~EFER_SCE;
    f->regs.rcx = CODE + 2;
    f->regs.r11 = RFLAGS_FIXED;
    fv_cpu_syscall(&f->c);
    ck_assert_caught(f, VEC_UD);
    ck_assert_uint_eq(word(f, f->regs.rsp), CODE);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x48, 0x0f, 0x07));
    ck_assert_caught(f, VEC_UD);
    fv_destroy(f);
}
END_TEST

START_TEST(sysret_returns_to_a_program)
{
    struct fv *f = fv_create();
    f->regs.rcx = 0x400000;
    f->regs.r11 = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_ZF | RFLAGS_RF | RFLAGS_VM;
    f->regs.rsp = USER_RSP;
    ck_assert(EMULATE(f, 0x48, 0x0f, 0x07)); /* sysretq */
    ck_assert_uint_eq(f->regs.rip, 0x400000);
    ck_assert_uint_eq(fv_cpu_flags(&f->c), RFLAGS_FIXED | RFLAGS_IF | RFLAGS_ZF);
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert_uint_eq(f->c.selectors[FV_CS], 0x33);
    ck_assert_uint_eq(f->c.selectors[FV_SS], 0x2b);
    ck_assert_uint_eq(f->returns, 1);
    fv_destroy(f);
}
END_TEST

START_TEST(sysret_to_no_address_faults_in_the_kernel)
{
    struct fv *f = fv_create();
    f->regs.rcx = 1ull << 47;
    ck_assert(EMULATE(f, 0x48, 0x0f, 0x07));
    ck_assert_caught_error(f, VEC_GP, 0);
    ck_assert_uint_eq(f->c.cpl, 0);
    ck_assert_uint_eq(f->returns, 0);
    fv_destroy(f);
}
END_TEST

START_TEST(int_n_returns_behind_itself_and_needs_an_open_gate)
{
    struct fv *f = fv_create();
    be_program(f);
    set_gate(f, 0x20, KCODE, 0xee);
    ck_assert(EMULATE(f, 0xcd, 0x20));
    ck_assert_caught(f, 0x20);
    ck_assert_uint_eq(word(f, f->regs.rsp), CODE + 2);
    f->regs.rip = CODE;
    be_program(f);
    ck_assert(EMULATE(f, 0xcd, 0x21));
    ck_assert_caught_error(f, VEC_GP, 0x21 * 8 | 2);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), CODE);
    f->regs.rip = CODE;
    be_program(f);
    ck_assert(EMULATE(f, 0xcd, 0x80)); /* beyond the limit */
    ck_assert_caught_error(f, VEC_GP, 0x80 * 8 | 2);
    fv_destroy(f);
}
END_TEST

/* Segment registers, LDTR, TR, GDTR and IDTR. */

START_TEST(segment_registers_take_the_kernels_selectors)
{
    struct fv *f = fv_create();
    f->regs.rax = KDATA;
    ck_assert(EMULATE(f, 0x8e, 0xd8)); /* mov %eax, %ds */
    ck_assert(EMULATE(f, 0x8e, 0xd0)); /* mov %eax, %ss */
    ck_assert_done(f, 4);
    ck_assert_uint_eq(f->c.selectors[FV_DS], KDATA);
    ck_assert_uint_eq(f->c.selectors[FV_SS], KDATA);
    f->regs.rax = KDATA_WITH_BASE;
    ck_assert(EMULATE(f, 0x8e, 0xe0)); /* mov %eax, %fs */
    ck_assert_uint_eq(f->bases[FV_FS], 0x12345678);
    f->regs.rsp = KSTACK;
    put_word(f, KSTACK, KDATA);
    ck_assert(EMULATE(f, 0x0f, 0xa9)); /* pop %gs */
    ck_assert_uint_eq(f->c.selectors[FV_GS], KDATA);
    ck_assert_uint_eq(f->bases[FV_GS], 0);
    ck_assert_uint_eq(f->regs.rsp, KSTACK + 8);
    put_word(f, DATA, 0x1122334455667788);
    put_word(f, DATA + 8, KDATA_WITH_BASE);
    f->regs.rbx = DATA;
    ck_assert(EMULATE(f, 0x48, 0x0f, 0xb5, 0x0b)); /* lgs (%rbx), %rcx */
    ck_assert_uint_eq(f->regs.rcx, 0x1122334455667788);
    ck_assert_uint_eq(f->bases[FV_GS], 0x12345678);
    f->regs.rax = 0;
    ck_assert(EMULATE(f, 0x8e, 0xd0)); /* in 64-bit mode CPL 0 needs no stack segment */
    ck_assert_int_eq(caught(f), -1);
    fv_destroy(f);
}
END_TEST

static const struct {
    uint8_t modrm; /* of 8e modrm: mov %eax, segment */
    uint16_t selector;
    bool of_program;
    unsigned vector;
    uint32_t error;
} wrong_loads[] = {
    { 0xd8, GDT_BYTES, false, VEC_GP, GDT_BYTES },
    { 0xd8, TSS_SEL, false, VEC_GP, TSS_SEL },
    { 0xd8, UCODE_EXECUTE_ONLY & ~3, false, VEC_GP, UCODE_EXECUTE_ONLY & ~3 },
    { 0xd8, KDATA_ABSENT, false, VEC_NP, KDATA_ABSENT },
    { 0xd8, KDATA | 3, false, VEC_GP, KDATA },
    { 0xd8, KDATA, true, VEC_GP, KDATA },
    { 0xd8, OF_LDT, false, VEC_GP, OF_LDT },
    { 0xd0, KDATA_ABSENT, false, VEC_SS, KDATA_ABSENT },
    { 0xd0, KDATA_READ_ONLY, false, VEC_GP, KDATA_READ_ONLY },
    { 0xd0, UDATA, false, VEC_GP, UDATA & ~3 },
    { 0xd0, KCODE, false, VEC_GP, KCODE },
    { 0xd0, 3, false, VEC_GP, 0 },
    { 0xd0, 0, true, VEC_GP, 0 },
    { 0xd0, KDATA, true, VEC_GP, KDATA },
};

START_TEST(wrong_selectors_raise_what_the_manual_says)
{
    struct fv *f = fv_create();
    if (wrong_loads[_i].of_program)
        be_program(f);
    f->regs.rax = wrong_loads[_i].selector;
    ck_assert(EMULATE(f, 0x8e, wrong_loads[_i].modrm));
    ck_assert_caught_error(f, (int)wrong_loads[_i].vector, wrong_loads[_i].error);
    fv_destroy(f);
}
END_TEST

START_TEST(the_local_table_serves_selectors_once_it_is_loaded)
{
    struct fv *f = fv_create();
    f->regs.rax = LDT_SEL;
    ck_assert(EMULATE(f, 0x0f, 0x00, 0xd0)); /* lldt %ax */
    f->regs.rax = OF_LDT;
    ck_assert(EMULATE(f, 0x8e, 0xd8));
    ck_assert_uint_eq(f->c.selectors[FV_DS], OF_LDT);
    ck_assert(EMULATE(f, 0x0f, 0x00, 0xc3)); /* sldt %ebx */
    ck_assert_uint_eq(f->regs.rbx, LDT_SEL);
    f->regs.rax = 0;
    ck_assert(EMULATE(f, 0x0f, 0x00, 0xd0));
    ck_assert_int_eq(caught(f), -1);
    f->regs.rip = CODE;
    f->regs.rax = OF_LDT;
    ck_assert(EMULATE(f, 0x8e, 0xd8));
    ck_assert_caught_error(f, VEC_GP, OF_LDT);
    fv_destroy(f);
}
END_TEST

START_TEST(the_task_register_marks_its_segment_busy)
{
    struct fv *f = fv_create();
    f->c.tr = (struct fv_table){ 0 };
    f->regs.rax = TSS_SEL;
    ck_assert(EMULATE(f, 0x0f, 0x00, 0xd8)); /* ltr %ax */
    ck_assert_uint_eq(f->c.tr.base, TSS);
    ck_assert_uint_eq(f->c.tr.limit, sizeof(struct x86_tss) - 1);
    ck_assert_uint_eq(((uint8_t *)at(f, GDT + TSS_SEL))[5], 0x8b);
    ck_assert(EMULATE(f, 0x0f, 0x00, 0xc9)); /* str %ecx */
    ck_assert_uint_eq(f->regs.rcx, TSS_SEL);
    f->regs.rip = CODE;
    ck_assert(EMULATE(f, 0x0f, 0x00, 0xd8)); /* it is busy now */
    ck_assert_caught_error(f, VEC_GP, TSS_SEL);
    fv_destroy(f);
}
END_TEST

static const struct {
    uint8_t modrm; /* of 0f 00 modrm: d0 is lldt %ax, d8 is ltr %ax */
    uint16_t selector;
    unsigned vector;
    uint32_t error;
} wrong_system_loads[] = {
    { 0xd8, 0, VEC_GP, 0 },
    { 0xd8, TSS_SEL | OF_LDT, VEC_GP, TSS_SEL | OF_LDT },
    { 0xd8, TSS_ABSENT, VEC_NP, TSS_ABSENT },
    { 0xd8, TSS_BUSY, VEC_GP, TSS_BUSY },
    { 0xd8, KDATA, VEC_GP, KDATA },
    { 0xd8, LDT_SEL, VEC_GP, LDT_SEL },
    { 0xd8, GDT_BYTES, VEC_GP, GDT_BYTES },
    { 0xd0, TSS_SEL, VEC_GP, TSS_SEL },
    { 0xd0, KDATA, VEC_GP, KDATA },
    { 0xd0, LDT_SEL | OF_LDT, VEC_GP, LDT_SEL | OF_LDT },
};

START_TEST(wrong_system_segments_raise_what_the_manual_says)
{
    struct fv *f = fv_create();
    f->regs.rax = wrong_system_loads[_i].selector;
    ck_assert(EMULATE(f, 0x0f, 0x00, wrong_system_loads[_i].modrm));
    ck_assert_caught_error(f, (int)wrong_system_loads[_i].vector, wrong_system_loads[_i].error);
    fv_destroy(f);
}
END_TEST

START_TEST(tables_are_loaded_and_stored)
{
    struct fv *f = fv_create();
    const uint16_t limit = 0x123;
    memcpy(at(f, DATA), &limit, 2);
    put_word(f, DATA + 2, 0xffffffff80001000);
    f->regs.rax = DATA;
    f->regs.rbx = DATA + 0x20;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x18)); /* lidt (%rax) */
    ck_assert_uint_eq(f->c.idtr.base, 0xffffffff80001000);
    ck_assert_uint_eq(f->c.idtr.limit, 0x123);
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x0b)); /* sidt (%rbx) */
    ck_assert_mem_eq(at(f, DATA), at(f, DATA + 0x20), 10);
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x10)); /* lgdt (%rax) */
    ck_assert_uint_eq(f->c.gdtr.base, 0xffffffff80001000);
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x43, 0x20)); /* sgdt 0x20(%rbx) */
    ck_assert_mem_eq(at(f, DATA), at(f, DATA + 0x40), 10);
    ck_assert_done(f, 3 * 3 + 4);
    fv_destroy(f);
}
END_TEST

START_TEST(a_table_must_be_canonical_and_its_image_readable)
{
    struct fv *f = fv_create();
    put_word(f, DATA + 2, 1ull << 47);
    f->regs.rax = DATA;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x10));
    ck_assert_caught_error(f, VEC_GP, 0);
    ck_assert_uint_eq(f->c.gdtr.base, GDT);
    f->regs.rip = CODE;
    f->regs.rax = HOLE - 9; /* its last byte is in the hole */
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x10));
    ck_assert_caught_error(f, VEC_PF, 0);
    ck_assert_uint_eq(f->c.cr2, HOLE);
    f->regs.rip = CODE;
    f->regs.rax = 1ull << 47;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x10));
    ck_assert_caught_error(f, VEC_GP, 0);
    f->regs.rip = CODE;
    f->regs.rbp = 1ull << 47;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x55, 0x00)); /* lgdt (%rbp): by way of the stack segment */
    ck_assert_caught_error(f, VEC_SS, 0);
    f->regs.rip = CODE;
    f->regs.rax = RONLY;
    ck_assert(EMULATE(f, 0x0f, 0x01, 0x00)); /* sgdt (%rax) */
    ck_assert_caught_error(f, VEC_PF, PF_ERR_PRESENT | PF_ERR_WRITE);
    fv_destroy(f);
}
END_TEST

START_TEST(programs_see_the_tables_unless_umip_forbids_it)
{
    static const uint8_t stores[][4] = { { 0x0f, 0x01, 0x00 },
                                         { 0x0f, 0x01, 0x08 },
                                         { 0x0f, 0x01, 0x20 },
                                         { 0x0f, 0x00, 0x00 },
                                         { 0x0f, 0x00, 0x08 } };
    for (unsigned i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        struct fv *f = fv_create();
        be_program(f);
        f->regs.rax = USER;
        ck_assert(emulate_bytes(f, stores[i], 3));
        ck_assert_done(f, 3);
        f->regs.rax = DATA; /* but not where only the kernel may write */
        f->regs.rip = CODE;
        ck_assert(emulate_bytes(f, stores[i], 3));
        ck_assert_caught_error(f, VEC_PF, PF_ERR_PRESENT | PF_ERR_WRITE | PF_ERR_USER);
        f->c.cr4 |= CR4_UMIP;
        f->regs.rip = CODE;
        be_program(f);
        f->regs.rax = USER;
        ck_assert(emulate_bytes(f, stores[i], 3));
        ck_assert_caught_error(f, VEC_GP, 0);
        fv_destroy(f);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("fv_transfer");
    TCase *t = tcase_create("iret");
    tcase_add_test(t, iret_returns_to_a_program);
    tcase_add_test(t, iret_returns_to_the_kernel);
    tcase_add_test(t, the_kernel_may_return_with_a_null_stack_segment);
    tcase_add_test(t, iret_with_32_bit_operands_pops_half_words);
    tcase_add_loop_test(t, a_wrong_frame_faults_at_the_iret, 0,
                        sizeof(wrong_frames) / sizeof(wrong_frames[0]));
    tcase_add_test(t, iret_of_a_nested_task_is_none_in_long_mode);
    tcase_add_test(t, a_program_may_iret_to_itself_but_changes_no_privileged_flag);
    tcase_add_test(t, a_program_cannot_iret_into_the_kernel);
    tcase_add_test(t, a_program_cannot_pop_from_the_kernels_memory);
    tcase_add_test(t, code_of_32_bits_ends_the_guest);
    tcase_add_test(t, a_loaded_segment_is_marked_as_accessed);
    suite_add_tcase(s, t);
    t = tcase_create("other transfers");
    tcase_add_test(t, a_far_return_stays_in_the_kernel_or_goes_to_a_program);
    tcase_add_test(t, near_returns_and_jumps_are_none_of_ours);
    tcase_add_test(t, a_far_jump_loads_cs);
    tcase_add_test(t, a_far_call_pushes_where_it_came_from);
    tcase_add_test(t, syscall_enters_the_kernel);
    tcase_add_test(t, syscall_is_invalid_where_it_is_not_enabled);
    tcase_add_test(t, sysret_returns_to_a_program);
    tcase_add_test(t, sysret_to_no_address_faults_in_the_kernel);
    tcase_add_test(t, int_n_returns_behind_itself_and_needs_an_open_gate);
    suite_add_tcase(s, t);
    t = tcase_create("segments and tables");
    tcase_add_test(t, segment_registers_take_the_kernels_selectors);
    tcase_add_loop_test(t, wrong_selectors_raise_what_the_manual_says, 0,
                        sizeof(wrong_loads) / sizeof(wrong_loads[0]));
    tcase_add_test(t, the_local_table_serves_selectors_once_it_is_loaded);
    tcase_add_test(t, the_task_register_marks_its_segment_busy);
    tcase_add_loop_test(t, wrong_system_segments_raise_what_the_manual_says, 0,
                        sizeof(wrong_system_loads) / sizeof(wrong_system_loads[0]));
    tcase_add_test(t, tables_are_loaded_and_stored);
    tcase_add_test(t, a_table_must_be_canonical_and_its_image_readable);
    tcase_add_test(t, programs_see_the_tables_unless_umip_forbids_it);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
