/* What CPU the guest sees. */
#pragma once
#include <stdbool.h>

/* Give the CPU what KVM supports, less what would differ between hosts or that the guest's kernel does not handle
 * (AVX and its state, PCID, monitors of performance ...), so that a program takes the same way everywhere. giant_pages: pages of
 * 1 GiB are there even if KVM has none, since no guest's entry reaches the CPU. *has_umip: the CPU can trap SGDT and its kin. *maxphyaddr: bits of a physical address, 36 to 52. 0 or a negative errno, said. */
int cpuid_set_up(int kvm_fd, int vcpu_fd, bool giant_pages, bool *has_umip, unsigned *maxphyaddr);
