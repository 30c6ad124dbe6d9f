/* spin PROCESSES MILLISECONDS: busy processes that never let go of the CPU, and a parent that sleeps for a
 * part of that time. If it wakes while they still spin, they were preempted. */
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "program.h"

static uint64_t clock_ms(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now))
        fail("spin: no clock: %s", strerror(errno));
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The clock is asked for now and then only: a process that makes no system calls can be stopped by a timer
 * alone. */
static void spin_until(uint64_t end_ms)
{
    do {
        for (volatile unsigned i = 0; i < 100000;)
            i = i + 1;
    } while (clock_ms() < end_ms);
}

int main(int argc, char **argv)
{
    uint64_t processes = argc > 1 ? parse_number(argv[1]) : 0, ms = argc > 2 ? parse_number(argv[2]) : 0;

    if (!processes || !ms)
        fail("usage: spin PROCESSES MILLISECONDS");
    uint64_t start_ms = clock_ms();
    for (uint64_t i = 0; i < processes; i++) {
        pid_t pid = fork();

        if (pid < 0)
            fail("spin: cannot fork: %s", strerror(errno));
        if (pid == 0) {
            spin_until(start_ms + ms);
            _exit(0);
        }
    }
    struct timespec nap = { (time_t)(ms / 4 / 1000), (long)(ms / 4 % 1000 * 1000000) };
    nanosleep(&nap, NULL);
    bool woke_early = waitpid(-1, NULL, WNOHANG) == 0;
    while (wait(NULL) > 0)
        ;
    printf("%lu busy processes, preempted: %s\n", (unsigned long)processes, woke_early ? "yes" : "no");
    return !woke_early;
}
