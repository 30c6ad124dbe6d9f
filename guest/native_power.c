/* The end: the exit status goes out at port 0xf4, as 32 bits.
 *
 *   bits 0 to 7   exit status of the first program, or 0x7f after a panic
 *   bit 8         set: the kernel panicked
 *
 * QEMU's isa-debug-exit ends there with (value << 1 | 1) & 0xff, which keeps seven bits of the status: a
 * larger one is also said on the log. Where nothing is at that port, the CPU stops for good. */
#include "kernel.h"
#include "native.h"
#include "native_insn.h"

#define EXIT_PORT     0xf4
#define EXIT_PANICKED (1u << 8)
#define STATUS_MASK   0xffu
#define STATUS_KEPT   0x7fu

void native_shutdown(enum pv_shutdown_reason reason, int status)
{
    uint32_t value = (uint32_t)status & STATUS_MASK;

    if (value > STATUS_KEPT)
        kprintf("native: exit status %u\n", value);
    port_write32(EXIT_PORT, value | (reason == PV_SHUTDOWN_PANIC ? EXIT_PANICKED : 0));
    for (;;)
        __asm__ volatile("cli; hlt");
}
