/* The guest kernel's batch of requests, with the host played by a function that notes what it is sent. */
#include "guest/pv_batch.c"
#include <check.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/run_suite.h"

enum { MAX_SENT = 4096 };

/* Everything that was sent, update by update, in order. */
static struct pv_call sent[MAX_SENT];
static unsigned nr_sent, nr_exits, most_updates;
static int refuse_at = -1; /* the call of the next multicall that fails */
static jmp_buf panicked;

static void note(uint64_t op, uint64_t a0, uint64_t a1, uint64_t a2)
{
    ck_assert_uint_lt(nr_sent, MAX_SENT);
    sent[nr_sent++] = (struct pv_call){ .op = op, .args = { a0, a1, a2 } };
}

int64_t pv_hypercall(enum pv_hypercall op, uint64_t a0, uint64_t a1)
{
    struct pv_call *list = (struct pv_call *)a0;
    unsigned in_exit = 0;

    ck_assert_int_eq(op, PV_MULTICALL);
    ck_assert_uint_gt(a1, 0);
    ck_assert_uint_le(a1, PV_MAX_CALLS);
    nr_exits++;
    for (unsigned i = 0; i < a1; i++) {
        const struct pv_update *u = (const struct pv_update *)list[i].args[0];
        if ((int)i == refuse_at) {
            list[i].result = -PV_EBUSY;
            return i;
        }
        if (list[i].op != PV_MMU_UPDATE)
            note(list[i].op, list[i].args[0], list[i].args[1], list[i].args[2]);
        for (uint64_t k = 0; list[i].op == PV_MMU_UPDATE && k < list[i].args[1]; k++, in_exit++)
            note(PV_MMU_UPDATE, u[k].at, u[k].entry, 0);
    }
    most_updates = in_exit > most_updates ? in_exit : most_updates;
    ck_assert_uint_le(in_exit, PV_MAX_UPDATES);
    return (int64_t)a1;
}

static char said[512];

void kprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof(said), format, args);
    va_end(args);
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof(said), format, args);
    va_end(args);
    longjmp(panicked, 1);
}

START_TEST(nothing_is_sent_before_it_must)
{
    pv_batch_commit();
    pv_batch_update(8, 1);
    pv_batch_call(PV_SET_ROOTS, 1, 2, 0);
    pv_batch_flush(0x1000);
    ck_assert_uint_eq(nr_exits, 0);
    ck_assert(!pv_batch_is_empty());
    pv_batch_commit();
    ck_assert(pv_batch_is_empty());
    pv_batch_commit();
    ck_assert_uint_eq(nr_exits, 1);
}
END_TEST

START_TEST(requests_go_in_order_flushes_after_them_and_the_last_one_last)
{
    const enum pv_hypercall expected[] = { PV_MMU_UPDATE, PV_MMU_UPDATE, PV_PIN,
                                           PV_MMU_UPDATE, PV_FLUSH,      PV_IRET };
    pv_batch_update(8, 1);
    pv_batch_flush(0x5000);
    pv_batch_update(16, 2);
    pv_batch_call(PV_PIN, 7, 1, 0);
    pv_batch_update(24, 3);
    pv_batch_send(PV_IRET, 0xf00, 0);
    ck_assert_uint_eq(nr_exits, 1);
    ck_assert_uint_eq(nr_sent, sizeof(expected) / sizeof(expected[0]));
    for (unsigned i = 0; i < nr_sent; i++)
        ck_assert_uint_eq(sent[i].op, expected[i]);
    ck_assert_uint_eq(sent[3].args[0], 24);
    ck_assert_uint_eq(sent[4].args[0], 0x5000);
    ck_assert_uint_eq(sent[5].args[0], 0xf00);
}
END_TEST

START_TEST(a_waiting_entry_is_found_and_the_last_store_to_it_counts)
{
    uint64_t entry = 0;
    for (uint64_t at = 0; at < 400 * 8; at += 8)
        pv_batch_update(at, at + 1);
    pv_batch_update(80, 7);
    for (uint64_t at = 0; at < 400 * 8; at += 8) {
        ck_assert(pv_batch_find(at, &entry));
        ck_assert_uint_eq(entry, at == 80 ? 7 : at + 1);
    }
    ck_assert(!pv_batch_find(400 * 8, &entry));
    pv_batch_commit();
    ck_assert(!pv_batch_find(80, &entry));
}
END_TEST

/* Random requests by the thousand: each arrives once, in order, and no exit has more than it may. */
START_TEST(a_full_batch_is_sent_and_nothing_is_lost)
{
    unsigned wanted = 0, updates_wanted = 0;
    srand((unsigned)_i);
    for (; wanted < 3000; wanted++) {
        if (rand() % 100 < (int)_i) {
            pv_batch_call(PV_PIN, wanted, 0, 0);
        } else {
            pv_batch_update(wanted * 8, wanted);
            updates_wanted++;
        }
    }
    pv_batch_send(PV_BLOCK, 0, 0);
    ck_assert_uint_eq(nr_sent, wanted + 1);
    for (unsigned i = 0; i < wanted; i++)
        ck_assert_uint_eq(sent[i].args[0], sent[i].op == PV_PIN ? i : i * 8);
    if (_i == 0)
        ck_assert_uint_eq(nr_exits, (updates_wanted + PV_MAX_UPDATES - 1) / PV_MAX_UPDATES);
}
END_TEST

START_TEST(many_flushes_become_one_of_all)
{
    for (uint64_t i = 0; i < MAX_FLUSHES; i++)
        pv_batch_flush(i << 12);
    pv_batch_commit();
    ck_assert_uint_eq(nr_sent, MAX_FLUSHES);
    for (uint64_t i = 0; i < 3 * MAX_FLUSHES; i++)
        pv_batch_flush(i << 12);
    pv_batch_commit();
    ck_assert_uint_eq(nr_sent, MAX_FLUSHES + 1);
    ck_assert_uint_eq(sent[MAX_FLUSHES].args[0], PV_FLUSH_ALL);
}
END_TEST

START_TEST(what_was_sent_with_a_return_is_not_sent_again)
{
    pv_batch_update(8, 1);
    pv_batch_send(PV_IRET, 1, 0);
    pv_batch_send(PV_IRET, 2, 0); /* the return came back as the next trap */
    ck_assert_uint_eq(nr_sent, 3);
}
END_TEST

START_TEST(a_refused_request_is_named_by_a_panic_that_can_send_its_message)
{
    pv_batch_update(8, 1);
    pv_batch_call(PV_PIN, 0xabc, 4, 0);
    refuse_at = 1;
    if (!setjmp(panicked)) {
        pv_batch_commit();
        ck_abort_msg("no panic");
    }
    ck_assert_ptr_nonnull(strstr(said, "call 1 of 2, hypercall 4(0xabc, 0x4), failed: error 16"));
    ck_assert(pv_batch_is_empty());
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_batch");
    TCase *c = tcase_create("batch");
    tcase_add_test(c, nothing_is_sent_before_it_must);
    tcase_add_test(c, requests_go_in_order_flushes_after_them_and_the_last_one_last);
    tcase_add_test(c, a_waiting_entry_is_found_and_the_last_store_to_it_counts);
    tcase_add_loop_test(c, a_full_batch_is_sent_and_nothing_is_lost, 0, 60);
    tcase_add_test(c, many_flushes_become_one_of_all);
    tcase_add_test(c, what_was_sent_with_a_return_is_not_sent_again);
    tcase_add_test(c, a_refused_request_is_named_by_a_panic_that_can_send_its_message);
    suite_add_tcase(s, c);
    return run_suite(s);
}
