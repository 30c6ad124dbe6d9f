/* A PC's i8254 timer: channel 0 raises line 0 of the interrupt controller, channel 2 makes the speaker's tone
 * and serves to measure time by (port 0x61), channel 1 only counts. Intel 8254 data sheet; port 0x61 as in
 * the 82371 (PIIX) data sheet. */
#pragma once
#include "vmm/device_pit_channel.h"

#define PIT_NR_CHANNELS 3

/* A period that a guest asks for is never told to be shorter: the host would do nothing else. */
#define PIT_MIN_PERIOD_NS 100000ull

/* The time, in nanoseconds from any start; never goes back. */
typedef uint64_t pit_clock_fn(void *ctx);

/* Channel 0's output will rise first_ns from now, and every period_ns after that; period_ns 0: only once;
 * both 0: never. What was told before holds no more. */
typedef void pit_timer_fn(void *ctx, uint64_t first_ns, uint64_t period_ns);

struct pit {
    pit_clock_fn *clock;
    pit_timer_fn *timer;
    void *ctx;

    /* private */
    struct pit_channel channels[PIT_NR_CHANNELS];
    bool speaker;
    bool refresh; /* changes with each read of port 0x61, as if memory were refreshed */
};

void pit_init(struct pit *p, pit_clock_fn *clock, pit_timer_fn *timer, void *ctx);

/* port is 0x40 to 0x43 or 0x61; *value is read or filled. Wider accesses are those of the ports that follow.
 * False: not all of it is ours, nothing is done. */
bool pit_access(struct pit *p, uint64_t port, bool is_write, unsigned size, uint64_t *value);
