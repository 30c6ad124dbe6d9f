/* A CPU's local APIC, as much of it as there is between an i8259 and the CPU. It is as firmware leaves it, in virtual
 * wire mode: LINT0 is an ExtINT, so the i8259's interrupts come through. Registers hold what is written to them; no interrupt is sent or
 * counted down to here (the timer's count stays at 0). Intel SDM vol. 3, 11.4 and 11.5.1.
 *
 * It is there because the CPU says so: where CPUID does not trap, a guest's kernel reads what the real CPU has. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define APIC_GPA   0xfee00000ull
#define APIC_BYTES 4096

#define APIC_NR_REGISTERS (APIC_BYTES / 16)

struct apic {
    uint32_t registers[APIC_NR_REGISTERS]; /* private */
};

void apic_init(struct apic *a);

/* An access at offset from its page; *value is read or filled. Registers are 32 bits wide, 16 bytes apart, and are accessed whole.
 * False: nothing is there, nothing is done. */
bool apic_access(struct apic *a, uint64_t offset, bool is_write, unsigned size, uint64_t *value);

/* Does the interrupt line of the i8259 reach the CPU? */
bool apic_passes_line(const struct apic *a);
