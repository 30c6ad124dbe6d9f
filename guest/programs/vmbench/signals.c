/* System calls and signals: syscall, and lmbench's signal and protfault. */
#include <sys/syscall.h>
#include <unistd.h>
#include "vmbench.h"

volatile uint64_t nr_signals;

void on(int signal, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

    sigemptyset(&action.sa_mask);
    if (sigaction(signal, &action, NULL))
        fail("vmbench: sigaction: %s", strerror(errno));
}

unsigned char *page_of(const siginfo_t *info)
{
    return (unsigned char *)((uintptr_t)info->si_addr & ~(PROGRAM_PAGE - 1));
}

uint64_t bench_syscall(uint64_t count)
{
    start();
    for (uint64_t i = 0; i < count; i++)
        syscall(SYS_getppid);
    stop();
    return count;
}

static void take_note(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    nr_signals++;
}

uint64_t bench_signal(uint64_t count)
{
    pid_t self = getpid();

    on(SIGUSR1, take_note);
    start();
    for (uint64_t i = 0; i < count; i++)
        kill(self, 0);
    stop();
    uint64_t sending_ns = spent_ns;
    spent_ns = 0;
    start();
    for (uint64_t i = 0; i < count; i++)
        kill(self, SIGUSR1);
    stop();
    spent_ns -= sending_ns < spent_ns ? sending_ns : spent_ns;
    return count;
}

static volatile uint64_t faults_left;

/* The store is tried again and again. */
static void let_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    nr_signals++;
    if (--faults_left == 0)
        UNPROTECT(page_of(info), 1);
}

uint64_t bench_protfault(uint64_t count)
{
    bench_signal(count);
    uint64_t catching_ns = spent_ns;
    spent_ns = 0;
    on(SIGSEGV, let_fault);
    protect(area, 1, PROT_READ);
    faults_left = count;
    start();
    *(volatile uint64_t *)area = 1;
    stop();
    spent_ns -= catching_ns < spent_ns ? catching_ns : spent_ns;
    return count;
}
