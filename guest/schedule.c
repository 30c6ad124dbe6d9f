/* The scheduler.
 *
 *   1. what is loaded    space, FS base, FPU
 *   2. time              sleepers, the timer
 *   3. the choice
 *   4. nothing to run */
#include "schedule.h"
#include "kernel.h"

/* 1. What is loaded. */
static struct space *loaded_space;
static struct process
    *loaded_process; /* whose FS base the CPU has, and whose FPU registers, unless it has ended */
static bool current_gives_way;

void schedule_load_space(struct space *s)
{
    if (s == loaded_space)
        return;
    space_load(s);
    loaded_space = s;
}

void schedule_set_fs_base(struct process *p, uint64_t base)
{
    p->fs_base = base;
    if (p == loaded_process)
        platform->set_fs_base(base);
}

/* Before another one is loaded. False: it needed memory for that, and there was none. */
static bool store_loaded(const struct process *next)
{
    if (!loaded_process || loaded_process == next || fpu_store(&loaded_process->fpu))
        return true;
    process_kill_for_memory(loaded_process);
    return false;
}

static void load(struct process *p)
{
    schedule_load_space(p->space);
    fpu_load(&p->fpu);
    if (p == loaded_process)
        return;
    platform->set_fs_base(p->fs_base); /* even if it is the same: programs can change it by loading FS */
    loaded_process = p;
}

/* 2. Time. */
static struct process *first_sleeper(void)
{
    struct process *first = NULL;
    for (struct process *p = NULL; (p = process_next(p));)
        if (p->state == PROCESS_SLEEPING && (!first || p->wake_ns < first->wake_ns))
            first = p;
    return first;
}

static void wake_sleepers(void)
{
    for (struct process *p; (p = first_sleeper()) && p->wake_ns <= platform->clock_ns();)
        process_wake(p, 0);
}

static void set_timer(uint64_t period_ns)
{
    static uint64_t period_now;
    if (period_ns == period_now)
        return;
    platform->set_timer(period_ns);
    period_now = period_ns;
}

/* With one process alone the timer is off, so that its exits can be counted. */
static bool others_want_to_run(const struct process *p)
{
    for (struct process *q = NULL; (q = process_next(q));)
        if (q != p && (q->state == PROCESS_READY || q->state == PROCESS_SLEEPING))
            return true;
    return false;
}

/* 3. The choice. */
void schedule_give_way(void)
{
    current_gives_way = true;
}

/* The next one after the current in the table's order; the current one comes last. */
static struct process *next_in_turn(void)
{
    struct process *p = current_process;
    for (int i = 0; i <= MAX_PROCESSES; i++) {
        p = process_next(p);
        if (p && p->state == PROCESS_READY)
            return p;
    }
    return NULL;
}

static struct process *choose(void)
{
    bool gives_way = current_gives_way;
    current_gives_way = false;
    if (!gives_way && current_process && current_process->state == PROCESS_READY)
        return current_process;
    return next_in_turn();
}

/* 4. Nothing to run. */
static void wait_for_somebody(void)
{
    struct process *p = first_sleeper();
    if (!p) {
        kprintf("no process can ever run again: killed %s[1]\n", process_find(1)->name);
        process_end(process_find(1), SIGNAL_KILL);
    }
    uint64_t now = platform->clock_ns();
    if (p->wake_ns <= now)
        return;
    set_timer(p->wake_ns - now);
    platform->idle();
}

_Noreturn void schedule(void)
{
    for (;;) {
        wake_sleepers();
        struct process *p = choose();
        if (!p) {
            wait_for_somebody();
            continue;
        }
        current_process = p;
        if (process_kill_if_starved(p))
            continue;
        signal_deliver(p);
        if (p->state != PROCESS_READY)
            continue;
        if (p->frame.regs.rip >= USER_TOP) {
            trap_refuse_rip(p);
            continue;
        }
        if (!store_loaded(p))
            continue;
        load(p);
        set_timer(others_want_to_run(p) ? TIME_SLICE_NS : 0);
        platform->resume(&p->frame);
    }
}
