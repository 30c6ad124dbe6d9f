/* The ledger: what is charged to whom, and that it closes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/ledger.h"
#include "tests/run_suite.h"

static struct ledger l;

static void setup(void)
{
    memset(&l, 0, sizeof(l));
}

/* One exit that only belongs to what is in progress. */
static void plain_exit(enum exit_cause cause)
{
    ledger_exit(&l, cause);
    ledger_charge(&l, 0);
}

static void begin(enum exit_cause cause, enum account account, uint64_t now_ns)
{
    ledger_exit(&l, cause);
    ledger_begin(&l, account, now_ns);
    ledger_charge(&l, now_ns);
}

static void disk_exit(void)
{
    ledger_exit(&l, EXIT_HYPERCALL);
    ledger_note_disk(&l);
    ledger_charge(&l, 0);
}

static void end(bool same_place, bool write_to_present, uint64_t now_ns)
{
    ledger_exit(&l, EXIT_HYPERCALL);
    ledger_end(&l, same_place ? GOES_ON_THERE : GOES_ON_ELSEWHERE, write_to_present);
    ledger_charge(&l, now_ns);
}

static void instruction(unsigned number)
{
    ledger_exit(&l, EXIT_PRIVILEGED);
    ledger_note_instruction(&l, number);
    ledger_charge(&l, 0);
}

/* The kernel prints. */
static void turn(uint64_t now_ns)
{
    ledger_exit(&l, EXIT_PORT);
    ledger_note_turn(&l, now_ns);
    ledger_charge(&l, now_ns);
}

static uint64_t sum_of_rows(const struct tally *t)
{
    uint64_t sum = 0;
    for (int i = 0; i < NR_LEDGER_ROWS; i++)
        sum += t->rows[i];
    return sum;
}

START_TEST(exits_before_the_first_program_are_boot)
{
    plain_exit(EXIT_BOOT);
    disk_exit();
    end(false, false, 0);
    ck_assert_uint_eq(l.accounts[ACCOUNT_BOOT], 2);
    ck_assert_uint_eq(l.accounts[ACCOUNT_DISK], 1);
    ck_assert(ledger_is_closed(&l, 3));
}
END_TEST

START_TEST(a_fault_without_disk_is_minor_with_two_exits)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 100);
    end(true, false, 350);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].count, 1);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].exits, 2);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].histogram[2], 1);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].ns, 250);
    ck_assert_uint_eq(ledger_unfinished(&l), 0);
    ck_assert(ledger_is_closed(&l, 3));
}
END_TEST

START_TEST(a_fault_with_disk_is_major_and_pays_for_it)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    disk_exit();
    end(true, true, 0);
    ck_assert_uint_eq(l.faults[FAULT_MAJOR].histogram[3], 1);
    ck_assert_uint_eq(l.accounts[ACCOUNT_DISK], 0);
    ck_assert(ledger_is_closed(&l, 4));
}
END_TEST

START_TEST(a_disk_request_of_one_fault_does_not_make_the_next_one_major)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    disk_exit();
    end(true, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    end(true, false, 0);
    ck_assert_uint_eq(l.faults[FAULT_MAJOR].count, 1);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].count, 1);
}
END_TEST

START_TEST(a_write_to_a_page_that_was_there_is_cow)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    end(true, true, 0);
    ck_assert_uint_eq(l.faults[FAULT_COW].count, 1);
}
END_TEST

START_TEST(a_program_that_goes_on_elsewhere_was_told_of_a_protection_fault)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    disk_exit();
    end(false, true, 0);
    ck_assert_uint_eq(l.faults[FAULT_PROTECTION].histogram[3], 1);
}
END_TEST

START_TEST(a_system_call_does_not_pay_for_its_disk_requests)
{
    end(false, false, 0);
    begin(EXIT_SYSTEM_CALL, ACCOUNT_SYSTEM_CALL, 0);
    disk_exit();
    end(false, false, 0);
    ck_assert_uint_eq(l.system_calls.histogram[2], 1);
    ck_assert_uint_eq(l.accounts[ACCOUNT_DISK], 1);
    ck_assert(ledger_is_closed(&l, 4));
}
END_TEST

static void console_exit(void)
{
    ledger_exit(&l, EXIT_MMIO);
    ledger_note_console(&l);
    ledger_charge(&l, 0);
}

START_TEST(what_is_printed_is_the_consoles_but_in_a_fault)
{
    end(false, false, 0);
    begin(EXIT_SYSTEM_CALL, ACCOUNT_SYSTEM_CALL, 0);
    console_exit();
    console_exit();
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    console_exit();
    end(true, false, 0);
    ck_assert_uint_eq(l.system_calls.histogram[2], 1);
    ck_assert_uint_eq(l.accounts[ACCOUNT_CONSOLE], 2);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].histogram[3], 1);
    ck_assert_uint_eq(l.disk_notifies, 0);
    ck_assert(ledger_is_closed(&l, 8));
}
END_TEST

