/* faultvisor doctor.
 *   1. asking: what KVM says, what a few exits show
 *   2. telling: for people, or as JSON */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vmm/bare_exit.h"
#include "vmm/doctor.h"
#include "vmm/error.h"
#include "vmm/options.h"
#include "vmm/substrate.h"

#define ROUNDS 400

/* 1. Asking. */

struct capability {
    const char *name;
    int number;
    int needed;          /* bits of the answer; 0: any that is not zero */
    const char *for_what;
    bool there;
};

struct findings {
    int open_error; /* errno of opening /dev/kvm, or 0 */
    int api_version;
    struct capability capabilities[4];
    int bare_error[NR_BARE_EXITS];
    struct bare_exit bare[NR_BARE_EXITS];
};
#define NR_CAPABILITIES 4

static const struct capability used_capabilities[NR_CAPABILITIES] = {
    { "synced registers", KVM_CAP_SYNC_REGS, KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS, "all modes", false },
    { "immediate exit", KVM_CAP_IMMEDIATE_EXIT, 0, "Ctrl-C, timers, time limits", false },
    { "read-only memory", KVM_CAP_READONLY_MEM, 0, "fv: stores to page tables", false },
    { "statistics", KVM_CAP_BINARY_STATS_FD, 0, "KVM's own counters in reports", false },
};

static bool is_kvm(const struct findings *f)
{
    return !f->open_error && f->api_version == KVM_API_VERSION;
}

static void ask_kvm(struct findings *f, int fd)
{
    f->api_version = ioctl(fd, KVM_GET_API_VERSION, 0);
    for (int i = 0; i < NR_CAPABILITIES; i++) {
        struct capability *c = &f->capabilities[i];
        int answer = ioctl(fd, KVM_CHECK_EXTENSION, c->number);
        c->there = answer > 0 && (answer & c->needed) == c->needed;
    }
}

static void swallow(const char *line)
{
    (void)line; /* what cannot be measured is told in the table */
}

static void ask_exits(struct findings *f)
{
    error_sink_fn *before = error_sink;
    error_sink = swallow;
    for (int kind = 0; kind < NR_BARE_EXITS; kind++)
        f->bare_error[kind] = bare_exit_measure(kind, ROUNDS, &f->bare[kind]);
    error_sink = before;
}

static void ask(struct findings *f)
{
    *f = (struct findings){ 0 };
    memcpy(f->capabilities, used_capabilities, sizeof(f->capabilities));
    for (int kind = 0; kind < NR_BARE_EXITS; kind++)
        f->bare_error[kind] = -ENODEV;
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        f->open_error = errno;
        return;
    }
    ask_kvm(f, fd);
    close(fd);
    if (is_kvm(f))
        ask_exits(f);
}

static const char *state_of_kvm(const struct findings *f)
{
    if (f->open_error)
        return strerror(f->open_error);
    return is_kvm(f) ? "can be used" : f->api_version < 0 ? "is not KVM's device" : "has another API version than 12";
}

/* The monitor stands, and a program's traps pass it. */
static bool pv_works(const struct findings *f)
{
    return !f->bare_error[BARE_SYSCALL] && !f->bare_error[BARE_PAGE_FAULT] && !f->bare_error[BARE_SYSCALL_ROOT];
}

static bool fv_works(const struct findings *f)
{
    return pv_works(f) && !f->bare_error[BARE_PORT] && !f->bare_error[BARE_TABLE_STORE];
}

/* A bare guest needs nothing of the monitor. */
static bool hw_works(const struct findings *f)
{
    return is_kvm(f) && f->capabilities[0].there && substrate_has_native_programs();
}

static const char *advice(const struct findings *f)
{
    switch (f->open_error) {
    case 0:
        if (!is_kvm(f))
            return "run in an emulated machine: scripts/nested -- COMMAND";
        if (!pv_works(f))
            return "this KVM does not run our monitor; run in an emulated machine: scripts/nested -- COMMAND";
        return hw_works(f) ? NULL : "for mode hw, run in an emulated machine: scripts/nested -- COMMAND";
    case EACCES:
    case EPERM:
        return "to be let in: sudo usermod -aG kvm $USER, then log in again";
    default:
        return "load it with sudo modprobe kvm_intel or kvm_amd, if this machine has it; else run in an emulated "
               "machine: scripts/nested -- COMMAND";
    }
}

