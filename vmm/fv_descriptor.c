/* Descriptor tables and what is loaded from them.
 *   1. descriptors
 *   2. GDTR, IDTR
 *   3. LDTR, TR
 *   4. DS, ES, SS, FS, GS
 * Intel SDM vol. 2: LGDT, LLDT, LTR, SGDT, SIDT, SLDT, STR, MOV, POP, LDS; vol. 3, 3.4 and 7.2. */
#include <string.h>
#include "vmm/fv_emulate.h"

#define TYPE_LDT           0x2u
#define TYPE_TSS_AVAILABLE 0x9u
#define TYPE_TSS_BUSY      0xbu

/* 1. Descriptors: eight bytes, system ones sixteen.
 *
 *   63   56 55 52 51 48 47 46 45 44 43  40 39    32 31     16 15     0
 *  | base  | flags | lim| P| DPL | S| type | base          | limit   | */

static void decode(uint64_t low, struct fv_descriptor *d)
{
    bool in_pages = low >> 55 & 1;

    d->type = low >> 40 & 0x1f;
    d->dpl = low >> 45 & 3;
    d->present = low >> 47 & 1;
    d->is_long = low >> 53 & 1;
    d->is_32 = low >> 54 & 1;
    d->base = (low >> 16 & 0xffffff) | (low >> 56 & 0xff) << 24;
    d->limit = (uint32_t)((low & 0xffff) | (low >> 32 & 0xf0000));
    if (in_pages)
        d->limit = d->limit << PAGE_SHIFT | PAGE_MASK;
}

enum fv_next fv_read_descriptor(struct fv_cpu *c, uint16_t selector, unsigned vector, struct fv_descriptor *d)
{
    const struct fv_table *t = selector & FV_SELECTOR_LDT ? &c->ldtr : &c->gdtr;
    uint32_t offset = selector & ~7u;
    uint64_t raw[2] = { 0 };
    bool there = !(selector & FV_SELECTOR_LDT) || !fv_is_null(c->ldtr.selector);

    if (fv_is_null(selector) || !there || offset + 7 > t->limit)
        return fv_raise(c, vector, selector & FV_SELECTOR_ERROR);
    *d = (struct fv_descriptor){ .at = t->base + offset };
    enum fv_next next = fv_read_system(c, d->at, &raw[0], 8);
    if (next != FV_DONE)
        return next;
    decode(raw[0], d);
    if (d->type & FV_TYPE_SEGMENT)
        return FV_DONE;
    if (offset + 15 > t->limit)
        return fv_raise(c, vector, selector & FV_SELECTOR_ERROR);
    next = fv_read_system(c, d->at + 8, &raw[1], 8);
    d->base |= raw[1] << 32;
    return next;
}

static enum fv_next set_type(struct fv_cpu *c, const struct fv_descriptor *d, unsigned bits)
{
    uint8_t byte;

    if ((d->type & bits) == bits)
        return FV_DONE;
    enum fv_next next = fv_read_system(c, d->at + 5, &byte, 1);
    byte |= (uint8_t)bits;
    return next == FV_DONE ? fv_write_system(c, d->at + 5, &byte, 1, false) : next;
}

enum fv_next fv_mark_accessed(struct fv_cpu *c, const struct fv_descriptor *d)
{
    return set_type(c, d, FV_TYPE_ACCESSED);
}

/* 2. GDTR and IDTR. */

struct table_image {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static enum fv_next load_table(struct fv_cpu *c, const struct fv_insn *i, struct fv_table *t)
{
    struct table_image image;
    const struct fv_operand *o = &i->operand[0];
    enum fv_next next = fv_read(c, o->address, &image, sizeof(image), o->on_stack);

