/* What goes wrong on the way through the guest's own IDT: the gate, the stack, a second exception. */
#include <stddef.h>
#include "fv_machine.h"
#include "tests/run_suite.h"

/* What the gate may have wrong: another exception comes instead. External is told for all but INT n. */

START_TEST(a_vector_beyond_the_limit_is_a_general_protection_fault)
{
    struct fv *f = fv_create();
    f->c.idtr.limit = 33 * 16 - 2; /* one byte too few for vector 32 */
    fv_deliver(&f->c, interrupt(32));
    ck_assert_caught_error(f, VEC_GP, 32 * 8 | ERROR_IDT | ERROR_EXTERNAL);
    f->c.idtr.limit++;
    fv_deliver(&f->c, interrupt(32));
    ck_assert_caught(f, 32);
    fv_destroy(f);
}
END_TEST

static const struct {
    uint16_t selector;
    uint8_t type;
    unsigned vector;
    uint32_t error;
} wrong_gates[] = {
    { KCODE, 0x0e, VEC_NP, 40 * 8 | ERROR_IDT | ERROR_EXTERNAL }, /* not present */
    { KCODE, 0x8c, VEC_GP, 40 * 8 | ERROR_IDT | ERROR_EXTERNAL }, /* a call gate */
    { KCODE, 0x85, VEC_GP, 40 * 8 | ERROR_IDT | ERROR_EXTERNAL }, /* a task gate */
    { KCODE, 0x9e, VEC_GP, 40 * 8 | ERROR_IDT | ERROR_EXTERNAL }, /* no system descriptor */
    { 0, 0x8e, VEC_GP, ERROR_EXTERNAL },                          /* null */
    { GDT_BYTES, 0x8e, VEC_GP, GDT_BYTES | ERROR_EXTERNAL },      /* beyond the GDT */
    { KDATA, 0x8e, VEC_GP, KDATA | ERROR_EXTERNAL },              /* no code */
    { TSS_SEL, 0x8e, VEC_GP, TSS_SEL | ERROR_EXTERNAL },          /* no segment */
    { UCODE, 0x8e, VEC_GP, (UCODE & ~3) | ERROR_EXTERNAL },       /* code with fewer rights than the kernel */
    { CODE_32, 0x8e, VEC_GP, CODE_32 | ERROR_EXTERNAL },          /* not 64 bits */
    { CODE_LONG_AND_32, 0x8e, VEC_GP, CODE_LONG_AND_32 | ERROR_EXTERNAL },
    { KCODE_ABSENT, 0x8e, VEC_NP, KCODE_ABSENT | ERROR_EXTERNAL },
    { KCODE | OF_LDT, 0x8e, VEC_GP, KCODE | OF_LDT | ERROR_EXTERNAL }, /* there is no LDT */
};

START_TEST(a_wrong_gate_raises_what_the_manual_says)
{
    struct fv *f = fv_create();
    set_gate(f, 40, wrong_gates[_i].selector, wrong_gates[_i].type);
    fv_deliver(&f->c, interrupt(40));
    ck_assert_caught_error(f, (int)wrong_gates[_i].vector, wrong_gates[_i].error);
    ck_assert_uint_eq(word(f, f->regs.rsp + 8), CODE);
    fv_destroy(f);
}
END_TEST

START_TEST(a_handler_must_be_canonical)
{
    struct fv *f = fv_create();
    gate_of(f, 40)->offset_high = 0x8000;
    fv_deliver(&f->c, interrupt(40));
    ck_assert_caught_error(f, VEC_GP, ERROR_EXTERNAL);
    fv_destroy(f);
}
END_TEST

START_TEST(a_conforming_handler_stays_at_the_programs_level)
{
    struct fv *f = fv_create();
    be_program(f);
    set_gate(f, 40, KCODE_CONFORMING, 0x8e);
    fv_deliver(&f->c, interrupt(40));
    ck_assert_uint_eq(f->c.cpl, 3);
    ck_assert_uint_eq(f->c.selectors[FV_CS], KCODE_CONFORMING | 3);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP - 40);
    fv_destroy(f);
}
END_TEST

/* The stack. */

