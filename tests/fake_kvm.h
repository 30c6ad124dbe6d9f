/* For suites of the run loop: a KVM that is made here, and a VMM on it. Signals and failures come just when
 * they hurt. */
#pragma once
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "vmm/monitor_layout.h"
#include "vmm/vmm.h"
#include "tests/run_suite.h"
#include "tests/said.h"

#define NR_FRAMES 256

static struct kvm_run *run;
static struct machine m;
static struct vmm v;
static struct options options;
static unsigned nr_runs;         /* calls of KVM_RUN */
static int (*run_cpu)(unsigned); /* the n-th of them, from 0: 0 or an errno */
static size_t list_room;         /* what memory there is for the monitor's backlog */
static bool interrupt_fails;     /* KVM_INTERRUPT does */

/* Before the C library's: this is all that the VMM has of KVM here. */
int ioctl(int fd, unsigned long request, ...)
{
    (void)fd;
    if (request == KVM_SET_MSRS)
        return 1;
    if (request == KVM_INTERRUPT && interrupt_fails) {
        errno = ENXIO;
        return -1;
    }
    if (request != KVM_RUN)
        return 0;
    errno = run_cpu(nr_runs++);
    return errno ? -1 : 0;
}

/* In place of vmm/store_list.c, too. */
bool store_list_add(struct store_list *l, maddr_t at)
{
    if (l->nr == list_room)
        return false;
    if (!l->at)
        l->at = calloc(list_room, sizeof(l->at[0]));
    l->at[l->nr++] = at;
    return true;
}

void store_list_free(struct store_list *l)
{
    free(l->at);
    *l = (struct store_list){ 0 };
}

static inline void setup(void)
{
    run = calloc(1, sizeof(*run));
    m = (struct machine){
        .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1, .run = run, .nr_mfns = NR_FRAMES, .nr_single = NR_FRAMES
    };
    m.memory = aligned_alloc(PAGE_SIZE, NR_FRAMES * PAGE_SIZE);
    memset(m.memory, 0, NR_FRAMES * PAGE_SIZE);
    m.order = calloc(NR_FRAMES, sizeof(m.order[0]));
    machine_keep_order(&m);
    v = (struct vmm){ .options = &options, .machine = m };
    options = (struct options){ 0 };
    nr_runs = 0;
    list_room = 4 * MAX_STORES;
    interrupt_fails = false;
    keep_what_is_said();
}

static inline void teardown(void)
{
    monitor_destroy(&v.monitor);
    free(m.order);
    free(m.memory);
    free(run);
}

static inline void stand(void)
{
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = KVM_EXIT_IO_OUT;
    run->io.port = MONITOR_PORT_START;
    run->s.regs.regs.rip = v.monitor.base;
}
