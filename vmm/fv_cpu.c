/* The virtual CPU: state, the ways in, and what all the other files use.
 *   1. start
 *   2. flags and privilege
 *   3. guest memory
 *   4. exceptions
 *   5. interrupts */
#include <string.h>
#include "vmm/fv_emulate.h"

/* Flags that regs->rflags does not hold for the guest: interrupts are always on in truth, and alignment, which in truth is checked
 * wherever AC is set, is only so for programs and with CR0.AM. */
#define HELD_FLAGS (RFLAGS_IF | RFLAGS_IOPL | RFLAGS_NT)
#define PAT_RESET  0x0007040600070406ull
#define DR6_RESET  0xffff0ff0ull
#define DR7_RESET  0x400ull
#define DR6_STEP   (1ull << 14)

/* What the segment registers hold at the entry, in no table yet; as in hw. */
#define ENTRY_CODE 0x08
#define ENTRY_DATA 0x10

/* 1. Start. */

int fv_cpu_init(struct fv_cpu *c, gpa_t root)
{
    c->cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
    c->cr4 = CR4_PAE;
    c->efer = EFER_LME | EFER_LMA;
    c->cr3 = root;
    c->pat = PAT_RESET;
    c->dr[6] = DR6_RESET;
    c->dr[7] = DR7_RESET;
    c->cpl = 0;
    for (unsigned s = 0; s < FV_NR_SEGMENTS; s++)
        c->selectors[s] = s == FV_CS ? ENTRY_CODE : ENTRY_DATA;
    shadow_set_role(c->shadow, SHADOW_KERNEL);
    if (!shadow_set_controls(c->shadow, c->cr0, c->cr4, c->efer))
        return -1;
    return shadow_load_cr3(c->shadow, root) == SHADOW_FIXED ? 0 : -1;
}

/* 2. Flags and privilege. */

static bool checks_alignment(const struct fv_cpu *c)
{
    return c->cpl == 3 && (c->cr0 & CR0_AM);
}

static uint64_t held_flags(const struct fv_cpu *c)
{
    return HELD_FLAGS | (checks_alignment(c) ? 0 : RFLAGS_AC);
}

uint64_t fv_cpu_flags(const struct fv_cpu *c)
{
    return (c->regs->rflags & ~held_flags(c)) | (c->held_flags & held_flags(c)) | RFLAGS_FIXED;
}

void fv_set_flags(struct fv_cpu *c, uint64_t flags)
{
    c->held_flags = flags & held_flags(c);
    c->regs->rflags = flags & ~held_flags(c);
}

void fv_set_cpl(struct fv_cpu *c, unsigned cpl)
{
    uint64_t flags = fv_cpu_flags(c);
    bool returns = c->cpl == 0 && cpl == 3;

    c->cpl = cpl;
    fv_set_flags(c, flags);
    shadow_set_role(c->shadow, cpl == 3 ? SHADOW_USER : SHADOW_KERNEL);
    if (returns)
        c->ops->note_return(c->ctx);
}

uint64_t *fv_register(struct fv_cpu *c, unsigned number)
{
    struct cpu_regs *r = c->regs;
    uint64_t *const by_number[16] = {
        &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
        &r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15
    };

    return by_number[number & 15];
}

/* 3. Guest memory. */

enum fv_next fv_crash(struct fv_cpu *c, const char *reason)
{
    c->stopped = true;
    c->ops->crash(c->ctx, reason);
    return FV_STOP;
}

static enum fv_next judge(struct fv_cpu *c, enum shadow_result r, bool on_stack)
{
    switch (r) {
    case SHADOW_FIXED:
        return FV_DONE;
    case SHADOW_REFLECT:
        fv_raise(c, VEC_PF, c->shadow->fault.error);
        c->raised.address = c->shadow->fault.gva;
        return FV_FAULT;
    case SHADOW_NONCANONICAL:
        return fv_raise(c, on_stack ? VEC_SS : VEC_GP, 0);
    case SHADOW_RESERVED_SLOT:
        return fv_crash(c, "it uses the monitor's part of the address space");
    default:
        return fv_crash(c, "it uses memory that is not there");
    }
}

enum fv_next fv_read_system(struct fv_cpu *c, gva_t from, void *to, uint64_t bytes)
{
    return judge(c, shadow_copy_from_guest(c->shadow, 0, to, from, bytes), false);
}

enum fv_next fv_write_system(struct fv_cpu *c, gva_t to, const void *from, uint64_t bytes, bool on_stack)
{
    return judge(c, shadow_copy_to_guest(c->shadow, 0, to, from, bytes), on_stack);
}