START_TEST(a_task_segment_without_that_stack_is_an_invalid_task_segment)
{
    struct fv *f = fv_create();
    be_program(f);
    gate_of(f, VEC_TS)->ist = 1;
    gate_of(f, 40)->ist = 2;
    f->c.tr.limit = offsetof(struct x86_tss, ist[1]) + 6;
    fv_deliver(&f->c, interrupt(40));
    ck_assert_caught_error(f, VEC_TS, TSS_SEL | ERROR_EXTERNAL);
    ck_assert_uint_eq(f->regs.rsp, ISTACK_TOP - 48);
    fv_destroy(f);
}
END_TEST

START_TEST(a_stack_must_be_canonical)
{
    struct fv *f = fv_create();
    be_program(f);
    gate_of(f, VEC_SS)->ist = 1;
    ((struct x86_tss *)at(f, TSS))->rsp[0] = 1ull << 47;
    fv_deliver(&f->c, interrupt(40));
    ck_assert_caught_error(f, VEC_SS, ERROR_EXTERNAL);
    fv_destroy(f);
}
END_TEST

START_TEST(an_interrupt_onto_a_stack_that_is_not_there_becomes_a_page_fault)
{
    struct fv *f = fv_create();
    be_program(f);
    gate_of(f, VEC_PF)->ist = 1;
    map_page(f, KSTACK, 0);
    fv_deliver(&f->c, interrupt(40));
    ck_assert_caught_error(f, VEC_PF, PF_ERR_WRITE);
    ck_assert_uint_ge(f->c.cr2, KSTACK_TOP - 40);
    ck_assert_uint_lt(f->c.cr2, KSTACK_TOP);
    check_frame(f, f->regs.rsp + 8, CODE, UCODE, RFLAGS_FIXED | RFLAGS_IF, USER_RSP, UDATA);
    fv_destroy(f);
}
END_TEST

START_TEST(the_kernels_stack_must_be_writable)
{
    struct fv *f = fv_create();
    be_program(f);
    gate_of(f, VEC_PF)->ist = 1;
    ((struct x86_tss *)at(f, TSS))->rsp[0] = RONLY + PAGE_SIZE;
    fv_deliver(&f->c, interrupt(40));
    ck_assert_caught_error(f, VEC_PF, PF_ERR_WRITE | PF_ERR_PRESENT);
    fv_destroy(f);
}
END_TEST

START_TEST(nothing_changes_when_a_delivery_fails_half_way)
{
    struct fv *f = fv_create();
    be_program(f);
    map_page(f, KSTACK, 0);
    f->c.idtr.limit = 41 * 16 - 1;
    gate_of(f, VEC_PF)->type = gate_of(f, VEC_DF)->type = 0;
    fv_deliver(&f->c, interrupt(40));
    ck_assert_ended(f, "triple fault");
    ck_assert_uint_eq(f->regs.rip, CODE);
    ck_assert_uint_eq(f->regs.rsp, USER_RSP);
    ck_assert_uint_eq(f->c.cpl, 3);
    fv_destroy(f);
}
END_TEST

/* A second exception during the delivery of a first. SDM vol. 3, table 6-5; the second is made by taking the
 * first one's gate away: not present (contributory), or its handler's stack where nothing is (page fault). */

enum outcome_of_two { SECOND, DOUBLE };

static const struct {
    unsigned first;
    bool page_fault;
    enum outcome_of_two outcome;
} pairs[] = {
    { VEC_UD, false, SECOND }, { VEC_UD, true, SECOND }, { VEC_DB, false, SECOND }, { VEC_AC, true, SECOND },
    { VEC_DE, false, DOUBLE }, { VEC_DE, true, SECOND }, { VEC_TS, false, DOUBLE }, { VEC_NP, true, SECOND },
    { VEC_SS, false, DOUBLE }, { VEC_GP, true, SECOND }, { VEC_GP, false, DOUBLE }, { VEC_PF, false, DOUBLE },
    { VEC_PF, true, DOUBLE },
};

