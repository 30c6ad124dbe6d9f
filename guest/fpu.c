/* The x87, SSE and AVX registers: saved when another process is to run, not before.
 *
 *   1. what there is     which of XSAVE's components programs can use
 *   2. instructions
 *   3. keeping           store, load, copy
 *   4. signals           images that programs see, and write */
#include "fpu.h"
#include "kernel.h"
#include "space.h"

/* Places in the image. */
enum { FPU_FCW = 0, FPU_FSW = 2, FPU_MXCSR = 24, FPU_MXCSR_MASK = 28, FPU_SOFTWARE = 464 };
/* Behind it, XSAVE's header: which components are in the area, then zeros. */
enum {
    XSAVE_PRESENT = FPU_STATE_SIZE,
    XSAVE_ZEROS = XSAVE_PRESENT + 8,
    XSAVE_COMPONENTS = FPU_STATE_SIZE + 64
};

#define FCW_DEFAULT        0x037fu
#define MXCSR_DEFAULT      0x1f80u
#define MXCSR_MASK_DEFAULT 0xffbfu /* where FXSAVE tells none */
#define FPU_EXCEPTIONS     0x3fu

#define COMPONENTS_PLAIN 0x03ull /* x87, SSE */
#define COMPONENTS_KEPT  0xe7ull /* and AVX, AVX-512's three */
#define NR_COMPONENTS    8

#define CPUID_FEATURES      0x01
#define FEATURE_ECX_OSXSAVE (1u << 27)
#define CPUID_XSAVE         0x0d
#define XSAVE_EAX_IN_USE    (1u << 2) /* leaf 1: XGETBV tells which components are in use */

/* What Linux writes into bytes of the image that no CPU touches, and behind the whole. */
#define MARK_BEGIN 0x46505853u
#define MARK_END   0x46505845u
struct marks {
    uint32_t begin, all_bytes; /* with the mark at the end */
    uint64_t components;
    uint32_t bytes, zeros[7];
};

static struct fpu_state *owner; /* whose registers are in the CPU; NULL: nobody's */

/* 1. */

static uint64_t kept;       /* components; 0: the plain ones, by FXSAVE */
static uint64_t kept_bytes; /* of an area with them */
static bool tells_in_use;

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static struct cpuid cpuid_read(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static uint64_t xgetbv(uint32_t index)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (uint64_t)high << 32 | low;
}

/* An area, and the mark behind it, must fit a frame. */
static void find_components(void)
{
    kept = 0;
    if (cpuid_read(0, 0).eax < CPUID_XSAVE || !(cpuid_read(CPUID_FEATURES, 0).ecx & FEATURE_ECX_OSXSAVE))
        return;
    uint64_t found = xgetbv(0) & COMPONENTS_KEPT;
    kept_bytes = XSAVE_COMPONENTS;
    for (unsigned i = 2; i < NR_COMPONENTS; i++) {
        struct cpuid c = cpuid_read(CPUID_XSAVE, i); /* eax: bytes, ebx: where */
        uint64_t end = (uint64_t)c.ebx + c.eax;
        if (!c.eax || end > PAGE_SIZE - sizeof(uint32_t))
            found &= ~(1ull << i);
        else if ((found >> i & 1) && end > kept_bytes)
            kept_bytes = end;
    }
    kept = found & ~COMPONENTS_PLAIN ? found : 0;
    tells_in_use = cpuid_read(CPUID_XSAVE, 1).eax & XSAVE_EAX_IN_USE;
}

static bool extended_is_in_use(void)
{
    return kept && (!tells_in_use || (xgetbv(1) & kept & ~COMPONENTS_PLAIN));
}

/* 2. */

static void fxsave(struct fpu_state *s)
{
    __asm__ volatile("fxsave64 %0" : "=m"(s->image));
}

static void xsave(uint8_t *area)
{
    __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"((uint32_t)kept), "d"(0) : "memory");
}

static void xrstor(const uint8_t *area)
{
    __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"((uint32_t)kept), "d"(0) : "memory");
}

/* The plain state, and nothing beyond it. */
static void xrstor_plain(const struct fpu_state *s)
{
    static uint8_t area[XSAVE_COMPONENTS] __attribute__((aligned(64)));
    memcpy(area, s->image, FPU_STATE_SIZE);
    area[XSAVE_PRESENT] = COMPONENTS_PLAIN;
    xrstor(area);
}

/* 3. */

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
    find_components();
    owner = first;
}

static bool take_frame(struct fpu_state *s)
{
    if (s->extended)
        return true;
    pfn_t f = memory_take_frame();
    if (pfn_is_valid(f))
        s->extended = pfn_to_virt(f);
    return s->extended;
}

