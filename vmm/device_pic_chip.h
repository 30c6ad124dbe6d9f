/* One i8259 interrupt controller. Intel 8259A data sheet (231468). device_pic.h makes a PC's pair of two. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PIC_LINES 8

struct pic_chip {
    uint8_t lines;       /* the level of each input */
    uint8_t requests;    /* IRR */
    uint8_t in_service;  /* ISR */
    uint8_t mask;        /* IMR */
    uint8_t level_lines; /* inputs that are level-triggered (ELCR) */
    uint8_t vector_base; /* of line 0, a multiple of 8 */
    uint8_t lowest;      /* the line of lowest priority; the next one has the highest */
    uint8_t init_step;   /* which ICW is expected at the data port: 2, 3, 4, or 0 when initialized */
    bool initialized;    /* it has been, once: before, it raises nothing */
    bool expects_icw3, expects_icw4;
    bool auto_end, rotate_on_auto_end;
    bool special_mask;
    bool special_fully_nested;
    bool all_level;        /* ICW1: all inputs are level-triggered */
    bool reads_in_service; /* which register the command port shows */
    bool poll;             /* the next read is an acknowledge */
};

/* As after power-on. */
void pic_chip_init(struct pic_chip *c);

/* An input goes up or down. A rising edge is kept until it is acknowledged, also if the line falls before. */
void pic_chip_set_line(struct pic_chip *c, unsigned line, bool up);

/* The line to serve next, or -1: unmasked, requested, and of higher priority than what is in service.
 * cascades: which input another chip hangs on, that may interrupt itself in special fully nested mode, or -1.
 */
int pic_chip_pending(const struct pic_chip *c, int cascade);

/* The CPU takes this line, which is pending: it is in service now, or done in auto-end mode. */
void pic_chip_acknowledge(struct pic_chip *c, unsigned line);

/* Command port (A0 = 0) and data port (A0 = 1). */
void pic_chip_write(struct pic_chip *c, bool data_port, uint8_t value);
uint8_t pic_chip_read(struct pic_chip *c, bool data_port, int cascade);
