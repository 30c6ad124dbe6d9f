/* A virtual CPU on the fake machine of the shadow's tests, with a kernel's tables around it.
 *
 *   gva             pfn
 *   CODE   0x10000  16   of anybody, where instructions are put
 *          0x11000  17   its continuation
 *   DATA   0x12000  18   the kernel's
 *   USER   0x13000  19   a program's
 *   KSTACK 0x14000  20   the kernel's stack: RSP0 at its end
 *   ISTACK 0x15000  21   IST 1 at its end
 *   TABLES 0x16000  22   GDT, TSS, LDT
 *   IDT    0x17000  23   256 gates, of which the limit shows 48
 *   RONLY  0x18000  24   the kernel's, read-only
 *   HOLE   0x19000       nothing
 *
 * The handler of vector n is at HANDLERS + 16 * n. */
#pragma once
#include <check.h>
#include "shadow_machine.h"
#include "vmm/fv_emulate.h"

enum {
    CODE = 0x10000,
    DATA = 0x12000,
    USER = 0x13000,
    KSTACK = 0x14000,
    ISTACK = 0x15000,
    TABLES = 0x16000,
    IDT = 0x17000,
    RONLY = 0x18000,
    HOLE = 0x19000,
    GDT = TABLES,
    TSS = TABLES + 0x200,
    LDT = TABLES + 0x400,
    HANDLERS = 0x2000000,
    NR_GATES = 48,
};

#define KSTACK_TOP (KSTACK + PAGE_SIZE)
#define ISTACK_TOP (ISTACK + PAGE_SIZE)
#define USER_RSP   (USER + 0xff0)

/* The GDT's selectors: as a kernel might have them, and some that are wrong in one way each. */
enum {
    KCODE = 0x08,
    KDATA = 0x10,
    TSS_SEL = 0x18,
    UDATA = 0x2b,
    UCODE = 0x33,
    KCODE_ABSENT = 0x38,
    UCODE_ABSENT = 0x43,
    KDATA_ABSENT = 0x48,
    CODE_32 = 0x50,
    KDATA_READ_ONLY = 0x58,
    LDT_SEL = 0x60,
    TSS_ABSENT = 0x70,
    KCODE_CONFORMING = 0x80,
    UCODE_EXECUTE_ONLY = 0x8b,
    KDATA_WITH_BASE = 0x90,
    CODE_LONG_AND_32 = 0x98,
    TSS_BUSY = 0xa0,
    GDT_BYTES = 0xb0,
    OF_LDT = 0x04,
};

/* In error codes of delivery. */
#define ERROR_EXTERNAL 1
#define ERROR_IDT      2

struct fv {
    struct machine *m;
    struct fv_cpu c;
    struct cpu_regs regs;
    struct fv_insn insn;
    uint64_t counts[FV_NR_INSTRUCTIONS];
    uint64_t bases[FV_NR_SEGMENTS];
    unsigned halts, returns;
    char crash[200];
};

/* Guest memory by gva: the page of gva n is pfn n. */
static inline void *at(struct fv *f, gva_t a)
{
    return (uint8_t *)f->m->ram + a;
}

static inline uint64_t word(struct fv *f, gva_t a)
{
    uint64_t w;
    memcpy(&w, at(f, a), sizeof(w));
    return w;
}

static inline void put_word(struct fv *f, gva_t a, uint64_t w)
{
    memcpy(at(f, a), &w, sizeof(w));
}

static inline uint64_t host_base(void *ctx, enum fv_segment s)
{
    return ((struct fv *)ctx)->bases[s];
}

static inline void host_set_base(void *ctx, enum fv_segment s, uint64_t base)
{
    ((struct fv *)ctx)->bases[s] = base;
}

static inline void host_halt(void *ctx)
{
    ((struct fv *)ctx)->halts++;
}

static inline void host_note_return(void *ctx)
{
    ((struct fv *)ctx)->returns++;
}

static inline void host_crash(void *ctx, const char *reason)
{
    struct fv *f = ctx;
    snprintf(f->crash, sizeof(f->crash), "%s", reason);
}

static const struct fv_cpu_ops host_ops = {
    .segment_base = host_base,
    .set_segment_base = host_set_base,
    .halt = host_halt,
    .note_return = host_note_return,
    .crash = host_crash,
};

