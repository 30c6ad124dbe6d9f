/* A pool of children, which waits for them and for signals at one place. */
#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include "vmm/child_process.h"
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/options.h"

#define TICK_NS 200000000l

struct pool {
    const struct child_runs *runs;
    struct child *children; /* [at_a_time] */
    unsigned running, next; /* next: number of the next to start */
    int end;                /* why no more are started: 128 + signal, STATUS_HOST, or 0 */
    sigset_t waited, before;
};

static struct child *find_child(struct pool *p, pid_t pid)
{
    for (unsigned i = 0; i < p->runs->at_a_time; i++)
        if (p->children[i].pid == pid)
            return &p->children[i];
    return NULL;
}

static void signal_all(struct pool *p, int signal)
{
    for (unsigned i = 0; i < p->runs->at_a_time; i++)
        if (p->children[i].pid)
            kill(p->children[i].pid, signal);
}

static void stop_all(struct pool *p, int end, int signal)
{
    p->end = end;
    signal_all(p, signal);
}

static void kill_late(struct pool *p)
{
    uint64_t now = clock_now_ns();
    for (unsigned i = 0; i < p->runs->at_a_time; i++) {
        const struct child *c = &p->children[i];
        if (c->pid && p->runs->limit_s && now - c->began_ns > p->runs->limit_s * 1000000000ull)
            kill(c->pid, SIGKILL);
    }
}

static void start_some(struct pool *p)
{
    while (!p->end && p->running < p->runs->at_a_time && p->next < p->runs->count) {
        unsigned number = p->next++;
        char *const *words = p->runs->words(p->runs->arg, number);
        if (!words || child_start(find_child(p, 0), number, words, &p->before) < 0)
            stop_all(p, STATUS_HOST, SIGTERM);
        else
            p->running++;
    }
}

/* Wait so long at most for a signal, and pass it on if it is to stop us. Signals are blocked elsewhere, so
 * that none is lost between a look and a wait. */
static void take_signal(struct pool *p, long ns)
{
    const struct timespec most = { .tv_nsec = ns };
    int signal = sigtimedwait(&p->waited, NULL, &most);
    if (signal > 0 && signal != SIGCHLD)
        stop_all(p, STATUS_SIGNAL + signal, signal);
}

/* Ctrl-C reaches the children too, from the terminal: when one of them has ended of it, it is pending here.
 */
static void reap(struct pool *p)
{
    int wait_status;
    pid_t pid;
    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        struct child *c = find_child(p, pid);
        if (!c)
            continue;
        struct child_result r = child_take_result(c, wait_status);
        c->pid = 0;
        p->running--;
        take_signal(p, 0);
        if (p->end)
            child_result_free(&r);
        else if (!p->runs->ended(p->runs->arg, c->number, &r))
            stop_all(p, STATUS_HOST, SIGTERM);
    }
}

static void tick(struct pool *p)
{
    unsigned which = p->runs->count;
    for (unsigned i = 0; i < p->runs->at_a_time; i++)
        if (p->children[i].pid && p->children[i].number < which)
            which = p->children[i].number;
    if (p->runs->tick && p->running)
        p->runs->tick(p->runs->arg, p->running, which);
}

int child_runs_do(const struct child_runs *r)
{
    struct pool p = { .runs = r, .children = calloc(r->at_a_time, sizeof(struct child)) };
    if (!p.children) {
        fail(ENOMEM, "cannot start runs");
        return STATUS_HOST;
    }
    sigemptyset(&p.waited);
    sigaddset(&p.waited, SIGCHLD);
    for (size_t i = 0; i < NR_CHILD_SIGNALS; i++)
        if (!clock_ignores(child_signals[i])) /* else it would be waited for all the same, being blocked */
            sigaddset(&p.waited, child_signals[i]);
    sigprocmask(SIG_BLOCK, &p.waited, &p.before);
    start_some(&p);
    while (p.running) {
        tick(&p);
        take_signal(&p, TICK_NS);
        kill_late(&p);
        reap(&p);
        start_some(&p);
    }
    sigprocmask(SIG_SETMASK, &p.before, NULL);
    free(p.children);
    return p.end;
}
