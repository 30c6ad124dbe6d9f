/* The machine: the VM that KVM gives us, its memory, its one CPU.
 *
 * Machine memory is one slot from maddr 0. Frames are handed out scattered, never in order, so that whoever mixes up
 * pfn and mfn is found out at once; the order is the same in every run, so that counts are. */
#pragma once
#include <stddef.h>
#include <linux/kvm.h>
#include <stddef.h>
#include "address.h"
#include "x86_cpu.h"

struct machine {
    int kvm_fd, vm_fd, vcpu_fd;
    struct kvm_run *run;
    size_t run_bytes;
    uint8_t *memory; /* hva of maddr 0 */
    uint64_t nr_mfns;
    uint64_t nr_single;  /* frames that are handed out one by one: all, but for a range */
    uint64_t nr_taken;   /* of those, handed out so far */
    uint32_t *order;     /* the order in which frames are handed out */
    bool has_umip;
    unsigned maxphyaddr; /* bits of a physical address, as the CPU says */
    bool started;        /* the CPU has run: what it walks may be cached */
    uint64_t nr_runs;    /* returns of KVM_RUN */
};

/* Open /dev/kvm and make a machine of nr_mfns frames with one CPU; giant_pages: as for cpuid_set_up(). A negative errno with the reason said; -ENODEV where
 * KVM cannot be used at all. machine_close takes whatever is there, also after a failure. */
int machine_open(struct machine *m, uint64_t nr_mfns, bool giant_pages);
void machine_close(struct machine *m);

/* A free frame, zeroed; NO_FRAME when all are taken. */
mfn_t machine_take_frame(struct machine *m);

/* From now on frames are handed out in order: where a guest's numbers must be the machine's. Before any is taken. */
void machine_keep_order(struct machine *m);

/* n frames in a row, zeroed: the last of the machine. Once, before any other frame is taken; n is less than nr_mfns. */
mfn_t machine_take_range(struct machine *m, uint64_t n);

/* Map all of memory a second time, from `at` on, for reading: a store there is KVM_EXIT_MMIO. 0 or a negative errno, said. */
int machine_add_window(struct machine *m, maddr_t at);

/* hva of a machine address or frame; it must be below nr_mfns (the caller checked what came from a guest). */
static inline void *machine_at(const struct machine *m, maddr_t a)
{
    return m->memory + a;
}

static inline void *machine_frame(const struct machine *m, mfn_t f)
{
    return m->memory + mfn_to_maddr(f);
}

/* Enter the guest once. 0, or -EINTR after a signal (run->immediate_exit is cleared), or another negative errno, said.
 * Synced registers are in run->s.regs, general and special. */
int machine_run(struct machine *m);

/* The frequency of the guest's time stamp counter, in kHz; not positive where KVM does not tell. */
int machine_tsc_khz(const struct machine *m);

/* What RDTSC shows at CPL 3, where all guests but bare ones run, less what it shows us: 0 where KVM does not tell. And on PVM, which
 * may tell of an offset: the CPU itself runs what is at CPL 3 there, and knows of none. */
int64_t machine_tsc_offset(const struct machine *m);

/* Write one MSR of the CPU. 0, or -EINVAL if the CPU refuses the value. */
int machine_set_msr(struct machine *m, uint32_t index, uint64_t value);

/* KVM's own statistics, by KVM's name ("exits", "pf_taken"): of the CPU, or of the VM for those that are the VM's. Calls
 * each(arg, name, value) for every counter that is not zero. Silent where KVM has none. KVM_GET_STATS_FD. */
void machine_kvm_stats(struct machine *m, void (*each)(void *arg, const char *name, uint64_t value), void *arg);
