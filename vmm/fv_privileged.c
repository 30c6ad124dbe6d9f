/* Emulation of the instructions that trap: who may use each, what it does, what comes after it.
 *   1. the small ones
 *   2. the table
 *   3. one instruction */
#include <stdio.h>
#include "vmm/fv_emulate.h"

/* 1. */

static enum fv_next cli(struct fv_cpu *c, const struct fv_insn *i)
{
    (void)i;
    c->held_flags &= ~RFLAGS_IF;
    return FV_DONE;
}

/* From off to on, the next instruction is still done without an interrupt. */
static enum fv_next sti(struct fv_cpu *c, const struct fv_insn *i)
{
    if (!(c->held_flags & RFLAGS_IF)) {
        c->inhibited = true;
        c->inhibited_rip = c->regs->rip + i->length;
    }
    c->held_flags |= RFLAGS_IF;
    return FV_DONE;
}

static enum fv_next hlt(struct fv_cpu *c, const struct fv_insn *i)
{
    (void)i;
    if (!(c->held_flags & RFLAGS_IF))
        return fv_crash(c, "it halts with interrupts off");
    c->ops->halt(c->ctx);
    return FV_DONE;
}

/* Caches need no care of the guest's. */
static enum fv_next do_nothing(struct fv_cpu *c, const struct fv_insn *i)
{
    (void)c;
    (void)i;
    return FV_DONE;
}

/* CPUID does not promise it. */
static enum fv_next not_there(struct fv_cpu *c, const struct fv_insn *i)
{
    (void)i;
    return fv_raise(c, VEC_UD, 0);
}

static enum fv_next no_such_counter(struct fv_cpu *c, const struct fv_insn *i)
{
    (void)i;
    return fv_raise(c, VEC_GP, 0);
}

static enum fv_next unknown(struct fv_cpu *c, const struct fv_insn *i)
{
    char text[160], *at = text;

    at += sprintf(at, "it executes a privileged instruction that is not emulated:");
    for (unsigned n = 0; n < i->length; n++)
        at += sprintf(at, " %02x", i->bytes[n]);
    return fv_crash(c, text);
}

/* 2. Of a program, only those marked are emulated; the others are what they are to any program: a fault. */

static const struct row {
    fv_handler *handle;
    bool of_programs;
} rows[FV_NR_INSTRUCTIONS] = {
    [FV_MOV_FROM_CR0] = { fv_mov_from_cr, false },
    [FV_MOV_FROM_CR2] = { fv_mov_from_cr, false },
    [FV_MOV_FROM_CR3] = { fv_mov_from_cr, false },
    [FV_MOV_FROM_CR4] = { fv_mov_from_cr, false },
    [FV_MOV_FROM_CR8] = { fv_mov_from_cr, false },
    [FV_MOV_TO_CR0] = { fv_mov_to_cr, false },
    [FV_MOV_TO_CR2] = { fv_mov_to_cr, false },
    [FV_MOV_TO_CR3] = { fv_mov_to_cr, false },
    [FV_MOV_TO_CR4] = { fv_mov_to_cr, false },
    [FV_MOV_TO_CR8] = { fv_mov_to_cr, false },
    [FV_MOV_FROM_DR] = { fv_mov_from_dr, false },
    [FV_MOV_TO_DR] = { fv_mov_to_dr, false },
    [FV_CLTS] = { fv_clts, false },
    [FV_LMSW] = { fv_lmsw, false },
    [FV_SMSW] = { fv_smsw, true },
    [FV_CLI] = { cli, false },
    [FV_STI] = { sti, false },
    [FV_HLT] = { hlt, false },
    [FV_LGDT] = { fv_lgdt, false },
    [FV_LIDT] = { fv_lidt, false },
    [FV_LLDT] = { fv_lldt, false },
    [FV_LTR] = { fv_ltr, false },
    [FV_SGDT] = { fv_sgdt, true },
    [FV_SIDT] = { fv_sidt, true },
    [FV_SLDT] = { fv_sldt, true },
    [FV_STR] = { fv_str, true },
    [FV_RDMSR] = { fv_rdmsr, false },
    [FV_WRMSR] = { fv_wrmsr, false },
    [FV_RDPMC] = { no_such_counter, false },
    [FV_INVLPG] = { fv_invlpg, false },
    [FV_INVPCID] = { not_there, true },
    [FV_INVD] = { do_nothing, false },
    [FV_WBINVD] = { do_nothing, false },
    [FV_SWAPGS] = { fv_swapgs, false },
    [FV_SYSRET] = { fv_sysret, false },
    [FV_SYSEXIT] = { not_there, true },
    [FV_IRET] = { fv_iret, true },
    [FV_FAR_RETURN] = { fv_far_return, true },
    [FV_FAR_JUMP] = { fv_far_jump, true },
    [FV_FAR_CALL] = { fv_far_call, true },
    [FV_INT] = { fv_int, true },
    [FV_MOV_TO_SEGMENT] = { fv_mov_to_segment, true },
    [FV_POP_SEGMENT] = { fv_pop_segment, true },
    [FV_LOAD_SEGMENT] = { fv_load_segment, true },
    [FV_PRIVILEGED] = { unknown, false },
};

