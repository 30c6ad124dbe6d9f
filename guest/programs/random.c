/* random PAGES TOUCHES SEED [PERCENT]: touches of random words in so many pages, PERCENT of them (50) writes.
 * The sequence depends on the seed alone. At the end everything is read once more, so a page that was lost,
 * or came back with another's bytes, changes what is printed. */
#include "program.h"

int main(int argc, char **argv)
{
    if (argc < 4)
        fail("usage: random PAGES TOUCHES SEED [PERCENT]");

    uint64_t pages = parse_number(argv[1]), touches = parse_number(argv[2]), state = parse_number(argv[3]);
    uint64_t percent = argc > 4 ? parse_number(argv[4]) : 50;
    uint64_t words = pages * PROGRAM_PAGE / 8, reads = 0, writes = 0, sum = 0;

    if (!pages)
        fail("random: no pages");
    uint64_t *memory = (uint64_t *)map_pages(pages);
    for (uint64_t i = 0; i < touches; i++) {
        uint64_t word = next_random(&state) % words;

        if (next_random(&state) % 100 < percent) {
            memory[word] = state;
            writes++;
        } else {
            sum = checksum_add(sum, memory[word]);
            reads++;
        }
    }
    for (uint64_t word = 0; word < words; word++)
        sum = checksum_add(sum, memory[word]);
    printf("%lu reads, %lu writes: %016lx\n", (unsigned long)reads, (unsigned long)writes,
           (unsigned long)sum);
    return 0;
}