    if (next != FV_DONE)
        return next;
    if (!gva_is_canonical(image.base))
        return fv_raise(c, VEC_GP, 0);
    *t = (struct fv_table){ .base = image.base, .limit = image.limit };
    return FV_DONE;
}

enum fv_next fv_lgdt(struct fv_cpu *c, const struct fv_insn *i)
{
    return load_table(c, i, &c->gdtr);
}

enum fv_next fv_lidt(struct fv_cpu *c, const struct fv_insn *i)
{
    return load_table(c, i, &c->idtr);
}

/* With UMIP these are the kernel's; without, anybody's. */
static bool is_forbidden(const struct fv_cpu *c)
{
    return c->cpl == 3 && (c->cr4 & CR4_UMIP);
}

static enum fv_next store_table(struct fv_cpu *c, const struct fv_insn *i, const struct fv_table *t)
{
    const struct table_image image = { (uint16_t)t->limit, t->base };

    if (is_forbidden(c))
        return fv_raise(c, VEC_GP, 0);
    return fv_write(c, i->operand[0].address, &image, sizeof(image), i->operand[0].on_stack);
}

enum fv_next fv_sgdt(struct fv_cpu *c, const struct fv_insn *i)
{
    return store_table(c, i, &c->gdtr);
}

enum fv_next fv_sidt(struct fv_cpu *c, const struct fv_insn *i)
{
    return store_table(c, i, &c->idtr);
}

/* 3. LDTR and TR. */

static enum fv_next read_system_descriptor(struct fv_cpu *c, uint16_t selector, unsigned type,
                                           struct fv_descriptor *d)
{
    uint32_t error = selector & FV_SELECTOR_ERROR;

    if (selector & FV_SELECTOR_LDT)
        return fv_raise(c, VEC_GP, error);
    enum fv_next next = fv_read_descriptor(c, selector, VEC_GP, d);
    if (next != FV_DONE)
        return next;
    if (d->type != type)
        return fv_raise(c, VEC_GP, error);
    if (!d->present)
        return fv_raise(c, VEC_NP, error);
    return gva_is_canonical(d->base) ? FV_DONE : fv_raise(c, VEC_GP, error);
}

enum fv_next fv_lldt(struct fv_cpu *c, const struct fv_insn *i)
{
    struct fv_descriptor d;
    uint16_t selector;
    enum fv_next next = fv_read_operand16(c, &i->operand[0], &selector);

    if (next != FV_DONE)
        return next;
    if (fv_is_null(selector)) {
        c->ldtr = (struct fv_table){ .selector = selector };
        return FV_DONE;
    }
    next = read_system_descriptor(c, selector, TYPE_LDT, &d);
    if (next == FV_DONE)
        c->ldtr = (struct fv_table){ .base = d.base, .limit = d.limit, .selector = selector };
    return next;
}

enum fv_next fv_ltr(struct fv_cpu *c, const struct fv_insn *i)
{
    struct fv_descriptor d;
    uint16_t selector;
    enum fv_next next = fv_read_operand16(c, &i->operand[0], &selector);

    if (next == FV_DONE)
        next = read_system_descriptor(c, selector, TYPE_TSS_AVAILABLE, &d);
    if (next == FV_DONE)
        next = set_type(c, &d, TYPE_TSS_BUSY);
    if (next == FV_DONE)
        c->tr = (struct fv_table){ .base = d.base, .limit = d.limit, .selector = selector };
    return next;
}

enum fv_next fv_sldt(struct fv_cpu *c, const struct fv_insn *i)
{
    return is_forbidden(c) ? fv_raise(c, VEC_GP, 0) : fv_write_operand16(c, &i->operand[0], c->ldtr.selector);
}

enum fv_next fv_str(struct fv_cpu *c, const struct fv_insn *i)
{
    return is_forbidden(c) ? fv_raise(c, VEC_GP, 0) : fv_write_operand16(c, &i->operand[0], c->tr.selector);
}

/* 4. Segment registers. Only selectors that the real GDT lacks come here. What is loaded has no effect but on
 * FS and GS, whose base is the descriptor's. */

static enum fv_next check_data(struct fv_cpu *c, const struct fv_descriptor *d, uint16_t selector)
{
    bool may_be_read = !(d->type & FV_TYPE_CODE) || (d->type & FV_TYPE_READABLE);
    bool is_conforming = fv_is_code(d) && (d->type & FV_TYPE_CONFORMING);
    unsigned rpl = selector & FV_SELECTOR_RPL;

