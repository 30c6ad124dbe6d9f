/* One run from options to exit status.
 *   1. open: kernel, disks, machine, domain, monitor
 *   2. run
 *   3. close, in the reverse order */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/clock.h"
#include "vmm/console.h"
#include "vmm/error.h"
#include "vmm/report.h"
#include "vmm/run.h"
#include "vmm/substrate.h"
#include "vmm/vmm.h"

extern const uint8_t embedded_kernel[], embedded_kernel_end[];

/* The monitor, its tables, and one level 2 table for each GiB. */
#define FRAMES_OF_OURS 40

#define MONITOR_SLOT PV_RESERVED_SLOT

static int open_kernel(struct kernel_image *k, const struct options *o)
{
    if (o->kernel)
        return kernel_image_open(k, o->kernel, o->memory_bytes);
    return kernel_image_open_memory(k, "the built-in kernel", embedded_kernel,
                                    (size_t)(embedded_kernel_end - embedded_kernel), o->memory_bytes);
}

static int open_disks(struct vmm *v, struct disk disks[PV_MAX_DISKS])
{
    const struct options *o = v->options;
    int err = 0;
    if (o->disk) {
        struct disk *d = &disks[v->nr_disks];
        err = disk_open_archive(d, o->disk);
        if (!err && o->disk_error)
            err = disk_inject_errors(d, o->disk_error);
        v->disks[v->nr_disks++] = d;
    }
    if (!err && o->swap) {
        struct disk *d = &disks[v->nr_disks];
        err = disk_open_swap(d, o->swap);
        v->disks[v->nr_disks++] = d;
    }
    return err;
}

static int open_bare_machine(struct vmm *v, uint64_t nr_frames)
{
    int err = machine_open(&v->machine, nr_frames, v->mode->giant_pages);
    if (err)
        return err;
    machine_keep_order(&v->machine);
    return domain_init(&v->domain, &v->machine, 1, nr_frames);
}

static int open_machine(struct vmm *v)
{
    uint64_t nr_frames = v->options->memory_bytes / PAGE_SIZE;
    if (v->mode->is_bare)
        return open_bare_machine(v, nr_frames);
    uint64_t nr_own = v->mode->nr_own_frames ? v->mode->nr_own_frames(v->options) : 0;
    int err = machine_open(&v->machine, nr_frames + nr_own + FRAMES_OF_OURS, v->mode->giant_pages);
    if (!err && nr_own)
        v->own_frames = machine_take_range(&v->machine, nr_own);
    if (!err)
        err = monitor_init(&v->monitor, &v->machine, MONITOR_SLOT, v->mode->uses_ports);
    if (!err)
        err = domain_init(&v->domain, &v->machine, 1, nr_frames);
    return err;
}

static int status_of_signal(int signal)
{
    return signal == SIGALRM ? STATUS_TIMEOUT : STATUS_SIGNAL + signal;
}

/* Of output that could not be written. Whoever stops to read ends the run as SIGPIPE would, if it were not ignored. */
static int status_of_output(int error)
{
    return error == EPIPE ? STATUS_SIGNAL + SIGPIPE : STATUS_HOST;
}

static int status_of_end(struct vmm *v, int err)
{
    if (err == -EINTR) {
        if (clock_stop_signal() == SIGALRM)
            fail(0, "the guest did not end within %u second%s", v->options->timeout_s,
                 v->options->timeout_s == 1 ? "" : "s");
        return status_of_signal(clock_stop_signal());
    }
    if (err)
        return err == -ENOTRECOVERABLE ? STATUS_INTERNAL : STATUS_HOST;
    if (v->domain.state == DOMAIN_EXITED)
        return v->domain.exit_status;
    if (console_error()) /* said; the guest is not to blame */
        return status_of_output(console_error());
    fail(0, "the guest cannot go on: %s", v->domain.crash_reason);
    return STATUS_CRASHED;
}

