/* Processes: beginning, becoming another program, ending, asking after children, and who is who. */
#include <asm/prctl.h>
#include <linux/fcntl.h>
#include <linux/sched.h>
#include "exec.h"
#include "kernel.h"
#include "schedule.h"
#include "syscall.h"

int64_t sys_fork(struct process *p, const uint64_t args[])
{
    (void)args;
    return process_fork(p, 0, false);
}

int64_t sys_vfork(struct process *p, const uint64_t args[])
{
    (void)args;
    return process_fork(p, 0, true);
}

/* clone(flags, stack, parent's tid, child's tid, tls) for what is a fork or a vfork; no threads. A child of
 * CLONE_VM | CLONE_VFORK gets a copy of the memory: what it writes, its parent does not see. */
int64_t sys_clone(struct process *p, const uint64_t args[])
{
    const uint64_t fork_like = CSIGNAL | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
    const uint64_t vfork = CLONE_VM | CLONE_VFORK;
    uint64_t sharing = args[0] & ~fork_like;
    if (sharing != 0 && sharing != vfork && sharing != CLONE_VFORK)
        return -EINVAL;
    if ((args[0] & CSIGNAL) != SIGNAL_CHLD)
        return -EINVAL;
    int64_t pid = process_fork(p, args[1], sharing & CLONE_VFORK);
    if (pid < 0)
        return pid;
    struct process *child = process_find((int)pid);
    if (args[0] & CLONE_CHILD_SETTID)
        space_write(child->space, args[3], &child->pid, sizeof child->pid);
    if (args[0] & CLONE_PARENT_SETTID)
        space_write(p->space, args[2], &child->pid, sizeof child->pid);
    return pid;
}

/* execve(path, argv, envp). */
int64_t sys_execve(struct process *p, const uint64_t args[])
{
    struct exec_strings *s = exec_strings_begin();
    const struct program_path *path;
    const char *why;
    int error = path_from_program(p, AT_FDCWD, args[0], &path);
    if (!error)
        error = exec_strings_copy(s, &s->argc, p->space, args[1]);
    if (!error && s->argc == 0) { /* as Linux since 5.18: programs take argv[0] for granted */
        error = exec_strings_add(s, "");
        s->argc = 1;
    }
    if (!error)
        error = exec_strings_copy(s, &s->envc, p->space, args[2]);
    return error ? error : exec_run(p, path->absolute, path->given, s, &why);
}

int64_t sys_exit(struct process *p, const uint64_t args[])
{
    process_end(p, WAIT_STATUS_EXITED((int)args[0]));
    return 0;
}

int64_t sys_exit_group(struct process *p, const uint64_t args[])
{
    return sys_exit(p, args);
}

int64_t sys_wait4(struct process *p, const uint64_t args[])
{
    return process_wait(p, (int)args[0], args[1], (int)args[2], args[3]);
}

int64_t sys_sched_yield(struct process *p, const uint64_t args[])
{
    (void)p, (void)args;
    schedule_give_way();
    return 0;
}

int64_t sys_getpid(struct process *p, const uint64_t args[])
{
    (void)args;
    return p->pid;
}

int64_t sys_getppid(struct process *p, const uint64_t args[])
{
    (void)args;
    return p->parent ? p->parent->pid : 0;
}

int64_t sys_gettid(struct process *p, const uint64_t args[])
{
    return sys_getpid(p, args);
}

int64_t sys_set_tid_address(struct process *p, const uint64_t args[])
{
    return sys_getpid(p, args);
}

int64_t sys_arch_prctl(struct process *p, const uint64_t args[])
{
    switch (args[0]) {
    case ARCH_SET_FS:
        if (args[1] >= USER_TOP)
            return -EPERM;
        schedule_set_fs_base(p, args[1]);
        return 0;
    case ARCH_GET_FS:
        return space_write(p->space, args[1], &p->fs_base, sizeof p->fs_base) < 0 ? -EFAULT : 0;
    default:
        return -EINVAL;
    }
}
