/* One child:
 *   1. its files
 *   2. start
 *   3. result
 * All of them:
 *   4. a pool, which waits for children and signals at one place */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "vmm/child_run.h"
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/options.h"

#define MAX_WORDS  1024
#define STATS_FD   3 /* in the child */
#define STATS_WORD "--stats-json=/dev/fd/3"
#define TICK_NS    200000000l

struct child {
    pid_t pid; /* 0: the place is free */
    unsigned number;
    uint64_t began_ns;
    FILE *output, *messages, *stats;
};

/* 1. Files. */

static void close_file(FILE **f)
{
    if (*f)
        fclose(*f);
    *f = NULL;
}

static void close_files(struct child *c)
{
    close_file(&c->output);
    close_file(&c->messages);
    close_file(&c->stats);
}

static int open_files(struct child *c)
{
    c->output = tmpfile();
    c->messages = tmpfile();
    c->stats = tmpfile();
    if (c->output && c->messages && c->stats)
        return 0;
    return fail(errno, "cannot make temporary files for a run");
}

/* 2. Start. */

/* In the child: never returns. Descriptors are moved out of the way first, as they may be the ones wanted. */
static void become_run(const struct child *c, char *const *argv, const sigset_t *mask, pid_t parent)
{
    int fds[4] = { open("/dev/null", O_RDONLY), fileno(c->output), fileno(c->messages), fileno(c->stats) };
    for (int i = 0; i < 4; i++)
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 4; i++)
        if (fds[i] < 0 || dup2(fds[i], i < 3 ? i : STATS_FD) < 0)
            _exit(STATUS_HOST);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(STATUS_SIGNAL + SIGTERM);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv("/proc/self/exe", argv);
    fail(errno, "cannot start /proc/self/exe again");
    _exit(STATUS_HOST);
}

static int start_child(struct child *c, unsigned number, char *const *words, const sigset_t *mask)
{
    char *argv[MAX_WORDS + 4] = { "faultvisor", "run", STATS_WORD };
    unsigned argc = 3;
    while (*words && argc < MAX_WORDS)
        argv[argc++] = *words++;
    if (*words)
        return fail(E2BIG, "cannot start a run with more than %d words", MAX_WORDS);
    *c = (struct child){ .number = number, .began_ns = clock_now_ns() };
    int err = open_files(c);
    if (err) {
        close_files(c);
        return err;
    }
    fflush(NULL); /* or the child would write it again */
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become_run(c, argv, mask, parent);
    if (pid < 0) {
        close_files(c);
        return fail(errno, "cannot start a run");
    }
    c->pid = pid;
    return 0;
}

/* 3. Result. */

/* The first line that says what went wrong. */
static void find_reason(FILE *messages, char reason[CHILD_REASON_BYTES])
{
    static const char prefix[] = "faultvisor: ";
    char line[1024];
    reason[0] = '\0';
    rewind(messages);
    while (fgets(line, sizeof(line), messages)) {
        const char *text = line + sizeof(prefix) - 1;
        if (strncmp(line, prefix, sizeof(prefix) - 1) || !strncmp(text, "warning: ", 9))
            continue;
        snprintf(reason, CHILD_REASON_BYTES, "%.*s", (int)strcspn(text, "\n"), text);
        return;
    }
}

static struct child_result result_of(struct child *c, int wait_status)
{
    struct child_result r = { .output = c->output };
    r.status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : STATUS_SIGNAL + WTERMSIG(wait_status);
    c->output = NULL;
    rewind(r.output);
    rewind(c->stats);
    r.run = json_loadf(c->stats, 0, NULL);
    find_reason(c->messages, r.reason);
    if (!r.run && !r.reason[0])
        snprintf(r.reason, sizeof(r.reason), "the run ended with status %d and no counts", r.status);
    close_files(c);
    return r;
}

void child_result_free(struct child_result *r)
{
    json_decref(r->run);
    close_file(&r->output);
    *r = (struct child_result){ 0 };
}

bool child_result_failed(const struct child_result *r)
{
    static const int ours[] = { STATUS_USAGE, STATUS_BAD_INPUT, STATUS_NO_KVM, STATUS_INTERNAL,
                                STATUS_HOST,  STATUS_CRASHED,   STATUS_TIMEOUT };
    if (!r->run)
        return true;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (r->status == ours[i] && r->reason[0])
            return true;
    return false;
}

/* 4. The pool. */

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
        if (!words || start_child(find_child(p, 0), number, words, &p->before) < 0)
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
        struct child_result r = result_of(c, wait_status);
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
    const int waited[] = { SIGCHLD, SIGINT, SIGTERM, SIGHUP };
    sigemptyset(&p.waited);
    for (size_t i = 0; i < sizeof(waited) / sizeof(waited[0]); i++)
        sigaddset(&p.waited, waited[i]);
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
