/* The pair of i8259. The jobs, in this order: wiring, the CPU's side, accesses. See device_pic.h. */
#include "vmm/device_pic.h"

#define PORT_FIRST        0x20
#define PORT_SECOND       0xa0
#define PORT_LEVEL_FIRST  0x4d0
#define PORT_LEVEL_SECOND 0x4d1

/* The timer, the keyboard, the cascade, the clock and the FPU are edge-triggered in every PC. */
#define LEVEL_MAY_FIRST  0xf8
#define LEVEL_MAY_SECOND 0xde

#define SPURIOUS_LINE 7

/* 1. Wiring. */

/* The second one's INTR is a line of the first. A fall between two of its interrupts makes the next an edge
 * again. */
static void update_cascade(struct pic *p)
{
    pic_chip_set_line(&p->first, PIC_CASCADE, pic_chip_pending(&p->second, -1) >= 0);
}

void pic_init(struct pic *p)
{
    pic_chip_init(&p->first);
    pic_chip_init(&p->second);
}

static void set_line(struct pic *p, unsigned line, bool up)
{
    if (line < PIC_LINES)
        pic_chip_set_line(&p->first, line, up);
    else
        pic_chip_set_line(&p->second, line - PIC_LINES, up);
    update_cascade(p);
}

void pic_raise(struct pic *p, unsigned line)
{
    set_line(p, line, true);
}

void pic_lower(struct pic *p, unsigned line)
{
    set_line(p, line, false);
}

/* 2. The CPU's side. */

int pic_pending_vector(const struct pic *p)
{
    int line = pic_chip_pending(&p->first, PIC_CASCADE);

    if (line != PIC_CASCADE)
        return line < 0 ? -1 : p->first.vector_base + line;
    line = pic_chip_pending(&p->second, -1);
    return p->second.vector_base + (line < 0 ? SPURIOUS_LINE : line);
}

static uint8_t acknowledge_second(struct pic *p)
{
    int line = pic_chip_pending(&p->second, -1);

    if (line < 0)
        return p->second.vector_base + SPURIOUS_LINE;
    pic_chip_acknowledge(&p->second, (unsigned)line);
    pic_chip_set_line(&p->first, PIC_CASCADE, false);
    update_cascade(p);
    return p->second.vector_base + (uint8_t)line;
}

uint8_t pic_acknowledge(struct pic *p)
{
    int line = pic_chip_pending(&p->first, PIC_CASCADE);

    if (line < 0)
        return p->first.vector_base + SPURIOUS_LINE;
    pic_chip_acknowledge(&p->first, (unsigned)line);
    return line == PIC_CASCADE ? acknowledge_second(p) : p->first.vector_base + (uint8_t)line;
}

/* 3. Accesses. */

static bool is_ours(uint64_t port)
{
    return port >> 1 == PORT_FIRST >> 1 || port >> 1 == PORT_SECOND >> 1 ||
           port >> 1 == PORT_LEVEL_FIRST >> 1;
}

static void write_port(struct pic *p, uint64_t port, uint8_t value)
{
    if (port == PORT_LEVEL_FIRST)
        p->first.level_lines = value & LEVEL_MAY_FIRST;
    else if (port == PORT_LEVEL_SECOND)
        p->second.level_lines = value & LEVEL_MAY_SECOND;
    else
        pic_chip_write(port >> 1 == PORT_FIRST >> 1 ? &p->first : &p->second, port & 1, value);
    update_cascade(p);
}

static uint8_t read_port(struct pic *p, uint64_t port)
{
    uint8_t value;

    if (port == PORT_LEVEL_FIRST)
        return p->first.level_lines;
    if (port == PORT_LEVEL_SECOND)
        return p->second.level_lines;
    if (port >> 1 == PORT_FIRST >> 1)
        value = pic_chip_read(&p->first, port & 1, PIC_CASCADE);
    else
        value = pic_chip_read(&p->second, port & 1, -1);
    update_cascade(p); /* a poll acknowledges */
    return value;
}

bool pic_access(struct pic *p, uint64_t port, bool is_write, unsigned size, uint64_t *value)
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
