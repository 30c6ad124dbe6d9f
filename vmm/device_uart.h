/* A 16550 serial port whose other end is the host's console: what is sent arrives at once, nothing is ever
 * received (but in loopback), the modem lines say that somebody is there. National Semiconductor PC16550D, 8.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define UART_REGISTERS 8

/* Bytes were sent; as many at once as the guest's instruction had. */
typedef void uart_output_fn(void *ctx, const void *data, uint64_t bytes);

struct uart {
    uart_output_fn *output;
    void *ctx;

    /* private */
    uint8_t ier, lcr, mcr, scratch;
    uint8_t divisor_low, divisor_high;
    bool fifo_enabled;
    bool thr_event; /* the transmitter has become empty, and nobody has looked since */
    bool fell;      /* a byte was sent meanwhile: the cause went and came again */
    bool received;  /* loopback */
    bool overrun;
    uint8_t receive_buffer;
};

void uart_init(struct uart *u, uart_output_fn *output, void *ctx);

/* An access at offset from the port's base; *value is read or filled. It is an eight-bit device: wider
 * accesses are those of the registers that follow one another. False: some of it is beyond the registers,
 * nothing is done. */
bool uart_access(struct uart *u, uint64_t offset, bool is_write, unsigned size, uint64_t *value);

/* rep outsb to offset: the same as so many accesses of one byte, but the output is in one piece. */
bool uart_write_string(struct uart *u, uint64_t offset, const void *data, uint64_t bytes);

/* Is the interrupt line up? A PC's cards need OUT2 set for it. */
bool uart_interrupt(const struct uart *u);
/* May it have been down for a moment since the last call, so that being up is a new edge? */
bool uart_take_fall(struct uart *u);
