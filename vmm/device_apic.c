#include "vmm/device_apic.h"

#define VERSION_VALUE 0x00050014 /* an integrated one, with local vectors up to number 5 */
#define LINT1_NMI     0x400

#define SPURIOUS_ENABLED 0x100
#define LVT_MASKED       0x10000
#define LVT_DELIVERY     0x700
#define LVT_EXTINT       0x700

/* Register numbers: offsets by sixteenths. */
enum {
    ID = 0x02, VERSION = 0x03, TPR = 0x08, EOI = 0x0b, LDR = 0x0d, DFR = 0x0e, SPURIOUS = 0x0f, ERROR = 0x28,
    ICR_LOW = 0x30, ICR_HIGH = 0x31, LVT_TIMER = 0x32, LVT_THERMAL = 0x33, LVT_COUNTERS = 0x34, LVT_LINT0 = 0x35,
    LVT_LINT1 = 0x36, LVT_ERROR = 0x37, TIMER_INITIAL = 0x38, TIMER_DIVIDE = 0x3e
};

/* The bits of each that can be written. What has none reads as it was at reset, 0 for most. */
static const uint32_t writable[APIC_NR_REGISTERS] = {
    [ID] = 0xff000000,       [TPR] = 0xff,           [LDR] = 0xff000000,      [DFR] = 0xf0000000,
    [SPURIOUS] = 0x3ff,      [ICR_LOW] = 0xccfff,    [ICR_HIGH] = 0xff000000, [LVT_TIMER] = 0x300ff,
    [LVT_THERMAL] = 0x107ff, [LVT_COUNTERS] = 0x107ff, [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,
    [LVT_ERROR] = 0x100ff,   [TIMER_INITIAL] = ~0u,  [TIMER_DIVIDE] = 0xb,
};

void apic_init(struct apic *a)
{
    *a = (struct apic){ .registers = { [VERSION] = VERSION_VALUE,
                                       [DFR] = ~0u,
                                       [SPURIOUS] = SPURIOUS_ENABLED | 0xff,
                                       [LVT_TIMER] = LVT_MASKED,
                                       [LVT_THERMAL] = LVT_MASKED,
                                       [LVT_COUNTERS] = LVT_MASKED,
                                       [LVT_LINT0] = LVT_EXTINT,
                                       [LVT_LINT1] = LINT1_NMI,
                                       [LVT_ERROR] = LVT_MASKED } };
}

/* While the APIC is disabled by software, all of its vectors are masked, and stay so. */
static void mask_all(struct apic *a)
{
    for (unsigned n = LVT_TIMER; n <= LVT_ERROR; n++)
        a->registers[n] |= LVT_MASKED;
}

bool apic_access(struct apic *a, uint64_t offset, bool is_write, unsigned size, uint64_t *value)
{
    if (size != 4 || offset % 16 || offset >= APIC_BYTES)
        return false;
    uint32_t *r = &a->registers[offset / 16], mask = writable[offset / 16];
    if (!is_write) {
        *value = *r;
        return true;
    }
    *r = (*r & ~mask) | ((uint32_t)*value & mask);
    if (!(a->registers[SPURIOUS] & SPURIOUS_ENABLED))
        mask_all(a);
    return true;
}

bool apic_passes_line(const struct apic *a)
{
    uint32_t lint0 = a->registers[LVT_LINT0];
    return (a->registers[SPURIOUS] & SPURIOUS_ENABLED) && !(lint0 & LVT_MASKED) && (lint0 & LVT_DELIVERY) == LVT_EXTINT;
}