START_TEST(two_exceptions_combine_as_the_manual_says)
{
    struct fv *f = fv_create();
    unsigned first = pairs[_i].first, second = pairs[_i].page_fault ? VEC_PF : VEC_NP;
    f->c.cr0 |= CR0_AM;
    be_program(f);
    gate_of(f, VEC_DF)->ist = 1;
    if (pairs[_i].page_fault) {
        map_page(f, KSTACK, 0);
        if (first != VEC_PF)
            gate_of(f, VEC_PF)->ist = 1;
    } else {
        gate_of(f, first)->type = 0x0e;
        if (first == VEC_NP)
            second = VEC_DF;
    }
    fv_cpu_exception(&f->c, first, 0);
    ck_assert_caught(f, pairs[_i].outcome == DOUBLE ? VEC_DF : (int)second);
    if (pairs[_i].outcome == DOUBLE)
        ck_assert_uint_eq(caught_error(f), 0);
    fv_destroy(f);
}
END_TEST

/* What ends the guest. */

START_TEST(a_double_fault_that_cannot_be_delivered_is_the_end)
{
    struct fv *f = fv_create();
    be_program(f);
    f->c.idtr.limit = 0;
    fv_cpu_exception(&f->c, VEC_UD, 0);
    ck_assert_ended(f, "triple fault");
    ck_assert_uint_eq(f->regs.rip, CODE);
    ck_assert(!fv_cpu_takes_interrupts(&f->c));
    fv_destroy(f);
}
END_TEST

START_TEST(a_page_fault_in_the_idt_is_one_too)
{
    struct fv *f = fv_create();
    map_page(f, IDT, 0);
    fv_cpu_exception(&f->c, VEC_UD, 0);
    ck_assert_ended(f, "triple fault");
    ck_assert_uint_eq(f->c.cr2, IDT + VEC_DF * 16); /* the last of three */
    fv_destroy(f);
}
END_TEST

START_TEST(descriptors_and_stacks_in_the_monitors_slot_end_the_guest)
{
    struct fv *f = fv_create();
    const gva_t monitors = 0xffffull << 48 | (uint64_t)MONITOR_SLOT << 39;
    f->m->ram[1][MONITOR_SLOT] = f->m->ram[1][0];
    f->c.idtr.base = monitors + IDT;
    fv_cpu_exception(&f->c, VEC_UD, 0);
    ck_assert_ended(f, "monitor");
    fv_destroy(f);
}
END_TEST

START_TEST(memory_that_is_not_there_ends_the_guest)
{
    struct fv *f = fv_create();
    f->m->ram[4][HOLE >> PAGE_SHIFT] = (uint64_t)(NR_PFNS + 1) << PAGE_SHIFT | PTE_PRESENT | PTE_WRITE;
    f->c.idtr.base = HOLE;
    fv_cpu_exception(&f->c, VEC_UD, 0);
    ck_assert_ended(f, "not there");
    fv_destroy(f);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_delivery_fault");
    TCase *t = tcase_create("gate");
    tcase_add_test(t, a_vector_beyond_the_limit_is_a_general_protection_fault);
    tcase_add_loop_test(t, a_wrong_gate_raises_what_the_manual_says, 0,
                        sizeof(wrong_gates) / sizeof(wrong_gates[0]));
    tcase_add_test(t, a_handler_must_be_canonical);
    tcase_add_test(t, a_conforming_handler_stays_at_the_programs_level);
    suite_add_tcase(s, t);
    t = tcase_create("stack");
    tcase_add_test(t, a_task_segment_without_that_stack_is_an_invalid_task_segment);
    tcase_add_test(t, a_stack_must_be_canonical);
    tcase_add_test(t, an_interrupt_onto_a_stack_that_is_not_there_becomes_a_page_fault);
    tcase_add_test(t, the_kernels_stack_must_be_writable);
    tcase_add_test(t, nothing_changes_when_a_delivery_fails_half_way);
    suite_add_tcase(s, t);
    t = tcase_create("a second exception");
    tcase_add_loop_test(t, two_exceptions_combine_as_the_manual_says, 0, sizeof(pairs) / sizeof(pairs[0]));
    suite_add_tcase(s, t);
    t = tcase_create("the end");
    tcase_add_test(t, a_double_fault_that_cannot_be_delivered_is_the_end);
    tcase_add_test(t, a_page_fault_in_the_idt_is_one_too);
    tcase_add_test(t, descriptors_and_stacks_in_the_monitors_slot_end_the_guest);
    tcase_add_test(t, memory_that_is_not_there_ends_the_guest);
    suite_add_tcase(s, t);
    return run_suite(s);
}
