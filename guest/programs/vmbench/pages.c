/* Pages that are touched for the first time: minor, cow, and lmbench's pagefault. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vmbench.h"

#define MOST_FRESH 1000ul

const char *mapped_file = "data/medium";

unsigned char *fresh_pages(uint64_t pages)
{
    unsigned char *p = map_pages(pages);

    madvise(p, pages * PROGRAM_PAGE, MADV_NOHUGEPAGE);
    return p;
}

void fill(unsigned char *p, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        *(volatile uint64_t *)(p + i * PROGRAM_PAGE) = i + 1;
}

void shuffle(uint64_t *numbers, uint64_t n, uint64_t seed)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t other = next_random(&seed) % (i + 1);

        numbers[i] = numbers[other];
        numbers[other] = i;
    }
}

/* What a benchmark mapped is unmapped when there is no time to be measured, and not at all if it was the
 * last: page tables that are changed page by page, only to be dropped, would be in the counts of a run. */
static void keep(unsigned char *p, uint64_t bytes)
{
    static unsigned char *kept;
    static uint64_t kept_bytes;

    if (kept)
        munmap(kept, kept_bytes);
    kept = p;
    kept_bytes = bytes;
}

uint64_t bench_minor(uint64_t count)
{
    for (uint64_t done = 0; done < count; done += MOST_FRESH) {
        uint64_t pages = count - done < MOST_FRESH ? count - done : MOST_FRESH;
        unsigned char *p = fresh_pages(pages);

        start();
        fill(p, pages);
        stop();
        keep(p, pages * PROGRAM_PAGE);
    }
    return count;
}

/* The child writes, and reports, while its parent does nothing but wait. */
uint64_t bench_cow(uint64_t count)
{
    uint64_t pages = count < MOST_FRESH ? count : MOST_FRESH;
    unsigned char *p = fresh_pages(pages);
    int status;

    fill(p, pages);
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        fail("vmbench: fork: %s", strerror(errno));
    if (child == 0) {
        start();
        fill(p, pages);
        stop();
        report("cow", pages);
        exit(0);
    }
    if (waitpid(child, &status, 0) != child || status)
        fail("vmbench: the child of cow failed");
    keep(p, pages * PROGRAM_PAGE);
    return 0;
}

uint64_t bench_pagefault(uint64_t count)
{
    struct stat st;
    int fd = open(mapped_file, O_RDONLY);

    if (fd < 0 || fstat(fd, &st))
        fail("vmbench: %s: %s", mapped_file, strerror(errno));
    uint64_t pages = (uint64_t)st.st_size / PROGRAM_PAGE;
    pages = pages < count ? pages : count;
    unsigned char *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    uint64_t *turn = malloc(pages * sizeof turn[0]);
    if (p == MAP_FAILED || !turn)
        fail("vmbench: %s: %s", mapped_file, strerror(errno));
    shuffle(turn, pages, 1996);
    start();
    for (uint64_t i = 0; i < pages; i++)
        (void)*(volatile unsigned char *)(p + turn[i] * PROGRAM_PAGE);
    stop();
    free(turn);
    keep(p, (uint64_t)st.st_size);
    close(fd);
    return pages;
}