START_TEST(a_tick_is_the_timers_whatever_it_interrupted)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    ledger_exit(&l, EXIT_SIGNAL);
    ledger_note_tick(&l);
    ledger_charge(&l, 0);
    end(true, false, 0);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].histogram[2], 1);
    ck_assert_uint_eq(l.accounts[ACCOUNT_TIMER], 1);
}
END_TEST

START_TEST(a_tick_that_waited_for_the_end_of_a_fault_begins_after_it)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    ledger_exit(&l, EXIT_HYPERCALL);
    ledger_end(&l, GOES_ON_THERE, false);
    ledger_begin(&l, ACCOUNT_TIMER, 7);
    ledger_charge(&l, 5);
    end(false, false, 10);
    ck_assert_uint_eq(l.faults[FAULT_MINOR].histogram[2], 1);
    ck_assert_uint_eq(l.timers.histogram[1], 1);
    ck_assert_uint_eq(l.timers.ns, 3);
    ck_assert(ledger_is_closed(&l, 4));
}
END_TEST

START_TEST(a_fault_that_never_ended_is_told_apart)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    disk_exit();
    ck_assert_uint_eq(ledger_unfinished(&l), 2);
    ck_assert(ledger_is_closed(&l, 3));
}
END_TEST

START_TEST(waiting_is_idle)
{
    end(false, false, 0);
    begin(EXIT_SYSTEM_CALL, ACCOUNT_SYSTEM_CALL, 0);
    ledger_exit(&l, EXIT_HYPERCALL);
    ledger_note_idle(&l);
    ledger_charge(&l, 0);
    end(false, false, 0);
    ck_assert_uint_eq(l.accounts[ACCOUNT_IDLE], 1);
    ck_assert_uint_eq(l.system_calls.histogram[2], 1);
}
END_TEST

START_TEST(least_and_most_exits_are_kept)
{
    end(false, false, 0);
    for (int disk = 0; disk < 3; disk++) {
        begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
        for (int i = 0; i <= disk; i++)
            disk_exit();
        end(true, false, 0);
    }
    ck_assert_uint_eq(l.faults[FAULT_MAJOR].min, 3);
    ck_assert_uint_eq(l.faults[FAULT_MAJOR].max, 5);
}
END_TEST

START_TEST(a_fault_tells_what_it_was_made_of)
{
    enum { LOADS_CR2 = 3, RETURNS = 5 };
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    instruction(LOADS_CR2);
    disk_exit();
    plain_exit(EXIT_TABLE_STORE);
    plain_exit(EXIT_TABLE_STORE);
    ledger_exit(&l, EXIT_PAGE_FAULT);
    ledger_note_hidden(&l);
    ledger_charge(&l, 0);
    ledger_exit(&l, EXIT_SIGNAL);
    ledger_note_tick(&l);
    ledger_charge(&l, 0);
    ledger_exit(&l, EXIT_PRIVILEGED);
    ledger_note_instruction(&l, RETURNS);
    ledger_end(&l, GOES_ON_THERE, false);
    ledger_charge(&l, 0);
    const struct tally *t = &l.faults[FAULT_MAJOR];
    ck_assert_uint_eq(t->exits, 7);
    ck_assert_uint_eq(sum_of_rows(t), t->exits);
    ck_assert_uint_eq(t->rows[EXIT_PAGE_FAULT], 1);
    ck_assert_uint_eq(t->rows[ROW_HIDDEN_FAULT], 1);
    ck_assert_uint_eq(t->rows[ROW_INSTRUCTION + LOADS_CR2], 1);
    ck_assert_uint_eq(t->rows[ROW_DISK_NOTIFY], 1);
    ck_assert_uint_eq(t->rows[EXIT_TABLE_STORE], 2);
    ck_assert_uint_eq(t->rows[ROW_INSTRUCTION + RETURNS], 1);
    ck_assert_uint_eq(t->rows[EXIT_SIGNAL], 0);
}
END_TEST

START_TEST(rows_of_one_fault_are_not_the_next_ones)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 0);
    plain_exit(EXIT_TABLE_STORE);
    end(true, true, 0);
    begin(EXIT_SYSTEM_CALL, ACCOUNT_SYSTEM_CALL, 0);
    end(false, false, 0);
    ck_assert_uint_eq(l.faults[FAULT_COW].rows[EXIT_TABLE_STORE], 1);
    ck_assert_uint_eq(l.system_calls.rows[EXIT_TABLE_STORE], 0);
    ck_assert_uint_eq(sum_of_rows(&l.system_calls), 2);
}
END_TEST

