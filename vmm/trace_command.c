/* `faultvisor trace`.
 *   1. the command line
 *   2. the list
 *   3. diagrams */
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vmm/error.h"
#include "vmm/options.h"
#include "vmm/same_file.h"
#include "vmm/trace_command.h"
#include "vmm/trace_diagram.h"

/* 1. The command line. */

struct trace_options {
    const char *file, *svg;
    uint32_t fault; /* 0: none was named */
    int class;      /* -1: all */
    bool list;
};

static void print_help(void)
{
    fputs("Usage: faultvisor trace [OPTION]... FILE\n"
          "Draw page faults of a run that 'faultvisor run --trace FILE' recorded, step by\n"
          "step: who was at work, and what went from whom to whom. Without options, the\n"
          "typical fault of each class: of those with the most common number of exits, the\n"
          "one that took the median time.\n"
          "\n"
          "  -f, --fault NUMBER    this fault; they are counted from 1\n"
          "  -c, --class CLASS     only the typical fault of this class: minor, major, cow,\n"
          "                        protection, hidden (only the shadow had it)\n"
          "      --svg OUT.svg     draw into this file instead of the terminal (- for\n"
          "                        standard output)\n"
          "  -l, --list            one line for each fault instead, with --class of that\n"
          "                        class only\n"
          "\n"
          "Marked (told) is what the guest kernel told of itself, (inferred) what follows\n"
          "from what it did.\n"
          "\n"
          "The file is in Trace Event Format: it opens in https://ui.perfetto.dev and\n"
          "chrome://tracing, too. Times are microseconds since faultvisor started.\n"
          "otherData: version, mode, substrate, program. Threads (tid) are the lanes:\n"
          "1 program, 2 guest kernel, 3 monitor, 4 VMM, 5 disk. Events by category (cat):\n"
          "  exit      from a return of KVM_RUN to the next call. name: the cause; account:\n"
          "            what it is charged to; from, to: the lanes that ran before and\n"
          "            after; fault: the number of the fault that pays for it;\n"
          "            instruction: what trapped (mov-to-cr3, iret, out ...); port: of in\n"
          "            and out; hypercalls\n"
          "  fault     from the trap until the program goes on. class, exits, address,\n"
          "            access, error (the CPU's error code), rip; stopped: the program or\n"
          "            the run ended before\n"
          "  step      an instant in a fault. name: the step; source: told or inferred, if\n"
          "            not seen by the VMM\n"
          "  run       the guest kernel ran, with the monitor and KVM on the way\n"
          "  disk      a disk notification was worked on. requests: how many\n"
          "  monitor   what the monitor does before the guest goes on: stores to page\n"
          "            tables, flushes, a new root\n"
          "  activity  the boot, a system call, a timer's tick, an exception: with the\n"
          "            exits charged to it\n"
          "  trace     a pause in which events were written to the file\n",
          stdout);
}

static int class_of(const char *name)
{
    for (int i = 0; i < NR_TRACE_CLASSES; i++)
        if (!strcmp(name, trace_class_name(i)))
            return i;
    fail(0, "--class %s: expected one of minor, major, cow, protection, hidden", name);
    return -1;
}

static uint32_t fault_number(const char *text)
{
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] >= '1' && text[0] <= '9' && !*end && n <= UINT32_MAX)
        return (uint32_t)n;
    fail(0, "--fault %s: expected a number from 1 on", text);
    return 0;
}

static bool take_option(struct trace_options *o, int option)
{
    switch (option) {
    case 'f':
        o->fault = fault_number(optarg);
        return o->fault != 0;
    case 'c':
        o->class = class_of(optarg);
        return o->class >= 0;
    case 's':
        o->svg = optarg;
        return true;
    case 'l':
        o->list = true;
        return true;
    default:
        return false; /* getopt has told */
    }
}

static bool options_agree(const struct trace_options *o, int nr_files)
{
    if (nr_files != 1)
        return fail(0, nr_files ? "only one trace at a time" : "no trace to read: say which file") == 0;
    if (o->fault && (o->class >= 0 || o->list))
        return fail(0, "--fault names one fault: --class and --list do not go with it") == 0;
    if (o->list && o->svg)
        return fail(0, "--list draws nothing: --svg does not go with it") == 0;
    return true;
}