static int check_books(struct vmm *v, int status)
{
    if (v->audit_failed)
        status = STATUS_INTERNAL;
    if (ledger_is_closed(&v->ledger, v->machine.nr_runs))
        return status;
    fail(0, "the ledger does not close: %llu exits counted, KVM_RUN returned %llu times",
         (unsigned long long)v->ledger.exits, (unsigned long long)v->machine.nr_runs);
    return STATUS_INTERNAL;
}

static int report(struct vmm *v, int status, FILE *counts)
{
    if (v->options->stats)
        report_print(v, stderr);
    int err = counts ? report_write_json(v, status, counts, v->options->stats_json) : 0;
    if (err)
        return counts == stdout ? status_of_output(-err) : STATUS_HOST;
    return status;
}

static int status_of_start(int err)
{
    return err == -ENODEV ? STATUS_NO_KVM : STATUS_HOST;
}

static int start_trace(struct vmm *v)
{
    const struct options *o = v->options;
    const struct trace_about about = {
        .mode = v->mode->name,
        .substrate = substrate_name(),
        .program = o->argv,
        .program_words = o->argc,
        .start_ns = v->start_ns,
        .tsc_offset = machine_tsc_offset(&v->machine),
    };
    if (!o->trace)
        return 0;
    v->trace = trace_open(o->trace, &about);
    return v->trace ? 0 : -EIO;
}

/* Of a file that could not be opened, which was said: to open a pipe waits for its reader, until something stops the run. */
static int status_of_no_file(void)
{
    return clock_stop_signal() ? status_of_signal(clock_stop_signal()) : STATUS_HOST;
}

/* Everything is open: start the domain, run it, report. */
static int run_machine(struct vmm *v, const struct kernel_image *kernel)
{
    int err = clock_start(v->machine.run, v->options->timeout_s);
    if (err)
        return STATUS_HOST;
    err = v->mode->start(v, kernel);
    if (err == -ENODEV)
        return STATUS_NO_KVM;
    if (err)
        return err == -ENOEXEC || err == -ENOMEM || err == -E2BIG ? STATUS_BAD_INPUT : STATUS_HOST;
    FILE *counts = v->options->stats_json ? report_open_json(v->options->stats_json) : NULL;
    if ((v->options->stats_json && !counts) || start_trace(v) < 0)
        return status_of_no_file();
    err = run_loop(v);
    v->end_ns = clock_now_ns();
    int status = report(v, check_books(v, status_of_end(v, err)), counts);
    return trace_close(v->trace) < 0 ? STATUS_HOST : status;
}

static int run_with_kernel(struct vmm *v, const struct kernel_image *kernel)
{
    struct disk disks[PV_MAX_DISKS] = { { .fd = -1 }, { .fd = -1 } };
    int status = STATUS_BAD_INPUT;
    if (open_disks(v, disks) == 0) {
        int err = open_machine(v);
        status = err ? status_of_start(err) : run_machine(v, kernel);
        v->mode->stop(v);
        clock_stop();
        domain_destroy(&v->domain);
        monitor_destroy(&v->monitor);
        machine_close(&v->machine);
    }
    for (unsigned i = 0; i < PV_MAX_DISKS; i++)
        disk_close(&disks[i]);
    return status;
}

static const struct mode *mode_by_name(const char *name)
{
    static const struct mode *const modes[] = { &mode_pv, &mode_fv, &mode_hw };
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (!strcmp(modes[i]->name, name))
            return modes[i];
    return NULL;
}

int run_command(const struct options *o)
{
    if (!o->kernel && !o->disk)
        warn("no disk, and so no programs; name one with --disk, as made by scripts/make-disk or tar --format=ustar");

    struct vmm *v = calloc(1, sizeof(*v));
    if (!v) {
        fail(ENOMEM, "cannot start");
        return STATUS_HOST;
    }
    v->options = o;
    v->mode = mode_by_name(o->mode);
    v->start_ns = clock_now_ns();
    struct kernel_image kernel;
    int status = STATUS_BAD_INPUT;
    if (open_kernel(&kernel, o) == 0) {
        status = run_with_kernel(v, &kernel);
        kernel_image_close(&kernel);
    }
    free(v);
    return status;
}
