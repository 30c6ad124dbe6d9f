/* The pair of i8259: initialization, priorities, the ways to end an interrupt, the cascade, and random use
 * against what must always hold. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "vmm/device_pic.h"
#include "tests/run_suite.h"

static struct pic pic;

static void out(uint64_t port, uint64_t value)
{
    ck_assert(pic_access(&pic, port, true, 1, &value));
}

static unsigned in(uint64_t port)
{
    uint64_t value = ~0ull;

    ck_assert(pic_access(&pic, port, false, 1, &value));
    return (unsigned)value;
}

/* Vectors 0x20 and 0x28, as everybody does. */
static void initialize(unsigned icw4_first, unsigned icw4_second)
{
    out(0x20, 0x11);
    out(0xa0, 0x11);
    out(0x21, 0x20);
    out(0xa1, 0x28);
    out(0x21, 0x04);
    out(0xa1, 0x02);
    out(0x21, icw4_first);
    out(0xa1, icw4_second);
}

static void set_up(void)
{
    pic_init(&pic);
    initialize(0x01, 0x01);
}

static void pulse(unsigned line)
{
    pic_raise(&pic, line);
    pic_lower(&pic, line);
}

static unsigned in_service(uint64_t command_port)
{
    out(command_port, 0x0b);
    return in(command_port);
}

START_TEST(nothing_is_raised_before_the_initialization)
{
    pic_init(&pic);
    pulse(0);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    out(0x20, 0x11);
    out(0x21, 0x20);
    pulse(1);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
}
END_TEST

START_TEST(a_line_is_delivered_once_with_its_vector)
{
    pulse(0);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x20);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x20);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    ck_assert_uint_eq(in_service(0x20), 0x01);
    pulse(0);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    out(0x20, 0x20);
    ck_assert_uint_eq(in_service(0x20), 0);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x20);
}
END_TEST

START_TEST(a_line_that_stays_up_is_one_edge)
{
    pic_raise(&pic, 4);
    pic_raise(&pic, 4);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x24);
    out(0x20, 0x20);
    pic_raise(&pic, 4);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    pic_lower(&pic, 4);
    pic_raise(&pic, 4);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x24);
}
END_TEST

START_TEST(a_masked_line_waits)
{
    out(0x21, 0x01);
    pulse(0);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    ck_assert_uint_eq(in(0x21), 0x01);
    out(0x20, 0x0a);
    ck_assert_uint_eq(in(0x20), 0x01);
    out(0x21, 0x00);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x20);
}
END_TEST

START_TEST(lower_lines_interrupt_higher_ones_and_not_the_other_way)
{
    pulse(5);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x25);
    pulse(6);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    pulse(1);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x21);
    ck_assert_uint_eq(in_service(0x20), 0x22);
    out(0x20, 0x20);
    ck_assert_uint_eq(in_service(0x20), 0x20);
    out(0x20, 0x20);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x26);
}
END_TEST

START_TEST(a_specific_end_names_its_line)
{
    pulse(5);
    pic_acknowledge(&pic);
    pulse(1);
    pic_acknowledge(&pic);
    out(0x20, 0x65);
    ck_assert_uint_eq(in_service(0x20), 0x02);
    out(0x20, 0x67);
    ck_assert_uint_eq(in_service(0x20), 0x02);
}
END_TEST

START_TEST(the_second_chip_comes_through_line_2)
{
    pulse(12);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x2c);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2c);
    ck_assert_uint_eq(in_service(0x20), 0x04);
    ck_assert_uint_eq(in_service(0xa0), 0x10);
    pulse(8);
    ck_assert_int_eq(pic_pending_vector(&pic), -1); /* line 2 is in service */
    pulse(0);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x20);
    out(0x20, 0x20);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x28);
}
END_TEST

START_TEST(each_line_of_the_second_chip_comes_in_its_turn)
{
    for (unsigned line = 8; line < 16; line++)
        pulse(line);
    for (unsigned line = 8; line < 16; line++) {
        ck_assert_uint_eq(pic_acknowledge(&pic), 0x20 + line);
        out(0xa0, 0x20);
        out(0x20, 0x20);
    }
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
}
END_TEST

START_TEST(a_second_chip_that_ends_by_itself_asks_again)
{
    initialize(0x01, 0x03);
    pulse(9);
    pulse(10);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x29);
    out(0x20, 0x20);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2a);
    out(0x20, 0x20);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
}
END_TEST

