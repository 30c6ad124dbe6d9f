/* One counter of an i8254. Intel 8254 data sheet (231164). It has no clock of its own: what it shows is
 * worked out from the time, in ticks of 1193182 Hz, that is given with each call.
 *
 * Simplified: a new count takes effect when it is written (in modes 2 and 3 the chip waits for the period's
 * end), and the one tick between writing and loading is not there. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PIT_HZ 1193182ull

struct pit_channel {
    uint8_t mode;   /* 0 to 5 */
    uint8_t access; /* 1: low byte, 2: high byte, 3: low then high */
    bool bcd;
    bool gate;
    bool loaded;    /* a count was written since the mode was */
    bool triggered; /* modes 1 and 5: the gate has risen since */
    uint32_t count; /* 1 to 65536 (10000 in BCD) */
    uint64_t start; /* the tick at which it began to count down */
    bool paused;    /* by the gate, in modes 0 and 4 */
    uint64_t paused_at;

    uint8_t write_low;
    bool write_high_next, read_high_next;
    bool count_latched, status_latched;
    uint16_t latched_count;
    uint8_t latched_status;
};

void pit_channel_init(struct pit_channel *c, bool gate);

/* Control word for this channel: access, mode and BCD; counting stops. */
void pit_channel_set_mode(struct pit_channel *c, uint8_t control);

/* A byte at the channel's port. True: that completed a count, counting starts at now. */
bool pit_channel_write(struct pit_channel *c, uint8_t value, uint64_t now);
uint8_t pit_channel_read(struct pit_channel *c, uint64_t now);

/* Keep count or status for the next reads; what is kept already stays. */
void pit_channel_latch_count(struct pit_channel *c, uint64_t now);
void pit_channel_latch_status(struct pit_channel *c, uint64_t now);

void pit_channel_set_gate(struct pit_channel *c, bool gate, uint64_t now);

/* The output pin. */
bool pit_channel_output(const struct pit_channel *c, uint64_t now);