/* 2. Telling. */

static void print_mode(const char *mode, bool works, const char *why_not)
{
    printf("  mode %-18s %s\n", mode, works ? "works" : why_not);
}

static void print_exits(const struct findings *f)
{
    printf("\n  a bare exit, there and back        median     10 %%     90 %%   (us)\n");
    for (int kind = 0; kind < NR_BARE_EXITS; kind++) {
        const struct bare_exit *b = &f->bare[kind];
        if (f->bare_error[kind])
            printf("    %-30s cannot be had: %s\n", bare_exit_name(kind), strerror(-f->bare_error[kind]));
        else
            printf("    %-30s %8.1f %8.1f %8.1f\n", bare_exit_name(kind), (double)b->median_ns / 1000,
                   (double)b->p10_ns / 1000, (double)b->p90_ns / 1000);
    }
}

static void print_findings(const struct findings *f)
{
    printf("  /dev/kvm                %s\n", state_of_kvm(f));
    if (is_kvm(f)) {
        printf("  substrate               %s (%s)\n", substrate_name(), substrate_of_this_machine()->about);
        printf("  API version             %d\n", f->api_version);
        for (int i = 0; i < NR_CAPABILITIES; i++)
            printf("  %-23s %s (%s)\n", f->capabilities[i].name, f->capabilities[i].there ? "yes" : "NO",
                   f->capabilities[i].for_what);
        print_mode("pv", pv_works(f), "does not: the monitor does not run here");
        print_mode("fv", fv_works(f), "does not: stores to read-only memory or ports do not exit as they should");
        print_mode("hw", hw_works(f), "does not: PVM makes page faults of its system calls");
        print_exits(f);
    }
    if (advice(f))
        printf("\n  What to do: %s\n", advice(f));
}

static json_t *exits_json(const struct findings *f)
{
    json_t *o = json_object();
    for (int kind = 0; kind < NR_BARE_EXITS; kind++) {
        const struct bare_exit *b = &f->bare[kind];
        if (!f->bare_error[kind])
            json_object_set_new(o, bare_exit_name(kind),
                                json_pack("{s:I, s:I, s:I}", "median_ns", (json_int_t)b->median_ns, "p10_ns",
                                          (json_int_t)b->p10_ns, "p90_ns", (json_int_t)b->p90_ns));
    }
    return o;
}

static void print_json(const struct findings *f)
{
    json_t *capabilities = json_object();
    for (int i = 0; i < NR_CAPABILITIES; i++)
        json_object_set_new(capabilities, f->capabilities[i].name, json_boolean(f->capabilities[i].there));
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:o, s:{s:b, s:b, s:b}, s:o}", "faultvisor", FV_VERSION, "kvm",
                          is_kvm(f) ? "usable" : state_of_kvm(f), "substrate", substrate_name(),
                          "api_version", f->api_version, "capabilities", capabilities, "modes", "pv", pv_works(f),
                          "fv", fv_works(f), "hw", hw_works(f), "bare_exits", exits_json(f));
    json_dumpf(o, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(o);
}

static void print_help(void)
{
    puts("Usage: faultvisor doctor [OPTION]\n"
         "Say what /dev/kvm is here, which modes work with it, what a bare exit costs, and\n"
         "what to do if it does not work.\n"
         "\n"
         "      --json  say it as JSON\n"
         "\n"
         "Exit status: 0 if guests can run, 64 wrong usage, 69 if they cannot.");
}

static int usage_error(void)
{
    fputs("Try 'faultvisor doctor --help'.\n", stderr);
    return STATUS_USAGE;
}

int doctor_command(int argc, char **argv)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    bool json = false;
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help();
            return 0;
        }
        if (option != 'j')
            return usage_error();
        json = true;
    }
    if (optind < argc) {
        fail(0, "doctor takes no argument %s", argv[optind]);
        return usage_error();
    }
    struct findings f;
    ask(&f);
    if (json)
        print_json(&f);
    else
        print_findings(&f);
    return pv_works(&f) ? 0 : STATUS_NO_KVM;
}