    if (!(d->type & FV_TYPE_SEGMENT) || !may_be_read || (!is_conforming && (rpl > d->dpl || c->cpl > d->dpl)))
        return fv_raise(c, VEC_GP, selector & FV_SELECTOR_ERROR);
    return d->present ? FV_DONE : fv_raise(c, VEC_NP, selector & FV_SELECTOR_ERROR);
}

static enum fv_next check_stack(struct fv_cpu *c, const struct fv_descriptor *d, uint16_t selector)
{
    bool writable_data =
        (d->type & FV_TYPE_SEGMENT) && !(d->type & FV_TYPE_CODE) && (d->type & FV_TYPE_READABLE);

    if (!writable_data || d->dpl != c->cpl || (selector & FV_SELECTOR_RPL) != c->cpl)
        return fv_raise(c, VEC_GP, selector & FV_SELECTOR_ERROR);
    return d->present ? FV_DONE : fv_raise(c, VEC_SS, selector & FV_SELECTOR_ERROR);
}

static enum fv_next load_null(struct fv_cpu *c, enum fv_segment s, uint16_t selector)
{
    if (s == FV_SS && (c->cpl == 3 || (selector & FV_SELECTOR_RPL) != c->cpl))
        return fv_raise(c, VEC_GP, 0);
    c->selectors[s] = selector;
    return FV_DONE;
}

static enum fv_next load_segment(struct fv_cpu *c, enum fv_segment s, uint16_t selector)
{
    struct fv_descriptor d;

    if (s == FV_CS || s >= FV_NR_SEGMENTS)
        return fv_raise(c, VEC_UD, 0);
    if (fv_is_null(selector))
        return load_null(c, s, selector);
    enum fv_next next = fv_read_descriptor(c, selector, VEC_GP, &d);
    if (next == FV_DONE)
        next = s == FV_SS ? check_stack(c, &d, selector) : check_data(c, &d, selector);
    if (next == FV_DONE)
        next = fv_mark_accessed(c, &d);
    if (next != FV_DONE)
        return next;
    c->selectors[s] = selector;
    if (s == FV_FS || s == FV_GS)
        c->ops->set_segment_base(c->ctx, s, d.base);
    return FV_DONE;
}

enum fv_next fv_mov_to_segment(struct fv_cpu *c, const struct fv_insn *i)
{
    uint16_t selector;
    enum fv_next next = fv_read_operand16(c, &i->operand[1], &selector);

    return next == FV_DONE ? load_segment(c, i->operand[0].number, selector) : next;
}

enum fv_next fv_pop_segment(struct fv_cpu *c, const struct fv_insn *i)
{
    uint16_t selector;
    enum fv_next next = fv_read(c, c->regs->rsp, &selector, sizeof(selector), true);

    if (next == FV_DONE)
        next = load_segment(c, i->operand[0].number, selector);
    if (next == FV_DONE)
        c->regs->rsp += i->width / 8;
    return next;
}

/* LSS, LFS, LGS: an offset of the operand's size for the general register, then a selector. */
enum fv_next fv_load_segment(struct fv_cpu *c, const struct fv_insn *i)
{
    static const uint8_t segment_of_opcode[] = { [0xb2] = FV_SS, [0xb4] = FV_FS, [0xb5] = FV_GS };
    const struct fv_operand *from = &i->operand[1];
    uint8_t image[10];
    unsigned offset_bytes = i->width / 8, opcode = 0;
    uint64_t offset = 0;
    uint16_t selector;
    enum fv_next next = fv_read(c, from->address, image, offset_bytes + 2, from->on_stack);

    if (next != FV_DONE)
        return next;
    memcpy(&offset, image, offset_bytes);
    memcpy(&selector, image + offset_bytes, sizeof(selector));
    for (unsigned n = 0; n + 1 < i->length && !opcode; n++)
        opcode = i->bytes[n] == 0x0f ? i->bytes[n + 1] : 0;
    next = load_segment(c, opcode < sizeof(segment_of_opcode) ? segment_of_opcode[opcode] : FV_CS, selector);
    if (next != FV_DONE)
        return next;
    struct fv_operand to = i->operand[0];
    to.width = i->width;
    return fv_write_operand16(c, &to, offset);
}
