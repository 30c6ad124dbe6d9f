/* A file that a test may do with as it likes. */
#pragma once
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[64];

static inline void make_file(void)
{
    strcpy(path, "/tmp/faultvisor-test-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static inline void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert(f && fputs(text, f) != EOF && fclose(f) == 0);
}
