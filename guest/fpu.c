/* The x87 and SSE registers: saved when another process is to run, not before. */
#include "fpu.h"
#include "kernel.h"

/* Places in the image. */
enum { FPU_FCW = 0, FPU_FSW = 2, FPU_MXCSR = 24, FPU_MXCSR_MASK = 28 };

#define FCW_DEFAULT        0x037fu
#define MXCSR_DEFAULT      0x1f80u
#define MXCSR_MASK_DEFAULT 0xffbfu /* where FXSAVE tells none */
#define FPU_EXCEPTIONS     0x3fu

static struct fpu_state *owner; /* whose registers are in the CPU; NULL: nobody's */

static uint16_t image_get16(const struct fpu_state *s, unsigned at)
{
    uint16_t v;
    memcpy(&v, s->image + at, sizeof v);
    return v;
}

static uint32_t image_get32(const struct fpu_state *s, unsigned at)
{
    uint32_t v;
    memcpy(&v, s->image + at, sizeof v);
    return v;
}

static void image_set32(struct fpu_state *s, unsigned at, uint32_t v)
{
    memcpy(s->image + at, &v, sizeof v);
}

void fpu_start(struct fpu_state *first)
{
    __asm__ volatile("fninit");
    owner = first;
}

void fpu_store(struct fpu_state *s)
{
    if (owner == s)
        __asm__ volatile("fxsave64 %0" : "=m"(s->image));
}

void fpu_load(struct fpu_state *to)
{
    if (owner == to)
        return;
    if (owner)
        fpu_store(owner);
    __asm__ volatile("fxrstor64 %0" : : "m"(to->image));
    owner = to;
}

void fpu_reset(struct fpu_state *s)
{
    fpu_forget(s);
    memset(s, 0, sizeof *s);
    image_set32(s, FPU_FCW, FCW_DEFAULT);
    image_set32(s, FPU_MXCSR, MXCSR_DEFAULT);
}

void fpu_copy(struct fpu_state *to, struct fpu_state *from)
{
    fpu_store(from);
    *to = *from;
}

void fpu_set(struct fpu_state *s, const uint8_t image[FPU_STATE_SIZE])
{
    fpu_store(s); /* for the CPU's own mask */
    uint32_t mask = image_get32(s, FPU_MXCSR_MASK);
    fpu_forget(s);
    memcpy(s->image, image, FPU_STATE_SIZE);
    image_set32(s, FPU_MXCSR, image_get32(s, FPU_MXCSR) & (mask ? mask : MXCSR_MASK_DEFAULT));
    image_set32(s, FPU_MXCSR_MASK, mask);
}

void fpu_forget(const struct fpu_state *s)
{
    if (owner == s)
        owner = NULL;
}

unsigned fpu_raised_x87(struct fpu_state *s)
{
    fpu_store(s);
    return image_get16(s, FPU_FSW) & ~(unsigned)image_get16(s, FPU_FCW) & FPU_EXCEPTIONS;
}

unsigned fpu_raised_sse(struct fpu_state *s)
{
    fpu_store(s);
    uint32_t mxcsr = image_get32(s, FPU_MXCSR);
    return mxcsr & ~(mxcsr >> 7) & FPU_EXCEPTIONS;
}