START_TEST(masking_line_2_holds_the_second_chip_back)
{
    out(0x21, 0x04);
    pulse(9);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    out(0x21, 0x00);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x29);
}
END_TEST

START_TEST(special_fully_nested_mode_lets_the_second_chip_interrupt_itself)
{
    initialize(0x11, 0x01);
    pulse(12);
    pic_acknowledge(&pic);
    pulse(9);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x29);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x29);
    ck_assert_uint_eq(in_service(0xa0), 0x12);
    pulse(13);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
}
END_TEST

START_TEST(an_acknowledge_without_request_is_spurious)
{
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x27);
    ck_assert_uint_eq(in_service(0x20), 0);
}
END_TEST

START_TEST(a_request_that_is_masked_in_between_is_spurious_on_its_chip)
{
    pulse(10);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x2a);
    out(0xa1, 0xff);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x2f);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2f);
    ck_assert_uint_eq(in_service(0xa0), 0);
    ck_assert_uint_eq(in_service(0x20), 0x04); /* the first chip knows no better: it wants its end */
}
END_TEST

START_TEST(auto_end_leaves_nothing_in_service)
{
    initialize(0x03, 0x03);
    pulse(3);
    pulse(11);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2b);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
    ck_assert_uint_eq(in_service(0x20) | in_service(0xa0), 0);
}
END_TEST

START_TEST(rotation_moves_the_served_line_to_the_end)
{
    pulse(0);
    pulse(1);
    pic_acknowledge(&pic);
    out(0x20, 0xa0);
    pulse(0);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x21);
    out(0x20, 0xc5); /* line 5 is lowest: 6 is highest */
    pulse(6);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x26);
    pic_acknowledge(&pic);
    out(0x20, 0xe6); /* end of 6, which becomes lowest */
    pulse(6);
    pulse(7);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x27);
}
END_TEST

START_TEST(rotation_on_auto_end_moves_it_too)
{
    initialize(0x03, 0x01);
    out(0x20, 0x80);
    pulse(3);
    pulse(4);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
    pulse(3);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x24);
    out(0x20, 0x00);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x23);
    pulse(3);
    pulse(5);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x25);
}
END_TEST

START_TEST(special_mask_mode_lets_lower_priorities_in)
{
    pulse(3);
    pic_acknowledge(&pic);
    pulse(6);
    out(0x21, 0x08);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    out(0x20, 0x68);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x26);
    out(0x20, 0x20); /* the one in service is masked: not ended */
    ck_assert_uint_eq(in_service(0x20), 0x08);
    out(0x20, 0x48);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
}
END_TEST

START_TEST(a_poll_acknowledges)
{
    out(0x20, 0x0c);
    ck_assert_uint_eq(in(0x20), 0);
    pulse(5);
    out(0x20, 0x0c);
    ck_assert_uint_eq(in(0x20), 0x85);
    ck_assert_uint_eq(in_service(0x20), 0x20);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
}
END_TEST

START_TEST(a_level_triggered_line_comes_again_until_it_falls)
{
    out(0x4d1, 0xff);
    ck_assert_uint_eq(in(0x4d1), 0xde); /* not the clock, not the FPU */
    out(0x4d0, 0xff);
    ck_assert_uint_eq(in(0x4d0), 0xf8);
    pic_raise(&pic, 10);
    ck_assert_uint_eq(pic_acknowledge(&pic), 0x2a);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x2a);
    pic_acknowledge(&pic);
    pic_lower(&pic, 10);
    out(0xa0, 0x20);
    out(0x20, 0x20);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
}
END_TEST

START_TEST(an_initialization_forgets_what_was_asked)
{
    pulse(3);
    out(0x21, 0xff);
    initialize(0x01, 0x01);
    ck_assert_int_eq(pic_pending_vector(&pic), -1);
    ck_assert_uint_eq(in(0x21), 0);
    out(0x20, 0x13); /* single, with ICW4: no ICW3 */
    out(0x21, 0x47);
    out(0x21, 0x01);
    out(0x21, 0x02);
    ck_assert_uint_eq(in(0x21), 0x02);
    pulse(0);
    ck_assert_int_eq(pic_pending_vector(&pic), 0x40);
    out(0x20, 0x12); /* neither */
    out(0x21, 0x50);
    out(0x21, 0x08);
    ck_assert_uint_eq(in(0x21), 0x08);
}
END_TEST

