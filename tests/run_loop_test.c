/* The run loop: when KVM, the guest or what the monitor is to do goes wrong. */
#include "fake_kvm.h"

/* The loop, with a bare guest that does nothing but access a port. */

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

static const struct mode mode_of_ports = { .name = "ports",
                                           .is_bare = true,
                                           .port = do_nothing,
                                           .event = do_nothing,
                                           .in_kernel = is_in_kernel,
                                           .takes_events = takes_none };

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

/* The loop, with a guest beside the monitor, whose exits are listed: when what the monitor is to do goes
 * wrong. */

#define A_TABLE 200

enum step { STARTS, CALLS, ACCESSES, WORKS, IS_SHUT_DOWN, FAILS };

static const enum step *steps;
static unsigned nr_steps;
static unsigned stores_of_access, stores_of_call, stores_of_audit, nr_audits;
static bool call_ends, call_sets_ts, access_kicks;

static int take_step(unsigned n)
{
    static const uint16_t ports[] = {
        [STARTS] = MONITOR_PORT_START, [CALLS] = MONITOR_PORT_SYSCALL, [WORKS] = MONITOR_PORT_DRAINED
    };
    ck_assert_uint_lt(n, nr_steps);
    if (steps[n] == FAILS)
        return EFAULT;
    stand();
    if (steps[n] == ACCESSES) {
        run->exit_reason = KVM_EXIT_MMIO;
        run->s.regs.regs.rip = 0x1000;
    } else if (steps[n] == IS_SHUT_DOWN) {
        run->exit_reason = KVM_EXIT_SHUTDOWN;
    } else {
        run->io.port = ports[steps[n]];
    }
    return 0;
}

static void store(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        monitor_store(&v.monitor, mfn_to_maddr(mfn(A_TABLE)) + i % PT_ENTRIES * 8, i, false);
}

static void access_register(struct vmm *vmm)
{
    store(stores_of_access);
    if (access_kicks)
        run_kick(vmm);
}

static void call(struct vmm *vmm)
{
    store(stores_of_call);
    if (call_ends)
        domain_exit(&vmm->domain, 3);
    if (call_sets_ts)
        monitor_set_ts(&vmm->monitor, true);
}

static unsigned audit(struct vmm *vmm)
{
    (void)vmm;
    store(stores_of_audit);
    nr_audits++;
    return 0;
}

static const struct mode mode_of_stores = { .name = "stores",
                                            .mmio = access_register,
                                            .syscall = call,
                                            .audit = audit,
                                            .event = do_nothing,
                                            .in_kernel = is_in_kernel,
                                            .takes_events = takes_none };

static void setup_stores(void)
{
    setup();
    stores_of_access = stores_of_call = stores_of_audit = nr_audits = 0;
    call_ends = call_sets_ts = access_kicks = false;
}

/* The loop's result, after just these steps. */
static int run_steps(const enum step *list, unsigned count)
{
    steps = list;
    nr_steps = count;
    run_cpu = take_step;
    v.mode = &mode_of_stores;
    ck_assert_int_eq(monitor_init(&v.monitor, &v.machine, 510, false), 0);
    ck_assert_int_eq(monitor_start(&v.monitor, mfn(0)), 0);
    int result = run_loop(&v);
    ck_assert_uint_eq(nr_runs, count);
    ck_assert_msg(ledger_is_closed(&v.ledger, v.machine.nr_runs), "the ledger does not close");
    return result;
}

#define RUN(...)                                                                                             \
    run_steps((const enum step[]){ __VA_ARGS__ },                                                            \
              sizeof((const enum step[]){ __VA_ARGS__ }) / sizeof(enum step))

START_TEST(a_monitor_that_does_not_run_is_the_hosts_failure_said_once)
{
    stores_of_call = 10 * MAX_STORES;
    ck_assert_int_eq(RUN(STARTS, CALLS, WORKS, FAILS), -EFAULT);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 2);
    ck_assert_uint_eq(nr_said, 1);
}
END_TEST

START_TEST(a_monitor_that_makes_another_exit_is_our_failure)
{
    stores_of_call = 10 * MAX_STORES;
    ck_assert_int_eq(RUN(STARTS, CALLS, IS_SHUT_DOWN), -ENOTRECOVERABLE);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 1);
    ck_assert_uint_eq(nr_said, 1);
}
END_TEST

START_TEST(a_control_register_that_cannot_be_set_ends_the_run)
{
    call_sets_ts = true;
    ck_assert_int_eq(RUN(STARTS, CALLS, FAILS), -EFAULT);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 1);
}
END_TEST

