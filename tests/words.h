/* Command lines, as a test writes them. */
#pragma once
#include <stdio.h>
#include <string.h>

/* The words of a line, separated by blanks, as after "faultvisor"; there until the next line's. */
static inline int words_of(const char *line, char ***words)
{
    static char copy[512];
    static char *list[32];
    int count = 0;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        list[count++] = word;
    list[count] = NULL;
    *words = list;
    return count;
}
