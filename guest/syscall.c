/* The table of system calls, and the way to them. */
#include "syscall.h"
#include <asm/unistd.h>
#include "kernel.h"

/* ints: which arguments are of 32 bits. What a program has in their upper halves means nothing: the psABI
 * leaves it open, and C libraries pass on what they were given. */
#define INT(n)           (1u << (n))
#define CALL(name, ints) [__NR_##name] = { #name, sys_##name, ints }
#define ABSENT(name)     [__NR_##name] = { #name, NULL, 0 }

struct syscall {
    const char *name;
    syscall_handler *handler; /* NULL: known by name only */
    unsigned ints;
};

static const struct syscall syscalls[] = {
    CALL(read, INT(0)),
    CALL(write, INT(0)),
    CALL(open, INT(1) | INT(2)),
    CALL(close, INT(0)),
    CALL(stat, 0),
    CALL(fstat, INT(0)),
    CALL(lstat, 0),
    CALL(lseek, INT(0) | INT(2)),
    CALL(mmap, INT(4)),
    CALL(mprotect, 0),
    CALL(munmap, 0),
    CALL(brk, 0),
    CALL(rt_sigaction, INT(0)),
    CALL(rt_sigprocmask, INT(0)),
    CALL(rt_sigreturn, 0),
    CALL(ioctl, INT(0) | INT(1)),
    CALL(pread64, INT(0)),
    CALL(readv, INT(0)),
    CALL(writev, INT(0)),
    CALL(access, INT(1)),
    CALL(sched_yield, 0),
    CALL(mremap, 0),
    CALL(msync, INT(2)),
    CALL(madvise, INT(2)),
    CALL(dup, INT(0)),
    CALL(dup2, INT(0) | INT(1)),
    CALL(pause, 0),
    CALL(nanosleep, 0),
    CALL(getpid, 0),
    CALL(clone, 0),
    CALL(fork, 0),
    CALL(vfork, 0),
    CALL(execve, 0),
    CALL(exit, INT(0)),
    CALL(wait4, INT(0) | INT(2)),
    CALL(kill, INT(0) | INT(1)),
    CALL(uname, 0),
    CALL(fcntl, INT(0) | INT(1)),
    CALL(getcwd, 0),
    CALL(chdir, 0),
    CALL(readlink, INT(2)),
    CALL(gettimeofday, 0),
    CALL(getrlimit, INT(0)),
    CALL(getuid, 0),
    CALL(getgid, 0),
    CALL(geteuid, 0),
    CALL(getegid, 0),
    CALL(getppid, 0),
    CALL(rt_sigpending, 0),
    CALL(rt_sigsuspend, 0),
    CALL(sigaltstack, 0),
    CALL(arch_prctl, INT(0)),
    CALL(gettid, 0),
    CALL(tkill, INT(0) | INT(1)),
    CALL(time, 0),
    CALL(getdents64, INT(0) | INT(2)),
    CALL(set_tid_address, 0),
    CALL(clock_gettime, INT(0)),
    CALL(clock_getres, INT(0)),
    CALL(clock_nanosleep, INT(0) | INT(1)),
    CALL(exit_group, INT(0)),
    CALL(tgkill, INT(0) | INT(1) | INT(2)),
    CALL(openat, INT(0) | INT(2) | INT(3)),
    CALL(newfstatat, INT(0) | INT(3)),
    CALL(faccessat, INT(0) | INT(2)),
    CALL(set_robust_list, 0),
    CALL(dup3, INT(0) | INT(1) | INT(2)),
    CALL(prlimit64, INT(0) | INT(1)),
    CALL(getrandom, INT(2)),

    /* For the message about what is missing: what programs are likely to ask for. */
    ABSENT(poll),
    ABSENT(pwrite64),
    ABSENT(pipe),
    ABSENT(select),
    ABSENT(mincore),
    ABSENT(shmget),
    ABSENT(getitimer),
    ABSENT(alarm),
    ABSENT(setitimer),
    ABSENT(sendfile),
    ABSENT(socket),
    ABSENT(connect),
    ABSENT(accept),
    ABSENT(sendto),
    ABSENT(recvfrom),
    ABSENT(shutdown),
    ABSENT(bind),
    ABSENT(listen),
    ABSENT(socketpair),
    ABSENT(fsync),
    ABSENT(fdatasync),
    ABSENT(truncate),
    ABSENT(ftruncate),
    ABSENT(getdents),
    ABSENT(rename),
    ABSENT(mkdir),
    ABSENT(rmdir),
    ABSENT(creat),
    ABSENT(link),
    ABSENT(unlink),
    ABSENT(symlink),
    ABSENT(chmod),
    ABSENT(chown),
    ABSENT(umask),
    ABSENT(getrusage),
    ABSENT(sysinfo),
    ABSENT(times),
    ABSENT(ptrace),
    ABSENT(syslog),
    ABSENT(setuid),
    ABSENT(setgid),
    ABSENT(setpgid),
    ABSENT(getpgrp),
    ABSENT(setsid),
    ABSENT(getgroups),
    ABSENT(setresuid),
    ABSENT(getresuid),
    ABSENT(getpgid),
    ABSENT(getsid),
    ABSENT(capget),
    ABSENT(rt_sigtimedwait),
    ABSENT(statfs),
    ABSENT(fstatfs),
    ABSENT(sched_setparam),
    ABSENT(sched_getparam),
    ABSENT(sched_getscheduler),
    ABSENT(mlock),
    ABSENT(munlock),
    ABSENT(mlockall),
    ABSENT(prctl),
    ABSENT(setrlimit),
    ABSENT(chroot),
    ABSENT(sync),
    ABSENT(mount),
    ABSENT(reboot),
    ABSENT(futex),
    ABSENT(sched_setaffinity),
    ABSENT(sched_getaffinity),
    ABSENT(epoll_create),
    ABSENT(fadvise64),
    ABSENT(timer_create),
    ABSENT(clock_settime),
    ABSENT(epoll_wait),
    ABSENT(epoll_ctl),
    ABSENT(utimes),
    ABSENT(waitid),
    ABSENT(inotify_init),
    ABSENT(mkdirat),
    ABSENT(unlinkat),
    ABSENT(renameat),
    ABSENT(readlinkat),
    ABSENT(fchmodat),
    ABSENT(pselect6),
    ABSENT(ppoll),
    ABSENT(unshare),
    ABSENT(splice),
    ABSENT(utimensat),
    ABSENT(epoll_pwait),
    ABSENT(signalfd),
    ABSENT(eventfd2),
    ABSENT(epoll_create1),
    ABSENT(pipe2),
    ABSENT(preadv),
    ABSENT(pwritev),
    ABSENT(getcpu),
    ABSENT(memfd_create),
    ABSENT(execveat),
    ABSENT(userfaultfd),
    ABSENT(membarrier),
    ABSENT(mlock2),
    ABSENT(copy_file_range),
    ABSENT(preadv2),
    ABSENT(pwritev2),
    ABSENT(statx),
    ABSENT(rseq),
    ABSENT(io_uring_setup),
    ABSENT(io_uring_enter),
    ABSENT(pidfd_open),
    ABSENT(clone3),
    ABSENT(close_range),
    ABSENT(openat2),
    ABSENT(faccessat2),
    ABSENT(process_madvise),
};