static void give_frame(struct fpu_state *s)
{
    if (s->extended)
        memory_give_frame(gpa_to_pfn(virt_to_gpa(s->extended)));
    s->extended = NULL;
}

static void drop_registers(const struct fpu_state *s)
{
    if (owner == s)
        owner = NULL;
}

bool fpu_store(struct fpu_state *s)
{
    if (owner != s)
        return true;
    if (extended_is_in_use() && !take_frame(s))
        return false;
    if (s->extended)
        xsave(s->extended);
    else
        fxsave(s);
    return true;
}

void fpu_load(struct fpu_state *to)
{
    if (owner == to)
        return;
    if (!kept)
        __asm__ volatile("fxrstor64 %0" : : "m"(to->image));
    else if (to->extended)
        xrstor(to->extended);
    else
        xrstor_plain(to);
    owner = to;
}

void fpu_reset(struct fpu_state *s)
{
    fpu_forget(s);
    memset(s, 0, sizeof *s);
    image_set32(s, FPU_FCW, FCW_DEFAULT);
    image_set32(s, FPU_MXCSR, MXCSR_DEFAULT);
}

bool fpu_copy(struct fpu_state *to, struct fpu_state *from)
{
    if (!fpu_store(from))
        return false;
    *to = *from;
    to->extended = NULL;
    if (!from->extended)
        return true;
    if (!take_frame(to))
        return false;
    memcpy(to->extended, from->extended, kept_bytes);
    return true;
}

void fpu_forget(struct fpu_state *s)
{
    drop_registers(s);
    give_frame(s);
}

/* 4. */

const void *fpu_image(struct fpu_state *s, uint64_t *bytes)
{
    const uint32_t end = MARK_END;
    *bytes = FPU_STATE_SIZE;
    if (!s->extended)
        return s->image;
    *bytes = kept_bytes + sizeof end;
    const struct marks marks = {
        .begin = MARK_BEGIN, .all_bytes = (uint32_t)*bytes, .components = kept, .bytes = (uint32_t)kept_bytes
    };
    memcpy(s->extended + FPU_SOFTWARE, &marks, sizeof marks);
    memcpy(s->extended + kept_bytes, &end, sizeof end);
    return s->extended;
}

uint64_t fpu_set(struct fpu_state *s, const uint8_t image[FPU_STATE_SIZE])
{
    struct marks marks;
    if (owner == s)
        fxsave(s); /* for the CPU's own mask */
    uint32_t mask = image_get32(s, FPU_MXCSR_MASK);
    fpu_forget(s);
    memcpy(s->image, image, FPU_STATE_SIZE);
    image_set32(s, FPU_MXCSR, image_get32(s, FPU_MXCSR) & (mask ? mask : MXCSR_MASK_DEFAULT));
    image_set32(s, FPU_MXCSR_MASK, mask);
    memcpy(&marks, s->image + FPU_SOFTWARE, sizeof marks);
    memset(s->image + FPU_SOFTWARE, 0, sizeof marks);
    bool is_ours = kept && marks.begin == MARK_BEGIN && marks.bytes == kept_bytes &&
                   marks.all_bytes == kept_bytes + sizeof(uint32_t);
    return is_ours ? marks.all_bytes - FPU_STATE_SIZE : 0;
}

uint8_t *fpu_extend(struct fpu_state *s)
{
    if (!take_frame(s))
        return NULL;
    memcpy(s->extended, s->image, FPU_STATE_SIZE);
    return s->extended + FPU_STATE_SIZE;
}

void fpu_check_extended(struct fpu_state *s)
{
    uint64_t present;
    uint32_t end;
    memcpy(&end, s->extended + kept_bytes, sizeof end);
    if (end != MARK_END) {
        give_frame(s);
        return;
    }
    memcpy(&present, s->extended + XSAVE_PRESENT, sizeof present);
    present &= kept;
    memcpy(s->extended + XSAVE_PRESENT, &present, sizeof present);
    memset(s->extended + XSAVE_ZEROS, 0, XSAVE_COMPONENTS - XSAVE_ZEROS);
}

unsigned fpu_raised_x87(struct fpu_state *s)
{
    if (owner == s)
        fxsave(s);
    return image_get16(s, FPU_FSW) & ~(unsigned)image_get16(s, FPU_FCW) & FPU_EXCEPTIONS;
}

unsigned fpu_raised_sse(struct fpu_state *s)
{
    if (owner == s)
        fxsave(s);
    uint32_t mxcsr = image_get32(s, FPU_MXCSR);
    return mxcsr & ~(mxcsr >> 7) & FPU_EXCEPTIONS;
}
