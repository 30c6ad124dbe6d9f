/* A PC's devices: where each is, and what is behind them.
 *   1. consoles
 *   2. the timer, and interrupts
 *   3. ports
 *   4. devices at registers */
#include <string.h>
#include "vmm/clock.h"
#include "vmm/console.h"
#include "vmm/device_virtio_block.h"
#include "vmm/pc.h"

#define EXIT_PORT_NUMBER 0xf4
#define EXIT_PANICKED    (1u << 8)

#define FIRST_UART_LINE 3 /* of the second 16550; 4 is that of the others */

#define MMIO_QUEUE_NOTIFY 0x50

/* 1. */

static const struct {
    uint64_t port;
    enum pv_console_stream to;
} streams[PC_NR_STREAMS] = { { 0x3f8, PV_CONSOLE_OUT },
                             { 0x2f8, PV_CONSOLE_ERR },
                             { 0x3e8, PV_CONSOLE_LOG } };

static void write_console(struct pc *pc, unsigned n, const void *data, uint64_t bytes)
{
    if (console_write(pc->v->options->quiet, streams[n].to, data, bytes) < 0)
        domain_crash(&pc->v->domain, "its output cannot be written");
}

static void write_out(void *ctx, const void *data, uint64_t bytes)
{
    write_console(ctx, 0, data, bytes);
}

static void write_errors(void *ctx, const void *data, uint64_t bytes)
{
    write_console(ctx, 1, data, bytes);
}

static void write_log(void *ctx, const void *data, uint64_t bytes)
{
    write_console(ctx, 2, data, bytes);
}

/* 2. */

static uint64_t now(void *ctx)
{
    (void)ctx;
    return clock_now_ns();
}

static void set_timer(void *ctx, uint64_t first_ns, uint64_t period_ns)
{
    struct pc *pc = ctx;
    if (clock_set_timer(first_ns, period_ns) < 0)
        domain_crash(&pc->v->domain, "its timer cannot be set");
}

/* The i8259 sees edges. The first and the third 16550 share a line, as their addresses say. */
static void update_uart_lines(struct pc *pc)
{
    for (unsigned i = 0; i < PC_NR_STREAMS; i++)
        if (uart_take_fall(&pc->uarts[i]))
            pic_lower(&pc->pic, FIRST_UART_LINE + (i != 1));
    const bool up[] = { uart_interrupt(&pc->uarts[1]),
                        uart_interrupt(&pc->uarts[0]) || uart_interrupt(&pc->uarts[2]) };

    for (unsigned i = 0; i < 2; i++)
        if (up[i])
            pic_raise(&pc->pic, FIRST_UART_LINE + i);
        else
            pic_lower(&pc->pic, FIRST_UART_LINE + i);
}

void pc_tick(struct pc *pc)
{
    pic_raise(&pc->pic, 0);
    pic_lower(&pc->pic, 0);
}

int pc_pending_vector(const struct pc *pc)
{
    return apic_passes_line(&pc->apic) ? pic_pending_vector(&pc->pic) : -1;
}

/* A tick that the i8259 masks ends no HLT. */
bool pc_wait(struct pc *pc)
{
    while (pc_pending_vector(pc) < 0 && !clock_stop_signal()) {
        if (!clock_wait())
            return false;
        if (clock_take_tick())
            pc_tick(pc);
    }
    return true;
}

uint8_t pc_acknowledge(struct pc *pc)
{
    return pic_acknowledge(&pc->pic);
}

void pc_init(struct pc *pc, struct vmm *v, guest_memory_fn *memory, void *ctx)
{
    static uart_output_fn *const outputs[PC_NR_STREAMS] = { write_out, write_errors, write_log };

    *pc = (struct pc){ .v = v };
    for (unsigned i = 0; i < PC_NR_STREAMS; i++) {
        uart_init(&pc->uarts[i], outputs[i], pc);
        pc->consoles[i] = (struct virtio_console){ outputs[i], pc };
        virtio_mmio_init(&pc->devices[PV_MAX_DISKS + i], &virtio_console, &pc->consoles[i], memory, ctx);
    }
    pic_init(&pc->pic);
    apic_init(&pc->apic);
    pit_init(&pc->pit, now, set_timer, pc);
    for (unsigned i = 0; i < PV_MAX_DISKS; i++)
        virtio_mmio_init(&pc->devices[i], i < v->nr_disks ? &virtio_block : NULL,
                         i < v->nr_disks ? v->disks[i] : NULL, memory, ctx);
}

/* 3. */

