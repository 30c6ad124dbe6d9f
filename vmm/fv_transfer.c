/* What changes CS, and with it perhaps the privilege level.
 *   1. checks of what is to be loaded
 *   2. IRET
 *   3. far return, far jump, far call
 *   4. SYSCALL and SYSRET
 *   5. INT n
 * Intel SDM vol. 2: IRET, RET, JMP, CALL, INT n; SYSCALL, SYSRET, and AMD64 APM vol. 3 for those two. */
#include "vmm/fv_emulate.h"

#define STAR_SYSCALL_CS 32
#define STAR_SYSRET_CS  48

/* 1. Checks. */

/* Code to go to, at privilege level cpl: by a return (it may lie further out), or by a jump. */
static enum fv_next check_code(struct fv_cpu *c, uint16_t selector, unsigned cpl, struct fv_descriptor *d)
{
    uint32_t error = selector & FV_SELECTOR_ERROR;
    enum fv_next next = fv_read_descriptor(c, selector, VEC_GP, d);

    if (next != FV_DONE)
        return next;
    bool conforming = d->type & FV_TYPE_CONFORMING;
    if (!fv_is_code(d) || (conforming ? d->dpl > cpl : d->dpl != cpl))
        return fv_raise(c, VEC_GP, error);
    if (!d->present)
        return fv_raise(c, VEC_NP, error);
    if (cpl == 1 || cpl == 2)
        return fv_crash(c, "it enters ring 1 or 2, which are not virtualized");
    if (!d->is_long)
        return fv_crash(c, "it enters 32-bit code, which is not virtualized");
    return d->is_32 ? fv_raise(c, VEC_GP, error) : FV_DONE;
}

/* The stack of a return. In 64-bit mode that of CPL 0 may be null. */
static enum fv_next check_return_stack(struct fv_cpu *c, uint16_t selector, unsigned cpl)
{
    struct fv_descriptor d;
    uint32_t error = selector & FV_SELECTOR_ERROR;

    if (fv_is_null(selector))
        return cpl == 3 || (selector & FV_SELECTOR_RPL) != cpl ? fv_raise(c, VEC_GP, 0) : FV_DONE;
    enum fv_next next = fv_read_descriptor(c, selector, VEC_GP, &d);
    if (next != FV_DONE)
        return next;
    bool writable_data =
        (d.type & FV_TYPE_SEGMENT) && !(d.type & FV_TYPE_CODE) && (d.type & FV_TYPE_READABLE);
    if (!writable_data || d.dpl != cpl || (selector & FV_SELECTOR_RPL) != cpl)
        return fv_raise(c, VEC_GP, error);
    if (!d.present)
        return fv_raise(c, VEC_SS, error);
    return fv_mark_accessed(c, &d);
}

struct return_frame {
    uint64_t rip, cs, flags, rsp, ss;
};

/* Check and go; flags are the caller's. What does not load SS keeps it, whatever the table says of it by now. */
static enum fv_next return_to(struct fv_cpu *c, const struct return_frame *f, bool loads_stack)
{
    struct fv_descriptor code;
    uint16_t cs = (uint16_t)f->cs, ss = (uint16_t)f->ss;
    unsigned cpl = cs & FV_SELECTOR_RPL;

    if (fv_is_null(cs))
        return fv_raise(c, VEC_GP, 0);
    if (cpl < c->cpl)
        return fv_raise(c, VEC_GP, cs & FV_SELECTOR_ERROR);
    enum fv_next next = check_code(c, cs, cpl, &code);
    if (next == FV_DONE && loads_stack)
        next = check_return_stack(c, ss, cpl);
    if (next != FV_DONE)
        return next;
    if (!gva_is_canonical(f->rip))
        return fv_raise(c, VEC_GP, 0);
    next = fv_mark_accessed(c, &code);
    if (next != FV_DONE)
        return next;
    c->regs->rip = f->rip;
    c->regs->rsp = f->rsp;
    c->selectors[FV_CS] = cs;
    c->selectors[FV_SS] = ss;
    return FV_JUMPED;
}

/* 2. IRET. Pops rip, cs, flags, rsp, ss; each of the operand's size. */

