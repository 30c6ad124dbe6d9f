/* What an exit costs by itself here: the guest traps, the VMM does nothing but resume it. The unit in which faults are to be
 * weighed, and what `faultvisor doctor` shows. Times are of this machine at this moment: only ratios within one run mean something. */
#pragma once
#include <stdint.h>

enum bare_exit_kind {
    BARE_SYSCALL,         /* SYSCALL at CPL 3, through the monitor and back */
    BARE_SYSCALL_ROOT,    /* the same, and another root on the way back */
    BARE_PAGE_FAULT,      /* a page fault; the VMM fills one entry */
    BARE_PAGE_FAULT_ROOT, /* the same, and another root */
    BARE_EXCEPTION,       /* INT3 */
    BARE_EXCEPTION_ROOT,  /* the same, and another root */
    BARE_PORT,            /* OUT at CPL 3, which does not pass the monitor */
    BARE_TABLE_STORE,     /* a store into read-only memory, likewise */
    NR_BARE_EXITS
};

struct bare_exit {
    uint64_t median_ns, p10_ns, p90_ns;
};

const char *bare_exit_name(enum bare_exit_kind kind);

/* Measure one kind with so many exits, on a machine of its own. 0; -ENOTSUP: this KVM cannot do that kind; another
 * negative errno, said. */
int bare_exit_measure(enum bare_exit_kind kind, unsigned rounds, struct bare_exit *result);
