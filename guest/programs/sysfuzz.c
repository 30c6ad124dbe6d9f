/* sysfuzz SEED [CHILDREN [CALLS]]: random system calls with hostile arguments, made by children that may die
 * of it. Prints only "done": the kernel is tested by its being there still. Not for a real system, on which
 * it would do what it says: it runs where uname tells of the guest kernel, and nowhere else.
 *
 *   1. arguments
 *   2. calls
 *   3. children */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "program.h"

#define ARENA       0x10000000ul /* where calls that map and unmap find something */
#define ARENA_PAGES 64
#define NR_WORDS    64
#define DEEP_CALLS  16 /* of a child's own child */
#define TICK_NS     5000000
#define MAX_TICKS   40

/* 1. Arguments. */
static uint64_t state;           /* of the random numbers */
static uint64_t words[NR_WORDS]; /* what pointers point to: arguments again */
static const char *const paths[] = {
    "data/small",         "data",      "bin/exit", "bin/none",       "/", ".", "..",
    "data/../bin/./exit", "data/link", "",         "data/small/none"
};
static char long_path[2 * PROGRAM_PAGE];

static uint64_t choose(uint64_t n)
{
    return next_random(&state) % n;
}

static uint64_t edge(void)
{
    static const uint64_t edges[] = { 0x7ffffffff000,
                                      0x800000000000,
                                      0xffff800000000000,
                                      0xffff880000000000,
                                      0xffffff0000000000,
                                      0xffffffff80000000,
                                      0xffffffffffffffff,
                                      0,
                                      1ull << 31,
                                      1ull << 32,
                                      1ull << 63,
                                      ARENA,
                                      ARENA + ARENA_PAGES * PROGRAM_PAGE };
    return edges[choose(sizeof edges / sizeof edges[0])] + choose(3) * 8 - 8 + choose(3) - 1;
}

static uint64_t in_arena(void)
{
    uint64_t at = ARENA + choose(ARENA_PAGES) * PROGRAM_PAGE;
    return choose(3) ? at : at + PROGRAM_PAGE - choose(32);
}

static uint64_t argument(void)
{
    switch (choose(12)) {
    case 0:
        return edge();
    case 1:
        return next_random(&state) >> choose(64);
    case 2:
        return -choose(5000);
    case 3:
        return choose(16) * PROGRAM_PAGE;
    case 4:
    case 5:
        return in_arena();
    case 6:
        return (uint64_t)&words[choose(NR_WORDS)];
    case 7:
        return (uint64_t)paths[choose(sizeof paths / sizeof paths[0])];
    case 8:
        return (uint64_t)long_path + choose(sizeof long_path);
    case 9:
        return 1ull << choose(64);
    default:
        return choose(64);
    }
}

/* 2. Calls. */

/* Not here: what waits for ever (pause, rt_sigsuspend, nanosleep), what ends others (make_harmless). */
static const int calls[] = {
    SYS_read,          SYS_write,
    SYS_open,          SYS_close,
    SYS_stat,          SYS_fstat,
    SYS_lstat,         SYS_lseek,
    SYS_mmap,          SYS_mprotect,
    SYS_munmap,        SYS_brk,
    SYS_rt_sigaction,  SYS_rt_sigprocmask,
    SYS_ioctl,         SYS_pread64,
    SYS_readv,         SYS_writev,
    SYS_access,        SYS_sched_yield,
    SYS_mremap,        SYS_msync,
    SYS_madvise,       SYS_dup,
    SYS_dup2,          SYS_getpid,
    SYS_clone,         SYS_fork,
    SYS_vfork,         SYS_execve,
    SYS_wait4,         SYS_uname,
    SYS_fcntl,         SYS_getcwd,
    SYS_chdir,         SYS_readlink,
    SYS_gettimeofday,  SYS_getrlimit,
    SYS_rt_sigpending, SYS_sigaltstack,
    SYS_arch_prctl,    SYS_time,
    SYS_getdents64,    SYS_set_tid_address,
    SYS_clock_gettime, SYS_clock_getres,
    SYS_openat,        SYS_newfstatat,
    SYS_faccessat,     SYS_set_robust_list,
    SYS_dup3,          SYS_prlimit64,
    SYS_getrandom,     SYS_mmap,
    SYS_mprotect,      SYS_munmap,
    SYS_madvise,       SYS_mremap,
    SYS_brk,           SYS_read,
    SYS_pread64,
};
/* Seldom: the caller is gone after most of these. */
static const int rare_calls[] = { SYS_rt_sigreturn, SYS_exit,  SYS_exit_group, SYS_kill,
                                  SYS_tgkill,       SYS_tkill, SYS_nanosleep,  SYS_clock_nanosleep };