START_TEST(wide_and_foreign_accesses)
{
    uint64_t value = 0x5a00 | 0x0b; /* OCW3, then the mask */

    ck_assert(pic_access(&pic, 0x20, true, 2, &value));
    ck_assert_uint_eq(in(0x21), 0x5a);
    ck_assert(pic_access(&pic, 0x20, false, 2, &value));
    ck_assert_uint_eq(value, 0x5a00);
    ck_assert(!pic_access(&pic, 0x22, false, 1, &value));
    ck_assert(!pic_access(&pic, 0x21, false, 2, &value));
    ck_assert(!pic_access(&pic, 0x1f, true, 2, &value));
    ck_assert(!pic_access(&pic, 0x20, false, 4, &value));
    ck_assert(!pic_access(&pic, 0, false, 1, &value));
    ck_assert_uint_eq(value, 0x5a00);
}
END_TEST

/* What must hold after any history. */
static void check_invariants(void)
{
    struct pic before = pic;
    int vector = pic_pending_vector(&pic);

    if (vector < 0)
        return;
    unsigned acknowledged = pic_acknowledge(&pic);
    if ((int)acknowledged != vector)
        ck_abort_msg("pending 0x%x, acknowledged 0x%x", vector, acknowledged);
    for (unsigned i = 0; i < 2; i++) {
        const struct pic_chip *was = i ? &before.second : &before.first, *is = i ? &pic.second : &pic.first;
        uint8_t served = is->in_service & (uint8_t)~was->in_service;
        if (served & (served - 1) || served & was->mask || served & (uint8_t)~was->requests)
            ck_abort_msg("served 0x%x, mask 0x%x, requests 0x%x", served, was->mask, was->requests);
    }
}

START_TEST(random_use_serves_only_what_is_asked_and_not_masked)
{
    static const uint64_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 };
    unsigned s = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);

    printf("device_pic: SEED=%u\n", s);
    fflush(stdout); /* before a crash */
    srandom(s);
    for (unsigned i = 0; i < 500000; i++) {
        uint64_t value = (uint64_t)random() & 0xff;
        unsigned line = (unsigned)random() % PIC_NR_LINES;
        if (value & 0x10 && random() % 64)
            value &= ~0x10ull; /* fewer initializations */
        switch (random() % 5) {
        case 0:
            pic_access(&pic, ports[random() % 6], true, 1, &value);
            break;
        case 1:
            pic_access(&pic, ports[random() % 6], false, 1, &value);
            break;
        case 2:
            if (line != PIC_CASCADE)
                pic_raise(&pic, line);
            break;
        case 3:
            if (line != PIC_CASCADE)
                pic_lower(&pic, line);
            break;
        case 4:
            check_invariants();
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("device_pic");
    TCase *t = tcase_create("device_pic");

    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_test(t, nothing_is_raised_before_the_initialization);
    tcase_add_test(t, a_line_is_delivered_once_with_its_vector);
    tcase_add_test(t, a_line_that_stays_up_is_one_edge);
    tcase_add_test(t, a_masked_line_waits);
    tcase_add_test(t, lower_lines_interrupt_higher_ones_and_not_the_other_way);
    tcase_add_test(t, a_specific_end_names_its_line);
    tcase_add_test(t, the_second_chip_comes_through_line_2);
    tcase_add_test(t, each_line_of_the_second_chip_comes_in_its_turn);
    tcase_add_test(t, a_second_chip_that_ends_by_itself_asks_again);
    tcase_add_test(t, masking_line_2_holds_the_second_chip_back);
    tcase_add_test(t, special_fully_nested_mode_lets_the_second_chip_interrupt_itself);
    tcase_add_test(t, an_acknowledge_without_request_is_spurious);
    tcase_add_test(t, a_request_that_is_masked_in_between_is_spurious_on_its_chip);
    tcase_add_test(t, auto_end_leaves_nothing_in_service);
    tcase_add_test(t, rotation_moves_the_served_line_to_the_end);
    tcase_add_test(t, rotation_on_auto_end_moves_it_too);
    tcase_add_test(t, special_mask_mode_lets_lower_priorities_in);
    tcase_add_test(t, a_poll_acknowledges);
    tcase_add_test(t, a_level_triggered_line_comes_again_until_it_falls);
    tcase_add_test(t, an_initialization_forgets_what_was_asked);
    tcase_add_test(t, wide_and_foreign_accesses);
    tcase_add_test(t, random_use_serves_only_what_is_asked_and_not_masked);
    suite_add_tcase(s, t);

    return run_suite(s);
}