static void end(struct pc *pc, uint64_t value)
{
    ledger_note_turn(&pc->v->ledger, clock_now_ns());
    if (value & EXIT_PANICKED)
        domain_crash(&pc->v->domain, "its kernel panicked");
    else
        domain_exit(&pc->v->domain, (int)(value & 0xff));
}

static struct uart *uart_at(struct pc *pc, uint64_t port, uint64_t *offset)
{
    for (unsigned i = 0; i < PC_NR_STREAMS; i++) {
        *offset = port - streams[i].port;
        if (*offset < UART_REGISTERS)
            return &pc->uarts[i];
    }
    return NULL;
}

static void do_port(struct pc *pc, uint64_t port, bool is_write, unsigned size, uint64_t *value)
{
    uint64_t offset;
    struct uart *u = uart_at(pc, port, &offset);

    if (u && uart_access(u, offset, is_write, size, value))
        return;
    if (pic_access(&pc->pic, port, is_write, size, value) ||
        pit_access(&pc->pit, port, is_write, size, value))
        return;
    if (is_write && port == EXIT_PORT_NUMBER)
        end(pc, *value);
    if (!is_write)
        *value = ~0ull;
}

static void do_all(struct pc *pc, struct kvm_run *run, struct uart *u, uint64_t offset)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    bool is_write = run->io.direction == KVM_EXIT_IO_OUT;
    unsigned size = run->io.size;

    if (u && is_write && size == 1 && run->io.count > 1 && uart_write_string(u, offset, data, run->io.count))
        return;
    for (uint32_t i = 0; i < run->io.count; i++, data += size) {
        uint64_t value = 0;
        if (is_write)
            memcpy(&value, data, size);
        do_port(pc, run->io.port, is_write, size, &value);
        if (!is_write)
            memcpy(data, &value, size);
    }
}

void pc_do_ports(struct pc *pc, struct kvm_run *run)
{
    uint64_t offset;
    struct uart *u = uart_at(pc, run->io.port, &offset);

    if (u)
        ledger_note_turn(&pc->v->ledger, clock_now_ns());
    do_all(pc, run, u, offset);
    if (u)
        update_uart_lines(pc);
}

/* 4. */

static struct disk_stats stats_of(const struct pc *pc, uint64_t place)
{
    return place < pc->v->nr_disks ? pc->v->disks[place]->stats : (struct disk_stats){ 0 };
}

/* A notification: for the ledger and the trace, to which a read in a fault says that a page comes in. */
static bool notify_disk(struct pc *pc, uint64_t place, unsigned size, uint64_t *value)
{
    struct trace *t = pc->v->trace;
    struct disk_stats before = stats_of(pc, place);
    uint64_t began_ns = trace_begin(t);
    ledger_note_disk(&pc->v->ledger);
    bool done = virtio_mmio_access(&pc->devices[place], MMIO_QUEUE_NOTIFY, true, size, value);
    struct disk_stats after = stats_of(pc, place);
    uint64_t reads = after.reads - before.reads;
    if (reads) {
        trace_inferred(t, STEP_FRAME_ALLOCATED);
        trace_inferred(t, STEP_PAGE_IN);
    }
    trace_disk(t, began_ns, (unsigned)(reads + after.writes - before.writes));
    return done;
}

static bool notify(struct pc *pc, uint64_t place, unsigned size, uint64_t *value)
{
    if (place < PV_MAX_DISKS)
        return notify_disk(pc, place, size, value);
    ledger_note_console(&pc->v->ledger);
    ledger_note_turn(&pc->v->ledger, clock_now_ns());
    return virtio_mmio_access(&pc->devices[place], MMIO_QUEUE_NOTIFY, true, size, value);
}

bool pc_has_device(pfn_t f)
{
    return pfn_to_gpa(f) - PC_MMIO_START < PC_MMIO_BYTES || pfn_to_gpa(f) == APIC_GPA;
}

void pc_do_mmio(struct pc *pc, gpa_t a, bool is_write, unsigned size, uint64_t *value)
{
    uint64_t place = (a - PC_MMIO_START) / VIRTIO_MMIO_BYTES,
             offset = (a - PC_MMIO_START) % VIRTIO_MMIO_BYTES;

    if (a >= PC_MMIO_START && place < PC_NR_DEVICES) {
        bool is_notify = is_write && offset == MMIO_QUEUE_NOTIFY;
        if (is_notify ? notify(pc, place, size, value)
                      : virtio_mmio_access(&pc->devices[place], offset, is_write, size, value))
            return;
    }
    if (a - APIC_GPA < APIC_BYTES && apic_access(&pc->apic, a - APIC_GPA, is_write, size, value))
        return;
    if (!is_write)
        *value = ~0ull;
}
