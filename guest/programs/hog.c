/* hog [LIMIT]: takes memory, and keeps it, until it is killed or has as much as LIMIT (1G). */
#include "program.h"

#define PIECE_PAGES 256ul

int main(int argc, char **argv)
{
    uint64_t limit = argc > 1 ? parse_number(argv[1]) : 1ul << 30;

    puts("taking memory");
    fflush(stdout);
    for (uint64_t have = 0; have < limit; have += PIECE_PAGES * PROGRAM_PAGE) {
        unsigned char *piece = map_pages(PIECE_PAGES);

        for (uint64_t page = 0; page < PIECE_PAGES; page++)
            *(volatile uint64_t *)(piece + page * PROGRAM_PAGE) = have + page;
    }
    puts("still alive");
    return 0;
}