#define NR_SYSCALLS   (sizeof syscalls / sizeof syscalls[0])
#define NR_REMEMBERED 512 /* numbers whose absence is told once each */

static void tell_absence(uint64_t number)
{
    static bool told[NR_REMEMBERED];
    static bool told_beyond;
    bool *already = number < NR_REMEMBERED ? &told[number] : &told_beyond;
    if (*already)
        return;
    *already = true;
    const char *name = number < NR_SYSCALLS ? syscalls[number].name : NULL;
    kprintf("system call %lu (%s) is not implemented\n", number, name ? name : "no name known");
}

static int64_t call(struct process *p, const struct syscall *c)
{
    const struct cpu_regs *r = &p->frame.regs;
    uint64_t args[NR_SYSCALL_ARGS] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };
    for (unsigned i = 0; i < NR_SYSCALL_ARGS; i++)
        if (c->ints & INT(i))
            args[i] = (uint32_t)args[i];
    return c->handler(p, args);
}

void syscall_handle(struct process *p)
{
    struct cpu_regs *r = &p->frame.regs;
    int64_t result = -ENOSYS;
    p->call_number = r->rax;
    if (p->call_number < NR_SYSCALLS && syscalls[p->call_number].handler)
        result = call(p, &syscalls[p->call_number]);
    else
        tell_absence(p->call_number);
    if (p->state == PROCESS_READY)
        r->rax = (uint64_t)result;
}
