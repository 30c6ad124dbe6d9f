/* Model-specific registers: a table of those that there are; any other is #GP. Intel SDM vol. 4; AMD64 APM
 * vol. 2, appendix A. And SWAPGS, which exchanges two of them. */
#include <stddef.h>
#include <x86intrin.h>
#include "vmm/fv_emulate.h"

#define MSR_TSC       0x10u
#define MSR_APIC_BASE 0x1bu
#define MSR_MCG_CAP   0x179u
#define MSR_PAT       0x277u

/* The local APIC is where it is at reset, on, and that of the CPU that boots. */
#define APIC_BASE_VALUE 0xfee00900u

#define EFER_CHANGEABLE (EFER_SCE | EFER_NXE)
#define EFER_DEFINED    (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)

enum kind { PLAIN, CANONICAL, LOW_32, MEMORY_TYPES, MODE, FS_BASE, GS_BASE, TIME, CONSTANT };

static const struct msr {
    uint32_t index;
    enum kind kind;
    size_t at; /* in struct fv_cpu; of a constant: what it is */
} msrs[] = {
    { MSR_TSC, TIME, 0 },
    { MSR_APIC_BASE, CONSTANT, APIC_BASE_VALUE },
    { MSR_MCG_CAP, CONSTANT, 0 }, /* no banks of machine checks */
    { MSR_PAT, MEMORY_TYPES, offsetof(struct fv_cpu, pat) },
    { MSR_EFER, MODE, offsetof(struct fv_cpu, efer) },
    { MSR_STAR, PLAIN, offsetof(struct fv_cpu, star) },
    { MSR_LSTAR, CANONICAL, offsetof(struct fv_cpu, lstar) },
    { MSR_CSTAR, CANONICAL, offsetof(struct fv_cpu, cstar) },
    { MSR_SFMASK, LOW_32, offsetof(struct fv_cpu, sfmask) },
    { MSR_FS_BASE, FS_BASE, 0 },
    { MSR_GS_BASE, GS_BASE, 0 },
    { MSR_KERNEL_GS_BASE, CANONICAL, offsetof(struct fv_cpu, kernel_gs_base) },
};

static const struct msr *find(uint32_t index)
{
    for (size_t i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
        if (msrs[i].index == index)
            return &msrs[i];
    return NULL;
}

static uint64_t *stored(struct fv_cpu *c, const struct msr *m)
{
    return (uint64_t *)((char *)c + m->at);
}

static uint64_t get(struct fv_cpu *c, const struct msr *m)
{
    switch (m->kind) {
    case FS_BASE:
        return c->ops->segment_base(c->ctx, FV_FS);
    case GS_BASE:
        return c->ops->segment_base(c->ctx, FV_GS);
    case TIME:
        return __rdtsc() + c->tsc_offset;
    case CONSTANT:
        return m->at;
    default:
        return *stored(c, m);
    }
}

/* Each byte is one of the memory types that there are. */
static bool is_pat(uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        unsigned type = value >> (8 * i) & 0xff;

        if (type > 7 || type == 2 || type == 3)
            return false;
    }
    return true;
}

/* Long mode cannot be left while there is paging; LMA is not for writing. */
static bool set_efer(struct fv_cpu *c, uint64_t value)
{
    uint64_t efer = (c->efer & ~EFER_CHANGEABLE) | (value & EFER_CHANGEABLE);

    if ((value & ~EFER_DEFINED) || !(value & EFER_LME) ||
        !shadow_set_controls(c->shadow, c->cr0, c->cr4, efer))
        return false;
    c->efer = efer;
    return true;
}

static bool is_valid(enum kind kind, uint64_t value)
{
    switch (kind) {
    case CANONICAL:
    case FS_BASE:
    case GS_BASE:
        return gva_is_canonical(value);
    case LOW_32:
        return value >> 32 == 0;
    case MEMORY_TYPES:
        return is_pat(value);
    default:
        return true;
    }
}

static bool set(struct fv_cpu *c, const struct msr *m, uint64_t value)
{
    if (!is_valid(m->kind, value))
        return false;
    switch (m->kind) {
    case MODE:
        return set_efer(c, value);
    case FS_BASE:
    case GS_BASE:
        c->ops->set_segment_base(c->ctx, m->kind == FS_BASE ? FV_FS : FV_GS, value);
        return true;
    case TIME:
        return true; /* the time stamp counter goes on as it is */
    case CONSTANT:
        return value == m->at;
    default:
        *stored(c, m) = value;
        return true;
    }
}

enum fv_next fv_rdmsr(struct fv_cpu *c, const struct fv_insn *i)
{
    const struct msr *m = find((uint32_t)c->regs->rcx);

    (void)i;
    if (!m)
        return fv_raise(c, VEC_GP, 0);
    uint64_t value = get(c, m);
    c->regs->rax = (uint32_t)value;
    c->regs->rdx = value >> 32;
    return FV_DONE;
}

enum fv_next fv_wrmsr(struct fv_cpu *c, const struct fv_insn *i)
{
    const struct msr *m = find((uint32_t)c->regs->rcx);
    uint64_t value = c->regs->rdx << 32 | (uint32_t)c->regs->rax;

    (void)i;
    return m && set(c, m, value) ? FV_DONE : fv_raise(c, VEC_GP, 0);
}

enum fv_next fv_swapgs(struct fv_cpu *c, const struct fv_insn *i)
{
    uint64_t base = c->ops->segment_base(c->ctx, FV_GS);

    (void)i;
    c->ops->set_segment_base(c->ctx, FV_GS, c->kernel_gs_base);
    c->kernel_gs_base = base;
    return FV_DONE;
}
