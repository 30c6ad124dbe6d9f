/* The 16550, as drivers probe and use it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/device_uart.h"
#include "tests/run_suite.h"

static struct uart uart;
static char sent[256];
static unsigned nr_calls;

static void output(void *ctx, const void *data, uint64_t bytes)
{
    ck_assert_ptr_eq(ctx, sent);
    ck_assert_uint_lt(strlen(sent) + bytes, sizeof(sent));
    strncat(sent, data, bytes);
    nr_calls++;
}

static void set_up(void)
{
    uart_init(&uart, output, sent);
    sent[0] = 0;
    nr_calls = 0;
}

static void out(unsigned reg, uint64_t value)
{
    ck_assert(uart_access(&uart, reg, true, 1, &value));
}

static unsigned in(unsigned reg)
{
    uint64_t value = ~0ull;

    ck_assert(uart_access(&uart, reg, false, 1, &value));
    ck_assert_uint_le(value, 0xff);
    return (unsigned)value;
}

START_TEST(bytes_go_out_at_once_and_the_transmitter_is_always_ready)
{
    for (const char *p = "hello\n"; *p; p++) {
        ck_assert_uint_eq(in(5) & 0x60, 0x60);
        out(0, (unsigned char)*p);
    }
    ck_assert_str_eq(sent, "hello\n");
    ck_assert_uint_eq(nr_calls, 6);
}
END_TEST

START_TEST(a_string_goes_out_in_one_piece)
{
    ck_assert(uart_write_string(&uart, 0, "one exit", 8));
    ck_assert_str_eq(sent, "one exit");
    ck_assert_uint_eq(nr_calls, 1);
    ck_assert(uart_write_string(&uart, 0, "", 0));
    ck_assert_uint_eq(nr_calls, 1);
}
END_TEST

START_TEST(a_string_to_another_register_leaves_its_last_byte_there)
{
    ck_assert(uart_write_string(&uart, 7, "abc", 3));
    ck_assert_uint_eq(in(7), 'c');
    ck_assert(!uart_write_string(&uart, 8, "abc", 3));
    ck_assert(!uart_write_string(&uart, UINT64_MAX, "abc", 3));
    ck_assert_str_eq(sent, "");
}
END_TEST

START_TEST(the_divisor_hides_data_and_interrupt_enable)
{
    out(1, 0x05);
    out(3, 0x83);
    out(0, 0x0c);
    out(1, 0x34);
    ck_assert(uart_write_string(&uart, 0, "\x0b\x0c", 2));
    ck_assert_uint_eq(in(0), 0x0c);
    ck_assert_uint_eq(in(1), 0x34);
    out(3, 0x03);
    ck_assert_uint_eq(in(3), 0x03);
    ck_assert_uint_eq(in(1), 0x05);
    ck_assert_uint_eq(in(0), 0);
    ck_assert_str_eq(sent, "");
}
END_TEST

START_TEST(the_scratch_register_keeps_what_a_probe_leaves)
{
    out(7, 0x5a);
    ck_assert_uint_eq(in(7), 0x5a);
    out(7, 0xa5);
    ck_assert_uint_eq(in(7), 0xa5);
}
END_TEST

START_TEST(only_the_bits_that_exist_stay)
{
    out(1, 0xff);
    ck_assert_uint_eq(in(1), 0x0f);
    out(4, 0xff);
    ck_assert_uint_eq(in(4), 0x1f);
}
END_TEST

START_TEST(fifos_show_when_they_are_on)
{
    ck_assert_uint_eq(in(2), 0x01);
    out(2, 0x07);
    ck_assert_uint_eq(in(2), 0xc1);
    out(2, 0x00);
    ck_assert_uint_eq(in(2), 0x01);
}
END_TEST

START_TEST(somebody_is_at_the_other_end)
{
    ck_assert_uint_eq(in(6), 0xb0);
    out(6, 0);
    ck_assert_uint_eq(in(6), 0xb0);
}
END_TEST

START_TEST(loopback_turns_the_modem_lines_around)
{
    static const struct {
        unsigned mcr, msr;
    } lines[] = {
        { 0x10, 0 }, { 0x11, 0x20 }, { 0x12, 0x10 }, { 0x14, 0x40 }, { 0x18, 0x80 }, { 0x1a, 0x90 }
    };

    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        out(4, lines[i].mcr);
        ck_assert_uint_eq(in(6) & 0xf0, lines[i].msr);
    }
}
END_TEST

START_TEST(loopback_returns_what_is_sent_and_keeps_it_inside)
{
    out(4, 0x10);
    ck_assert_uint_eq(in(5), 0x60);
    out(0, 0xae);
    ck_assert_uint_eq(in(5), 0x61);
    ck_assert_uint_eq(in(0), 0xae);
    ck_assert_uint_eq(in(5), 0x60);
    ck_assert_str_eq(sent, "");
}
END_TEST

START_TEST(loopback_overrun_is_told_once)
{
    out(4, 0x10);
    out(0, 1);
    out(0, 2);
    ck_assert_uint_eq(in(5), 0x63);
    ck_assert_uint_eq(in(5), 0x61);
    ck_assert_uint_eq(in(0), 2);
    out(0, 3);
    out(2, 0x03);
    ck_assert_uint_eq(in(5), 0x60);
    out(0, 4);
    out(0, 5);
    in(0);
    out(0, 6);
    ck_assert_uint_eq(in(5), 0x63); /* that of 4 and 5, which nobody has seen yet */
}
END_TEST

