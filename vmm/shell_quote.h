/* A word as a POSIX shell would be given it. */
#pragma once
#include <stdio.h>

/* Quoted only where that is needed. POSIX.1-2017, Shell Command Language, 2.2.2. */
void shell_quote(const char *word, FILE *to);
