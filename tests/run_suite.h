/* The end of a suite's main(). */
#pragma once
#include <check.h>

/* Run it, as the environment says (CK_RUN_CASE, CK_VERBOSITY, ...). The exit status: 0 if nothing failed. */
static inline int run_suite(Suite *s)
{
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
