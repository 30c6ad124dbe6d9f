/* One child.
 *   1. its files
 *   2. start
 *   3. result */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "vmm/child_process.h"
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/options.h"

#define MAX_WORDS  1024
#define STATS_FD   3 /* in the child */
#define STATS_WORD "--stats-json=/proc/self/fd/3" /* to which /dev/fd, where there is one, is a link */

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

const int child_signals[NR_CHILD_SIGNALS] = { SIGINT, SIGTERM, SIGHUP };

/* Until exec() does so, our handlers are the child's, too: they are not for it. What is ignored stays so. */
static void drop_handlers(void)
{
    for (size_t i = 0; i < NR_CHILD_SIGNALS; i++)
        if (!clock_ignores(child_signals[i]))
            signal(child_signals[i], SIG_DFL);
}

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
    drop_handlers();
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv("/proc/self/exe", argv);
    fail(errno, "cannot start /proc/self/exe again");
    _exit(STATUS_HOST);
}

int child_start(struct child *c, unsigned number, char *const *words, const sigset_t *mask)
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

/* The last line that is not empty, with what is no printable ASCII made harmless. */
static void find_last_line(FILE *messages, char said[CHILD_REASON_BYTES])
{
    char line[1024];
    rewind(messages);
    while (fgets(line, sizeof(line), messages))
        if (strcspn(line, "\r\n"))
            snprintf(said, CHILD_REASON_BYTES, "%.*s", (int)strcspn(line, "\r\n"), line);
    for (char *c = said; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

struct child_result child_take_result(struct child *c, int wait_status)
{
    struct child_result r = { .output = c->output };
    r.status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : STATUS_SIGNAL + WTERMSIG(wait_status);
    c->output = NULL;
    rewind(r.output);
    rewind(c->stats);
    r.run = json_loadf(c->stats, 0, NULL);
    find_reason(c->messages, r.reason);
    find_last_line(c->messages, r.said);
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
