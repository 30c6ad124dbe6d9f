/* Segment registers, LDTR, TR, GDTR and IDTR: loads and stores. */
#include "fv_machine.h"
#include "tests/run_suite.h"

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

int main(void)
{
    Suite *s = suite_create("fv_descriptor");
    TCase *t = tcase_create("segments and tables");
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
    return run_suite(s);
}
