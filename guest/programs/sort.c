/* sort FILE: its lines in the order of their bytes, as `LC_ALL=C sort` prints them. The file is read whole
 * into memory, which may be much more than the machine has, so the way it is walked matters:
 *
 *   1. read     all of the text, by read(2)
 *   2. runs     each stretch of RUN_BYTES is sorted by pointers, and its lines are laid down in order in its
 * place
 *   3. merge    the runs are walked side by side, each from its start to its end
 *
 * so that each page comes in once for each of these, and not once for each line. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "program.h"

#define RUN_BYTES    (512ul << 10)
#define OUTPUT_BYTES (32ul << 10)

struct line {
    const char *start;
    uint64_t bytes; /* without the newline */
};

/* What is left of a sorted stretch; line is its first. */
struct run {
    struct line line;
    const char *end;
};

static int compare_lines(const struct line *a, const struct line *b)
{
    uint64_t common = a->bytes < b->bytes ? a->bytes : b->bytes;
    int order = memcmp(a->start, b->start, common);

    return order ? order : (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

static int compare_for_qsort(const void *a, const void *b)
{
    return compare_lines(a, b);
}

/* The line that starts at start; every line ends with a newline before end. */
static struct line line_at(const char *start, const char *end)
{
    const char *newline = memchr(start, '\n', (size_t)(end - start));

    return (struct line){ start, (uint64_t)(newline - start) };
}

/* 1. The text with a newline at its end. */
static char *read_text(const char *path, uint64_t *bytes)
{
    struct stat st;
    int fd = open(path, O_RDONLY);

    if (fd < 0 || fstat(fd, &st) < 0)
        fail("sort: %s: %s", path, strerror(errno));
    char *text = malloc((size_t)st.st_size + 1);
    if (!text)
        fail("sort: no memory for %s", path);
    uint64_t have = 0;
    while (have < (uint64_t)st.st_size) {
        ssize_t n = read(fd, text + have, (size_t)st.st_size - have);

        if (n < 0)
            fail("sort: %s: %s", path, strerror(errno));
        if (n == 0)
            break;
        have += (uint64_t)n;
    }
    close(fd);
    if (have && text[have - 1] != '\n')
        text[have++] = '\n';
    *bytes = have;
    return text;
}

/* 2. Sort the lines of [start, end) in place. */
static void sort_stretch(char *start, char *end)
{
    uint64_t nr_lines = 0, at = 0;

    for (const char *p = start; p < end; p++)
        nr_lines += *p == '\n';
    struct line *lines = malloc(nr_lines * sizeof(*lines));
    char *sorted = malloc((size_t)(end - start));
    if (!lines || !sorted)
        fail("sort: no memory");
    const char *p = start;
    for (uint64_t i = 0; i < nr_lines; i++) {
        lines[i] = line_at(p, end);
        p = lines[i].start + lines[i].bytes + 1;
    }
    qsort(lines, nr_lines, sizeof(*lines), compare_for_qsort);
    for (uint64_t i = 0; i < nr_lines; i++) {
        memcpy(sorted + at, lines[i].start, lines[i].bytes + 1);
        at += lines[i].bytes + 1;
    }
    memcpy(start, sorted, at);
    free(sorted);
    free(lines);
}

/* Cut text into runs, at ends of lines, and sort each. */
static struct run *make_runs(char *text, uint64_t bytes, unsigned *nr_runs)
{
    struct run *runs = malloc((bytes / RUN_BYTES + 1) * sizeof(*runs));
    char *end = text + bytes, *next;

    if (!runs)
        fail("sort: no memory");
    *nr_runs = 0;
    for (char *start = text; start < end; start = next) {
        next = (uint64_t)(end - start) <= RUN_BYTES ? end : start + RUN_BYTES;
        if (next < end)
            next = (char *)memchr(next, '\n', (size_t)(end - next)) + 1;
        sort_stretch(start, next);
        runs[(*nr_runs)++] = (struct run){ line_at(start, next), next };
    }
    return runs;
}

/* 3. runs is a heap: the run with the least first line is at 0. Let the run at `at` sink to its place. */
static void heap_sink(struct run *runs, unsigned nr_runs, unsigned at)
{
    for (;;) {
        unsigned least = at;

        for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < nr_runs; child++)
            if (compare_lines(&runs[child].line, &runs[least].line) < 0)
                least = child;
        if (least == at)
            return;
        struct run moved = runs[at];
        runs[at] = runs[least];
        runs[least] = moved;
        at = least;
    }
}

static void print_line(const struct line *line)
{
    if (fwrite(line->start, 1, line->bytes + 1, stdout) != line->bytes + 1)
        fail("sort: cannot write: %s", strerror(errno));
}

static uint64_t sum;

static void sum_line(const struct line *line)
{
    for (uint64_t i = 0; i <= line->bytes; i++)
        sum = checksum_add(sum, (unsigned char)line->start[i]);
}

static void merge_runs(struct run *runs, unsigned nr_runs, void (*take)(const struct line *))
{
    for (unsigned at = nr_runs; at-- > 0;)
        heap_sink(runs, nr_runs, at);
    while (nr_runs) {
        const struct line *line = &runs[0].line;
        const char *next = line->start + line->bytes + 1;

        take(line);
        if (next < runs[0].end)
            runs[0].line = line_at(next, runs[0].end);
        else
            runs[0] = runs[--nr_runs];
        heap_sink(runs, nr_runs, 0);
    }
}

int main(int argc, char **argv)
{
    static char output[OUTPUT_BYTES];
    uint64_t bytes;
    unsigned nr_runs;

    if (argc < 2 || argc > 3 || (argc == 3 && strcmp(argv[2], "sum") != 0))
        fail("usage: sort FILE [sum]");
    setvbuf(stdout, output, _IOFBF, sizeof(output));
    char *text = read_text(argv[1], &bytes);
    struct run *runs = make_runs(text, bytes, &nr_runs);
    merge_runs(runs, nr_runs, argc == 3 ? sum_line : print_line);
    if (argc == 3)
        printf("%016lx\n", (unsigned long)sum);
    if (fflush(stdout))
        fail("sort: cannot write: %s", strerror(errno));
    return 0;
}