/* The C library would store errno, and FS may be anywhere. */
static long raw_call(long number, const uint64_t a[6])
{
    register uint64_t r10 __asm__("r10") = a[3];
    register uint64_t r8 __asm__("r8") = a[4];
    register uint64_t r9 __asm__("r9") = a[5];
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static long pid_now(void)
{
    return raw_call(SYS_getpid, (const uint64_t[6]){ 0 });
}

/* Likely values where only few are any use at all. */
static void make_likely(long number, uint64_t a[6])
{
    if (number == SYS_mmap) {
        a[0] = choose(4) ? in_arena() & ~(PROGRAM_PAGE - 1) : a[0];
        a[1] = choose(4) ? choose(ARENA_PAGES) * PROGRAM_PAGE : a[1];
        a[2] = choose(8);
        a[3] = choose(4) ? MAP_PRIVATE | MAP_ANONYMOUS | (choose(2) ? MAP_FIXED : 0) : MAP_PRIVATE;
    } else if (number == SYS_mprotect || number == SYS_munmap || number == SYS_madvise ||
               number == SYS_mremap) {
        a[0] = choose(4) ? in_arena() & ~(PROGRAM_PAGE - 1) : a[0];
        a[1] = choose(4) ? choose(8) * PROGRAM_PAGE : a[1];
        a[2] = choose(4) ? choose(8) : a[2];
    } else if (number == SYS_clone) {
        a[0] = choose(4) ? SIGCHLD : choose(2) ? (uint64_t)(CLONE_VM | CLONE_VFORK | SIGCHLD) : a[0];
    } else if (number == SYS_rt_sigaction || number == SYS_rt_sigprocmask) {
        a[3] = 8;
    }
}

/* Signals to oneself and to nobody; sleeps that end. */
static void make_harmless(long number, uint64_t a[6])
{
    if (number == SYS_kill || number == SYS_tkill)
        a[0] = choose(2) ? (uint64_t)pid_now() : 30000 + choose(100);
    if (number == SYS_tgkill)
        a[0] = a[1] = (uint64_t)pid_now();
    if (number == SYS_nanosleep || number == SYS_clock_nanosleep)
        a[0] = a[2] = edge();
    if (number == SYS_wait4)
        a[2] |= WNOHANG;
}

static void make_call(bool may_fork)
{
    uint64_t a[6];
    long number = choose(100) ? calls[choose(sizeof calls / sizeof calls[0])]
                              : rare_calls[choose(sizeof rare_calls / sizeof rare_calls[0])];

    if (choose(50) == 0)
        number = (long)(choose(2) ? 500 + choose(1000) : next_random(&state));
    if (!may_fork && (number == SYS_fork || number == SYS_vfork || number == SYS_clone))
        return;
    for (unsigned i = 0; i < 6; i++)
        a[i] = argument();
    make_likely(number, a);
    make_harmless(number, a);
    words[choose(NR_WORDS)] = argument();
    raw_call(number, a);
    if (choose(100) == 0)
        *(volatile char *)in_arena() += 1;
}

/* 3. Children. */
static void run_child(uint64_t nr_calls)
{
    long pid = pid_now();

    for (int fd = 0; fd < 3; fd++)
        close(fd); /* nothing of all this is to be seen */
    for (unsigned i = 0; i < NR_WORDS; i++)
        words[i] = argument();
    mmap((void *)ARENA, ARENA_PAGES * PROGRAM_PAGE, PROT_READ | PROT_WRITE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (uint64_t i = 0; i < nr_calls; i++) {
        make_call(true);
        if (pid_now() == pid)
            continue;
        for (unsigned k = 0; k < DEEP_CALLS; k++)
            make_call(false);
        break;
    }
    _exit(0);
}

/* All that runs, the orphans too. Some run for ever: what does not end within a fifth of a second is killed.
 */
static void wait_for_all(void)
{
    const struct timespec tick = { .tv_nsec = TICK_NS };
    pid_t pid;

    for (unsigned ticks = 0; (pid = waitpid(-1, NULL, WNOHANG)) >= 0; ticks += pid == 0) {
        if (ticks == MAX_TICKS)
            kill(-1, SIGKILL);
        if (pid == 0)
            nanosleep(&tick, NULL);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? parse_number(argv[1]) : 1, nr_children = argc > 2 ? parse_number(argv[2]) : 20,
             nr_calls = argc > 3 ? parse_number(argv[3]) : 500;
    struct utsname name;

    if (uname(&name) || strcmp(name.version, "faultvisor"))
        fail("sysfuzz: not here");
    memset(long_path, 'a', sizeof long_path - 1);
    for (uint64_t i = 0; i < nr_children; i++) {
        pid_t pid = fork();

        state = seed * 1000003 + i;
        if (pid == 0)
            run_child(nr_calls);
        if (pid < 0)
            fail("sysfuzz: %s", strerror(errno));
        wait_for_all();
    }
    puts("done");
    return 0;
}
