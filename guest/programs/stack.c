/* stack DEPTH: so many calls inside each other, with a kilobyte on the stack for each. The stack grows by
 * faults; beyond its limit (8 MiB) it dies of SIGSEGV. */
#include "program.h"

static uint64_t descend(uint64_t depth)
{
    volatile uint64_t local[128];

    for (unsigned i = 0; i < 128; i += 16)
        local[i] = depth + i;
    uint64_t below = depth ? descend(depth - 1) : 0;
    return checksum_add(below, local[depth % 8 * 16]);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        fail("usage: stack DEPTH");
    printf("%016lx\n", (unsigned long)descend(parse_number(argv[1])));
    return 0;
}
