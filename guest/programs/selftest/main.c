/* selftest: asks the kernel for everything that programs may ask for, and checks each answer. One line a subject, "ok" or what was
 * wrong; status 1 if anything was. It runs on the host too, and prints the same. */
#include <unistd.h>
#include "selftest.h"

const char *self;
int wrong_here;
static int wrong;

void check(int holds, const char *file, int line, const char *what)
{
    if (holds)
        return;
    wrong_here++;
    printf("  %s:%d: %s (errno %d)\n", file, line, what, errno);
}

static void run(const char *name, void (*test)(void))
{
    wrong_here = 0;
    test();
    wrong += wrong_here;
    printf("%s: %s\n", name, wrong_here ? "WRONG" : "ok");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 1 && !self[0])
        return 13; /* test_exec gave no arguments */
    if (argc > 1 && strcmp(argv[1], "after-exec") == 0)
        return after_exec(argc, argv);
    for (int fd = 3; fd < 32; fd++) /* what a shell may have left open */
        close(fd);
    run("files", test_files);
    run("paths", test_paths);
    run("vectors", test_vectors);
    run("descriptors", test_descriptors);
    run("ints", test_ints);
    run("directories", test_directories);
    run("memory", test_memory);
    run("advice", test_advice);
    run("mapped files", test_mapped_files);
    run("faults", test_faults);
    run("return from a handler", test_return);
    run("float registers", test_float_registers);
    run("wide registers", test_wide_registers);
    run("masks", test_masks);
    run("signal stack", test_signal_stack);
    run("signal stack overflow", test_signal_stack_overflow);
    run("fork", test_fork);
    run("ends", test_ends);
    run("interrupted waits", test_interrupted_waits);
    run("suspend", test_suspend);
    run("exec", test_exec_here);
    run("time", test_time);
    run("system", test_system);
    return wrong != 0;
}
