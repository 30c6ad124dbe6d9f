/* The fully virtualized mode's exits that do not pass the monitor, on a KVM that is made here: is the guest interrupted at once
 * where a device's register lets an interrupt through? Else it would wait for whatever exit comes next, which in a loop is none. */
#include <check.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vmm/clock.h"
#include "vmm/fv_host.h"
#include "vmm/monitor/monitor_ports.h"
#include "tests/run_suite.h"

#define LINT0          0x350
#define LINT0_MASKED   0x10700
#define LINT0_UNMASKED 0x700
#define FIRST_MASK     0x21 /* port of the first i8259 */
#define COM3           0x3e8 /* what it says is not shown here */

static struct kvm_run *run;
static struct vmm v;
static struct options options;
static struct fv_host host;
static unsigned nr_interrupts;

/* Before the C library's. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    const struct kvm_interrupt *interrupt = va_arg(args, const struct kvm_interrupt *);
    va_end(args);
    (void)fd;
    ck_assert_uint_eq(request, KVM_INTERRUPT);
    ck_assert_uint_eq(interrupt->irq, MONITOR_VEC_TIMER);
    nr_interrupts++;
    return 0;
}

static void write_port(uint16_t port, uint8_t value)
{
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = KVM_EXIT_IO_OUT;
    run->io.port = port;
    run->io.size = run->io.count = 1;
    run->io.data_offset = sizeof(*run);
    memcpy(run + 1, &value, sizeof(value));
    mode_fv.port(&v);
}

static void write_apic(uint64_t offset, uint32_t value)
{
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.phys_addr = FV_DEVICES + APIC_GPA + offset;
    run->mmio.is_write = 1;
    run->mmio.len = sizeof(value);
    memcpy(run->mmio.data, &value, sizeof(value));
    mode_fv.mmio(&v);
}

/* One tick, a millisecond from now. */
static void start_timer(void)
{
    write_port(0x43, 0x30);
    write_port(0x40, 1193 & 0xff);
    write_port(0x40, 1193 >> 8);
}

/* The guest has its i8259 set up, takes interrupts, and is in a program or a kernel below the monitor. */
static void setup(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } words[] = { { 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 4 }, { 0x21, 1 }, { FIRST_MASK, 0 } };

    run = calloc(1, sizeof(*run) + PAGE_SIZE);
    run->ready_for_interrupt_injection = 1;
    run->s.regs.regs.rip = 0x1000;
    options.quiet = true;
    v = (struct vmm){ .options = &options, .mode = &mode_fv, .mode_data = &host, .machine = { .run = run } };
    v.monitor = (struct monitor){ .machine = &v.machine, .base = 0xffffff0000000000 };
    host = (struct fv_host){ .cpu = { .held_flags = RFLAGS_IF } };
    pc_init(&host.pc, &v, fv_device_memory, &v);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        write_port(words[i].port, words[i].value);
    nr_interrupts = 0;
}

static void teardown(void)
{
    free(run);
}

START_TEST(an_interrupt_that_the_i8259_lets_through_comes_at_once)
{
    write_port(FIRST_MASK, 1);
    pc_tick(&host.pc);
    ck_assert_uint_eq(nr_interrupts, 0);
    write_port(FIRST_MASK, 0);
    ck_assert_uint_eq(nr_interrupts, 1);
    ck_assert(v.kicked);
}
END_TEST

START_TEST(an_interrupt_that_the_local_apic_lets_through_comes_at_once)
{
    write_apic(LINT0, LINT0_MASKED);
    pc_tick(&host.pc);
    ck_assert_uint_eq(nr_interrupts, 0);
    write_apic(LINT0, LINT0_UNMASKED);
    ck_assert_uint_eq(nr_interrupts, 1);
    ck_assert(v.kicked);
}
END_TEST

START_TEST(an_interrupt_that_the_local_apic_lets_through_waits_for_sti)
{
    host.cpu.held_flags = 0;
    write_apic(LINT0, LINT0_MASKED);
    pc_tick(&host.pc);
    write_apic(LINT0, LINT0_UNMASKED);
    ck_assert_uint_eq(nr_interrupts, 0);
    ck_assert(!v.kicked);
}
END_TEST

START_TEST(a_register_of_the_local_apic_interrupts_nobody_where_nothing_waits)
{
    write_apic(LINT0, LINT0_MASKED);
    write_apic(LINT0, LINT0_UNMASKED);
    ck_assert_uint_eq(nr_interrupts, 0);
}
END_TEST

/* The handler reads no register of the 16550: the byte that it sends ends one interrupt and brings the next. */
START_TEST(each_byte_that_is_sent_brings_the_transmitters_interrupt_again)
{
    write_port(COM3 + 4, 0x08); /* OUT2 */
    write_port(COM3 + 1, 0x02); /* tell when the transmitter is empty: it is */
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(pc_pending_vector(&host.pc), 0x24);
        pc_acknowledge(&host.pc);
        write_port(COM3, '.');
        write_port(0x20, 0x20);
    }
    write_port(COM3 + 1, 0);
    pc_acknowledge(&host.pc);
    write_port(COM3, '.');
    write_port(0x20, 0x20);
    ck_assert_int_eq(pc_pending_vector(&host.pc), -1);
}
END_TEST

START_TEST(a_halt_ends_with_the_interrupt_of_the_timer)
{
    ck_assert_int_eq(clock_start(run, 0), 0);
    start_timer();
    fv_host_cpu_ops.halt(&v);
    ck_assert_int_eq(v.domain.state, DOMAIN_RUNNING);
    ck_assert_int_eq(pc_pending_vector(&host.pc), 0x20);
    clock_stop();
}
END_TEST

START_TEST(a_tick_that_is_masked_ends_no_halt)
{
    ck_assert_int_eq(clock_start(run, 0), 0);
    write_port(FIRST_MASK, 1);
    start_timer();
    fv_host_cpu_ops.halt(&v);
    ck_assert_int_eq(v.domain.state, DOMAIN_CRASHED);
    ck_assert_str_eq(v.domain.crash_reason, "it halts, but nothing can wake it");
    clock_stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fv_host");
    TCase *t = tcase_create("interrupts");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, an_interrupt_that_the_i8259_lets_through_comes_at_once);
    tcase_add_test(t, an_interrupt_that_the_local_apic_lets_through_comes_at_once);
    tcase_add_test(t, an_interrupt_that_the_local_apic_lets_through_waits_for_sti);
    tcase_add_test(t, a_register_of_the_local_apic_interrupts_nobody_where_nothing_waits);
    tcase_add_test(t, each_byte_that_is_sent_brings_the_transmitters_interrupt_again);
    tcase_add_test(t, a_halt_ends_with_the_interrupt_of_the_timer);
    tcase_add_test(t, a_tick_that_is_masked_ends_no_halt);
    suite_add_tcase(s, t);
    return run_suite(s);
}