/* 0, or the exit status plus 1. */
static int parse(struct trace_options *o, int argc, char **argv)
{
    static const struct option long_options[] = {
        { "fault", required_argument, NULL, 'f' }, { "class", required_argument, NULL, 'c' },
        { "svg", required_argument, NULL, 's' },   { "list", no_argument, NULL, 'l' },
        { "help", no_argument, NULL, 'h' },        { NULL, 0, NULL, 0 },
    };
    *o = (struct trace_options){ .class = -1 };
    optind = 1;
    bool good = true;
    for (int option; good && (option = getopt_long(argc, argv, "f:c:lh", long_options, NULL)) != -1;) {
        if (option == 'h') {
            print_help();
            return 1;
        }
        good = take_option(o, option);
    }
    if (good && options_agree(o, argc - optind)) {
        o->file = argv[optind];
        return 0;
    }
    fputs("Try 'faultvisor trace --help'.\n", stderr);
    return STATUS_USAGE + 1;
}

/* 2. The list. */

static bool print_fault(void *arg, const struct trace_record *r)
{
    const struct trace_options *o = arg;
    if (r->kind == RECORD_FAULT && (o->class < 0 || r->what == o->class))
        printf("%8u  %-10s %5u %12.1f  %-7s 0x%llx\n", r->fault, trace_class_name(r->what), r->exits,
               (double)r->duration_ns / 1000, trace_access_name(r->error), (unsigned long long)r->address);
    return true;
}

static int list_faults(struct trace_options *o)
{
    struct trace_origin origin;
    printf("%8s  %-10s %5s %12s  %-7s %s\n", "fault", "class", "exits", "us", "access", "address");
    return trace_read(o->file, &origin, print_fault, o) < 0 ? STATUS_BAD_INPUT : 0;
}

/* 3. Diagrams. */

static unsigned terminal_width(void)
{
    struct winsize w;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col)
        return w.ws_col;
    return 80;
}

static int show(const struct diagram *list, size_t count, const char *svg)
{
    if (svg)
        return diagram_write_svg(list, count, svg) < 0 ? STATUS_HOST : 0;
    bool utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    for (size_t i = 0; i < count; i++) {
        fputs(i ? "\n\n" : "", stdout);
        diagram_print(&list[i], stdout, terminal_width(), utf8);
    }
    return 0;
}

static int draw(const struct trace_options *o, const struct trace_origin *origin,
                const struct trace_story *stories, size_t count)
{
    struct diagram diagrams[NR_TRACE_CLASSES] = { 0 };
    int status = 0;
    for (size_t i = 0; i < count && !status; i++) {
        if (!stories[i].found) {
            fail(0, "there is no fault %u in %s", stories[i].number, o->file);
            status = STATUS_BAD_INPUT;
        } else if (diagram_build(&diagrams[i], origin, &stories[i]) < 0) {
            status = STATUS_HOST;
        }
    }
    if (!status)
        status = show(diagrams, count, o->svg);
    for (size_t i = 0; i < count; i++)
        diagram_free(&diagrams[i]);
    return status;
}

/* How many stories to tell; negative: none, said. */
static int choose(const struct trace_options *o, struct trace_story stories[NR_TRACE_CLASSES])
{
    struct trace_origin origin;
    struct trace_faults faults;
    int count = 0;
    if (o->fault) {
        stories[0] = (struct trace_story){ .number = o->fault };
        return 1;
    }
    int err = trace_list_faults(o->file, &origin, &faults);
    for (int class = 0; class < NR_TRACE_CLASSES && !err; class++)
        if ((o->class < 0 || o->class == class) && trace_pick_typical(&faults, class, &stories[count]))
            count++;
    free(faults.list);
    if (err || count)
        return err ? err : count;
    return o->class < 0 ? fail(0, "there are no faults in %s", o->file)
                        : fail(0, "there are no %s faults in %s", trace_class_name(o->class), o->file);
}

int trace_command(int argc, char **argv)
{
    struct trace_options o;
    int end = parse(&o, argc, argv);
    if (end)
        return end - 1;
    if (o.svg && same_file_refuse("--svg", o.svg, o.file, "the trace") < 0)
        return STATUS_USAGE;
    setlocale(LC_CTYPE, "");
    if (o.list)
        return list_faults(&o);
    struct trace_origin origin;
    struct trace_story stories[NR_TRACE_CLASSES] = { 0 };
    int count = choose(&o, stories);
    int status = STATUS_BAD_INPUT;
    if (count > 0 && trace_read_stories(o.file, &origin, stories, (size_t)count) == 0)
        status = draw(&o, &origin, stories, (size_t)count);
    for (int i = 0; i < count; i++)
        trace_story_free(&stories[i]);
    return status;
}