static enum fv_next pop(struct fv_cpu *c, unsigned width, unsigned n, uint64_t *values)
{
    uint64_t raw[5] = { 0 };
    unsigned bytes = width / 8;
    enum fv_next next = fv_read(c, c->regs->rsp, raw, (uint64_t)bytes * n, true);

    for (unsigned i = 0; i < n; i++) {
        const uint8_t *at = (const uint8_t *)raw + (uint64_t)i * bytes;

        values[i] = 0;
        for (unsigned b = 0; b < bytes; b++)
            values[i] |= (uint64_t)at[b] << (8 * b);
    }
    return next;
}

#define FLAGS_OF_ALL                                                                                         \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_DF | RFLAGS_OF |         \
     RFLAGS_NT | RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

/* Only CPL 0 changes IOPL; IF needs a CPL up to IOPL. */
static uint64_t flags_by_iret(uint64_t old, uint64_t popped, unsigned cpl, unsigned width)
{
    uint64_t may_change = FLAGS_OF_ALL;
    unsigned iopl = (old & RFLAGS_IOPL) >> 12;

    if (cpl == 0)
        may_change |= RFLAGS_IOPL;
    if (cpl <= iopl)
        may_change |= RFLAGS_IF;
    if (width == 16)
        may_change &= 0xffff;
    return (old & ~may_change) | (popped & may_change);
}

enum fv_next fv_iret(struct fv_cpu *c, const struct fv_insn *i)
{
    struct return_frame f;
    uint64_t popped[5], flags = fv_cpu_flags(c);
    unsigned cpl_before = c->cpl;

    if (flags & RFLAGS_NT)
        return fv_raise(c, VEC_GP, 0);
    enum fv_next next = pop(c, i->width, 5, popped);
    if (next != FV_DONE)
        return next;
    f = (struct return_frame){ popped[0], popped[1], popped[2], popped[3], popped[4] };
    next = return_to(c, &f, true);
    if (next != FV_JUMPED)
        return next;
    fv_set_flags(c, flags_by_iret(flags, f.flags, cpl_before, i->width));
    if ((f.cs & FV_SELECTOR_RPL) != c->cpl)
        fv_set_cpl(c, f.cs & FV_SELECTOR_RPL);
    return FV_JUMPED;
}

/* 3. Far return, jump, call. */

/* Pops rip and cs, then as many bytes as the instruction says; further out also rsp and ss, and there the
 * same again. */
enum fv_next fv_far_return(struct fv_cpu *c, const struct fv_insn *i)
{
    uint64_t popped[2], outer[2], start = c->regs->rsp, size = i->width / 8;
    uint64_t extra = i->operand[0].kind == FV_OPERAND_IMMEDIATE ? i->operand[0].value & 0xffff : 0;
    enum fv_next next = pop(c, i->width, 2, popped);

    if (next != FV_DONE)
        return next;
    struct return_frame f = {
        .rip = popped[0], .cs = popped[1], .rsp = start + 2 * size + extra, .ss = c->selectors[FV_SS]
    };
    unsigned cpl = f.cs & FV_SELECTOR_RPL;
    if (cpl > c->cpl) {
        c->regs->rsp = f.rsp;
        next = pop(c, i->width, 2, outer);
        c->regs->rsp = start;
        if (next != FV_DONE)
            return next;
        f.rsp = outer[0] + extra;
        f.ss = outer[1];
    }
    next = return_to(c, &f, cpl > c->cpl);
    if (next == FV_JUMPED && cpl != c->cpl)
        fv_set_cpl(c, cpl);
    return next;
}

/* The target of a far jump or call: an offset of the operand's size, then a selector, in memory. */
static enum fv_next read_target(struct fv_cpu *c, const struct fv_insn *i, uint64_t *rip, uint16_t *cs)
{
    const struct fv_operand *o = &i->operand[0];
    struct fv_descriptor d;
    uint8_t image[10];
    unsigned bytes = i->width / 8;
    enum fv_next next = fv_read(c, o->address, image, bytes + 2, o->on_stack);

