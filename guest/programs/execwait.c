/* execwait PROGRAM ARGUMENT...: runs another program in a child and says how it ended. */
#include <sys/wait.h>
#include <unistd.h>
#include "program.h"

int main(int argc, char **argv)
{
    char *environment[] = { NULL };
    int status;

    if (argc < 2)
        fail("usage: execwait PROGRAM ARGUMENT...");
    pid_t pid = fork();
    if (pid == 0) {
        execve(argv[1], argv + 1, environment);
        printf("cannot run %s: %s\n", argv[1], strerror(errno));
        fflush(stdout);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        fail("execwait: %s", strerror(errno));
    if (WIFSIGNALED(status))
        printf("signal %d\n", WTERMSIG(status));
    else
        printf("status %d\n", WEXITSTATUS(status));
    return 0;
}
