/* What is said of failures, kept for a test to look at. */
#pragma once
#include <check.h>
#include <string.h>
#include "vmm/error.h" /* after check.h, whose macro fail it removes */

static char said[2048]; /* the last line */
static unsigned nr_said;

/* For error_sink. */
static inline void keep(const char *line)
{
    ck_assert_uint_lt(strlen(line), sizeof(said));
    strcpy(said, line);
    nr_said++;
}

/* From here on, and nothing has been said yet. */
static inline void keep_what_is_said(void)
{
    error_sink = keep;
    said[0] = '\0';
    nr_said = 0;
}
