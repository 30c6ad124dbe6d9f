/* The substrate: what KVM itself stands on. Costs depend on it (counts do not), so it is named wherever
 * a time is printed.
 *
 *   id           name
 *   pvm          PVM                      KVM without hardware virtualization
 *   svm          SVM with NPT             AMD, nested paging
 *   svm-shadow   SVM with shadow paging   AMD, KVM's own shadow paging (kvm_amd npt=0)
 *   vmx          VMX with EPT             Intel, nested paging
 *   vmx-shadow   VMX with shadow paging   Intel, KVM's own shadow paging (kvm_intel ept=0)
 *   unknown      unknown                  nothing tells
 */
#pragma once
#include <stdbool.h>

struct substrate {
    const char *id;   /* one word, for files and options; scripts/nested --on takes the middle four */
    const char *name; /* for people */
    const char *about; /* what that is, for people who have not met it */
};

/* The substrate of the system whose /sys and /proc lie below root ("" for this one). Asked in turn:
 *   1. root/sys/module/kvm_{pvm,amd,intel}: which module is loaded, and its npt or ept parameter;
 *   2. hint, an id from the table above (NULL for none): for places where /sys is hidden;
 *   3. root/proc/cpuinfo: the flags svm, vmx, npt, ept; KVM uses nested paging where the CPU has it.
 * Never NULL; the answer is static. */
const struct substrate *substrate_find(const char *root, const char *hint);

/* This machine's substrate, found once, and its name; the hint is the environment's FV_SUBSTRATE. */
const struct substrate *substrate_of_this_machine(void);
const char *substrate_name(void);

/* What the substrate of that name is; NULL: no substrate that is known has it. */
const char *substrate_about(const char *name);

/* Can kernels at CPL 0, as in mode hw, have programs? PVM shows them a program's system call as a page fault. */
bool substrate_has_native_programs(void);

/* Does RDTSC at CPL 3 have the offset that KVM tells of? PVM's shows the host's counter. */
bool substrate_offsets_tsc(void);
