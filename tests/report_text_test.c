/* The table of --stats. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/report.h"
#include "tests/run_suite.h"

static struct vmm v;

/* System calls, each of so many exits. */
static void add_system_calls(const unsigned *exits, unsigned count)
{
    struct ledger *l = &v.ledger;
    for (unsigned i = 0; i < count; i++) {
        for (unsigned n = 0; n < exits[i]; n++) {
            ledger_exit(l, n ? EXIT_TABLE_STORE : EXIT_SYSTEM_CALL);
            if (n == 0)
                ledger_begin(l, ACCOUNT_SYSTEM_CALL, 0);
            if (n + 1 == exits[i])
                ledger_end(l, GOES_ON_THERE, false);
            ledger_charge(l, 1000);
        }
    }
}

static char *table(void)
{
    char *text;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    v.mode = &mode_fv;
    report_print(&v, to);
    fclose(to);
    return text;
}

START_TEST(more_exits_than_a_histogram_has_places_for_are_told_as_such)
{
    const unsigned exits[] = { 2, LEDGER_HISTOGRAM - 2, LEDGER_HISTOGRAM + 1000 };
    add_system_calls(exits, 3);
    char *text = table();
    ck_assert_ptr_nonnull(strstr(text, "1 with 2,"));
    ck_assert_ptr_nonnull(strstr(text, "1 with 4094,"));
    ck_assert_ptr_nonnull(strstr(text, "1 with 4095+\n"));
    free(text);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("report_text");
    tcase_add_test(t, more_exits_than_a_histogram_has_places_for_are_told_as_such);
    Suite *s = suite_create("report_text");
    suite_add_tcase(s, t);
    return run_suite(s);
}
