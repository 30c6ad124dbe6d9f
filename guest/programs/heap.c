/* heap [ROUNDS]: the two ends of a program's memory. brk: the heap grows, shrinks, and what comes back is
 * zero. malloc: blocks of all sizes come and go, and keep their bytes. */
#include <sys/syscall.h>
#include <unistd.h>
#include "program.h"

#define NR_BLOCKS  64
#define HEAP_PAGES 80ul

static unsigned char *set_break(unsigned char *end)
{
    return (unsigned char *)syscall(SYS_brk, end);
}

/* The C library keeps its own idea of the heap's end, so this comes before the first malloc, and puts the end
 * back. */
static void exercise_break(void)
{
    unsigned char *start = set_break(NULL), *end = start + HEAP_PAGES * PROGRAM_PAGE;
    uint64_t sum = 0;

    for (int round = 0; round < 3; round++) {
        if (set_break(end) != end)
            fail("heap: it does not grow");
        for (unsigned char *p = start; p < end; p += PROGRAM_PAGE / 2) {
            if (*p)
                fail("heap: what came back is not zero");
            *p = (unsigned char)(round + 1);
            sum = checksum_add(sum, *p);
        }
        if (set_break(start) != start)
            fail("heap: it does not shrink");
    }
    printf("brk: %016lx\n", (unsigned long)sum);
}

static void check_block(const unsigned char *block, uint64_t bytes, unsigned char mark)
{
    for (uint64_t i = 0; i < bytes; i++)
        if (block[i] != mark)
            fail("heap: a block of %lu bytes was damaged", (unsigned long)bytes);
}

static void exercise_malloc(uint64_t rounds)
{
    unsigned char *blocks[NR_BLOCKS] = { 0 };
    uint64_t sizes[NR_BLOCKS] = { 0 }, state = 1, total = 0;

    for (uint64_t round = 0; round < rounds; round++) {
        unsigned i = next_random(&state) % NR_BLOCKS;

        check_block(blocks[i], sizes[i], (unsigned char)i);
        free(blocks[i]);
        sizes[i] = next_random(&state) % (next_random(&state) % 4 ? 2000 : 200000);
        blocks[i] = malloc(sizes[i]);
        if (!blocks[i])
            fail("heap: no memory");
        memset(blocks[i], (int)i, sizes[i]);
        total += sizes[i];
    }
    for (unsigned i = 0; i < NR_BLOCKS; i++)
        check_block(blocks[i], sizes[i], (unsigned char)i);
    printf("malloc: %lu bytes in %lu blocks\n", (unsigned long)total, (unsigned long)rounds);
}

int main(int argc, char **argv)
{
    exercise_break();
    exercise_malloc(argc > 1 ? parse_number(argv[1]) : 500);
    return 0;
}
