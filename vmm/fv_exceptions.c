/* Delivery of exceptions and interrupts through the guest's own IDT. Intel SDM vol. 3, 6.12 to 6.15.
 *   1. the gate
 *   2. the stack
 *   3. one attempt
 *   4. what comes of a fault on the way: double fault, triple fault */
#include <stddef.h>
#include "vmm/fv_emulate.h"

#define ERROR_EXTERNAL                                                                                       \
    1u /* the fault came up while something else than the program's own INT was delivered */
#define ERROR_IDT 2u

#define GATE_PRESENT   0x80u
#define GATE_TYPE      0x1fu
#define GATE_INTERRUPT 0x0eu
#define GATE_TRAP      0x0fu

/* The flags that a gate clears. */
#define CLEARED_FLAGS (RFLAGS_TF | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM)

static uint32_t external_bit(const struct fv_event *e)
{
    return e->software ? 0 : ERROR_EXTERNAL;
}

/* 1. The gate, and the code segment behind it. */

struct entry {
    gva_t rip;
    uint16_t selector;
    unsigned cpl;
    unsigned ist;
    bool clears_if;
};

static enum fv_next read_gate(struct fv_cpu *c, const struct fv_event *e, struct x86_gate *gate)
{
    uint64_t offset = e->vector * sizeof(*gate);
    uint32_t error = e->vector * 8u | ERROR_IDT | external_bit(e);

    if (offset + sizeof(*gate) - 1 > c->idtr.limit)
        return fv_raise(c, VEC_GP, error);
    enum fv_next next = fv_read_system(c, c->idtr.base + offset, gate, sizeof(*gate));
    if (next != FV_DONE)
        return next;
    unsigned type = gate->type & GATE_TYPE, dpl = gate->type >> 5 & 3;
    if ((type != GATE_INTERRUPT && type != GATE_TRAP) || (e->software && dpl < c->cpl))
        return fv_raise(c, VEC_GP, error);
    return gate->type & GATE_PRESENT ? FV_DONE : fv_raise(c, VEC_NP, error);
}

static enum fv_next find_entry(struct fv_cpu *c, const struct fv_event *e, struct entry *to)
{
    struct x86_gate gate;
    struct fv_descriptor d;
    enum fv_next next = read_gate(c, e, &gate);

    if (next != FV_DONE)
        return next;
    uint32_t error = (gate.selector & FV_SELECTOR_ERROR) | external_bit(e);
    next = fv_read_descriptor(c, gate.selector, VEC_GP, &d);
    if (next == FV_FAULT && c->raised.vector == VEC_GP)
        return fv_raise(c, VEC_GP, error);
    if (next != FV_DONE)
        return next;
    if (!fv_is_code(&d) || d.dpl > c->cpl || !d.is_long || d.is_32)
        return fv_raise(c, VEC_GP, error);
    if (!d.present)
        return fv_raise(c, VEC_NP, error);
    to->cpl = d.type & FV_TYPE_CONFORMING ? c->cpl : d.dpl;
    if (to->cpl == 1 || to->cpl == 2)
        return fv_crash(c, "its IDT leads to ring 1 or 2, which are not virtualized");
    to->rip = (uint64_t)gate.offset_high << 32 | (uint32_t)gate.offset_mid << 16 | gate.offset_low;
    to->selector = (uint16_t)((gate.selector & ~FV_SELECTOR_RPL) | to->cpl);
    to->ist = gate.ist & 7;
    to->clears_if = (gate.type & GATE_TYPE) == GATE_INTERRUPT;
    return gva_is_canonical(to->rip) ? FV_DONE : fv_raise(c, VEC_GP, external_bit(e));
}

/* 2. The stack: an own one of the gate's, that of the privilege level if it changes, or what there is. */

static enum fv_next read_tss_stack(struct fv_cpu *c, const struct fv_event *e, uint64_t offset, uint64_t *rsp)
{
    if (offset + sizeof(*rsp) - 1 > c->tr.limit || fv_is_null(c->tr.selector))
        return fv_raise(c, VEC_TS, (c->tr.selector & FV_SELECTOR_ERROR) | external_bit(e));
    return fv_read_system(c, c->tr.base + offset, rsp, sizeof(*rsp));
}

