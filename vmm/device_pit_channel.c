/* One counter of an i8254. The jobs, in this order: what it shows at a time, the gate, control, reading and
 * writing. See device_pit_channel.h.
 *
 *   mode 0  interrupt on terminal count     mode 3  square wave: high for half the period
 *   mode 1  one-shot, started by the gate   mode 4  strobe: low for the tick at zero
 *   mode 2  rate generator: low for the     mode 5  strobe, started by the gate
 *           last tick of each period */
#include "vmm/device_pit_channel.h"

#define ACCESS_LOW  1
#define ACCESS_HIGH 2

#define STATUS_OUTPUT     0x80
#define STATUS_NULL_COUNT 0x40

/* 1. What it shows at a time. */

static uint32_t modulus(const struct pit_channel *c)
{
    return c->bcd ? 10000 : 65536;
}

static bool gate_starts(const struct pit_channel *c)
{
    return c->mode == 1 || c->mode == 5;
}

static bool is_periodic(const struct pit_channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_counting(const struct pit_channel *c)
{
    return c->loaded && (!gate_starts(c) || c->triggered) && (c->gate || !is_periodic(c));
}

static uint64_t elapsed(const struct pit_channel *c, uint64_t now)
{
    return (c->paused ? c->paused_at : now) - c->start;
}

/* The counter itself, as a plain number. In mode 3 it goes down by two, twice a period. Not periodic: it
 * wraps and goes on. */
static uint32_t current_count(const struct pit_channel *c, uint64_t now)
{
    uint64_t ticks = elapsed(c, now);

    if (!is_counting(c))
        return c->count % modulus(c);
    if (c->mode == 2)
        return (uint32_t)(c->count - ticks % c->count) % modulus(c);
    if (c->mode == 3)
        return (uint32_t)((c->count - 2 * ticks % c->count) & ~1ull) % modulus(c);
    return (uint32_t)((c->count + modulus(c) - ticks % modulus(c)) % modulus(c));
}

bool pit_channel_output(const struct pit_channel *c, uint64_t now)
{
    uint64_t ticks = elapsed(c, now);

    if (!is_counting(c))
        return c->mode != 0;
    switch (c->mode) {
    case 0:
    case 1:
        return ticks >= c->count;
    case 2:
        return ticks % c->count != c->count - 1;
    case 3:
        return ticks % c->count < (c->count + 1) / 2;
    default:
        return ticks != c->count;
    }
}

/* 2. The gate. */

void pit_channel_set_gate(struct pit_channel *c, bool gate, uint64_t now)
{
    bool rises = gate && !c->gate, falls = !gate && c->gate, pauses = c->mode == 0 || c->mode == 4;

    c->gate = gate;
    if (falls && pauses && !c->paused) {
        c->paused = true;
        c->paused_at = now;
    }
    if (!rises)
        return;
    if (c->paused)
        c->start += now - c->paused_at;
    else
        c->start = now;
    c->paused = false;
    c->triggered = c->loaded;
}

/* 3. Control. */

void pit_channel_init(struct pit_channel *c, bool gate)
{
    *c = (struct pit_channel){ .gate = gate, .access = ACCESS_LOW | ACCESS_HIGH, .count = 65536 };
}

void pit_channel_set_mode(struct pit_channel *c, uint8_t control)
{
    bool gate = c->gate;

    pit_channel_init(c, gate);
    c->access = control >> 4 & 3;
    c->mode = control >> 1 & 7;
    if (c->mode > 5)
        c->mode -= 4; /* the highest bit does not matter for modes 2 and 3 */
    c->bcd = control & 1;
    c->count = modulus(c);
}

void pit_channel_latch_count(struct pit_channel *c, uint64_t now)
{
    uint32_t n = current_count(c, now);

    if (c->count_latched)
        return;
    c->count_latched = true;
    c->latched_count =
        (uint16_t)(c->bcd ? n / 1000 << 12 | n / 100 % 10 << 8 | n / 10 % 10 << 4 | n % 10 : n);
}

void pit_channel_latch_status(struct pit_channel *c, uint64_t now)
{
    if (c->status_latched)
        return;
    c->status_latched = true;
    c->latched_status =
        (uint8_t)((pit_channel_output(c, now) ? STATUS_OUTPUT : 0) | (c->loaded ? 0 : STATUS_NULL_COUNT) |
                  c->access << 4 | c->mode << 1 | c->bcd);
}

/* 4. Reading and writing. */

/* The digits of a BCD number may be larger than 9: they count all the same. */
static uint32_t decode_count(const struct pit_channel *c, uint16_t written)
{
    uint32_t n = written;

    if (c->bcd)
        n = (n >> 12) * 1000 + (n >> 8 & 15) * 100 + (n >> 4 & 15) * 10 + (n & 15);
    return n ? n : modulus(c);
}

static bool load(struct pit_channel *c, uint16_t written, uint64_t now)
{
    c->count = decode_count(c, written);
    c->loaded = true;
    c->start = now;
    c->paused = !c->gate && (c->mode == 0 || c->mode == 4);
    c->paused_at = now;
    return true;
}

bool pit_channel_write(struct pit_channel *c, uint8_t value, uint64_t now)
{
    if (c->access == ACCESS_LOW)
        return load(c, value, now);
    if (c->access == ACCESS_HIGH)
        return load(c, (uint16_t)(value << 8), now);
    c->write_high_next = !c->write_high_next;
    if (!c->write_high_next)
        return load(c, (uint16_t)(value << 8 | c->write_low), now);
    c->write_low = value;
    return false;
}

/* Status goes first, then the latched count, then the counter as it runs. */
uint8_t pit_channel_read(struct pit_channel *c, uint64_t now)
{
    if (c->status_latched) {
        c->status_latched = false;
        return c->latched_status;
    }

    bool was_latched = c->count_latched, high = c->access == ACCESS_HIGH;
    pit_channel_latch_count(c, now);
    if (c->access == (ACCESS_LOW | ACCESS_HIGH)) {
        high = c->read_high_next;
        c->read_high_next = !high;
    }
    c->count_latched = was_latched && c->access == (ACCESS_LOW | ACCESS_HIGH) && !high;
    return (uint8_t)(high ? c->latched_count >> 8 : c->latched_count);
}
