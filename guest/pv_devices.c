/* Console, disks, time, power: hypercalls that wait in the batch, where they can. */
#include "pv_platform.h"
#include "kernel.h"

void pv_console_write(enum pv_console_stream stream, const void *data, uint64_t bytes)
{
    gva_t at = (gva_t)data;

    while (bytes) {
        uint64_t n = bytes < PV_CONSOLE_MAX ? bytes : PV_CONSOLE_MAX;

        pv_batch_call(PV_CONSOLE_WRITE, stream, at, n);
        at += n;
        bytes -= n;
    }
}

void pv_disk_setup(unsigned disk, const struct pv_disk_queue *q)
{
    pv_batch_send(PV_DISK_SETUP, disk, (uintptr_t)q);
}

void pv_disk_notify(uint64_t mask)
{
    pv_batch_send(PV_DISK_NOTIFY, mask, 0);
}

void pv_set_timer(uint64_t period_ns)
{
    static uint64_t period; /* off at the start */

    if (period_ns == period)
        return;
    period = period_ns;
    pv_batch_call(PV_SET_TIMER, period_ns, 0, 0);
}

void pv_idle(void)
{
    while (!(*(volatile uint32_t *)&pv_shared->event_pending & PV_EVENT_TIMER))
        pv_batch_send(PV_BLOCK, 0, 0);
    pv_shared->event_pending &= ~PV_EVENT_TIMER;
}

uint64_t pv_clock_ns(void)
{
    return pv_shared->clock_ns;
}

/* A full list loses the step: it is for traces only. */
void pv_note_step(enum pv_step step)
{
    uint32_t n = pv_shared->nr_steps;
    uint32_t low, high;

    if (n >= PV_MAX_STEPS)
        return;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    pv_shared->steps[n].step = step;
    pv_shared->steps[n].tsc = (uint64_t)high << 32 | low;
    pv_shared->nr_steps = n + 1;
}

void pv_shutdown(enum pv_shutdown_reason reason, int status)
{
    for (;;)
        pv_batch_send(PV_SHUTDOWN, reason, (uint64_t)(unsigned)status);
}
