/* The virtual CPU of a fully virtualized guest. The guest's kernel believes to be at CPL 0 of a CPU in long
 * mode; in truth all of the guest is at CPL 3, what is privileged traps, and is done here to the registers
 * that the guest is to see. Nothing here knows KVM: memory is reached through the shadow MMU, the rest
 * through struct fv_cpu_ops.
 *
 *   fv_decode.c      the bytes at rip: which instruction, which operands
 *   fv_privileged.c  the table of instructions and what each does
 *   fv_control.c     control and debug registers, INVLPG
 *   fv_msr.c         RDMSR, WRMSR
 *   fv_descriptor.c  descriptor tables and segment registers
 *   fv_transfer.c    what changes CS: IRET, far returns and jumps, SYSCALL, SYSRET, INT n
 *   fv_exceptions.c  delivery through the guest's own IDT
 *
 * What x86 does not let trap at CPL 3 is not virtualized: PUSHF shows interrupts as on, POPF does not change
 * that, reading CS, SS and the other selectors shows the real ones, LAR and LSL ask the real GDT, an IRET to
 * a selector that the real GDT has (0x33, 0x2b) is not seen. Not there at all: rings 1 and 2, compatibility
 * mode, task and call gates, an I/O bitmap of the guest's own (a program reaches no ports). Intel SDM vol. 2
 * (instructions), vol. 3, 5 and 6; AMD64 APM vol. 2, 8. */
#pragma once
#include "cpu_regs.h"
#include "shadow/shadow.h"
#include "vmm/fv_form.h"

#define FV_NR_FORMS 32

/* GDTR, IDTR; LDTR and TR with their selector. */
struct fv_table {
    gva_t base;
    uint32_t limit;
    uint16_t selector;
};

/* An exception, an interrupt, or an INT n on its way. */
struct fv_event {
    uint8_t vector;
    bool has_error;
    bool external;  /* an interrupt: no fault of the program's */
    bool software;  /* INT n, INT3: the gate must be open to the program */
    uint8_t length; /* of the INT n: it returns behind it */
    uint32_t error;
    gva_t address; /* of a page fault, for CR2 */
};

struct fv_cpu_ops {
    /* The real base of FS or GS, which the guest may also change unseen. A set base is canonical. */
    uint64_t (*segment_base)(void *ctx, enum fv_segment s);
    void (*set_segment_base)(void *ctx, enum fv_segment s, uint64_t base);
    /* HLT with interrupts on: wait until there may be one. */
    void (*halt)(void *ctx);
    /* A program goes on: CPL has changed from 0 to 3. */
    void (*note_return)(void *ctx);
    /* A page fault is the guest's own, and is delivered next. Optional. */
    void (*note_true_fault)(void *ctx);
    /* The guest cannot go on. */
    void (*crash)(void *ctx, const char *reason);
};

struct fv_insn;

struct fv_cpu {
    /* Filled by the owner. regs: the general registers while the guest does not run. */
    const struct fv_cpu_ops *ops;
    void *ctx;
    struct shadow *shadow;
    struct cpu_regs *regs;
    bool has_umip;       /* CPUID says so */
    uint64_t tsc_offset; /* what RDTSC shows the guest less what it shows us */

    /* The virtual registers. */
    unsigned cpl; /* 0 or 3 */
    uint64_t cr0, cr2, cr3, cr4, cr8, efer;
    uint64_t dr[8];
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base, pat;
    struct fv_table gdtr, idtr, ldtr, tr;
    uint16_t selectors[FV_NR_SEGMENTS];
    uint64_t held_flags; /* those that regs->rflags cannot hold, because they would act on the real CPU, or do
                            not exist there */

    /* After STI, or a load of SS: no interrupt before the instruction there is done. */
    bool inhibited;
    gva_t inhibited_rip;
    bool stopped;           /* ops->crash was called */
    struct fv_event raised; /* by the function that returned FV_FAULT */
    struct fv_form forms[FV_NR_FORMS]; /* decoded lately, by address */
    uint64_t *counts;       /* by instruction: [FV_NR_INSTRUCTIONS] of fv_emulate.h, or NULL */
};

/* As the 64-bit entry of a kernel is started: long mode, paging from root on, interrupts off, no IDT. 0, or
 * -1: root is no memory. */
int fv_cpu_init(struct fv_cpu *c, gpa_t root);

/* 1. An exception reached the monitor: vector and error code as the CPU gave them, *c->regs as at the trap.
 *
 * A page fault. True: it was hidden, the shadow is filled. False: it was the guest's own and is delivered to
 * it, or the guest ended. */
bool fv_cpu_page_fault(struct fv_cpu *c, gva_t address, uint32_t error);

/* Any other. Was it raised by an instruction that is to be emulated? Then *i says which, else i->what is FV_NONE. Sets
 * accessed bits, as a fetch does. */
bool fv_cpu_decode(struct fv_cpu *c, struct fv_insn *i, unsigned vector);
void fv_cpu_emulate(struct fv_cpu *c, const struct fv_insn *i);
/* It is delivered; but not an #AC that is none to the guest: that instruction goes on. */
void fv_cpu_exception(struct fv_cpu *c, unsigned vector, uint32_t error);

/* 2. SYSCALL was executed; rcx and r11 are loaded already. */
void fv_cpu_syscall(struct fv_cpu *c);

/* 3. External interrupts: are they on? That is known also while regs are not those of the guest. */
bool fv_cpu_interrupts_are_on(const struct fv_cpu *c);
/* May one be delivered now? Deliver it. */
bool fv_cpu_takes_interrupts(const struct fv_cpu *c);
/* Not yet, but as soon as one instruction is done: STI, or a load of SS, came before it. */
bool fv_cpu_is_inhibited(const struct fv_cpu *c);
void fv_cpu_interrupt(struct fv_cpu *c, uint8_t vector);

/* The flags as the guest should see them. */
uint64_t fv_cpu_flags(const struct fv_cpu *c);
