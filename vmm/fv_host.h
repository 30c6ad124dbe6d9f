/* The fully virtualized mode: the virtual CPU and the shadow MMU on a machine of KVM, and a PC's devices
 * around them. */
#pragma once
#include "shadow/shadow.h"
#include "vmm/fv_cpu.h"
#include "vmm/native_boot.h"
#include "vmm/pc.h"
#include "vmm/vmm.h"

struct fv_host {
    struct fv_cpu cpu;
    struct shadow shadow;
    struct pc pc;
    uint32_t *m2p;    /* [nr_mfns]: pfn, or ~0 */
    uint64_t *counts; /* by emulated instruction */

    /* For the instruction after STI, when an interrupt waits for it: the real TF is set. */
    bool stepping;
    bool steps_itself; /* the guest has TF set, too */

    /* The page fault in progress. */
    uint64_t fault_rip, fault_cr3;
    bool fault_is_write_to_present;
};
