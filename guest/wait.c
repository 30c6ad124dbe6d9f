/* wait4: a child's end meets its parent's question, whichever comes first. */
#include "process.h"
#include <linux/resource.h>
#include <linux/wait.h>
#include "kernel.h"

/* Does wait4(pid) mean this one? There is one process group. */
static bool is_asked_for(const struct process *child, const struct process *parent, int pid)
{
    return child->parent == parent && (pid == -1 || pid == 0 || child->pid == pid);
}

/* Tell the parent, and let the child's record go. */
static int64_t reap(struct process *parent, struct process *child, gva_t status_at, gva_t usage_at)
{
    int pid = child->pid;
    int wait_status = child->wait_status;
    process_free(child);
    struct rusage usage;
    memset(&usage, 0, sizeof usage);
    if (status_at && space_write(parent->space, status_at, &wait_status, sizeof wait_status) < 0)
        return -EFAULT;
    if (usage_at && space_write(parent->space, usage_at, &usage, sizeof usage) < 0)
        return -EFAULT;
    return pid;
}

int64_t process_wait(struct process *p, int pid, gva_t status_at, int options, gva_t usage_at)
{
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | (int)__WALL | (int)__WNOTHREAD))
        return -EINVAL;
    bool any = false;
    for (struct process *child = NULL; (child = process_next(child));) {
        if (!is_asked_for(child, p, pid))
            continue;
        if (child->state == PROCESS_ZOMBIE)
            return reap(p, child, status_at, usage_at);
        any = true;
    }
    if (!any)
        return -ECHILD;
    if (options & WNOHANG)
        return 0;
    p->state = PROCESS_WAITING;
    p->wait_pid = pid;
    p->wait_status_at = status_at;
    p->wait_usage_at = usage_at;
    return 0;
}

/* A parent that ignores SIGCHLD gets no zombies: its wait4 ends when no child is left, with -ECHILD. */
static void drop_unwanted(struct process *parent, struct process *child)
{
    process_free(child);
    if (parent->state != PROCESS_WAITING)
        return;
    for (struct process *p = NULL; (p = process_next(p));)
        if (is_asked_for(p, parent, parent->wait_pid))
            return;
    process_wake(parent, -ECHILD);
}

void process_child_ended(struct process *parent, struct process *child)
{
    int killed_by = child->wait_status & 0x7f;
    struct signal_info info = { .code = killed_by ? SIGNAL_CODE_KILLED : SIGNAL_CODE_EXITED,
                                .pid = child->pid,
                                .status = killed_by ? killed_by : child->wait_status >> 8 };
    if (signal_wants_no_zombies(&parent->signals))
        drop_unwanted(parent, child);
    else if (parent->state == PROCESS_WAITING && is_asked_for(child, parent, parent->wait_pid))
        process_wake(parent, reap(parent, child, parent->wait_status_at, parent->wait_usage_at));
    signal_send(parent, SIGNAL_CHLD, &info);
}

void process_release_vfork(struct process *child)
{
    if (!child->is_vfork_child)
        return;
    child->is_vfork_child = false;
    if (child->parent && child->parent->state == PROCESS_VFORKED)
        process_wake(child->parent, child->pid);
}
