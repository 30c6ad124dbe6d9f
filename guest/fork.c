/* fork, vfork, clone: one more process, whose memory is the parent's until one of the two writes. */
#include "kernel.h"
#include "process.h"
#include "schedule.h"

int64_t process_fork(struct process *parent, gva_t stack, bool is_vfork)
{
    struct process *child = process_create();
    if (!child)
        return -EAGAIN;
    child->space = space_fork(parent->space);
    if (!child->space) {
        process_free(child);
        return -ENOMEM;
    }
    if (!fpu_copy(&child->fpu, &parent->fpu)) {
        space_destroy(child->space);
        process_free(child);
        return -ENOMEM;
    }
    child->parent = parent;
    memcpy(child->name, parent->name, sizeof child->name);
    memcpy(child->cwd, parent->cwd, sizeof child->cwd);
    child->frame = parent->frame;
    child->frame.regs.rax = 0;
    if (stack)
        child->frame.regs.rsp = stack;
    child->fs_base = parent->fs_base;
    signal_fork(&child->signals, &parent->signals);
    descriptor_fork(&child->files, &parent->files);
    if (is_vfork) {
        child->is_vfork_child = true;
        parent->state = PROCESS_VFORKED;
    }
    return child->pid;
}