/* 3. */

/* CLI and STI are the programs' too, where the kernel has given them an IOPL for it. */
static bool is_of_programs(const struct fv_cpu *c, const struct fv_insn *i)
{
    bool changes_if = i->what == FV_CLI || i->what == FV_STI;

    return rows[i->what].of_programs || (changes_if && (fv_cpu_flags(c) & RFLAGS_IOPL) == RFLAGS_IOPL);
}

bool fv_may_emulate(const struct fv_cpu *c, const struct fv_insn *i)
{
    return rows[i->what].handle && (c->cpl == 0 || is_of_programs(c, i));
}

/* MOV and POP to SS: no interrupt and no single step comes before the next instruction is done, which is to load rsp. */
static bool loads_stack_segment(const struct fv_insn *i)
{
    return (i->what == FV_MOV_TO_SEGMENT || i->what == FV_POP_SEGMENT) && i->operand[0].number == FV_SS;
}

/* The instruction is done: the end of an inhibition that an earlier one began, the beginning of another, a single step. */
static void finish(struct fv_cpu *c, const struct fv_insn *i, bool was_inhibited, uint64_t flags_before)
{
    if (was_inhibited) {
        c->inhibited = false;
    } else if (loads_stack_segment(i) && (flags_before & RFLAGS_IF)) {
        c->inhibited = true;
        c->inhibited_rip = c->regs->rip;
    }
    if (!gva_is_canonical(c->regs->rip))
        fv_cpu_exception(c, VEC_GP, 0);
    else if ((flags_before & RFLAGS_TF) && !loads_stack_segment(i))
        fv_cpu_exception(c, VEC_DB, 0);
}

/* The same where it has led elsewhere. An INT has not been stepped over: its handler runs without TF. */
static void finish_jump(struct fv_cpu *c, const struct fv_insn *i, uint64_t flags_before)
{
    c->inhibited = false;
    if ((flags_before & RFLAGS_TF) && i->what != FV_INT)
        fv_cpu_exception(c, VEC_DB, 0);
}

void fv_cpu_emulate(struct fv_cpu *c, const struct fv_insn *i)
{
    uint64_t flags = fv_cpu_flags(c);
    bool was_inhibited = c->inhibited;

    if (c->counts)
        c->counts[i->what]++;
    switch (rows[i->what].handle(c, i)) {
    case FV_DONE:
        c->regs->rip += i->length;
        finish(c, i, was_inhibited, flags);
        break;
    case FV_JUMPED:
        finish_jump(c, i, flags);
        break;
    case FV_FAULT:
        fv_deliver(c, c->raised);
        break;
    case FV_STOP:
        break;
    }
}
