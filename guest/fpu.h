/* The x87 and SSE registers, and AVX's where programs can use them. The kernel uses none of them, so they
 * stay in the CPU until another process is to run.
 *
 *   plain      x87 and SSE: what FXSAVE writes (Intel SDM vol. 1, 10.5). All there is, as a rule: the kernel
 *              turns nothing more on, and the machine's CPUID speaks of no more
 *   extended   what XSAVE writes besides (SDM vol. 1, 13). Where the host's own CPUID and XCR0 are the
 *              program's, as on PVM, AVX is on whether the kernel wants it or not. A process gets a frame for
 *              it when it has used it */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FPU_STATE_SIZE 512

struct fpu_state {
    uint8_t image[FPU_STATE_SIZE]; /* as FXSAVE64 writes it; not the newest if there is `extended` */
    uint8_t *extended; /* a frame, as XSAVE64 writes it; NULL while nothing is beyond the plain state */
} __attribute__((aligned(16)));

/* Once, before the first program: the registers are as RESET left them, and belong to its state. */
void fpu_start(struct fpu_state *first);
/* Bring the state up to what is in the CPU; nothing to do if that is another's. False: it needs a frame, and
 * there is none. */
bool fpu_store(struct fpu_state *s);
/* Make the CPU's registers those of this state. Whose they were has been stored. */
void fpu_load(struct fpu_state *to);
/* The state as a program begins: exceptions masked, registers zero. */
void fpu_reset(struct fpu_state *s);
/* to, which is new, becomes a copy of from, which may be in the CPU. False: no memory. */
bool fpu_copy(struct fpu_state *to, struct fpu_state *from);
/* Its process has ended: what it holds is given back. */
void fpu_forget(struct fpu_state *s);

/* The stored state as a signal's frame holds it, and its size: FPU_STATE_SIZE, or with the extended state
 * more, and marked as by Linux (asm/sigcontext.h, struct _fpx_sw_bytes). */
const void *fpu_image(struct fpu_state *s, uint64_t *bytes);
/* Back from there: take the image's first FPU_STATE_SIZE bytes. Returns how many more belong to it: 0, or
 * those that shall be put behind them in what fpu_extend() returns, NULL if there is no memory; then
 * fpu_check_extended(). Until then it is plain. What the CPU would refuse is cleared: reserved bits of MXCSR
 * and of XSAVE's header. */
uint64_t fpu_set(struct fpu_state *s, const uint8_t image[FPU_STATE_SIZE]);
uint8_t *fpu_extend(struct fpu_state *s);
void fpu_check_extended(struct fpu_state *s);

/* Which of the unmasked exceptions are raised, as bits of the status words (SDM vol. 1, 8.1.3 and 10.2.3). */
unsigned fpu_raised_x87(struct fpu_state *s);
unsigned fpu_raised_sse(struct fpu_state *s);
