/* The run loop and the monitor's start, on a KVM that is made here: signals and failures just when they hurt. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/monitor_layout.h"
#include "vmm/vmm.h"
#include "tests/run_suite.h"

#define NR_FRAMES 256

static struct kvm_run *run;
static struct machine m;
static struct vmm v;
static struct options options;
static unsigned nr_runs;         /* calls of KVM_RUN */
static int (*run_cpu)(unsigned); /* the n-th of them, from 0: 0 or an errno */

/* Before the C library's: this is all that the VMM has of KVM here. */
int ioctl(int fd, unsigned long request, ...)
{
    (void)fd;
    if (request == KVM_SET_MSRS)
        return 1;
    if (request != KVM_RUN)
        return 0;
    errno = run_cpu(nr_runs++);
    return errno ? -1 : 0;
}

static void say_nothing(const char *line)
{
    (void)line;
}

static void setup(void)
{
    run = calloc(1, sizeof(*run));
    m = (struct machine){ .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1, .run = run, .nr_mfns = NR_FRAMES,
                          .nr_single = NR_FRAMES };
    m.memory = aligned_alloc(PAGE_SIZE, NR_FRAMES * PAGE_SIZE);
    memset(m.memory, 0, NR_FRAMES * PAGE_SIZE);
    m.order = calloc(NR_FRAMES, sizeof(m.order[0]));
    machine_keep_order(&m);
    v = (struct vmm){ .options = &options, .machine = m };
    nr_runs = 0;
    error_sink = say_nothing;
}

static void teardown(void)
{
    monitor_destroy(&v.monitor);
    free(m.order);
    free(m.memory);
    free(run);
}

/* 1. The monitor's start. */

static void stand(void)
{
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = KVM_EXIT_IO_OUT;
    run->io.port = MONITOR_PORT_START;
    run->s.regs.regs.rip = v.monitor.base;
}

static int stands_after_two_signals(unsigned n)
{
    if (n < 2)
        return EINTR;
    stand();
    return 0;
}

START_TEST(signals_while_the_monitor_starts_are_counted_and_told_to_the_run_loop)
{
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, false), 0);
    run_cpu = stands_after_two_signals;
    ck_assert_int_eq(monitor_start(&v.monitor, mfn(0)), 0);
    ck_assert_uint_eq(v.machine.nr_runs, 3);
    ck_assert_uint_eq(v.monitor.nr_drains, 2); /* the third is the start */
    ck_assert_uint_eq(run->immediate_exit, 1);
}
END_TEST

static int stands(unsigned n)
{
    (void)n;
    stand();
    return 0;
}

START_TEST(a_start_without_signals_counts_nothing_but_itself)
{
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, false), 0);
    run_cpu = stands;
    ck_assert_int_eq(monitor_start(&v.monitor, mfn(0)), 0);
    ck_assert_uint_eq(v.machine.nr_runs, 1);
    ck_assert_uint_eq(v.monitor.nr_drains, 0);
    ck_assert_uint_eq(run->immediate_exit, 0);
}
END_TEST

START_TEST(a_guest_that_is_just_below_the_monitor_is_not_the_monitor)
{
    struct cpu_regs regs;
    struct monitor_trap trap;
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, true), 0);
    stand();
    ck_assert_int_eq(monitor_read(&v.monitor, &regs, &trap), MONITOR_START);
    run->s.regs.sregs.cs.dpl = 3; /* its OUT was the last byte there, so rip is behind it */
    ck_assert_int_eq(monitor_read(&v.monitor, &regs, &trap), MONITOR_NONE);
}
END_TEST

/* As a signal's handler does, while the monitor works off its list. */
static int signal_comes_behind_the_exit(unsigned n)
{
    (void)n;
    stand();
    run->io.port = MONITOR_PORT_DRAINED;
    run->immediate_exit = 1;
    return 0;
}

START_TEST(a_signal_that_comes_while_the_monitor_works_is_not_forgotten)
{
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, false), 0);
    run_cpu = signal_comes_behind_the_exit;
    monitor_set_ts(&v.monitor, true);
    ck_assert_uint_eq(v.monitor.nr_drains, 1);
    ck_assert_uint_eq(run->immediate_exit, 1);
}
END_TEST

/* 2. The loop, with a bare guest that does nothing but access a port. */

static void do_nothing(struct vmm *vmm)
{
    (void)vmm;
}

static bool is_in_kernel(const struct vmm *vmm)
{
    (void)vmm;
    return true;
}

static bool takes_none(const struct vmm *vmm)
{
    (void)vmm;
    return false;
}

static const struct mode mode_of_ports = { .name = "ports", .is_bare = true, .port = do_nothing, .event = do_nothing,
                                           .in_kernel = is_in_kernel, .takes_events = takes_none };

static int fails_after_three_ports(unsigned n)
{
    run->exit_reason = KVM_EXIT_IO;
    return n < 3 ? 0 : EFAULT;
}

START_TEST(a_run_that_fails_is_the_hosts_failure_and_is_counted)
{
    v.mode = &mode_of_ports;
    run_cpu = fails_after_three_ports;
    ck_assert_int_eq(run_loop(&v), -EFAULT);
    ck_assert_uint_eq(v.ledger.causes[EXIT_PORT], 3);
    ck_assert_uint_eq(v.ledger.causes[EXIT_OTHER], 1);
    ck_assert(ledger_is_closed(&v.ledger, v.machine.nr_runs));
}
END_TEST

static int debugs_after_a_port(unsigned n)
{
    run->exit_reason = n ? KVM_EXIT_DEBUG : KVM_EXIT_IO;
    return 0;
}

START_TEST(an_exit_that_no_guest_asks_for_ends_the_domain)
{
    v.mode = &mode_of_ports;
    run_cpu = debugs_after_a_port;
    ck_assert_int_eq(run_loop(&v), 0);
    ck_assert_int_eq(v.domain.state, DOMAIN_CRASHED);
    ck_assert(ledger_is_closed(&v.ledger, v.machine.nr_runs));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run_loop");
    TCase *t = tcase_create("start");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, signals_while_the_monitor_starts_are_counted_and_told_to_the_run_loop);
    tcase_add_test(t, a_start_without_signals_counts_nothing_but_itself);
    tcase_add_test(t, a_guest_that_is_just_below_the_monitor_is_not_the_monitor);
    tcase_add_test(t, a_signal_that_comes_while_the_monitor_works_is_not_forgotten);
    suite_add_tcase(s, t);
    t = tcase_create("loop");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_run_that_fails_is_the_hosts_failure_and_is_counted);
    tcase_add_test(t, an_exit_that_no_guest_asks_for_ends_the_domain);
    suite_add_tcase(s, t);
    return run_suite(s);
}
