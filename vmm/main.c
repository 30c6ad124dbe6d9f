/* faultvisor: the commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "vmm/compare.h"
#include "vmm/doctor.h"
#include "vmm/error.h"
#include "vmm/options.h"
#include "vmm/report_command.h"
#include "vmm/run.h"
#include "vmm/sweep.h"
#include "vmm/trace_command.h"

struct command {
    const char *name;
    const char *summary;
    int (*main)(int argc, char **argv); /* argv[0] is "faultvisor" and the command; returns the exit status */
};

static int main_run(int argc, char **argv)
{
    struct options o;
    int end = options_parse(&o, argc, argv);
    return end ? end - 1 : run_command(&o);
}

static const struct command commands[] = {
    { "run", "run a program in a guest and count the exits of its page faults", main_run },
    { "compare", "run a program once in each mode, and tell the counts side by side", compare_command },
    { "sweep", "run a program over a grid of modes, memory sizes and policies", sweep_command },
    { "trace", "draw page faults of a recorded run, step by step", trace_command },
    { "report", "make a page of tables and pictures of results", report_command },
    { "doctor", "say what /dev/kvm is here, what works, and what to do if it does not", doctor_command },
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
    fputs("Usage: faultvisor COMMAND [OPTION]...\n"
          "A minimal hypervisor that runs a page fault through every classic way of\n"
          "handling it, and counts what each fault costs.\n"
          "\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < NR_COMMANDS; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n'faultvisor COMMAND --help' tells more. --version prints the version.\n", to);
}

/* Where one of the three is closed, the next file opened would be it, and get output that is meant for a terminal. What is
 * opened instead fails as a closed one does: nothing comes from 0, and nothing goes to 1 and 2. */
static void keep_standard_files(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            break;
}

/* What was printed may not have got out yet, and is not lost without a word. */
static int status_of_output(int status)
{
    if ((fflush(stdout) == EOF || ferror(stdout)) && status == 0) {
        fail(errno, "cannot write to standard output");
        return STATUS_HOST;
    }
    return status;
}

static int do_command(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    for (size_t i = 0; i < NR_COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name)) {
            static char name[64]; /* for messages of getopt_long, which begin with it */
            snprintf(name, sizeof(name), "faultvisor %s", commands[i].name);
            argv[1] = name;
            return commands[i].main(argc - 1, argv + 1);
        }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        print_help(stdout);
        return 0;
    }
    if (!strcmp(argv[1], "--version")) {
        puts("faultvisor " FV_VERSION);
        return 0;
    }
    fail(0, "unknown command %s; 'faultvisor --help' lists them", argv[1]);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    keep_standard_files();
    return status_of_output(do_command(argc, argv));
}