static inline void map_page(struct fv *f, gva_t a, uint64_t rights)
{
    uint64_t *l1 = f->m->ram[4];
    l1[a >> PAGE_SHIFT] = rights ? a | rights | PTE_PRESENT : 0;
}

static inline void build_page_tables(struct fv *f)
{
    const uint64_t table = PTE_PRESENT | PTE_WRITE | PTE_USER;
    f->m->ram[1][0] = 2 << PAGE_SHIFT | table;
    f->m->ram[2][0] = 3 << PAGE_SHIFT | table;
    f->m->ram[3][0] = 4 << PAGE_SHIFT | table;
    for (gva_t a = CODE; a < RONLY; a += PAGE_SIZE)
        map_page(f, a, PTE_WRITE);
    map_page(f, CODE, PTE_USER | PTE_WRITE);
    map_page(f, CODE + PAGE_SIZE, PTE_USER | PTE_WRITE);
    map_page(f, USER, PTE_USER | PTE_WRITE);
    map_page(f, RONLY, PTE_PRESENT);
}

static inline uint64_t system_segment(uint64_t base, uint64_t limit, uint64_t type)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | type << 40 | (base >> 24 & 0xff) << 56;
}

static inline void build_gdt(struct fv *f)
{
    put_word(f, GDT + KCODE, 0x00af9b000000ffff);
    put_word(f, GDT + KDATA, 0x00cf93000000ffff);
    put_word(f, GDT + TSS_SEL, system_segment(TSS, sizeof(struct x86_tss) - 1, 0x89));
    put_word(f, GDT + (UDATA & ~7), 0x00cff3000000ffff);
    put_word(f, GDT + (UCODE & ~7), 0x00affb000000ffff);
    put_word(f, GDT + KCODE_ABSENT, 0x00af1b000000ffff);
    put_word(f, GDT + (UCODE_ABSENT & ~7), 0x00af7b000000ffff);
    put_word(f, GDT + KDATA_ABSENT, 0x00cf13000000ffff);
    put_word(f, GDT + CODE_32, 0x00cf9b000000ffff);
    put_word(f, GDT + KDATA_READ_ONLY, 0x00cf91000000ffff);
    put_word(f, GDT + LDT_SEL, system_segment(LDT, 15, 0x82));
    put_word(f, GDT + TSS_ABSENT, system_segment(TSS, sizeof(struct x86_tss) - 1, 0x09));
    put_word(f, GDT + KCODE_CONFORMING, 0x00af9f000000ffff);
    put_word(f, GDT + (UCODE_EXECUTE_ONLY & ~7), 0x00aff9000000ffff);
    put_word(f, GDT + KDATA_WITH_BASE, 0x12cf92345678ffff);
    put_word(f, GDT + CODE_LONG_AND_32, 0x00ef9b000000ffff);
    put_word(f, GDT + TSS_BUSY, system_segment(TSS, sizeof(struct x86_tss) - 1, 0x8b));
    put_word(f, LDT, 0x00cf93000000ffff); /* OF_LDT: the kernel's data */
}

static inline struct x86_gate *gate_of(struct fv *f, unsigned vector)
{
    return (struct x86_gate *)at(f, IDT) + vector;
}

static inline void set_gate(struct fv *f, unsigned vector, uint16_t selector, unsigned type)
{
    uint64_t to = HANDLERS + 16 * vector;
    *gate_of(f, vector) = (struct x86_gate){ .offset_low = (uint16_t)to,
                                             .offset_mid = (uint16_t)(to >> 16),
                                             .selector = selector,
                                             .type = (uint8_t)type };
}

