/* cat FILE...: the files' bytes, by read(2) and write(2). */
#include <fcntl.h>
#include <unistd.h>
#include "program.h"

static void copy_file(const char *path)
{
    static char buffer[16 << 10];
    ssize_t n;
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        fail("cat: %s: %s", path, strerror(errno));
    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        for (ssize_t done = 0, wrote; done < n; done += wrote) {
            wrote = write(STDOUT_FILENO, buffer + done, (size_t)(n - done));
            if (wrote < 0)
                fail("cat: cannot write: %s", strerror(errno));
        }
    if (n < 0)
        fail("cat: %s: %s", path, strerror(errno));
    close(fd);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        copy_file(argv[i]);
    return 0;
}
