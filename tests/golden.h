/* Golden files: what a test drew is compared with tests/golden/NAME. GOLDEN=write in the environment writes them anew. */
#pragma once
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline char *golden_read(const char *path)
{
    FILE *f = fopen(path, "r");
    ck_assert_msg(f != NULL, "cannot open %s: run the tests in the folder of the sources", path);
    char *text = calloc(1, 1 << 20);
    text[fread(text, 1, (1 << 20) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static inline void golden_check(const char *name, const char *drawn)
{
    char path[256];
    snprintf(path, sizeof(path), "tests/golden/%s", name);
    const char *wish = getenv("GOLDEN");
    if (wish && !strcmp(wish, "write")) {
        FILE *f = fopen(path, "w");
        ck_assert(f && fputs(drawn, f) != EOF && fclose(f) == 0);
        return;
    }
    char *expected = golden_read(path);
    size_t line = 1, i = 0;
    for (; expected[i] && expected[i] == drawn[i]; i++)
        line += expected[i] == '\n';
    ck_assert_msg(expected[i] == drawn[i], "%s differs from line %zu on:\n%.300s", path, line, drawn + i);
    free(expected);
}
