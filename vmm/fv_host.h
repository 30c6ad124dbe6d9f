/* The fully virtualized mode: the virtual CPU and the shadow MMU on a machine of KVM, and a PC's devices
 * around them. */
#pragma once
#include "shadow/shadow.h"
#include "vmm/fv_cpu.h"
#include "vmm/native_boot.h"
#include "vmm/pc.h"
#include "vmm/vmm.h"

/* Machine memory, as KVM has it:
 *   0             RAM: the guest's frames, the monitor's, and the shadow tables at the top
 *   FV_WINDOW     all of it once more, read-only: here the shadow maps what is a page table of the guest
 *   FV_DEVICES    nothing: here it maps what is a device, at its gpa + FV_DEVICES */
#define FV_WINDOW  (1ull << 32)
#define FV_DEVICES (2ull << 32)
#define FV_NO_PFN  (~0u)

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

static inline struct fv_host *fv_host_of(const struct vmm *v)
{
    return v->mode_data;
}

/* fv_owner.c: services, with the struct vmm as ctx. */
extern const struct shadow_ops fv_shadow_ops;
extern const struct fv_cpu_ops fv_host_cpu_ops;

/* Guest memory for a device, as guest_memory_fn. A page table that it overwrites has ceased to be one. */
void *fv_device_memory(void *ctx, gpa_t a, uint64_t bytes, bool for_writing);