    if (next != FV_DONE)
        return next;
    *rip = 0;
    for (unsigned n = 0; n < bytes; n++)
        *rip |= (uint64_t)image[n] << (8 * n);
    *cs = (uint16_t)(image[bytes] | image[bytes + 1] << 8);
    if ((*cs & FV_SELECTOR_RPL) > c->cpl)
        return fv_raise(c, VEC_GP, *cs & FV_SELECTOR_ERROR);
    next = check_code(c, *cs, c->cpl, &d);
    if (next == FV_DONE && !gva_is_canonical(*rip))
        return fv_raise(c, VEC_GP, 0);
    *cs = (uint16_t)((*cs & ~FV_SELECTOR_RPL) | c->cpl);
    return next == FV_DONE ? fv_mark_accessed(c, &d) : next;
}

enum fv_next fv_far_jump(struct fv_cpu *c, const struct fv_insn *i)
{
    uint64_t rip;
    uint16_t cs;
    enum fv_next next = read_target(c, i, &rip, &cs);

    if (next != FV_DONE)
        return next;
    c->regs->rip = rip;
    c->selectors[FV_CS] = cs;
    return FV_JUMPED;
}

enum fv_next fv_far_call(struct fv_cpu *c, const struct fv_insn *i)
{
    uint64_t rip, size = i->width / 8, back = c->regs->rip + i->length, old_cs = c->selectors[FV_CS];
    uint16_t cs;
    uint8_t frame[16];
    enum fv_next next = read_target(c, i, &rip, &cs);

    for (unsigned n = 0; n < size; n++) {
        frame[n] = (uint8_t)(back >> (8 * n));
        frame[size + n] = (uint8_t)(old_cs >> (8 * n));
    }
    if (next == FV_DONE)
        next = fv_write(c, c->regs->rsp - 2 * size, frame, 2 * size, true);
    if (next != FV_DONE)
        return next;
    c->regs->rsp -= 2 * size;
    c->regs->rip = rip;
    c->selectors[FV_CS] = cs;
    return FV_JUMPED;
}

/* 4. SYSCALL and SYSRET. Selectors come from STAR; descriptors are not looked at. */

void fv_cpu_syscall(struct fv_cpu *c)
{
    struct cpu_regs *r = c->regs;

    r->rip =
        r->rcx; /* behind the instruction, if it is to be an invalid one; what was in rcx and r11 is lost */
    r->rflags = r->r11;
    if (!(c->efer & EFER_SCE)) {
        r->rip -= 2;
        fv_cpu_exception(c, VEC_UD, 0);
        return;
    }
    uint64_t flags = fv_cpu_flags(c);
    r->r11 = flags & ~RFLAGS_RF;
    r->rip = c->lstar;
    c->selectors[FV_CS] = (uint16_t)(c->star >> STAR_SYSCALL_CS & ~FV_SELECTOR_RPL);
    c->selectors[FV_SS] = (uint16_t)(c->selectors[FV_CS] + 8);
    c->inhibited = false;
    fv_set_cpl(c, 0);
    fv_set_flags(c, flags & ~c->sfmask & ~RFLAGS_RF);
}

enum fv_next fv_sysret(struct fv_cpu *c, const struct fv_insn *i)
{
    uint16_t base = (uint16_t)(c->star >> STAR_SYSRET_CS);
    struct cpu_regs *r = c->regs;

    if (!(c->efer & EFER_SCE))
        return fv_raise(c, VEC_UD, 0);
    if (i->width != 64)
        return fv_crash(c, "it returns to 32-bit code by SYSRET, which is not virtualized");
    if (!gva_is_canonical(r->rcx))
        return fv_raise(c, VEC_GP, 0);
    r->rip = r->rcx;
    fv_set_flags(c, (r->r11 & (FLAGS_OF_ALL | RFLAGS_IF | RFLAGS_IOPL) & ~RFLAGS_RF) | RFLAGS_FIXED);
    c->selectors[FV_CS] = (uint16_t)((base + 16) | 3);
    c->selectors[FV_SS] = (uint16_t)((base + 8) | 3);
    fv_set_cpl(c, 3);
    return FV_JUMPED;
}

/* 5. INT n: a software interrupt, which continues behind the instruction. */
enum fv_next fv_int(struct fv_cpu *c, const struct fv_insn *i)
{
    struct fv_event e = { .vector = (uint8_t)i->operand[0].value,
                          .software = true,
                          .length = (uint8_t)i->length };

    fv_deliver(c, e);
    return FV_JUMPED;
}