START_TEST(the_transmitter_interrupts_when_it_is_empty_until_the_cause_is_read)
{
    ck_assert(!uart_interrupt(&uart));
    out(4, 0x08);
    out(1, 0x02);
    ck_assert(uart_interrupt(&uart));
    ck_assert_uint_eq(in(2), 0x02);
    ck_assert(!uart_interrupt(&uart));
    ck_assert_uint_eq(in(2), 0x01);
    out(0, 'x');
    ck_assert(uart_interrupt(&uart));
    out(1, 0);
    ck_assert(!uart_interrupt(&uart));
    out(1, 0x02);
    out(4, 0);
    ck_assert(!uart_interrupt(&uart));
}
END_TEST

START_TEST(the_line_falls_when_a_byte_is_sent_whose_interrupt_was_up)
{
    out(4, 0x08);
    out(1, 0x02);
    ck_assert(!uart_take_fall(&uart));
    out(0, 'x');
    ck_assert(uart_interrupt(&uart));
    ck_assert(uart_take_fall(&uart));
    ck_assert(!uart_take_fall(&uart));
    in(2);
    out(0, 'y');
    ck_assert(!uart_take_fall(&uart)); /* it was down already */
}
END_TEST

START_TEST(the_most_urgent_cause_is_told_first)
{
    out(4, 0x10);
    out(1, 0x07);
    out(0, 1);
    out(0, 2);
    ck_assert_uint_eq(in(2), 0x06);
    in(5);
    ck_assert_uint_eq(in(2), 0x04);
    in(0);
    ck_assert_uint_eq(in(2), 0x02);
    ck_assert_uint_eq(in(2), 0x01);
}
END_TEST

START_TEST(wide_accesses_are_those_of_neighbouring_registers)
{
    uint64_t value = 0x0341; /* THR, then IER */

    ck_assert(uart_access(&uart, 0, true, 2, &value));
    ck_assert_str_eq(sent, "A");
    ck_assert_uint_eq(in(1), 0x03);
    value = ~0ull;
    ck_assert(uart_access(&uart, 4, false, 4, &value));
    ck_assert_uint_eq(value, 0x00b06000);
}
END_TEST

START_TEST(accesses_beyond_the_registers_are_not_ours)
{
    static const struct {
        uint64_t offset;
        unsigned size;
    } beyond[] = {
        { 8, 1 }, { 7, 2 }, { 5, 4 }, { 1, 8 }, { UINT64_MAX, 1 }, { UINT64_MAX - 1, 4 }, { 0, 9 }
    };
    uint64_t value = 0x5555555555555555;

    for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        ck_assert(!uart_access(&uart, beyond[i].offset, true, beyond[i].size, &value));
        ck_assert(!uart_access(&uart, beyond[i].offset, false, beyond[i].size, &value));
    }
    ck_assert_uint_eq(value, 0x5555555555555555);
    ck_assert_str_eq(sent, "");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("device_uart");
    TCase *t = tcase_create("device_uart");

    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, bytes_go_out_at_once_and_the_transmitter_is_always_ready);
    tcase_add_test(t, a_string_goes_out_in_one_piece);
    tcase_add_test(t, a_string_to_another_register_leaves_its_last_byte_there);
    tcase_add_test(t, the_divisor_hides_data_and_interrupt_enable);
    tcase_add_test(t, the_scratch_register_keeps_what_a_probe_leaves);
    tcase_add_test(t, only_the_bits_that_exist_stay);
    tcase_add_test(t, fifos_show_when_they_are_on);
    tcase_add_test(t, somebody_is_at_the_other_end);
    tcase_add_test(t, loopback_turns_the_modem_lines_around);
    tcase_add_test(t, loopback_returns_what_is_sent_and_keeps_it_inside);
    tcase_add_test(t, loopback_overrun_is_told_once);
    tcase_add_test(t, the_transmitter_interrupts_when_it_is_empty_until_the_cause_is_read);
    tcase_add_test(t, the_line_falls_when_a_byte_is_sent_whose_interrupt_was_up);
    tcase_add_test(t, the_most_urgent_cause_is_told_first);
    tcase_add_test(t, wide_accesses_are_those_of_neighbouring_registers);
    tcase_add_test(t, accesses_beyond_the_registers_are_not_ours);
    suite_add_tcase(s, t);

    return run_suite(s);
}
