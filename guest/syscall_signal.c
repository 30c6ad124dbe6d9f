/* Signals: what a program wants done with them, and sending. */
#include "kernel.h"
#include "syscall.h"

enum { MASK_BLOCK = 0, MASK_UNBLOCK = 1, MASK_SET = 2 }; /* how rt_sigprocmask changes it */

static bool is_signal(uint64_t n)
{
    return n >= 1 && n <= NR_SIGNALS;
}

/* rt_sigaction(signal, new, old, bytes of a set). */
int64_t sys_rt_sigaction(struct process *p, const uint64_t args[])
{
    struct signal_state *s = &p->signals;
    struct signal_action new;
    if (args[3] != sizeof(signal_set) || !is_signal(args[0]))
        return -EINVAL;
    int signal = (int)args[0];
    if (args[1] && (signal == SIGNAL_KILL || signal == SIGNAL_STOP))
        return -EINVAL;
    struct signal_action old = *signal_action_of(s, signal);
    if (args[1] && space_read(p->space, &new, args[1], sizeof new) < 0)
        return -EFAULT;
    if (args[2] && space_write(p->space, args[2], &old, sizeof old) < 0)
        return -EFAULT;
    if (!args[1])
        return 0;
    *signal_action_of(s, signal) = new;
    if (signal_does_nothing(s, signal)) /* what pends is forgotten, blocked or not (POSIX, 2.4.3) */
        s->pending &= ~signal_bit(signal);
    return 0;
}

/* rt_sigprocmask(how, new, old, bytes of a set). */
int64_t sys_rt_sigprocmask(struct process *p, const uint64_t args[])
{
    signal_set old = p->signals.blocked, set;
    if (args[3] != sizeof set)
        return -EINVAL;
    if (args[1]) {
        if (space_read(p->space, &set, args[1], sizeof set) < 0)
            return -EFAULT;
        if (args[0] > MASK_SET)
            return -EINVAL;
        signal_set_blocked(&p->signals, args[0] == MASK_BLOCK     ? old | set
                                        : args[0] == MASK_UNBLOCK ? old & ~set
                                                                  : set);
    }
    return args[2] && space_write(p->space, args[2], &old, sizeof old) < 0 ? -EFAULT : 0;
}

int64_t sys_rt_sigreturn(struct process *p, const uint64_t args[])
{
    (void)args;
    if (!signal_return(p))
        trap_refuse(p, SIGNAL_CODE_KERNEL, p->frame.regs.rsp, "no signal frame to return by");
    return (int64_t)p->frame.regs.rax; /* the interrupted program's own */
}

int64_t sys_rt_sigpending(struct process *p, const uint64_t args[])
{
    signal_set waiting = p->signals.pending & p->signals.blocked;
    if (args[1] > sizeof waiting)
        return -EINVAL;
    return space_write(p->space, args[0], &waiting, args[1]) < 0 ? -EFAULT : 0;
}

/* What was blocked, pends and does nothing ends no wait. */
static int64_t pause(struct process *p)
{
    signal_drop_ignored(&p->signals);
    if (!signal_deliverable(&p->signals))
        p->state = PROCESS_PAUSED;
    return -EINTR;
}

int64_t sys_pause(struct process *p, const uint64_t args[])
{
    (void)args;
    return pause(p);
}

/* rt_sigsuspend(mask, bytes of a set). */
int64_t sys_rt_sigsuspend(struct process *p, const uint64_t args[])
{
    signal_set set;
    if (args[1] != sizeof set)
        return -EINVAL;
    if (space_read(p->space, &set, args[0], sizeof set) < 0)
        return -EFAULT;
    p->signals.saved_blocked = p->signals.blocked;
    p->signals.suspended = true;
    signal_set_blocked(&p->signals, set);
    return pause(p);
}

static int set_signal_stack(struct process *p, const struct signal_stack *new)
{
    if (signal_on_stack(p))
        return -EPERM;
    if (new->flags & ~(SIGNAL_STACK_DISABLE | SIGNAL_STACK_ON))
        return -EINVAL;
    bool disable = new->flags &SIGNAL_STACK_DISABLE;
    if (!disable && new->bytes < SIGNAL_STACK_MIN_BYTES)
        return -ENOMEM;
    p->signals.stack = disable ? (struct signal_stack){ .flags = SIGNAL_STACK_DISABLE }
                               : (struct signal_stack){ .base = new->base, .bytes = new->bytes };
    return 0;
}

/* sigaltstack(new, old). */
int64_t sys_sigaltstack(struct process *p, const uint64_t args[])
{
    struct signal_stack old = p->signals.stack, new;
    old.flags = old.flags & SIGNAL_STACK_DISABLE ? SIGNAL_STACK_DISABLE
                : signal_on_stack(p)             ? SIGNAL_STACK_ON
                                                 : 0;
    if (args[0] && space_read(p->space, &new, args[0], sizeof new) < 0)
        return -EFAULT;
    int error = args[0] ? set_signal_stack(p, &new) : 0;
    if (error)
        return error;
    return args[1] && space_write(p->space, args[1], &old, sizeof old) < 0 ? -EFAULT : 0;
}

static void send(struct process *from, struct process *to, int signal, int code)
{
    struct signal_info info = { .code = code, .pid = from->pid };
    if (signal)
        signal_send(to, signal, &info);
}

/* kill(pid, signal). All processes are of one group; -1 means all but pid 1 and the sender. */
int64_t sys_kill(struct process *p, const uint64_t args[])
{
    int pid = (int)args[0];
    bool found = false;
    if (args[1] && !is_signal(args[1]))
        return -EINVAL;
    for (struct process *q = NULL; (q = process_next(q));) {
        bool is_meant = pid > 0 ? q->pid == pid : pid == 0 || (pid == -1 && q->pid != 1 && q != p);
        if (!is_meant)
            continue;
        found = true;
        send(p, q, (int)args[1], SIGNAL_CODE_USER);
    }
    return found ? 0 : -ESRCH;
}

static int64_t kill_thread(struct process *p, int pid, uint64_t signal)
{
    struct process *to = pid > 0 ? process_find(pid) : NULL;
    if (pid <= 0 || (signal && !is_signal(signal)))
        return -EINVAL;
    if (!to)
        return -ESRCH;
    send(p, to, (int)signal, SIGNAL_CODE_TKILL);
    return 0;
}

int64_t sys_tkill(struct process *p, const uint64_t args[])
{
    return kill_thread(p, (int)args[0], args[1]);
}

/* tgkill(pid, tid, signal): a process is its only thread. */
int64_t sys_tgkill(struct process *p, const uint64_t args[])
{
    return args[0] == args[1] ? kill_thread(p, (int)args[1], args[2]) : -ESRCH;
}
