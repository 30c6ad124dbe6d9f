/* The 16550. The jobs, in this order: the transmitter, registers to read, registers to write, accesses. See
 * device_uart.h. */
#include "vmm/device_uart.h"

enum uart_register {
    UART_DATA = 0, /* with LCR_DLAB: divisor, low byte */
    UART_IER = 1,  /* with LCR_DLAB: divisor, high byte */
    UART_IIR = 2,  /* FCR when written */
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCRATCH = 7,
};

#define IER_RECEIVED    0x01
#define IER_THR_EMPTY   0x02
#define IER_LINE_STATUS 0x04
#define IER_MASK        0x0f

#define IIR_NONE        0x01
#define IIR_THR_EMPTY   0x02
#define IIR_RECEIVED    0x04
#define IIR_LINE_STATUS 0x06
#define IIR_FIFOS       0xc0

#define FCR_ENABLE        0x01
#define FCR_CLEAR_RECEIVE 0x02

#define LCR_DLAB 0x80

#define MCR_DTR      0x01
#define MCR_RTS      0x02
#define MCR_OUT1     0x04
#define MCR_OUT2     0x08
#define MCR_LOOPBACK 0x10
#define MCR_MASK     0x1f

#define LSR_DATA_READY 0x01
#define LSR_OVERRUN    0x02
#define LSR_THR_EMPTY  0x20
#define LSR_IDLE       0x40

#define MSR_CTS     0x10
#define MSR_DSR     0x20
#define MSR_RING    0x40
#define MSR_CARRIER 0x80

void uart_init(struct uart *u, uart_output_fn *output, void *ctx)
{
    *u = (struct uart){ .output = output, .ctx = ctx };
}

/* 1. The transmitter is never busy: it is empty again as soon as it was filled. To fill it ends its interrupt, as reading the
 * cause does. */

static void receive(struct uart *u, uint8_t byte)
{
    u->overrun |= u->received;
    u->received = true;
    u->receive_buffer = byte;
}

static void transmit(struct uart *u, const uint8_t *data, uint64_t bytes)
{
    u->fell |= u->thr_event;
    u->thr_event = true;
    if (!(u->mcr & MCR_LOOPBACK))
        u->output(u->ctx, data, bytes);
    else
        for (uint64_t i = 0; i < bytes; i++)
            receive(u, data[i]);
}

/* 2. Registers to read. */

/* The most urgent reason for an interrupt. */
static uint8_t interrupt_cause(const struct uart *u)
{
    if (u->ier & IER_LINE_STATUS && u->overrun)
        return IIR_LINE_STATUS;
    if (u->ier & IER_RECEIVED && u->received)
        return IIR_RECEIVED;
    if (u->ier & IER_THR_EMPTY && u->thr_event)
        return IIR_THR_EMPTY;
    return IIR_NONE;
}

static uint8_t read_data(struct uart *u)
{
    if (u->lcr & LCR_DLAB)
        return u->divisor_low;
    u->received = false;
    return u->receive_buffer;
}

/* Reading the cause is what ends a transmitter's interrupt, if that is the cause. */
static uint8_t read_cause(struct uart *u)
{
    uint8_t cause = interrupt_cause(u);

    if (cause == IIR_THR_EMPTY)
        u->thr_event = false;
    return cause | (u->fifo_enabled ? IIR_FIFOS : 0);
}

static uint8_t read_line_status(struct uart *u)
{
    uint8_t status = LSR_THR_EMPTY | LSR_IDLE;

    status |= (u->received ? LSR_DATA_READY : 0) | (u->overrun ? LSR_OVERRUN : 0);
    u->overrun = false;
    return status;
}

static uint8_t modem_status(const struct uart *u)
{
    if (!(u->mcr & MCR_LOOPBACK))
        return MSR_CTS | MSR_DSR | MSR_CARRIER;
    return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
           (u->mcr & MCR_OUT1 ? MSR_RING : 0) | (u->mcr & MCR_OUT2 ? MSR_CARRIER : 0);
}

static uint8_t read_register(struct uart *u, unsigned reg)
{
    switch (reg) {
    case UART_DATA:
        return read_data(u);
    case UART_IER:
        return u->lcr & LCR_DLAB ? u->divisor_high : u->ier;
    case UART_IIR:
        return read_cause(u);
    case UART_LCR:
        return u->lcr;
    case UART_MCR:
        return u->mcr;
    case UART_LSR:
        return read_line_status(u);
    case UART_MSR:
        return modem_status(u);
    default:
        return u->scratch;
    }
}

/* 3. Registers to write. */

/* Allowing the transmitter's interrupt while it is empty raises one. */
static void write_interrupt_enable(struct uart *u, uint8_t value)
{
    if (value & IER_THR_EMPTY && !(u->ier & IER_THR_EMPTY))
        u->thr_event = true;
    u->ier = value & IER_MASK;
}

static void write_fifo_control(struct uart *u, uint8_t value)
{
    bool enable = value & FCR_ENABLE;

    if (enable != u->fifo_enabled || value & FCR_CLEAR_RECEIVE)
        u->received = u->overrun = false;
    u->fifo_enabled = enable;
}

static void write_register(struct uart *u, unsigned reg, uint8_t value)
{
    switch (reg) {
    case UART_DATA:
        if (u->lcr & LCR_DLAB)
            u->divisor_low = value;
        else
            transmit(u, &value, 1);
        break;
    case UART_IER:
        if (u->lcr & LCR_DLAB)
            u->divisor_high = value;
        else
            write_interrupt_enable(u, value);
        break;
    case UART_IIR:
        write_fifo_control(u, value);
        break;
    case UART_LCR:
        u->lcr = value;
        break;
    case UART_MCR:
        u->mcr = value & MCR_MASK;
        break;
    case UART_SCRATCH:
        u->scratch = value;
        break;
    }
}

/* 4. Accesses. */

bool uart_access(struct uart *u, uint64_t offset, bool is_write, unsigned size, uint64_t *value)
{
    if (size > UART_REGISTERS || offset > UART_REGISTERS - size)
        return false;

    uint64_t result = 0;
    for (unsigned i = 0; i < size; i++) {
        if (is_write)
            write_register(u, (unsigned)offset + i, (uint8_t)(*value >> (8 * i)));
        else
            result |= (uint64_t)read_register(u, (unsigned)offset + i) << (8 * i);
    }
    if (!is_write)
        *value = result;
    return true;
}

bool uart_write_string(struct uart *u, uint64_t offset, const void *data, uint64_t bytes)
{
    const uint8_t *at = data;

    if (offset >= UART_REGISTERS)
        return false;
    if (offset == UART_DATA && !(u->lcr & LCR_DLAB) && bytes)
        transmit(u, at, bytes);
    else
        for (uint64_t i = 0; i < bytes; i++)
            write_register(u, (unsigned)offset, at[i]);
    return true;
}

bool uart_interrupt(const struct uart *u)
{
    return u->mcr & MCR_OUT2 && !(u->mcr & MCR_LOOPBACK) && interrupt_cause(u) != IIR_NONE;
}

bool uart_take_fall(struct uart *u)
{
    bool fell = u->fell;

    u->fell = false;
    return fell;
}
