/* Control and debug registers, and INVLPG. Intel SDM vol. 2: MOV (control registers), MOV (debug registers),
 * CLTS, LMSW, SMSW, INVLPG; vol. 3, 2.5 and 17.2. */
#include "vmm/fv_emulate.h"

#define CR0_DEFINED                                                                                          \
    (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)
#define CR0_OF_LMSW (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

#define CR4_VME (1ull << 0)
#define CR4_PVI (1ull << 1)
#define CR4_TSD (1ull << 2)
#define CR4_DE  (1ull << 3)
#define CR4_PCE (1ull << 8)
/* What the CPUID of our guests promises. UMIP is among it if the real CPU has it. */
#define CR4_DEFINED                                                                                          \
    (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR |   \
     CR4_OSXMMEXCPT)

#define CR8_MASK 0xfull

#define DR6_FIXED   0xffff0ff0ull /* read as ones */
#define DR6_DEFINED 0xe00full
#define DR7_FIXED   0x400ull
#define DR7_DEFINED 0xffff2bffull
#define DR7_GENERAL (1ull << 13) /* GD: an access to a debug register traps */
#define DR6_GENERAL (1ull << 13) /* BD: that was it */

/* The shadow takes all three together; false: it cannot, nothing has changed. */
static bool set_controls(struct fv_cpu *c, uint64_t cr0, uint64_t cr4)
{
    if (!shadow_set_controls(c->shadow, cr0, cr4, c->efer))
        return false;
    c->cr0 = cr0;
    c->cr4 = cr4;
    return true;
}

static enum fv_next set_cr0(struct fv_cpu *c, uint64_t value)
{
    bool combination_is_wrong = (value & CR0_NW) && !(value & CR0_CD);

    if (value >> 32 || combination_is_wrong)
        return fv_raise(c, VEC_GP, 0);
    value = (value & CR0_DEFINED) | CR0_ET;
    if (value & CR0_EM)
        return fv_crash(c, "it sets CR0.EM, which is not virtualized");
    return set_controls(c, value, c->cr4) ? FV_DONE : fv_raise(c, VEC_GP, 0);
}

static enum fv_next set_cr3(struct fv_cpu *c, uint64_t value)
{
    switch (shadow_load_cr3(c->shadow, value)) {
    case SHADOW_FIXED:
        c->cr3 = value;
        return FV_DONE;
    case SHADOW_REFLECT:
        return fv_raise(c, VEC_GP, 0);
    default:
        return fv_crash(c, "it loads CR3 with an address where no memory is");
    }
}

static enum fv_next set_cr4(struct fv_cpu *c, uint64_t value)
{
    if (value & ~(CR4_DEFINED | (c->has_umip ? CR4_UMIP : 0)))
        return fv_raise(c, VEC_GP, 0);
    return set_controls(c, c->cr0, value) ? FV_DONE : fv_raise(c, VEC_GP, 0);
}

enum fv_next fv_mov_to_cr(struct fv_cpu *c, const struct fv_insn *i)
{
    uint64_t value = *fv_register(c, i->operand[1].number);

    switch (i->what) {
    case FV_MOV_TO_CR0:
        return set_cr0(c, value);
    case FV_MOV_TO_CR2:
        c->cr2 = value;
        return FV_DONE;
    case FV_MOV_TO_CR3:
        return set_cr3(c, value);
    case FV_MOV_TO_CR4:
        return set_cr4(c, value);
    default:
        if (value & ~CR8_MASK)
            return fv_raise(c, VEC_GP, 0);
        c->cr8 = value;
        return FV_DONE;
    }
}

enum fv_next fv_mov_from_cr(struct fv_cpu *c, const struct fv_insn *i)
{
    const uint64_t values[] = { [FV_MOV_FROM_CR0] = c->cr0,
                                [FV_MOV_FROM_CR2] = c->cr2,
                                [FV_MOV_FROM_CR3] = c->cr3,
                                [FV_MOV_FROM_CR4] = c->cr4,
                                [FV_MOV_FROM_CR8] = c->cr8 };

    *fv_register(c, i->operand[0].number) = values[i->what];
    return FV_DONE;
}

enum fv_next fv_clts(struct fv_cpu *c, const struct fv_insn *i)
{
    (void)i;
    c->cr0 &= ~CR0_TS;
    return FV_DONE;
}

/* PE can be set but not cleared. */
enum fv_next fv_lmsw(struct fv_cpu *c, const struct fv_insn *i)
{
    uint16_t value;
    enum fv_next next = fv_read_operand16(c, &i->operand[0], &value);

    if (next != FV_DONE)
        return next;
    return set_cr0(c, (c->cr0 & ~CR0_OF_LMSW) | (value & CR0_OF_LMSW) | CR0_PE);
}

enum fv_next fv_smsw(struct fv_cpu *c, const struct fv_insn *i)
{
    if (c->cpl == 3 && (c->cr4 & CR4_UMIP))
        return fv_raise(c, VEC_GP, 0);
    return fv_write_operand16(c, &i->operand[0], c->cr0);
}

enum fv_next fv_invlpg(struct fv_cpu *c, const struct fv_insn *i)
{
    shadow_invlpg(c->shadow, i->operand[0].address);
    return FV_DONE;
}

/* Debug registers keep what is written, but no breakpoint ever strikes. Without CR4.DE, 4 and 5 are other
 * names of 6 and 7. */
static enum fv_next check_dr(struct fv_cpu *c, unsigned *number)
{
    if (*number == 4 || *number == 5) {
        if (c->cr4 & CR4_DE)
            return fv_raise(c, VEC_UD, 0);
        *number += 2;
    }
    if (*number > 7)
        return fv_raise(c, VEC_UD, 0);
    if (c->dr[7] & DR7_GENERAL) {
        c->dr[7] &= ~DR7_GENERAL;
        c->dr[6] |= DR6_GENERAL;
        return fv_raise(c, VEC_DB, 0);
    }
    return FV_DONE;
}

enum fv_next fv_mov_from_dr(struct fv_cpu *c, const struct fv_insn *i)
{
    unsigned number = i->operand[1].number;
    enum fv_next next = check_dr(c, &number);

    if (next == FV_DONE)
        *fv_register(c, i->operand[0].number) = c->dr[number];
    return next;
}

enum fv_next fv_mov_to_dr(struct fv_cpu *c, const struct fv_insn *i)
{
    unsigned number = i->operand[0].number;
    uint64_t value = *fv_register(c, i->operand[1].number);
    enum fv_next next = check_dr(c, &number);

    if (next != FV_DONE)
        return next;
    if (number >= 6 && value >> 32)
        return fv_raise(c, VEC_GP, 0);
    if (number == 6)
        value = (value & DR6_DEFINED) | DR6_FIXED;
    if (number == 7)
        value = (value & DR7_DEFINED) | DR7_FIXED;
    c->dr[number] = value;
    return FV_DONE;
}
