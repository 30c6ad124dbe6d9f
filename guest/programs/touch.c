/* touch --pages N [--stride P] [--passes K] --read|--write: touch every P-th of N fresh pages, K times over.
 * With --write each touched page holds a number of its own, which every later pass must find there. */
#include <getopt.h>
#include <stdbool.h>
#include "program.h"

static uint64_t touch_all(unsigned char *memory, uint64_t pages, uint64_t stride, bool write)
{
    uint64_t sum = 0;

    for (uint64_t page = 0; page < pages; page += stride) {
        volatile uint64_t *word = (uint64_t *)(memory + page * PROGRAM_PAGE + page % 512 * 8);

        if (write)
            *word += page + 1;
        sum = checksum_add(sum, *word + page);
    }
    return sum;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "pages", required_argument, NULL, 'n' },  { "stride", required_argument, NULL, 's' },
        { "passes", required_argument, NULL, 'k' }, { "read", no_argument, NULL, 'r' },
        { "write", no_argument, NULL, 'w' },        { 0 },
    };
    uint64_t pages = 0, stride = 1, passes = 1, sum = 0;
    int how = 0;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'n')
            pages = parse_number(optarg);
        else if (c == 's')
            stride = parse_number(optarg);
        else if (c == 'k')
            passes = parse_number(optarg);
        else
            how = c;
    }
    if (!pages || !stride || (how != 'r' && how != 'w'))
        fail("usage: touch --pages N [--stride P] [--passes K] --read|--write");
    unsigned char *memory = map_pages(pages);
    for (uint64_t pass = 0; pass < passes; pass++)
        sum = checksum_add(sum, touch_all(memory, pages, stride, how == 'w'));
    printf("%s %lu pages, stride %lu, passes %lu: %016lx\n", how == 'w' ? "wrote" : "read",
           (unsigned long)pages, (unsigned long)stride, (unsigned long)passes, (unsigned long)sum);
    return 0;
}
