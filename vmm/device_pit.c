/* The i8254 and port 0x61. The jobs, in this order: time, the control port, port 0x61, accesses. See
 * device_pit.h. */
#include "vmm/device_pit.h"

#define PORT_CHANNELS 0x40
#define PORT_CONTROL  0x43
#define PORT_SPEAKER  0x61

#define NS_PER_SECOND 1000000000ull

/* The control port: a command for the channel in the two upper bits, or for several at once. */
#define CONTROL_READ_BACK   3
#define READ_BACK_NO_COUNT  0x20
#define READ_BACK_NO_STATUS 0x10

#define SPEAKER_GATE    0x01
#define SPEAKER_DATA    0x02
#define SPEAKER_REFRESH 0x10
#define SPEAKER_OUTPUT  0x20

/* 1. Time. */

static uint64_t now_ticks(const struct pit *p)
{
    uint64_t ns = p->clock(p->ctx);

    return ns / NS_PER_SECOND * PIT_HZ + ns % NS_PER_SECOND * PIT_HZ / NS_PER_SECOND;
}

static uint64_t ticks_to_ns(uint64_t ticks)
{
    uint64_t ns = ticks * NS_PER_SECOND / PIT_HZ;

    return ns < PIT_MIN_PERIOD_NS ? PIT_MIN_PERIOD_NS : ns;
}

/* Channel 0's gate is always open. The output rises at the end of each period in modes 2 and 3, once in modes
 * 0 and 4; in modes 1 and 5 it waits for a rise of the gate, which does not come. */
static void tell_timer(struct pit *p)
{
    const struct pit_channel *c = &p->channels[0];
    uint64_t ns = ticks_to_ns(c->count);

    if (!c->loaded || c->mode == 1 || c->mode == 5)
        p->timer(p->ctx, 0, 0);
    else if (c->mode == 2 || c->mode == 3)
        p->timer(p->ctx, ns, ns);
    else
        p->timer(p->ctx, ns, 0);
}

void pit_init(struct pit *p, pit_clock_fn *clock, pit_timer_fn *timer, void *ctx)
{
    *p = (struct pit){ .clock = clock, .timer = timer, .ctx = ctx };
    for (unsigned i = 0; i < PIT_NR_CHANNELS; i++)
        pit_channel_init(&p->channels[i], i != 2);
}

/* 2. The control port. */

static void read_back(struct pit *p, uint8_t value)
{
    uint64_t now = now_ticks(p);

    for (unsigned i = 0; i < PIT_NR_CHANNELS; i++) {
        if (!(value & 2u << i))
            continue;
        if (!(value & READ_BACK_NO_COUNT))
            pit_channel_latch_count(&p->channels[i], now);
        if (!(value & READ_BACK_NO_STATUS))
            pit_channel_latch_status(&p->channels[i], now);
    }
}

/* Access 0 latches the count; another one sets the mode. */
static void write_control(struct pit *p, uint8_t value)
{
    unsigned channel = value >> 6;

    if (channel == CONTROL_READ_BACK) {
        read_back(p, value);
    } else if (!(value & 0x30)) {
        pit_channel_latch_count(&p->channels[channel], now_ticks(p));
    } else {
        pit_channel_set_mode(&p->channels[channel], value);
        if (channel == 0)
            tell_timer(p);
    }
}

/* 3. Port 0x61. */

static uint8_t read_speaker(struct pit *p)
{
    const struct pit_channel *c = &p->channels[2];

    p->refresh = !p->refresh;
    return (c->gate ? SPEAKER_GATE : 0) | (p->speaker ? SPEAKER_DATA : 0) |
           (p->refresh ? SPEAKER_REFRESH : 0) | (pit_channel_output(c, now_ticks(p)) ? SPEAKER_OUTPUT : 0);
}

static void write_speaker(struct pit *p, uint8_t value)
{
    p->speaker = value & SPEAKER_DATA;
    pit_channel_set_gate(&p->channels[2], value & SPEAKER_GATE, now_ticks(p));
}

/* 4. Accesses. */

static void write_port(struct pit *p, uint64_t port, uint8_t value)
{
    unsigned channel = (unsigned)(port - PORT_CHANNELS);

    if (port == PORT_SPEAKER)
        write_speaker(p, value);
    else if (port == PORT_CONTROL)
        write_control(p, value);
    else if (pit_channel_write(&p->channels[channel], value, now_ticks(p)) && channel == 0)
        tell_timer(p);
}

/* The control port cannot be read. */
static uint8_t read_port(struct pit *p, uint64_t port)
{
    if (port == PORT_SPEAKER)
        return read_speaker(p);
    if (port == PORT_CONTROL)
        return 0xff;
    return pit_channel_read(&p->channels[port - PORT_CHANNELS], now_ticks(p));
}

static bool is_ours(uint64_t port)
{
    return (port >= PORT_CHANNELS && port <= PORT_CONTROL) || port == PORT_SPEAKER;
}

bool pit_access(struct pit *p, uint64_t port, bool is_write, unsigned size, uint64_t *value)
{
    uint64_t result = 0;

    for (unsigned i = 0; i < size; i++)
        if (!is_ours(port + i))
            return false;
    for (unsigned i = 0; i < size; i++) {
        if (is_write)
            write_port(p, port + i, (uint8_t)(*value >> (8 * i)));
        else
            result |= (uint64_t)read_port(p, port + i) << (8 * i);
    }
    if (!is_write)
        *value = result;
    return true;
}
