/* The table of processes, and their end. */
#include "process.h"
#include "kernel.h"
#include "schedule.h"

static struct process processes[MAX_PROCESSES];
static int last_pid;

struct process *current_process;

struct process *process_find(int pid)
{
    for (struct process *p = NULL; (p = process_next(p));)
        if (p->pid == pid)
            return p;
    return NULL;
}

struct process *process_next(const struct process *p)
{
    for (size_t i = p ? (size_t)(p - processes) + 1 : 0; i < MAX_PROCESSES; i++)
        if (processes[i].state != PROCESS_FREE)
            return &processes[i];
    return NULL;
}

static int take_pid(void)
{
    do
        last_pid = last_pid % PID_MAX + 1;
    while (process_find(last_pid));
    return last_pid;
}

struct process *process_create(void)
{
    for (size_t i = 0; i < MAX_PROCESSES; i++) {
        struct process *p = &processes[i];
        if (p->state != PROCESS_FREE)
            continue;
        memset(p, 0, sizeof *p);
        p->pid = take_pid();
        p->state = PROCESS_READY;
        return p;
    }
    return NULL;
}

void process_free(struct process *p)
{
    p->state = PROCESS_FREE;
}

void process_set_name(struct process *p, const char *path)
{
    for (const char *slash; (slash = strchr(path, '/'));)
        path = slash + 1;
    size_t length = strlen(path);
    if (length > NAME_SIZE - 1)
        length = NAME_SIZE - 1;
    memcpy(p->name, path, length);
    p->name[length] = 0;
}

void process_wake(struct process *p, int64_t result)
{
    p->state = PROCESS_READY;
    p->frame.regs.rax = (uint64_t)result;
}

/* Children of one who ends become pid 1's; those that have ended already wait for it to ask. */
static void reparent_children(struct process *from)
{
    struct process *first = process_find(1);
    for (struct process *p = NULL; (p = process_next(p));) {
        if (p->parent != from)
            continue;
        p->parent = first;
        if (p->state == PROCESS_ZOMBIE)
            process_child_ended(first, p);
    }
}

/* The machine's status as a shell would tell it. */
static int exit_status(int wait_status)
{
    int signal = wait_status & 0x7f;
    return signal ? 128 + signal : wait_status >> 8 & 0xff;
}

void process_end(struct process *p, int wait_status)
{
    if (!p->parent)
        platform->shutdown(PV_SHUTDOWN_EXIT, exit_status(wait_status));
    /* Another root must be loaded before this one's tables can go; the parent is likely to run next. */
    schedule_load_space(p->parent->space);
    space_destroy(p->space);
    p->space = NULL;
    descriptor_close_all(&p->files);
    fpu_forget(&p->fpu);
    p->wait_status = wait_status;
    p->state = PROCESS_ZOMBIE;
    process_release_vfork(p);
    reparent_children(p);
    process_child_ended(p->parent, p);
}

void process_kill_for_memory(struct process *p)
{
    struct memory_state m = memory_state();
    kprintf("out of memory: frames %lu of %lu free, swap %lu of %lu free: killed %s[%d]\n", m.free, m.frames,
            m.swap_free, m.swap, p->name, p->pid);
    process_end(p, SIGNAL_KILL);
}

bool process_kill_if_starved(struct process *p)
{
    if (!space_is_starved(p->space))
        return false;
    process_kill_for_memory(p);
    return true;
}
