/* A PC's two i8259 interrupt controllers: lines 0 to 7 on the first, 8 to 15 on the second, which hangs on
 * line 2. Intel 8259A data sheet; ports and the edge/level registers as in the 82371 (PIIX) data sheet.
 *
 * In the run loop: a device's pic_raise, then, when the guest takes interrupts and pic_pending_vector is not
 * negative, inject what pic_acknowledge returns. A device that pulses its line (the timer) calls pic_raise
 * and pic_lower in a row. */
#pragma once
#include "vmm/device_pic_chip.h"

#define PIC_NR_LINES 16
#define PIC_CASCADE  2

struct pic {
    struct pic_chip first, second;
};

/* As after power-on: nothing is raised until the guest has initialized it. */
void pic_init(struct pic *p);

/* port is 0x20, 0x21, 0xa0, 0xa1 (both chips' command and data), 0x4d0 or 0x4d1 (which lines are
 * level-triggered); *value is read or filled. Wider accesses are those of the ports that follow. False: not
 * all of it is ours, nothing is done. */
bool pic_access(struct pic *p, uint64_t port, bool is_write, unsigned size, uint64_t *value);

/* A device's line goes up or down; line < PIC_NR_LINES, not PIC_CASCADE. */
void pic_raise(struct pic *p, unsigned line);
void pic_lower(struct pic *p, unsigned line);

/* The vector that the CPU would get now, or -1: its INTR pin is low. Changes nothing. */
int pic_pending_vector(const struct pic *p);

/* The CPU takes the interrupt. If it has gone away since, the vector of line 7 of the chip that had raised it
 * (or of the first): spurious, not in service. */
uint8_t pic_acknowledge(struct pic *p);
