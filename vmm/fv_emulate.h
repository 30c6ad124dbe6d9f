/* Inside the virtual CPU: what the files fv_*.c share. */
#pragma once
#include "vmm/fv_cpu.h"

/* What becomes of an instruction. */
enum fv_next {
    FV_DONE,   /* go on behind it */
    FV_JUMPED, /* go on where regs->rip says */
    FV_FAULT,  /* c->raised is to be delivered */
    FV_STOP,   /* the guest cannot go on */
};

enum fv_instruction {
    FV_NONE, /* not one of ours */
    FV_MOV_FROM_CR0,
    FV_MOV_FROM_CR2,
    FV_MOV_FROM_CR3,
    FV_MOV_FROM_CR4,
    FV_MOV_FROM_CR8,
    FV_MOV_TO_CR0,
    FV_MOV_TO_CR2,
    FV_MOV_TO_CR3,
    FV_MOV_TO_CR4,
    FV_MOV_TO_CR8,
    FV_MOV_FROM_DR,
    FV_MOV_TO_DR,
    FV_CLTS,
    FV_LMSW,
    FV_SMSW,
    FV_CLI,
    FV_STI,
    FV_HLT,
    FV_LGDT,
    FV_LIDT,
    FV_LLDT,
    FV_LTR,
    FV_SGDT,
    FV_SIDT,
    FV_SLDT,
    FV_STR,
    FV_RDMSR,
    FV_WRMSR,
    FV_RDPMC,
    FV_INVLPG,
    FV_INVPCID,
    FV_INVD,
    FV_WBINVD,
    FV_SWAPGS,
    FV_SYSCALL,
    FV_SYSRET,
    FV_SYSEXIT,
    FV_IRET,
    FV_FAR_RETURN,
    FV_FAR_JUMP,
    FV_FAR_CALL,
    FV_INT,
    FV_MOV_TO_SEGMENT,
    FV_POP_SEGMENT,
    FV_LOAD_SEGMENT, /* LSS, LFS, LGS */
    FV_PRIVILEGED,   /* some other that is privileged */
    FV_NR_INSTRUCTIONS
};

struct fv_operand {
    enum fv_operand_kind kind;
    unsigned width;  /* bits */
    unsigned number; /* of a general, control, debug or segment register, as instructions have it */
    gva_t address;   /* of memory: linear */
    bool on_stack;   /* by way of SS: a bad address is #SS */
    uint64_t value;  /* immediate */
};

struct fv_insn {
    enum fv_instruction what;
    unsigned length;
    unsigned width; /* operand size in bits */
    struct fv_operand operand[2];
    uint8_t bytes[FV_MAX_INSN_BYTES];
    unsigned nr_bytes; /* that were there to be fetched */
};

/* fv_decode.c. Names are as in statistics: "mov-from-cr2". */
bool fv_decode(struct fv_cpu *c, struct fv_insn *i);
const char *fv_instruction_name(enum fv_instruction what);

/* fv_cpu.c. Raise an exception, for: return fv_raise(c, VEC_GP, 0); */
enum fv_next fv_raise(struct fv_cpu *c, unsigned vector, uint32_t error);
enum fv_next fv_crash(struct fv_cpu *c, const char *reason);
void fv_set_flags(struct fv_cpu *c, uint64_t flags);
void fv_set_cpl(struct fv_cpu *c, unsigned cpl);
uint64_t *fv_register(struct fv_cpu *c, unsigned number);
/* Guest memory as its CPU reaches it: FV_DONE or FV_FAULT or FV_STOP. As the supervisor, or with the rights
 * of CPL. */
enum fv_next fv_read_system(struct fv_cpu *c, gva_t from, void *to, uint64_t bytes);
enum fv_next fv_write_system(struct fv_cpu *c, gva_t to, const void *from, uint64_t bytes, bool on_stack);
enum fv_next fv_read(struct fv_cpu *c, gva_t from, void *to, uint64_t bytes, bool on_stack);
enum fv_next fv_write(struct fv_cpu *c, gva_t to, const void *from, uint64_t bytes, bool on_stack);
/* An operand of 16 bits, of a register or in memory; store a register's image there: memory takes 16 bits of
 * it. */
enum fv_next fv_read_operand16(struct fv_cpu *c, const struct fv_operand *o, uint16_t *value);
enum fv_next fv_write_operand16(struct fv_cpu *c, const struct fv_operand *o, uint64_t value);

/* fv_privileged.c: is it to be emulated at this CPL? */
bool fv_may_emulate(const struct fv_cpu *c, const struct fv_insn *i);

/* fv_exceptions.c: deliver it, or what comes of trying, or stop the guest. */
void fv_deliver(struct fv_cpu *c, struct fv_event e);

/* The handlers of fv_privileged.c's table, by file. */
typedef enum fv_next fv_handler(struct fv_cpu *c, const struct fv_insn *i);
fv_handler fv_mov_from_cr, fv_mov_to_cr, fv_mov_from_dr, fv_mov_to_dr, fv_clts, fv_lmsw, fv_smsw, fv_invlpg;
fv_handler fv_rdmsr, fv_wrmsr, fv_swapgs;
fv_handler fv_lgdt, fv_lidt, fv_lldt, fv_ltr, fv_sgdt, fv_sidt, fv_sldt, fv_str;
fv_handler fv_mov_to_segment, fv_pop_segment, fv_load_segment;
fv_handler fv_sysret, fv_iret, fv_far_return, fv_far_jump, fv_far_call, fv_int;

/* fv_descriptor.c. A descriptor of the GDT or LDT, decoded. */
struct fv_descriptor {
    unsigned type; /* with the S bit: 0x10 up are code and data */
    unsigned dpl;
    bool present, is_long, is_32;
    uint64_t base;
    uint32_t limit;
    gva_t at;
};

#define FV_TYPE_SEGMENT    0x10u /* code or data, and not a system segment */
#define FV_TYPE_CODE       0x08u
#define FV_TYPE_CONFORMING 0x04u
#define FV_TYPE_READABLE   0x02u /* of code; of data: writable */
#define FV_TYPE_ACCESSED   0x01u

#define FV_SELECTOR_RPL   3u
#define FV_SELECTOR_LDT   4u
#define FV_SELECTOR_ERROR 0xfffcu /* what an error code has of a selector */

/* Read it; a selector that is null or beyond its table is vector(selector). */
enum fv_next fv_read_descriptor(struct fv_cpu *c, uint16_t selector, unsigned vector,
                                struct fv_descriptor *d);
enum fv_next fv_mark_accessed(struct fv_cpu *c, const struct fv_descriptor *d);

static inline bool fv_is_code(const struct fv_descriptor *d)
{
    return (d->type & FV_TYPE_SEGMENT) && (d->type & FV_TYPE_CODE);
}

static inline bool fv_is_null(uint16_t selector)
{
    return !(selector & FV_SELECTOR_ERROR);
}
