/* Fork, wait, exec, and the waits that signals end. */
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "selftest.h"

int wait_for(pid_t pid)
{
    int status = -1;

    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

void test_fork(void)
{
    static volatile int shared = 1;
    pid_t parent = getpid(), child = fork();

    if (child == 0) {
        shared = 2;
        _exit(getppid() == parent && getpid() != parent && syscall(SYS_gettid) == getpid() ? 5 : 6);
    }
    int status = wait_for(child);
    CHECK(child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 5 && shared == 1);
    CHECK(FAILS(wait(NULL), ECHILD) && FAILS(waitpid(-1, NULL, 0x40), EINVAL));
    if ((child = vfork()) == 0)
        _exit(7);
    CHECK(WEXITSTATUS(wait_for(child)) == 7);
    child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(8);
    CHECK(WEXITSTATUS(wait_for(child)) == 8);
}

void test_ends(void)
{
    static const int ends[] = { SIGTERM, SIGKILL, SIGSEGV, SIGABRT };
    struct rlimit no_core = { 0, 0 };

    setrlimit(RLIMIT_CORE, &no_core);
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        pid_t child = fork();
        if (child == 0) {
            signal(ends[i], SIG_DFL);
            kill(getpid(), ends[i]);
            _exit(1);
        }
        int status = wait_for(child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == ends[i]);
    }
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    int status = 77;
    CHECK(waitpid(child, &status, WNOHANG) == 0 && status == 77);
    CHECK(kill(child, SIGTERM) == 0);
    status = wait_for(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM && FAILS(kill(child, 0), ESRCH));
}

static volatile int children_ended, ended_code, ended_status;

static void note_child(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    children_ended++;
    ended_code = info->si_code;
    ended_status = info->si_status;
}

void test_interrupted_waits(void)
{
    struct timespec long_time = { 1000, 0 }, left = { 0, 0 };
    pid_t parent = getpid();

    on_signal(SIGCHLD, note_child, SA_RESTART);
    pid_t child = fork();
    if (child == 0)
        _exit(3);
    CHECK(WEXITSTATUS(wait_for(child)) == 3);
    CHECK(children_ended == 1 && ended_code == CLD_EXITED && ended_status == 3);
    signal(SIGCHLD, SIG_DFL);
    /* A sleep ends early with EINTR, and says what was left. */
    on_signal(SIGUSR2, note_signal, SA_RESTART);
    child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        kill(parent, SIGUSR2);
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        kill(parent, SIGUSR2);
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        _exit(4);
    }
    CHECK(FAILS(nanosleep(&long_time, &left), EINTR) && left.tv_sec >= 900 && left.tv_sec < 1000);
    CHECK(WEXITSTATUS(wait_for(child)) == 4 && caught == SIGUSR2); /* wait4 starts again by itself */
    /* Children of a parent that ignores SIGCHLD leave nothing behind. */
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0)
        _exit(0);
    CHECK(FAILS(waitpid(child, NULL, 0), ECHILD));
    /* One that wants none may have a handler. */
    on_signal(SIGCHLD, note_child, SA_RESTART | SA_NOCLDWAIT);
    children_ended = 0;
    child = fork();
    if (child == 0)
        _exit(0);
    CHECK(FAILS(waitpid(child, NULL, 0), ECHILD) && children_ended == 1);
    signal(SIGCHLD, SIG_DFL);
}

/* A signal that was blocked and does nothing does not end rt_sigsuspend. */
void test_suspend(void)
{
    sigset_t block, before;
    pid_t parent = getpid(), child;

    sigemptyset(&block), sigaddset(&block, SIGCHLD), sigaddset(&block, SIGUSR2);
    on_signal(SIGUSR2, note_signal, 0);
    sigprocmask(SIG_BLOCK, &block, &before);
    child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child); /* SIGCHLD pends */
    child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        kill(parent, SIGUSR2);
        _exit(0);
    }
    CHECK(FAILS(sigsuspend(&before), EINTR) && caught == SIGUSR2);
    sigprocmask(SIG_SETMASK, &before, NULL);
    wait_for(child);
}

static void test_exec(char *mode)
{
    char *arguments[] = { (char *)self, mode, "three words here", "", NULL };
    char *environment[] = { "COLOUR=green", NULL };
    int kept = open(self, O_RDONLY), closed = open(self, O_RDONLY | O_CLOEXEC);
    char *wrong_arguments[] = { "x", (char *)8, NULL };

    signal(SIGUSR1, SIG_IGN), on_signal(SIGUSR2, note_signal, 0);
    CHECK(FAILS(execve("no/such/program", arguments, environment), ENOENT));
    CHECK(FAILS(execve(self, wrong_arguments, environment), EFAULT));
    pid_t child = vfork();
    if (child == 0) {
        execve(self, arguments, environment);
        _exit(99);
    }
    CHECK(WEXITSTATUS(wait_for(child)) == 11);
    child = vfork();
    if (child == 0) {
        syscall(SYS_execve, self, NULL, environment);
        _exit(99);
    }
    CHECK(WEXITSTATUS(wait_for(child)) == 13);
    close(kept), close(closed);
    signal(SIGUSR1, SIG_DFL), signal(SIGUSR2, SIG_DFL);
}

/* What the program finds that test_exec started. */
int after_exec(int argc, char **argv)
{
    struct sigaction one, two;
    const char *colour = getenv("COLOUR");

    CHECK(argc == 4 && strcmp(argv[2], "three words here") == 0 && argv[3][0] == 0 && argv[4] == NULL);
    CHECK(colour && strcmp(colour, "green") == 0 && environ[1] == NULL);
    CHECK(fcntl(3, F_GETFD) == 0 && FAILS(fcntl(4, F_GETFD), EBADF));
    CHECK(sigaction(SIGUSR1, NULL, &one) == 0 && one.sa_handler == SIG_IGN);
    CHECK(sigaction(SIGUSR2, NULL, &two) == 0 && two.sa_handler == SIG_DFL);
    CHECK(getauxval(AT_PAGESZ) == PROGRAM_PAGE && getauxval(AT_PHNUM) > 0 && getauxval(AT_RANDOM) != 0);
    CHECK(strcmp((char *)getauxval(AT_EXECFN), argv[0]) == 0 && getauxval(AT_SECURE) == 0);
    fflush(stdout);
    return wrong_here ? 12 : 11;
}

void test_exec_here(void)
{
    test_exec("after-exec");
}
