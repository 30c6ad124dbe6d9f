/* The kernel's command line: options, "--", the program and its arguments; decoded in place in a buffer of
 * ours. */
#include "command_line.h"
#include "kernel.h"
#include "pv/abi.h"

static char buffer[PV_CMDLINE_SIZE + 1];

/* Cut the first word off *rest, at one space. NULL: there was none left. */
static char *take_word(char **rest)
{
    char *word = *rest;
    if (!word)
        return NULL;
    char *space = strchr(word, ' ');
    if (space)
        *space = 0;
    *rest = space ? space + 1 : NULL;
    return word;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Undo \xHH. Anything else after a backslash is a mistake, and so is a NUL, which no argument can hold. */
static bool decode(char *word)
{
    char *to = word;
    for (const char *from = word; *from; to++) {
        if (*from != '\\') {
            *to = *from++;
            continue;
        }
        int high = from[1] == 'x' ? hex_digit(from[2]) : -1;
        int low = high >= 0 ? hex_digit(from[3]) : -1;
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *to = (char)(high << 4 | low);
        from += 4;
    }
    *to = 0;
    return true;
}

static bool parse_number(const char *text, uint64_t *n)
{
    *n = 0;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(*n, 10, n) ||
            __builtin_add_overflow(*n, (uint64_t)(*text - '0'), n))
            return false;
    }
    return true;
}

static bool parse_option(struct command_line *out, const char *word)
{
    if (strncmp(word, "policy=", 7) == 0 && word[7]) {
        out->policy = word + 7;
        return true;
    }
    return (strncmp(word, "seed=", 5) == 0 && parse_number(word + 5, &out->seed)) ||
           (strncmp(word, "tsc_early_khz=", 14) == 0 && parse_number(word + 14, &out->tsc_khz));
}

static bool fail(struct command_line *out, const char *word)
{
    out->policy = word;
    return false;
}

bool command_line_parse(struct command_line *out, const char *text)
{
    memset(out, 0, sizeof *out);
    size_t length = 0;
    while (length < PV_CMDLINE_SIZE && text[length])
        length++;
    memcpy(buffer, text, length);
    buffer[length] = 0;

    char *rest = buffer;
    char *word;
    while ((word = take_word(&rest)) && strcmp(word, "--") != 0)
        if (*word && !parse_option(out, word))
            return fail(out, word);
    while ((word = take_word(&rest))) {
        if (out->argc == MAX_ARGS || !decode(word))
            return fail(out, word);
        out->argv[out->argc++] = word;
    }
    return true;
}
