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

static inline void write_bytes(const void *bytes, size_t count)
{
    FILE *f = fopen(path, "w");
    ck_assert(f && fwrite(bytes, 1, count, f) == count && fclose(f) == 0);
}

static inline void write_file(const char *text)
{
    write_bytes(text, strlen(text));
}
