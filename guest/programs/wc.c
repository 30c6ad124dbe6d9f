/* wc FILE...: lines, words and bytes of each file, read by read(2). */
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>
#include "program.h"

static void count_file(const char *path)
{
    static unsigned char buffer[16 << 10];
    uint64_t lines = 0, words = 0, bytes = 0;
    bool in_word = false;
    ssize_t n;
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        fail("wc: %s: %s", path, strerror(errno));
    while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
        bytes += (uint64_t)n;
        for (ssize_t i = 0; i < n; i++) {
            bool space = buffer[i] == ' ' || (buffer[i] >= '\t' && buffer[i] <= '\r');

            lines += buffer[i] == '\n';
            words += !space && !in_word;
            in_word = !space;
        }
    }
    if (n < 0)
        fail("wc: %s: %s", path, strerror(errno));
    close(fd);
    printf("%lu %lu %lu %s\n", (unsigned long)lines, (unsigned long)words, (unsigned long)bytes, path);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        fail("usage: wc FILE...");
    for (int i = 1; i < argc; i++)
        count_file(argv[i]);
    return 0;
}
