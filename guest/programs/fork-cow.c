/* fork-cow PAGES [CHILDREN]: fill pages, fork, and let the parent and all the children write to them at once.
 * Each must see its own writes, what the parent had written before the fork, and nothing of the others'. */
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>
#include "program.h"

#define BEFORE_FORK 0 /* who wrote a page; processes are numbered from 1 */

static uint64_t page_value(uint64_t writer, uint64_t page)
{
    return writer << 32 | (page + 1);
}

static uint64_t *page_word(unsigned char *memory, uint64_t page)
{
    return (uint64_t *)(memory + page * PROGRAM_PAGE + page % 500 * 8);
}

/* Each process leaves some pages alone, and not the same ones. */
static bool writes_page(uint64_t writer, uint64_t page)
{
    return (page + writer) % 3 != 0;
}

static bool view_is_intact(unsigned char *memory, uint64_t pages, uint64_t writer, bool written)
{
    for (uint64_t page = 0; page < pages; page++) {
        bool mine = written && writes_page(writer, page);

        if (*page_word(memory, page) != page_value(mine ? writer : BEFORE_FORK, page))
            return false;
    }
    return true;
}

static bool live(unsigned char *memory, uint64_t pages, uint64_t writer)
{
    if (!view_is_intact(memory, pages, writer, false))
        return false;
    for (uint64_t page = 0; page < pages; page++)
        if (writes_page(writer, page))
            *page_word(memory, page) = page_value(writer, page);
    return view_is_intact(memory, pages, writer, true);
}

int main(int argc, char **argv)
{
    uint64_t pages = argc > 1 ? parse_number(argv[1]) : 0, children = argc > 2 ? parse_number(argv[2]) : 1;
    uint64_t broken = 0;
    int status;

    if (!pages)
        fail("usage: fork-cow PAGES [CHILDREN]");
    unsigned char *memory = map_pages(pages);
    for (uint64_t page = 0; page < pages; page++)
        *page_word(memory, page) = page_value(BEFORE_FORK, page);
    for (uint64_t child = 1; child <= children; child++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("fork-cow: cannot fork: %s", strerror(errno));
        if (pid == 0)
            _exit(live(memory, pages, child + 1) ? 0 : 1);
    }
    broken += !live(memory, pages, 1);
    while (wait(&status) > 0)
        broken += status != 0;
    broken += !view_is_intact(memory, pages, 1, true);
    printf("%lu pages, %lu children: %lu broken views\n", (unsigned long)pages, (unsigned long)children,
           (unsigned long)broken);
    return broken != 0;
}
