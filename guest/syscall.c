/* The table of system calls, and the way to them. */
#include "syscall.h"
#include <asm/unistd.h>
#include "kernel.h"

#define CALL(name)   [__NR_##name] = { #name, sys_##name }
#define ABSENT(name) [__NR_##name] = { #name, NULL }

struct syscall {
    const char *name;
    syscall_handler *handler; /* NULL: known by name only */
};

static const struct syscall syscalls[] = {
    CALL(read),
    CALL(write),
    CALL(open),
    CALL(close),
    CALL(stat),
    CALL(fstat),
    CALL(lstat),
    CALL(lseek),
    CALL(mmap),
    CALL(mprotect),
    CALL(munmap),
    CALL(brk),
    CALL(rt_sigaction),
    CALL(rt_sigprocmask),
    CALL(rt_sigreturn),
    CALL(ioctl),
    CALL(pread64),
    CALL(readv),
    CALL(writev),
    CALL(access),
    CALL(sched_yield),
    CALL(mremap),
    CALL(msync),
    CALL(madvise),
    CALL(dup),
    CALL(dup2),
    CALL(pause),
    CALL(nanosleep),
    CALL(getpid),
    CALL(clone),
    CALL(fork),
    CALL(vfork),
    CALL(execve),
    CALL(exit),
    CALL(wait4),
    CALL(kill),
    CALL(uname),
    CALL(fcntl),
    CALL(getcwd),
    CALL(chdir),
    CALL(readlink),
    CALL(gettimeofday),
    CALL(getrlimit),
    CALL(getuid),
    CALL(getgid),
    CALL(geteuid),
    CALL(getegid),
    CALL(getppid),
    CALL(rt_sigpending),
    CALL(rt_sigsuspend),
    CALL(sigaltstack),
    CALL(arch_prctl),
    CALL(gettid),
    CALL(tkill),
    CALL(time),
    CALL(getdents64),
    CALL(set_tid_address),
    CALL(clock_gettime),
    CALL(clock_getres),
    CALL(clock_nanosleep),
    CALL(exit_group),
    CALL(tgkill),
    CALL(openat),
    CALL(newfstatat),
    CALL(faccessat),
    CALL(set_robust_list),
    CALL(dup3),
    CALL(prlimit64),
    CALL(getrandom),

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

void syscall_handle(struct process *p)
{
    struct cpu_regs *r = &p->frame.regs;
    const uint64_t args[NR_SYSCALL_ARGS] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };
    int64_t result = -ENOSYS;
    p->call_number = r->rax;
    if (p->call_number < NR_SYSCALLS && syscalls[p->call_number].handler)
        result = syscalls[p->call_number].handler(p, args);
    else
        tell_absence(p->call_number);
    if (p->state == PROCESS_READY)
        r->rax = (uint64_t)result;
}
