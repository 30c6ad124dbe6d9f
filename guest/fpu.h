/* The x87 and SSE registers. The kernel uses none of them, so they stay in the CPU until another process is
 * to run. Intel SDM vol. 1, 10.5 (FXSAVE and FXRSTOR). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FPU_STATE_SIZE 512

struct fpu_state {
    uint8_t image[FPU_STATE_SIZE]; /* as FXSAVE64 writes it */
} __attribute__((aligned(16)));

/* Once, before the first program: the registers are as RESET left them, and belong to its state. */
void fpu_start(struct fpu_state *first);
/* Make the CPU's registers those of this state. */
void fpu_load(struct fpu_state *to);
/* The state as a program begins: exceptions masked, registers zero. */
void fpu_reset(struct fpu_state *s);
/* to becomes a copy of from, which may be in the CPU. */
void fpu_copy(struct fpu_state *to, struct fpu_state *from);
/* Write the state's newest value into its image. */
void fpu_store(struct fpu_state *s);
/* Take an image that a program wrote: reserved bits of MXCSR, which FXRSTOR would refuse, are cleared. */
void fpu_set(struct fpu_state *s, const uint8_t image[FPU_STATE_SIZE]);
/* The state's process has ended. */
void fpu_forget(const struct fpu_state *s);
/* Which of the unmasked exceptions are raised, as bits of the status words (SDM vol. 1, 8.1.3 and 10.2.3). */
unsigned fpu_raised_x87(struct fpu_state *s);
unsigned fpu_raised_sse(struct fpu_state *s);