/* A fault of which the kernel prints something, and then makes a table store. */
static void fault_with_a_message(void)
{
    end(false, false, 0);
    begin(EXIT_PAGE_FAULT, ACCOUNT_FAULT, 100);
    instruction(1);
    turn(130);
    turn(150);
    plain_exit(EXIT_TABLE_STORE);
}

START_TEST(a_fault_that_kills_its_program_ends_where_the_kernel_turns_from_it)
{
    fault_with_a_message();
    ledger_exit(&l, EXIT_PRIVILEGED);
    ledger_end(&l, GOES_ON_NOWHERE, false);
    ck_assert_int_eq(ledger_charge(&l, 200), ACCOUNT_ENDING);
    const struct tally *t = &l.faults[FAULT_PROTECTION];
    ck_assert_uint_eq(t->histogram[2], 1);
    ck_assert_uint_eq(sum_of_rows(t), 2);
    ck_assert_uint_eq(t->ns, 30);
    ck_assert_uint_eq(l.accounts[ACCOUNT_ENDING], 4);
    ck_assert_uint_eq(l.moved, 4);
    ck_assert_uint_eq(ledger_unfinished(&l), 0);
    ck_assert(ledger_is_closed(&l, 7));
}
END_TEST

START_TEST(a_fault_that_its_program_survives_pays_for_the_message)
{
    const enum goes_on ways[] = { GOES_ON_THERE, GOES_ON_ELSEWHERE };
    for (int i = 0; i < 2; i++) {
        setup();
        fault_with_a_message();
        ledger_exit(&l, EXIT_PRIVILEGED);
        ledger_end(&l, ways[i], false);
        ck_assert_int_eq(ledger_charge(&l, 200), ACCOUNT_FAULT);
        const struct tally *t = &l.faults[i ? FAULT_PROTECTION : FAULT_MINOR];
        ck_assert_uint_eq(t->histogram[6], 1);
        ck_assert_uint_eq(t->ns, 100);
        ck_assert_uint_eq(l.accounts[ACCOUNT_ENDING], 0);
        ck_assert_uint_eq(l.moved, 0);
    }
}
END_TEST

START_TEST(what_a_system_call_prints_is_its_own)
{
    end(false, false, 0);
    begin(EXIT_SYSTEM_CALL, ACCOUNT_SYSTEM_CALL, 0);
    turn(1);
    ledger_exit(&l, EXIT_PRIVILEGED);
    ledger_end(&l, GOES_ON_NOWHERE, false);
    ledger_charge(&l, 2);
    ck_assert_uint_eq(l.system_calls.histogram[3], 1);
    ck_assert_uint_eq(l.accounts[ACCOUNT_ENDING], 0);
}
END_TEST

START_TEST(a_ledger_that_missed_a_run_is_not_closed)
{
    plain_exit(EXIT_BOOT);
    ck_assert(!ledger_is_closed(&l, 2));
    l.causes[EXIT_BOOT]++;
    ck_assert(!ledger_is_closed(&l, 1));
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("ledger");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, exits_before_the_first_program_are_boot);
    tcase_add_test(t, a_fault_without_disk_is_minor_with_two_exits);
    tcase_add_test(t, a_fault_with_disk_is_major_and_pays_for_it);
    tcase_add_test(t, a_disk_request_of_one_fault_does_not_make_the_next_one_major);
    tcase_add_test(t, a_write_to_a_page_that_was_there_is_cow);
    tcase_add_test(t, a_program_that_goes_on_elsewhere_was_told_of_a_protection_fault);
    tcase_add_test(t, a_system_call_does_not_pay_for_its_disk_requests);
    tcase_add_test(t, what_is_printed_is_the_consoles_but_in_a_fault);
    tcase_add_test(t, a_tick_is_the_timers_whatever_it_interrupted);
    tcase_add_test(t, a_tick_that_waited_for_the_end_of_a_fault_begins_after_it);
    tcase_add_test(t, a_fault_that_never_ended_is_told_apart);
    tcase_add_test(t, waiting_is_idle);
    tcase_add_test(t, least_and_most_exits_are_kept);
    tcase_add_test(t, a_fault_tells_what_it_was_made_of);
    tcase_add_test(t, rows_of_one_fault_are_not_the_next_ones);
    tcase_add_test(t, a_fault_that_kills_its_program_ends_where_the_kernel_turns_from_it);
    tcase_add_test(t, a_fault_that_its_program_survives_pays_for_the_message);
    tcase_add_test(t, what_a_system_call_prints_is_its_own);
    tcase_add_test(t, a_ledger_that_missed_a_run_is_not_closed);
    Suite *s = suite_create("ledger");
    suite_add_tcase(s, t);
    return run_suite(s);
}