static uint32_t access_of_cpl(const struct fv_cpu *c)
{
    return c->cpl == 3 ? PF_ERR_USER : 0;
}

enum fv_next fv_read(struct fv_cpu *c, gva_t from, void *to, uint64_t bytes, bool on_stack)
{
    return judge(c, shadow_copy_from_guest(c->shadow, access_of_cpl(c), to, from, bytes), on_stack);
}

enum fv_next fv_write(struct fv_cpu *c, gva_t to, const void *from, uint64_t bytes, bool on_stack)
{
    return judge(c, shadow_copy_to_guest(c->shadow, access_of_cpl(c), to, from, bytes), on_stack);
}

enum fv_next fv_read_operand16(struct fv_cpu *c, const struct fv_operand *o, uint16_t *value)
{
    if (o->kind == FV_OPERAND_MEMORY)
        return fv_read(c, o->address, value, sizeof(*value), o->on_stack);
    *value = (uint16_t)*fv_register(c, o->number);
    return FV_DONE;
}

enum fv_next fv_write_operand16(struct fv_cpu *c, const struct fv_operand *o, uint64_t value)
{
    uint64_t *reg = fv_register(c, o->number);
    uint16_t low = (uint16_t)value;

    if (o->kind == FV_OPERAND_MEMORY)
        return fv_write(c, o->address, &low, sizeof(low), o->on_stack);
    if (o->width == 16)
        *reg = (*reg & ~0xffffull) | low;
    else
        *reg = o->width == 32 ? (uint32_t)value : value;
    return FV_DONE;
}

/* 4. Exceptions. */

static bool vector_has_error(unsigned vector)
{
    return vector == VEC_DF || (vector >= VEC_TS && vector <= VEC_PF) || vector == VEC_AC || vector == VEC_CP;
}

static struct fv_event exception(unsigned vector, uint32_t error)
{
    return (
        struct fv_event){ .vector = (uint8_t)vector, .error = error, .has_error = vector_has_error(vector) };
}

enum fv_next fv_raise(struct fv_cpu *c, unsigned vector, uint32_t error)
{
    c->raised = exception(vector, error);
    return FV_FAULT;
}

bool fv_cpu_page_fault(struct fv_cpu *c, gva_t address, uint32_t error)
{
    enum shadow_result r = shadow_handle_fault(c->shadow, address, error);

    if (r == SHADOW_FIXED)
        return true;
    if (c->ops->note_true_fault)
        c->ops->note_true_fault(c->ctx);
    if (judge(c, r, false) == FV_FAULT)
        fv_deliver(c, c->raised);
    return false;
}

void fv_cpu_exception(struct fv_cpu *c, unsigned vector, uint32_t error)
{
    struct fv_event e = exception(vector, error);

    if (vector == VEC_AC && !checks_alignment(c)) { /* POPF has set AC unseen: once more without it */
        c->regs->rflags &= ~RFLAGS_AC;
        c->held_flags |= RFLAGS_AC;
        return;
    }
    if (vector == VEC_BP || vector == VEC_OF) { /* INT3 or INT 4: the CPU is behind it already */
        e.software = true;
        e.length = vector == VEC_BP ? 1 : 2;
        c->regs->rip -= e.length;
    }
    if (vector == VEC_DB)
        c->dr[6] |= DR6_STEP;
    fv_deliver(c, e);
}

bool fv_cpu_decode(struct fv_cpu *c, struct fv_insn *i, unsigned vector)
{
    bool may_be_ours = vector == VEC_GP || vector == VEC_NP || vector == VEC_SS || vector == VEC_UD;
    bool ours = may_be_ours && fv_decode(c, i) && fv_may_emulate(c, i);

    if (vector == VEC_UD && i->what == FV_PRIVILEGED)
        ours = false; /* what this CPU has not is #UD to the guest, too */
    if (!ours)
        i->what = FV_NONE;
    return ours;
}

/* 5. Interrupts. */

bool fv_cpu_is_inhibited(const struct fv_cpu *c)
{
    return c->inhibited && c->regs->rip == c->inhibited_rip;
}

bool fv_cpu_interrupts_are_on(const struct fv_cpu *c)
{
    return !c->stopped && (c->held_flags & RFLAGS_IF);
}

bool fv_cpu_takes_interrupts(const struct fv_cpu *c)
{
    return fv_cpu_interrupts_are_on(c) && !fv_cpu_is_inhibited(c);
}

void fv_cpu_interrupt(struct fv_cpu *c, uint8_t vector)
{
    fv_deliver(c, (struct fv_event){ .vector = vector, .external = true });
}