static inline struct fv *fv_create(void)
{
    struct fv *f = calloc(1, sizeof(*f));
    f->m = machine_create(64, 16);
    f->c = (struct fv_cpu){ .ops = &host_ops,
                            .ctx = f,
                            .shadow = &f->m->s,
                            .regs = &f->regs,
                            .has_umip = true,
                            .counts = f->counts };
    build_page_tables(f);
    build_gdt(f);
    for (unsigned v = 0; v < NR_GATES; v++)
        set_gate(f, v, KCODE, v == VEC_BP ? 0xee : 0x8e);
    struct x86_tss *tss = at(f, TSS);
    tss->rsp[0] = KSTACK_TOP;
    tss->ist[0] = ISTACK_TOP;
    ck_assert_int_eq(fv_cpu_init(&f->c, 1 << PAGE_SHIFT), 0);
    f->c.cr0 |= CR0_WP;
    f->c.efer |= EFER_NXE | EFER_SCE;
    ck_assert(shadow_set_controls(&f->m->s, f->c.cr0, f->c.cr4, f->c.efer));
    f->c.gdtr = (struct fv_table){ .base = GDT, .limit = GDT_BYTES - 1 };
    f->c.idtr = (struct fv_table){ .base = IDT, .limit = NR_GATES * sizeof(struct x86_gate) - 1 };
    f->c.tr = (struct fv_table){ .base = TSS, .limit = sizeof(*tss) - 1, .selector = TSS_SEL };
    f->c.selectors[FV_CS] = KCODE;
    f->c.selectors[FV_SS] = KDATA;
    f->c.star = (uint64_t)0x23 << 48 | (uint64_t)KCODE << 32;
    f->c.lstar = 0x5000000;
    f->c.sfmask = RFLAGS_IF | RFLAGS_TF | RFLAGS_DF;
    f->regs.rsp = KSTACK + 0x800;
    f->regs.rip = CODE;
    f->regs.rflags = RFLAGS_FIXED;
    return f;
}

static inline void fv_destroy(struct fv *f)
{
    machine_resume(f->m);
    ck_assert_uint_eq(machine_audit(f->m), 0);
    machine_destroy(f->m);
    free(f);
}

/* A program runs, with interrupts on. */
static inline void be_program(struct fv *f)
{
    fv_set_cpl(&f->c, 3);
    fv_set_flags(&f->c, RFLAGS_FIXED | RFLAGS_IF);
    f->c.selectors[FV_CS] = UCODE;
    f->c.selectors[FV_SS] = UDATA;
    f->regs.rsp = USER_RSP;
    f->returns = 0;
}

/* The bytes at CODE trapped with #GP: is there something to emulate? If so, do it. */
static inline bool emulate_bytes(struct fv *f, const uint8_t *bytes, size_t n)
{
    memcpy(at(f, f->regs.rip), bytes, n);
    if (!fv_cpu_decode(&f->c, &f->insn, VEC_GP))
        return false;
    fv_cpu_emulate(&f->c, &f->insn);
    return true;
}

#define EMULATE(f, ...)                                                                                      \
    emulate_bytes(f, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

static inline struct fv_event interrupt(unsigned vector)
{
    return (struct fv_event){ .vector = (uint8_t)vector, .external = true };
}

/* Which handler was entered last, or -1; the error code that it finds. */
static inline int caught(const struct fv *f)
{
    uint64_t offset = f->regs.rip - HANDLERS;
    return offset < 256 * 16 ? (int)(offset / 16) : -1;
}

static inline uint64_t caught_error(struct fv *f)
{
    return word(f, f->regs.rsp);
}

/* What the kernel finds on its stack, from the return address up. */
static inline void check_frame(struct fv *f, gva_t at, uint64_t rip, uint64_t cs, uint64_t flags,
                               uint64_t rsp, uint64_t ss)
{
    ck_assert_uint_eq(word(f, at), rip);
    ck_assert_uint_eq(word(f, at + 8), cs);
    ck_assert_uint_eq(word(f, at + 16), flags);
    ck_assert_uint_eq(word(f, at + 24), rsp);
    ck_assert_uint_eq(word(f, at + 32), ss);
}

#define ck_assert_done(f, length) ck_assert_uint_eq((f)->regs.rip, CODE + (length))
#define ck_assert_caught(f, vector)                                                                          \
    do {                                                                                                     \
        ck_assert_str_eq((f)->crash, "");                                                                    \
        ck_assert_int_eq(caught(f), vector);                                                                 \
    } while (0)
#define ck_assert_caught_error(f, vector, error)                                                             \
    do {                                                                                                     \
        ck_assert_caught(f, vector);                                                                         \
        ck_assert_uint_eq(caught_error(f), error);                                                           \
    } while (0)
#define ck_assert_ended(f, text) ck_assert_ptr_nonnull(strstr((f)->crash, text))
