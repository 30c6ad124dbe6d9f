/* System calls: Linux's on x86-64, by number in rax, arguments in rdi, rsi, rdx, r10, r8, r9, result in rax.
 * The handlers are in the files syscall_SUBJECT.c, their table in syscall.c.
 *
 * Arguments that are of 32 bits in Linux come with zeros above: what may be negative is cast to int.
 *
 * A handler returns the result, or a negative E*. One that leaves the process waiting returns what does not
 * matter: the result comes from process_wake. */
#pragma once
#include "process.h"

#define NR_SYSCALL_ARGS 6

typedef int64_t syscall_handler(struct process *p, const uint64_t args[NR_SYSCALL_ARGS]);

/* Serve the system call that p's frame asks for. */
void syscall_handle(struct process *p);

/* A path argument: as given, and made absolute by the current directory, or by the directory that dirfd is.
 */
struct program_path {
    char given[PATH_BYTES];
    char absolute[2 * PATH_BYTES];
};

/* Take one from a program. The result is good until the next call. 0, -EFAULT, -ENOENT (an empty one),
 * -ENAMETOOLONG, -EBADF, -ENOTDIR. */
int path_from_program(struct process *p, int dirfd, gva_t at, const struct program_path **path);
/* The same, and look it up: as archive_lookup(). */
int find_from_program(struct process *p, int dirfd, gva_t at, bool follow, const struct file **f);

/* syscall_file.c: names, descriptors, what is known of files. */
syscall_handler sys_open, sys_openat, sys_close, sys_lseek, sys_dup, sys_dup2, sys_dup3, sys_fcntl, sys_ioctl;
syscall_handler sys_access, sys_faccessat, sys_chdir, sys_getcwd, sys_readlink;
/* syscall_stat.c */
syscall_handler sys_stat, sys_lstat, sys_fstat, sys_newfstatat;
/* syscall_directory.c */
syscall_handler sys_getdents64;
/* syscall_io.c: bytes. */
syscall_handler sys_read, sys_write, sys_readv, sys_writev, sys_pread64;
/* syscall_memory.c */
syscall_handler sys_mmap, sys_munmap, sys_mprotect, sys_brk, sys_madvise, sys_msync, sys_mremap;
/* syscall_process.c */
syscall_handler sys_fork, sys_vfork, sys_clone, sys_execve, sys_exit, sys_exit_group, sys_wait4,
    sys_sched_yield;
syscall_handler sys_getpid, sys_getppid, sys_gettid, sys_set_tid_address, sys_arch_prctl;
/* syscall_signal.c */
syscall_handler sys_rt_sigaction, sys_rt_sigprocmask, sys_rt_sigreturn, sys_rt_sigpending, sys_rt_sigsuspend,
    sys_sigaltstack;
syscall_handler sys_kill, sys_tkill, sys_tgkill, sys_pause;
/* syscall_time.c */
syscall_handler sys_nanosleep, sys_clock_nanosleep, sys_clock_gettime, sys_clock_getres, sys_gettimeofday,
    sys_time;
/* syscall_system.c: what is the same for all. */
syscall_handler sys_uname, sys_getuid, sys_getgid, sys_geteuid, sys_getegid, sys_getrandom, sys_getrlimit,
    sys_prlimit64;
syscall_handler sys_set_robust_list;
