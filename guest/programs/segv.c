/* segv MODE [ARGUMENT]: faults that the program itself is told of, or dies of.
 *
 *   barrier N      N pages that nobody may touch, opened one by one by the handler; then made read-only, and
 * opened again for writing: the write barrier of a garbage collector unmapped       a handler leaves a touch
 * of nothing by siglongjmp beyond FILE    a mapping that goes on a page beyond its file: SIGBUS, caught die,
 * die-text, die-exec, die-bus FILE     the same kinds of faults with no handler */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include "program.h"

static unsigned char *barrier_start;
static uint64_t barrier_pages;
static volatile uint64_t nr_faults;
static sigjmp_buf way_out;
static volatile int seen_signal, seen_code;
static volatile unsigned char *volatile nowhere =
    (volatile unsigned char *)64; /* volatile: no compiler may know better */

static void install(void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSEGV, &action, NULL) || sigaction(SIGBUS, &action, NULL))
        fail("segv: sigaction: %s", strerror(errno));
}

/* Open the page that was touched, and let the instruction run again. */
static void open_page(int signal, siginfo_t *info, void *context)
{
    uint64_t offset = (uint64_t)((unsigned char *)info->si_addr - barrier_start);
    unsigned char *page = barrier_start + offset / PROGRAM_PAGE * PROGRAM_PAGE;

    (void)context;
    if (signal != SIGSEGV || info->si_code != SEGV_ACCERR || offset >= barrier_pages * PROGRAM_PAGE)
        _exit(3);
    nr_faults++;
    if (mprotect(page, PROGRAM_PAGE, PROT_READ | PROT_WRITE))
        _exit(4);
}

static void run_barrier(uint64_t pages)
{
    barrier_pages = pages;
    barrier_start = map_pages(pages);
    install(open_page);
    for (int round = 0; round < 2; round++) {
        if (mprotect(barrier_start, pages * PROGRAM_PAGE, round == 0 ? PROT_NONE : PROT_READ))
            fail("segv: mprotect: %s", strerror(errno));
        nr_faults = 0;
        for (uint64_t page = 0; page < pages; page++)
            *(volatile uint64_t *)(barrier_start + page * PROGRAM_PAGE + 16) += page + 1;
        printf("round %d: %lu faults\n", round, (unsigned long)nr_faults);
    }
    uint64_t sum = 0;
    for (uint64_t page = 0; page < pages; page++)
        sum = checksum_add(sum, *(uint64_t *)(barrier_start + page * PROGRAM_PAGE + 16));
    printf("%016lx\n", (unsigned long)sum);
}

static void leave(int signal, siginfo_t *info, void *context)
{
    (void)context;
    seen_signal = signal;
    seen_code = info->si_code;
    siglongjmp(way_out, 1);
}

static void touch_and_tell(volatile unsigned char *p)
{
    install(leave);
    if (sigsetjmp(way_out, 1) == 0) {
        *p;
        fail("segv: nothing happened");
    }
    if (seen_signal == SIGBUS)
        printf("SIGBUS, %s\n", seen_code == BUS_ADRERR ? "no such address" : "other");
    else
        printf("SIGSEGV, %s\n", seen_code == SEGV_MAPERR ? "not mapped" : "forbidden");
}

/* The first byte of the page after the file's last one, mapped. */
static unsigned char *map_beyond(const char *path)
{
    struct stat st;
    int fd = path ? open(path, O_RDONLY) : -1;

    if (fd < 0 || fstat(fd, &st) < 0)
        fail("segv: %s: %s", path ? path : "no file", strerror(errno));
    uint64_t bytes = ((uint64_t)st.st_size + PROGRAM_PAGE - 1) / PROGRAM_PAGE * PROGRAM_PAGE;
    unsigned char *p = mmap(NULL, bytes + PROGRAM_PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        fail("segv: %s: %s", path, strerror(errno));
    return p + bytes;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "", *argument = argc > 2 ? argv[2] : NULL;
    static volatile unsigned char data[1] = { 0xc3 };

    if (!strcmp(mode, "barrier") && argument)
        run_barrier(parse_number(argument));
    else if (!strcmp(mode, "unmapped"))
        touch_and_tell(nowhere);
    else if (!strcmp(mode, "beyond"))
        touch_and_tell(map_beyond(argument));
    else if (!strcmp(mode, "die"))
        *nowhere = 1;
    else if (!strcmp(mode, "die-text"))
        *(volatile unsigned char *)(uintptr_t)main = 1;
    else if (!strcmp(mode, "die-exec"))
        ((void (*)(void))(uintptr_t)data)();
    else if (!strcmp(mode, "die-bus"))
        *(volatile unsigned char *)map_beyond(argument);
    else
        fail("usage: segv barrier N | unmapped | beyond FILE | die | die-text | die-exec | die-bus FILE");
    return 0;
}
