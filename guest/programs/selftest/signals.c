/* Signals: what a handler is told, masks, stacks. */
#include <alloca.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "selftest.h"

sigjmp_buf back;
volatile int caught, caught_code;
static volatile int caught_error, caught_trap;
static void *volatile caught_address;
static volatile unsigned long caught_cr2, caught_stack;

void note_signal(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *c = context;

    caught = signal;
    caught_code = info->si_code;
    caught_address = info->si_addr;
    caught_error = (int)c->uc_mcontext.gregs[REG_ERR];
    caught_trap = (int)c->uc_mcontext.gregs[REG_TRAPNO];
    caught_cr2 = (unsigned long)c->uc_mcontext.gregs[REG_CR2];
    caught_stack = (unsigned long)&c;
}

static void note_and_jump(int signal, siginfo_t *info, void *context)
{
    note_signal(signal, info, context);
    siglongjmp(back, 1);
}

void on_signal(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

    sigemptyset(&a.sa_mask);
    CHECK(sigaction(signal, &a, NULL) == 0);
    caught = 0;
}

void test_faults(void)
{
    unsigned char *p = map_pages(2);

    on_signal(SIGSEGV, note_and_jump, 0);
    CHECK(munmap(p + PROGRAM_PAGE, PROGRAM_PAGE) == 0 && mprotect(p, PROGRAM_PAGE, PROT_READ) == 0);
    if (!sigsetjmp(back, 1))
        *(volatile char *)(p + 5) = 1;
    CHECK(caught == SIGSEGV && caught_code == SEGV_ACCERR && caught_address == p + 5);
    CHECK(caught_trap == 14 && (caught_error & 6) == 6 && caught_cr2 == (unsigned long)p + 5);
    if (!sigsetjmp(back, 1))
        (void)*(volatile char *)(p + PROGRAM_PAGE + 9);
    CHECK(caught_code == SEGV_MAPERR && caught_address == p + PROGRAM_PAGE + 9 && (caught_error & 6) == 4);
    if (!sigsetjmp(back, 1))
        (void)*(volatile char *)0x8000000000000000ul; /* not canonical: no page fault */
    CHECK(caught_code == SI_KERNEL && caught_address == NULL && caught_trap == 13);
    if (!sigsetjmp(back, 1))
        ((void (*)(void))p)();
    CHECK(caught_code == SEGV_ACCERR && caught_address == p);
    on_signal(SIGFPE, note_and_jump, 0);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" ::: "eax", "ecx", "edx");
    CHECK(caught == SIGFPE && caught_code == FPE_INTDIV && caught_trap == 0);
    on_signal(SIGILL, note_and_jump, 0);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("ud2");
    CHECK(caught == SIGILL && caught_code == ILL_ILLOPN && caught_trap == 6);
    on_signal(SIGTRAP, note_signal, 0);
    __asm__ volatile("int3");
    CHECK(caught == SIGTRAP && caught_code == SI_KERNEL && caught_trap == 3);
    munmap(p, PROGRAM_PAGE);
}

/* A handler that makes the page writable, and returns: the store happens after all. */
static unsigned char *guarded;

static void lift_guard(int signal, siginfo_t *info, void *context)
{
    note_signal(signal, info, context);
    mprotect(guarded, PROGRAM_PAGE, PROT_READ | PROT_WRITE);
}

void test_return(void)
{
    double in = 1.5, out = 0;

    guarded = map_pages(1);
    mprotect(guarded, PROGRAM_PAGE, PROT_NONE);
    on_signal(SIGSEGV, lift_guard, 0);
    __asm__ volatile("movsd %[in], %%xmm9; movb $42, (%[guarded]); movsd %%xmm9, %[out]"
                     : [out] "=m"(out)
                     : [in] "m"(in), [guarded] "r"(guarded)
                     : "xmm9", "memory");
    CHECK(caught == SIGSEGV && *guarded == 42 && out == in);
    munmap(guarded, PROGRAM_PAGE);
}

static volatile int depth, deepest, calls;

static void nest(int signal)
{
    if (++depth > deepest)
        deepest = depth;
    if (++calls < 3)
        raise(signal);
    depth--;
}

