/* One i8259. The jobs, in this order: lines and priority, acknowledge and end, command words, accesses. See
 * device_pic_chip.h. */
#include "vmm/device_pic_chip.h"

#define ICW1_INIT      0x10
#define ICW1_NEED_ICW4 0x01
#define ICW1_SINGLE    0x02
#define ICW1_LEVEL     0x08
#define ICW2_BASE      0xf8
#define ICW4_AUTO_END  0x02
#define ICW4_NESTED    0x10

#define OCW2_LINE   0x07
#define OCW3        0x08 /* against OCW2, at the command port */
#define OCW3_READ   0x03
#define OCW3_POLL   0x04
#define OCW3_SMM    0x60
#define OCW3_SMM_ON 0x60

/* The upper three bits of OCW2. */
enum ocw2_command {
    ROTATE_ON_AUTO_END_OFF = 0,
    END = 1,
    NOTHING = 2,
    END_LINE = 3,
    ROTATE_ON_AUTO_END_ON = 4,
    END_AND_ROTATE = 5,
    SET_LOWEST = 6,
    END_LINE_AND_ROTATE = 7,
};

#define POLL_FOUND 0x80

/* 1. Lines and priority. */

static uint8_t bit(unsigned line)
{
    return (uint8_t)(1u << line);
}

static bool is_level(const struct pic_chip *c, unsigned line)
{
    return c->all_level || c->level_lines & bit(line);
}

void pic_chip_init(struct pic_chip *c)
{
    *c = (struct pic_chip){ .lowest = PIC_LINES - 1 };
}

void pic_chip_set_line(struct pic_chip *c, unsigned line, bool up)
{
    bool was_up = c->lines & bit(line);

    if (up && (is_level(c, line) || !was_up))
        c->requests |= bit(line);
    if (!up && is_level(c, line))
        c->requests &= (uint8_t)~bit(line);
    c->lines = up ? c->lines | bit(line) : c->lines & (uint8_t)~bit(line);
}

/* The highest of these by the present priorities, 0 the highest; PIC_LINES if there is none. */
static unsigned highest_priority(const struct pic_chip *c, uint8_t lines)
{
    unsigned p = 0;

    while (p < PIC_LINES && !(lines & bit((c->lowest + 1 + p) % PIC_LINES)))
        p++;
    return p;
}

static unsigned line_of_priority(const struct pic_chip *c, unsigned priority)
{
    return (c->lowest + 1 + priority) % PIC_LINES;
}

int pic_chip_pending(const struct pic_chip *c, int cascade)
{
    uint8_t blocking = c->in_service;
    unsigned wanted = highest_priority(c, c->requests & (uint8_t)~c->mask);

    if (c->special_mask)
        blocking &= (uint8_t)~c->mask;
    if (c->special_fully_nested && cascade >= 0)
        blocking &= (uint8_t)~bit((unsigned)cascade);
    if (!c->initialized || c->init_step || wanted >= highest_priority(c, blocking))
        return -1;
    return (int)line_of_priority(c, wanted);
}

/* 2. Acknowledge and end. */

void pic_chip_acknowledge(struct pic_chip *c, unsigned line)
{
    if (!is_level(c, line))
        c->requests &= (uint8_t)~bit(line);
    if (!c->auto_end)
        c->in_service |= bit(line);
    else if (c->rotate_on_auto_end)
        c->lowest = (uint8_t)line;
}

/* The one of highest priority in service; in special mask mode a masked one is not seen. */
static void end_highest(struct pic_chip *c, bool rotate)
{
    uint8_t candidates = c->special_mask ? c->in_service & (uint8_t)~c->mask : c->in_service;
    unsigned priority = highest_priority(c, candidates);

    if (priority == PIC_LINES)
        return;
    unsigned line = line_of_priority(c, priority);
    c->in_service &= (uint8_t)~bit(line);
    if (rotate)
        c->lowest = (uint8_t)line;
}

/* 3. Command words. */

static void write_icw1(struct pic_chip *c, uint8_t value)
{
    uint8_t lines = c->lines, level_lines = c->level_lines;

    pic_chip_init(c);
    c->lines = lines;
    c->level_lines = level_lines;
    c->all_level = value & ICW1_LEVEL;
    for (unsigned line = 0; line < PIC_LINES; line++)
        if (is_level(c, line))
            c->requests |= lines & bit(line);
    c->expects_icw3 = !(value & ICW1_SINGLE);
    c->expects_icw4 = value & ICW1_NEED_ICW4;
    c->init_step = 2;
    c->initialized = true;
}

/* ICW3 is not looked at: the wiring is a PC's. */
static void write_icw(struct pic_chip *c, uint8_t value)
{
    if (c->init_step == 2)
        c->vector_base = value & ICW2_BASE;
    if (c->init_step == 4) {
        c->auto_end = value & ICW4_AUTO_END;
        c->special_fully_nested = value & ICW4_NESTED;
    }
    if (c->init_step == 2 && c->expects_icw3)
        c->init_step = 3;
    else if (c->init_step < 4 && c->expects_icw4)
        c->init_step = 4;
    else
        c->init_step = 0;
}

static void write_ocw2(struct pic_chip *c, uint8_t value)
{
    uint8_t line = value & OCW2_LINE;
    enum ocw2_command command = value >> 5;

    switch (command) {
    case ROTATE_ON_AUTO_END_OFF:
    case ROTATE_ON_AUTO_END_ON:
        c->rotate_on_auto_end = command == ROTATE_ON_AUTO_END_ON;
        break;
    case END:
    case END_AND_ROTATE:
        end_highest(c, command == END_AND_ROTATE);
        break;
    case END_LINE:
    case END_LINE_AND_ROTATE:
        c->in_service &= (uint8_t)~bit(line);
        if (command == END_LINE_AND_ROTATE)
            c->lowest = line;
        break;
    case SET_LOWEST:
        c->lowest = line;
        break;
    case NOTHING:
        break;
    }
}

static void write_ocw3(struct pic_chip *c, uint8_t value)
{
    c->poll = value & OCW3_POLL;
    if (value & 2)
        c->reads_in_service = (value & OCW3_READ) == OCW3_READ;
    if (value & 0x40)
        c->special_mask = (value & OCW3_SMM) == OCW3_SMM_ON;
}

/* 4. Accesses. */

void pic_chip_write(struct pic_chip *c, bool data_port, uint8_t value)
{
    if (data_port && c->init_step)
        write_icw(c, value);
    else if (data_port)
        c->mask = value;
    else if (value & ICW1_INIT)
        write_icw1(c, value);
    else if (value & OCW3)
        write_ocw3(c, value);
    else
        write_ocw2(c, value);
}

static uint8_t poll(struct pic_chip *c, int cascade)
{
    int line = pic_chip_pending(c, cascade);

    c->poll = false;
    if (line < 0)
        return 0;
    pic_chip_acknowledge(c, (unsigned)line);
    return POLL_FOUND | (uint8_t)line;
}

uint8_t pic_chip_read(struct pic_chip *c, bool data_port, int cascade)
{
    if (c->poll)
        return poll(c, cascade);
    if (data_port)
        return c->mask;
    return c->reads_in_service ? c->in_service : c->requests;
}
