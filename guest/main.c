/* The kernel's start: its command line, memory, the archive, and the program that it names as pid 1. */
#include "archive.h"
#include "command_line.h"
#include "exec.h"
#include "kernel.h"
#include "platform.h"
#include "random.h"
#include "schedule.h"

/* Exit statuses, as a shell's. */
enum { STATUS_BAD_START = 125, STATUS_CANNOT_RUN = 126, STATUS_NOT_FOUND = 127 };

static _Noreturn void give_up(int status)
{
    platform->shutdown(PV_SHUTDOWN_EXIT, status);
}

/* The archive is the first disk that is not for swapping. */
static void open_archive(const struct boot_info *boot)
{
    for (unsigned disk = 0; disk < boot->nr_disks; disk++) {
        if (boot->disks[disk].swap)
            continue;
        if (!archive_open(disk))
            kprintf("the archive on disk %u is damaged: its files up to there can be used\n", disk);
        return;
    }
    kprintf("no disk with an archive\n");
}

static void add_string(struct exec_strings *s, unsigned *count, const char *string)
{
    if (exec_strings_add(s, string) < 0)
        panic("the command line does not fit where exec keeps strings");
    ++*count;
}

static void add_strings(struct exec_strings *s, const struct command_line *c)
{
    for (int i = 0; i < c->argc; i++)
        add_string(s, &s->argc, c->argv[i]);
    add_string(s, &s->envc, "PATH=/bin");
    add_string(s, &s->envc, "HOME=/");
}

static void start_program(const struct command_line *c)
{
    struct exec_strings *s = exec_strings_begin();
    struct process *p = process_create();
    const char *why;
    add_strings(s, c);
    ksnprintf(p->cwd, sizeof p->cwd, "/");
    descriptor_open_standard(&p->files);
    int error = exec_run(p, c->argv[0], c->argv[0], s, &why);
    if (error) {
        kprintf("cannot run %s: %s\n", c->argv[0], why);
        give_up(archive_find(c->argv[0]) ? STATUS_CANNOT_RUN : STATUS_NOT_FOUND);
    }
    fpu_start(&p->fpu);
}

_Noreturn void kernel_main(const struct boot_info *boot)
{
    static struct command_line c;
    if (!command_line_parse(&c, boot->cmdline)) {
        kprintf("command line: cannot understand \"%s\"\n", c.policy);
        give_up(STATUS_BAD_START);
    }
    random_seed(c.seed);
    if (!memory_init(boot, c.policy, c.seed)) {
        kprintf("command line: no policy \"%s\"\n", c.policy);
        give_up(STATUS_BAD_START);
    }
    open_archive(boot);
    if (c.argc == 0) {
        kprintf("command line: no program after \"--\"\n");
        give_up(STATUS_BAD_START);
    }
    start_program(&c);
    schedule();
}
