/* generate bytes|text SEED SIZE: so many bytes of noise, or of lines of made-up words. The same seed gives
 * the same bytes everywhere; scripts/make-disk fills the sample disk with it. */
#include <unistd.h>
#include "program.h"

static char buffer[64 << 10];

static void write_all(const char *data, uint64_t bytes)
{
    while (bytes) {
        ssize_t n = write(STDOUT_FILENO, data, bytes);

        if (n < 0)
            fail("generate: cannot write: %s", strerror(errno));
        data += n;
        bytes -= (uint64_t)n;
    }
}

static void fill_with_noise(uint64_t *state)
{
    for (uint64_t at = 0; at < sizeof(buffer); at += 8) {
        uint64_t value = next_random(state);

        memcpy(buffer + at, &value, 8);
    }
}

static char next_char(uint64_t *state, unsigned *in_word, unsigned *in_line)
{
    static const char vowels[] = "aeiou", consonants[] = "bdfghklmnprstvwz";
    uint64_t r = next_random(state);
    char c;

    if (*in_line > 20 + r % 60)
        c = '\n';
    else if (*in_word > 2 + (r >> 8) % 8)
        c = ' ';
    else
        c = *in_word % 2 ? vowels[(r >> 16) % 5] : consonants[(r >> 16) % 16];
    *in_line = c == '\n' ? 0 : *in_line + 1;
    *in_word = c == '\n' || c == ' ' ? 0 : *in_word + 1;
    return c;
}

static void fill_with_text(uint64_t *state)
{
    static unsigned in_word, in_line;

    for (uint64_t at = 0; at < sizeof(buffer); at++)
        buffer[at] = next_char(state, &in_word, &in_line);
}

int main(int argc, char **argv)
{
    if (argc != 4 || (strcmp(argv[1], "bytes") && strcmp(argv[1], "text")))
        fail("usage: generate bytes|text SEED SIZE");
    uint64_t state = parse_number(argv[2]), left = parse_number(argv[3]);
    while (left) {
        uint64_t bytes = left < sizeof(buffer) ? left : sizeof(buffer);

        if (argv[1][0] == 'b')
            fill_with_noise(&state);
        else
            fill_with_text(&state);
        if (bytes == left && argv[1][0] == 't')
            buffer[bytes - 1] = '\n';
        write_all(buffer, bytes);
        left -= bytes;
    }
    return 0;
}
