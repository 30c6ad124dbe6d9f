/* What processes want done with signals, and how signals reach them. */
#include "signals.h"
#include "kernel.h"
#include "process.h"

static const signal_set UNBLOCKABLE = 1ull << (SIGNAL_KILL - 1) | 1ull << (SIGNAL_STOP - 1);

void signal_fork(struct signal_state *child, const struct signal_state *parent)
{
    *child = *parent;
    child->pending = 0;
    child->suspended = false;
}

void signal_exec(struct signal_state *s)
{
    for (int n = 1; n <= NR_SIGNALS; n++) {
        struct signal_action *a = signal_action_of(s, n);
        uint64_t handler = a->handler == SIGNAL_IGNORE ? SIGNAL_IGNORE : SIGNAL_DEFAULT;
        *a = (struct signal_action){ .handler = handler };
    }
    s->stack = (struct signal_stack){ .flags = SIGNAL_STACK_DISABLE };
    s->fault = (struct signal_fault){ 0 };
}

void signal_set_blocked(struct signal_state *s, signal_set blocked)
{
    s->blocked = blocked & ~UNBLOCKABLE;
}

signal_set signal_deliverable(const struct signal_state *s)
{
    return s->pending & ~s->blocked;
}

/* Signals whose default is to do nothing; the stops are among them, as nobody could continue what they stop.
 */
static bool is_ignored_by_default(int signal)
{
    switch (signal) {
    case SIGNAL_CHLD:
    case SIGNAL_CONT:
    case SIGNAL_STOP:
    case SIGNAL_TSTP:
    case SIGNAL_TTIN:
    case SIGNAL_TTOU:
    case SIGNAL_URG:
    case SIGNAL_WINCH:
        return true;
    default:
        return false;
    }
}

bool signal_does_nothing(struct signal_state *s, int signal)
{
    uint64_t handler = signal_action_of(s, signal)->handler;
    return handler == SIGNAL_IGNORE || (handler == SIGNAL_DEFAULT && is_ignored_by_default(signal));
}

bool signal_is_ignored(struct signal_state *s, int signal)
{
    return !(s->blocked & signal_bit(signal)) && signal_does_nothing(s, signal);
}

void signal_drop_ignored(struct signal_state *s)
{
    for (int n = 1; n <= NR_SIGNALS; n++)
        if (signal_is_ignored(s, n))
            s->pending &= ~signal_bit(n);
}

bool signal_wants_no_zombies(struct signal_state *s)
{
    const struct signal_action *a = signal_action_of(s, SIGNAL_CHLD);
    return a->handler == SIGNAL_IGNORE || (a->flags & SIGNAL_FLAG_NOCLDWAIT);
}

/* nanosleep tells how much was left. */
static void write_remaining(struct process *p)
{
    uint64_t now = platform->clock_ns();
    uint64_t left = p->wake_ns > now ? p->wake_ns - now : 0;
    int64_t remaining[2] = { (int64_t)(left / 1000000000), (int64_t)(left % 1000000000) };
    if (p->remaining_at)
        space_write(p->space, p->remaining_at, remaining, sizeof remaining);
}

/* End the system call that p waits in. A vfork parent goes on waiting: its child is sure to exec or end. */
static void interrupt_wait(struct process *p)
{
    switch (p->state) {
    case PROCESS_WAITING:
        process_wake(p, -EINTR);
        p->restart_call = true;
        break;
    case PROCESS_SLEEPING:
        write_remaining(p);
        process_wake(p, -EINTR);
        break;
    case PROCESS_PAUSED:
        process_wake(p, -EINTR);
        break;
    default:
        break;
    }
}

void signal_send(struct process *p, int signal, const struct signal_info *info)
{
    struct signal_state *s = &p->signals;
    if (p->state == PROCESS_ZOMBIE || signal_is_ignored(s, signal))
        return;
    if (!(s->pending & signal_bit(signal)))
        s->infos[signal - 1] = *info;
    s->pending |= signal_bit(signal);
    if (signal_deliverable(s))
        interrupt_wait(p);
}

bool signal_force(struct process *p, int signal, const struct signal_info *info)
{
    struct signal_state *s = &p->signals;
    struct signal_action *a = signal_action_of(s, signal);
    if ((s->blocked & signal_bit(signal)) || a->handler == SIGNAL_IGNORE) {
        s->blocked &= ~signal_bit(signal);
        a->handler = SIGNAL_DEFAULT;
    }
    s->infos[signal - 1] = *info;
    s->pending |= signal_bit(signal);
    return a->handler != SIGNAL_DEFAULT;
}