void test_masks(void)
{
    struct sigaction a = { .sa_handler = nest, .sa_flags = SA_NODEFER }, old;
    sigset_t set, before, pending;

    sigemptyset(&a.sa_mask);
    CHECK(sigaction(SIGUSR1, &a, NULL) == 0 && raise(SIGUSR1) == 0 && deepest == 3); /* SA_NODEFER nests */
    calls = deepest = a.sa_flags = 0;
    CHECK(sigaction(SIGUSR1, &a, &old) == 0 && (old.sa_flags & SA_NODEFER) && old.sa_handler == nest);
    raise(SIGUSR1);
    CHECK(deepest == 1 && calls == 3); /* else they follow one another */
    on_signal(SIGUSR1, note_signal, SA_RESETHAND);
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGKILL);
    CHECK(sigprocmask(SIG_BLOCK, &set, &before) == 0 && raise(SIGUSR1) == 0 && caught == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, SIGKILL) == 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && caught == SIGUSR1 && caught_code == SI_TKILL);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL); /* SA_RESETHAND */
    CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL && raise(SIGUSR1) == 0);
    on_signal(SIGUSR2, note_signal, 0);
    CHECK(kill(getpid(), SIGUSR2) == 0 && caught == SIGUSR2 && caught_code == SI_USER);
    CHECK(FAILS(kill(getpid(), 65), EINVAL) && kill(getpid(), 0) == 0 && FAILS(kill(999999, 0), ESRCH));
    CHECK(FAILS(sigaction(SIGKILL, &a, NULL), EINVAL) && FAILS(sigaction(65, &a, NULL), EINVAL));
    sigprocmask(SIG_BLOCK, NULL, &before), sigemptyset(&set), sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL), raise(SIGUSR2), caught = 0;
    CHECK(FAILS(sigsuspend(&before), EINTR) && caught == SIGUSR2);
    CHECK(sigprocmask(SIG_SETMASK, &before, &set) == 0 && sigismember(&set, SIGUSR2) == 1);
}

void test_signal_stack(void)
{
    stack_t new = { .ss_sp = map_pages(4), .ss_size = 4 * PROGRAM_PAGE }, old;
    unsigned long from = (unsigned long)new.ss_sp, to = from + new.ss_size;

    CHECK(sigaltstack(&new, &old) == 0 && (old.ss_flags & SS_DISABLE));
    on_signal(SIGUSR2, note_signal, SA_ONSTACK);
    raise(SIGUSR2);
    CHECK(caught_stack > from && caught_stack < to);
    on_signal(SIGUSR2, note_signal, 0);
    raise(SIGUSR2);
    CHECK(caught_stack < from || caught_stack >= to);
    /* A stack that points nowhere: only the other one can take the signal. */
    on_signal(SIGSEGV, note_and_jump, SA_ONSTACK);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("xorl %%esp, %%esp; pushq %%rax" ::: "memory");
    CHECK(caught == SIGSEGV && caught_stack > from && caught_stack < to);
    new.ss_size = 100;
    CHECK(FAILS(sigaltstack(&new, NULL), ENOMEM));
    new.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&new, NULL) == 0 && sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE));
    munmap((void *)from, 4 * PROGRAM_PAGE);
}

/* A handler that leaves too little of its stack for the next one's frame. */
static unsigned char *bottom_of_stack;

static void use_up_stack(int signal)
{
    if (++depth > 1)
        _exit(3);
    volatile unsigned char *here = alloca(64);
    volatile unsigned char *low = alloca((size_t)(here - bottom_of_stack) - 700);

    *low = 1;
    syscall(SYS_kill, getpid(), signal);
    _exit(4);
}

void test_signal_stack_overflow(void)
{
    pid_t child = fork();

    if (child == 0) {
        bottom_of_stack = map_pages(24) + 16 * PROGRAM_PAGE;
        stack_t other = { .ss_sp = bottom_of_stack, .ss_size = 8 * PROGRAM_PAGE };
        struct sigaction a = { .sa_handler = use_up_stack, .sa_flags = SA_ONSTACK | SA_NODEFER };

        depth = 0;
        sigaltstack(&other, NULL);
        sigaction(SIGUSR1, &a, NULL);
        raise(SIGUSR1);
    }
    int status = wait_for(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}
