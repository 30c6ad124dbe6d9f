/* 16550s: at COM1 for what programs print, at COM2 for their errors, at COM3 for the kernel's log.
 * What is not there is replaced by the one before it. Nothing is read. National Semiconductor PC16550D, 8. */
#include "kernel.h"
#include "native.h"
#include "native_insn.h"

#define COM1       0x3f8
#define COM2       0x2f8
#define COM3       0x3e8
#define FIFO_BYTES 16

#define UART_DATA    0 /* with LCR_DLAB: divisor, low byte */
#define UART_IER     1 /* with LCR_DLAB: divisor, high byte */
#define UART_FCR     2
#define UART_LCR     3
#define UART_MCR     4
#define UART_LSR     5
#define UART_SCRATCH 7

#define FCR_ENABLE_AND_CLEAR 0x07
#define LCR_8N1              0x03
#define LCR_DLAB             0x80
#define MCR_DTR_RTS          0x03
#define LSR_THR_EMPTY        0x20

static uint16_t error_port = COM1, log_port = COM1;

/* A port where nothing answers reads as ones. */
static bool scratch_keeps(uint16_t port, uint8_t pattern)
{
    port_write8(port + UART_SCRATCH, pattern);
    return port_read8(port + UART_SCRATCH) == pattern;
}

static bool uart_is_there(uint16_t port)
{
    return scratch_keeps(port, 0x5a) && scratch_keeps(port, 0xa5);
}

static void uart_init(uint16_t port)
{
    port_write8(port + UART_IER, 0);
    port_write8(port + UART_LCR, LCR_DLAB | LCR_8N1);
    port_write8(port + UART_DATA, 1); /* 115200 */
    port_write8(port + UART_IER, 0);
    port_write8(port + UART_LCR, LCR_8N1);
    port_write8(port + UART_FCR, FCR_ENABLE_AND_CLEAR);
    port_write8(port + UART_MCR, MCR_DTR_RTS);
}

void native_uart_init(void)
{
    uart_init(COM1);
    if (uart_is_there(COM2)) {
        uart_init(COM2);
        error_port = log_port = COM2;
    }
    if (uart_is_there(COM3)) {
        uart_init(COM3);
        log_port = COM3;
    }
}

/* An empty transmitter takes a whole FIFO: one poll for 16 bytes. */
void native_uart_write(enum pv_console_stream stream, const void *data, uint64_t bytes)
{
    uint16_t port = stream == PV_CONSOLE_OUT ? COM1 : stream == PV_CONSOLE_ERR ? error_port : log_port;
    const char *at = data;

    while (bytes) {
        uint64_t n = bytes < FIFO_BYTES ? bytes : FIFO_BYTES;

        while (!(port_read8(port + UART_LSR) & LSR_THR_EMPTY))
            ;
        port_write8_string(port + UART_DATA, at, n);
        at += n;
        bytes -= n;
    }
}
