/* Time: ticks from the i8254's channel 0 through the i8259, a clock from the time stamp counter.
 *
 *   1. interrupts     all lines masked, but the timer's while it is on
 *   2. ticks          a period of at most 54.9 ms, which is what the counter can hold
 *   3. idling
 *   4. the clock      the frequency is the one that the command line names, or CPUID, or 1 GHz where nobody does: measuring
 * it would take as many reads of the i8254 as there is time, a different number at each start
 *
 * Intel 8259A and 8254 data sheets; Intel SDM vol. 2, CPUID leaves 15h and 16h; vol. 3, 11.5.1 (local vector
 * table). */
#include "kernel.h"
#include "native.h"
#include "native_insn.h"
#include "native_layout.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1

#define ICW1_INIT_ICW4    0x11
#define ICW3_CASCADE      0x04 /* the second one's line on the first */
#define ICW3_CASCADE_ID   0x02
#define ICW4_8086         0x01
#define OCW2_END          0x20
#define MASK_ALL          0xff
#define MASK_ALL_BUT_IRQ0 0xfe

#define PIT_CHANNEL0    0x40
#define PIT_COMMAND     0x43
#define PIT_RATE        0x34 /* channel 0, low byte then high byte, mode 2 */
#define PIT_HZ          1193182ull
#define PIT_MAX_DIVISOR 65535ull

#define CPUID_FEATURES   0x01
#define FEATURE_EDX_APIC (1u << 9)

#define APIC_BASE       0xfee00000ull
#define APIC_SPURIOUS   0xf0
#define APIC_LINT0      0x350
#define SPURIOUS_ENABLE 0x100 /* and the vector, which goes the way of any masked line */
#define LINT0_FROM_PIC  0x700 /* delivery mode ExtINT: the i8259 gives the vector */

#define NS_PER_SECOND   1000000000ull
#define CPUID_TSC       0x15
#define CPUID_FREQUENCY 0x16
#define MOST_TSC_KHZ    10000000ull

static bool timer_is_on;
static volatile bool ticked; /* since native_idle began to wait */
static uint64_t tsc_start, tsc_hz;

/* 1. */

/* A local APIC stands between the i8259 and the CPU, and starts deaf to it: "virtual wire mode" lets the line
 * through. */
static void wire_local_apic(void)
{
    volatile uint32_t *apic;

    if (!(cpuid_read(CPUID_FEATURES).edx & FEATURE_EDX_APIC))
        return;
    apic = native_map_device(APIC_BASE, PAGE_SIZE);
    apic[APIC_SPURIOUS / 4] = SPURIOUS_ENABLE | (NR_VECTORS - 1);
    apic[APIC_LINT0 / 4] = LINT0_FROM_PIC;
}

static void init_pics(void)
{
    port_write8(PIC1_COMMAND, ICW1_INIT_ICW4);
    port_write8(PIC2_COMMAND, ICW1_INIT_ICW4);
    port_write8(PIC1_DATA, VECTOR_IRQ_BASE);
    port_write8(PIC2_DATA, VECTOR_IRQ_BASE + 8);
    port_write8(PIC1_DATA, ICW3_CASCADE);
    port_write8(PIC2_DATA, ICW3_CASCADE_ID);
    port_write8(PIC1_DATA, ICW4_8086);
    port_write8(PIC2_DATA, ICW4_8086);
    port_write8(PIC1_DATA, MASK_ALL);
    port_write8(PIC2_DATA, MASK_ALL);
}

/* Other lines are masked: what comes there is spurious, and is not to be ended. */
bool native_timer_acknowledge(uint64_t vector)
{
    if (vector != VECTOR_TIMER)
        return false;
    port_write8(PIC1_COMMAND, OCW2_END);
    ticked = true;
    return true;
}

/* 2. */

void native_set_timer(uint64_t period_ns)
{
    uint64_t longest_ns = PIT_MAX_DIVISOR * NS_PER_SECOND / PIT_HZ;
    uint64_t divisor = (period_ns < longest_ns ? period_ns : longest_ns) * PIT_HZ / NS_PER_SECOND;

    timer_is_on = period_ns != 0;
    if (timer_is_on) {
        divisor = divisor ? divisor : 1;
        port_write8(PIT_COMMAND, PIT_RATE);
        port_write8(PIT_CHANNEL0, (uint8_t)divisor);
        port_write8(PIT_CHANNEL0, (uint8_t)(divisor >> 8));
    }
    port_write8(PIC1_DATA, timer_is_on ? MASK_ALL_BUT_IRQ0 : MASK_ALL);
}

/* 3. */

void native_idle(void)
{
    if (!timer_is_on)
        panic("idle, and no timer that would end it");
    for (ticked = false; !ticked;)
        native_wait_for_interrupt();
}

/* 4. */

static uint64_t find_tsc_hz(uint64_t told_khz)
{
    uint32_t highest = cpuid_read(0).eax;

    if (told_khz && told_khz <= MOST_TSC_KHZ)
        return told_khz * 1000;
    if (highest >= CPUID_TSC) {
        struct cpuid c = cpuid_read(CPUID_TSC);

        if (c.eax && c.ebx && c.ecx)
            return (uint64_t)c.ecx * c.ebx / c.eax;
    }
    if (highest >= CPUID_FREQUENCY && (cpuid_read(CPUID_FREQUENCY).eax & 0xffff))
        return (cpuid_read(CPUID_FREQUENCY).eax & 0xffff) * 1000000ull;
    return NS_PER_SECOND;
}

uint64_t native_clock_ns(void)
{
    uint64_t t = tsc_read() - tsc_start;

    return t / tsc_hz * NS_PER_SECOND + t % tsc_hz * NS_PER_SECOND / tsc_hz;
}

void native_timer_init(uint64_t tsc_khz)
{
    wire_local_apic();
    init_pics();
    tsc_hz = find_tsc_hz(tsc_khz);
    tsc_start = tsc_read();
}