START_TEST(another_trap_while_a_control_register_is_set_ends_the_run)
{
    call_sets_ts = true;
    ck_assert_int_eq(RUN(STARTS, CALLS, CALLS), -ENOTRECOVERABLE);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 1);
}
END_TEST

START_TEST(stores_that_there_is_no_memory_to_keep_end_the_run)
{
    stores_of_access = 10 * MAX_STORES;
    list_room = MAX_STORES;
    ck_assert_int_eq(RUN(STARTS, ACCESSES), -ENOMEM);
    ck_assert_uint_eq(nr_said, 1);
}
END_TEST

START_TEST(an_interrupt_that_cannot_be_raised_ends_the_run)
{
    access_kicks = interrupt_fails = true;
    run->ready_for_interrupt_injection = 1;
    ck_assert_int_eq(RUN(STARTS, ACCESSES), -ENXIO);
    ck_assert_uint_eq(nr_said, 1);
}
END_TEST

/* As the guest is about to go on: behind the charge of its exit. */
START_TEST(a_backlog_that_cannot_be_worked_off_ends_the_run)
{
    stores_of_access = 5 * MAX_STORES;
    ck_assert_int_eq(RUN(STARTS, ACCESSES, CALLS, WORKS, FAILS), -EFAULT);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 2);
}
END_TEST

START_TEST(a_backlog_that_was_worked_off_before_a_run_that_fails_is_counted)
{
    stores_of_access = 3 * MAX_STORES;
    ck_assert_int_eq(RUN(STARTS, ACCESSES, CALLS, WORKS, WORKS, FAILS), -EFAULT);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 2);
}
END_TEST

START_TEST(what_an_audit_at_the_end_makes_the_monitor_do_is_counted)
{
    options.audit_exits = 1000;
    stores_of_audit = 3 * MAX_STORES;
    call_ends = true;
    ck_assert_int_eq(RUN(STARTS, CALLS, WORKS, WORKS), 0);
    ck_assert_int_eq(v.domain.state, DOMAIN_EXITED);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 2);
}
END_TEST

START_TEST(an_audit_that_the_host_does_not_let_end_is_the_hosts_failure)
{
    options.audit_exits = 1000;
    stores_of_audit = 3 * MAX_STORES;
    call_ends = true;
    ck_assert_int_eq(RUN(STARTS, CALLS, WORKS, FAILS), -EFAULT);
    ck_assert(!v.audit_failed);
}
END_TEST

START_TEST(an_audit_before_the_guests_first_instruction_may_fail_too)
{
    options.audit_exits = 1;
    stores_of_audit = 3 * MAX_STORES;
    ck_assert_int_eq(RUN(STARTS, FAILS), -EFAULT);
    ck_assert_uint_eq(v.ledger.causes[EXIT_DRAIN], 1);
}
END_TEST

START_TEST(after_a_run_that_fails_there_is_no_audit)
{
    options.audit_exits = 1000;
    ck_assert_int_eq(RUN(STARTS, FAILS), -EFAULT);
    ck_assert_uint_eq(nr_audits, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("run_loop");
    TCase *t = tcase_create("loop");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_run_that_fails_is_the_hosts_failure_and_is_counted);
    tcase_add_test(t, an_exit_that_no_guest_asks_for_ends_the_domain);
    suite_add_tcase(s, t);
    t = tcase_create("broken");
    tcase_add_checked_fixture(t, setup_stores, teardown);
    tcase_add_test(t, a_monitor_that_does_not_run_is_the_hosts_failure_said_once);
    tcase_add_test(t, a_monitor_that_makes_another_exit_is_our_failure);
    tcase_add_test(t, a_control_register_that_cannot_be_set_ends_the_run);
    tcase_add_test(t, another_trap_while_a_control_register_is_set_ends_the_run);
    tcase_add_test(t, stores_that_there_is_no_memory_to_keep_end_the_run);
    tcase_add_test(t, an_interrupt_that_cannot_be_raised_ends_the_run);
    tcase_add_test(t, a_backlog_that_cannot_be_worked_off_ends_the_run);
    tcase_add_test(t, a_backlog_that_was_worked_off_before_a_run_that_fails_is_counted);
    tcase_add_test(t, what_an_audit_at_the_end_makes_the_monitor_do_is_counted);
    tcase_add_test(t, an_audit_that_the_host_does_not_let_end_is_the_hosts_failure);
    tcase_add_test(t, an_audit_before_the_guests_first_instruction_may_fail_too);
    tcase_add_test(t, after_a_run_that_fails_there_is_no_audit);
    suite_add_tcase(s, t);
    return run_suite(s);
}