static enum fv_next find_stack(struct fv_cpu *c, const struct fv_event *e, const struct entry *to,
                               uint64_t *rsp)
{
    enum fv_next next = FV_DONE;

    *rsp = c->regs->rsp;
    if (to->ist)
        next = read_tss_stack(c, e, offsetof(struct x86_tss, ist) + (to->ist - 1) * sizeof(*rsp), rsp);
    else if (to->cpl < c->cpl)
        next = read_tss_stack(c, e, offsetof(struct x86_tss, rsp), rsp);
    *rsp &= ~15ull;
    if (next == FV_DONE && !gva_is_canonical(*rsp))
        return fv_raise(c, VEC_SS, external_bit(e));
    return next;
}

/* 3. One attempt: nothing has changed unless all of it worked. */

static enum fv_next push_frame(struct fv_cpu *c, const struct fv_event *e, uint64_t *rsp)
{
    const uint64_t frame[] = { e->error,     c->regs->rip + e->length, c->selectors[FV_CS], fv_cpu_flags(c),
                               c->regs->rsp, c->selectors[FV_SS] };
    unsigned first = e->has_error ? 0 : 1;
    uint64_t bytes = sizeof(frame) - first * sizeof(frame[0]);
    enum fv_next next = fv_write_system(c, *rsp - bytes, &frame[first], bytes, true);

    if (next == FV_FAULT && c->raised.vector == VEC_SS)
        c->raised.error = external_bit(e);
    *rsp -= bytes;
    return next;
}

static enum fv_next attempt(struct fv_cpu *c, const struct fv_event *e)
{
    struct entry to = { 0 };
    uint64_t rsp, flags = fv_cpu_flags(c);
    enum fv_next next = find_entry(c, e, &to);

    if (next == FV_DONE)
        next = find_stack(c, e, &to, &rsp);
    if (next == FV_DONE)
        next = push_frame(c, e, &rsp);
    if (next != FV_DONE)
        return next;
    if (to.cpl != c->cpl) {
        c->selectors[FV_SS] = (uint16_t)to.cpl;
        fv_set_cpl(c, to.cpl);
    }
    c->selectors[FV_CS] = to.selector;
    c->regs->rip = to.rip;
    c->regs->rsp = rsp;
    c->inhibited = false;
    fv_set_flags(c, flags & ~(CLEARED_FLAGS | (to.clears_if ? RFLAGS_IF : 0)));
    return FV_JUMPED;
}

/* 4. Faults on the way. Intel SDM vol. 3, table 6-5. */

static bool is_contributory(const struct fv_event *e)
{
    if (e->external || e->software)
        return false;
    return e->vector == VEC_DE || (e->vector >= VEC_TS && e->vector <= VEC_GP);
}

static bool is_page_fault(const struct fv_event *e)
{
    return e->vector == VEC_PF && !e->external && !e->software;
}

/* What is to be delivered when `second` came up during the delivery of `first`; false: the CPU shuts down. */
static bool combine(const struct fv_event *first, const struct fv_event *second, struct fv_event *next)
{
    bool second_is_grave = is_contributory(second) || is_page_fault(second);

    *next = *second;
    if (first->vector == VEC_DF && !first->external && !first->software && second_is_grave)
        return false;
    if ((is_contributory(first) && is_contributory(second)) || (is_page_fault(first) && second_is_grave))
        *next = (struct fv_event){ .vector = VEC_DF, .has_error = true };
    return true;
}

void fv_deliver(struct fv_cpu *c, struct fv_event e)
{
    if (is_page_fault(&e))
        c->cr2 = e.address;
    while (attempt(c, &e) == FV_FAULT) {
        struct fv_event first = e;

        if (is_page_fault(&c->raised))
            c->cr2 = c->raised.address;
        if (!combine(&first, &c->raised, &e)) {
            fv_crash(c, "triple fault: a double fault cannot be delivered");
            return;
        }
    }
}
