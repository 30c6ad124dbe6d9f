/* What CPU the guest sees. Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include "vmm/cpuid.h"
#include "vmm/error.h"

#define MAX_LEAVES 256
#define LEAF_TSC   0x15

#define LEAST_PHYSICAL_BITS 36
#define MOST_PHYSICAL_BITS  52

#define LEAF1_ECX_KEEP (1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 22 | 1u << 23) /* SSE3 to POPCNT, CX16 */
#define LEAF1_EDX_DROP \
    (1u << 11 | 1u << 12 | 1u << 21 | 1u << 22 | 1u << 28 | 1u << 29) /* SEP, MTRR, DS, ACPI, HTT, TM */
#define LEAF7_ECX_UMIP (1u << 2)
#define LEAF81_EDX_GIANT (1u << 26) /* pages of 1 GiB */
#define LEAF81_EDX_KEEP (1u << 11 | 1u << 20 | 1u << 26 | 1u << 29) /* SYSCALL, NX, 1 GiB, LM */

static void filter_leaf(struct kvm_cpuid_entry2 *e, bool *has_umip)
{
    switch (e->function) {
    case 0x1:
        e->ecx &= LEAF1_ECX_KEEP;
        e->edx &= ~LEAF1_EDX_DROP;
        break;
    case 0x7:
        if (e->index == 0 && (e->ecx & LEAF7_ECX_UMIP))
            *has_umip = true;
        e->ecx = e->index == 0 ? e->ecx & LEAF7_ECX_UMIP : 0;
        e->eax = e->ebx = e->edx = 0;
        break;
    case 0xd: /* no XSAVE: no state components */
        e->eax = e->ebx = e->ecx = e->edx = 0;
        break;
    case 0x80000001:
        e->ecx &= 1u; /* LAHF */
        e->edx &= LEAF81_EDX_KEEP | 0x0183f1ffu; /* AMD repeats leaf 1 there */
        break;
    case 0x80000008: /* sizes of addresses; no CLZERO, no IBPB and the like, whose MSRs fv does not have */
        e->ebx = 0;
        break;
    }
}

/* Leaf 15H names the frequency of the time stamp counter, as crystal * EBX / EAX, whatever the host's CPU says of it. Without room, or when KVM does not know it, nothing is said. */
static void name_tsc_frequency(struct kvm_cpuid2 *cpuid, int tsc_khz)
{
    struct kvm_cpuid_entry2 *leaf = NULL;
    for (unsigned i = 0; i < cpuid->nent; i++)
        if (cpuid->entries[i].function == LEAF_TSC)
            leaf = &cpuid->entries[i];
    if (tsc_khz <= 0 || (!leaf && cpuid->nent == MAX_LEAVES))
        return;
    if (!leaf)
        leaf = &cpuid->entries[cpuid->nent++];
    *leaf = (struct kvm_cpuid_entry2){ .function = LEAF_TSC, .eax = 1000, .ebx = (uint32_t)tsc_khz, .ecx = 1000000 };
    for (unsigned i = 0; i < cpuid->nent; i++)
        if (cpuid->entries[i].function == 0 && cpuid->entries[i].eax < LEAF_TSC)
            cpuid->entries[i].eax = LEAF_TSC;
}

static unsigned clamp_bits(unsigned bits)
{
    if (bits < LEAST_PHYSICAL_BITS)
        return LEAST_PHYSICAL_BITS;
    return bits > MOST_PHYSICAL_BITS ? MOST_PHYSICAL_BITS : bits;
}

int cpuid_set_up(int kvm_fd, int vcpu_fd, bool giant_pages, bool *has_umip, unsigned *maxphyaddr)
{
    struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + MAX_LEAVES * sizeof(cpuid->entries[0]));
    if (!cpuid)
        return fail(ENOMEM, "cannot ask what CPU there is");
    *has_umip = false;
    *maxphyaddr = LEAST_PHYSICAL_BITS;
    cpuid->nent = MAX_LEAVES;
    int err = 0;
    if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid) < 0)
        err = fail(errno, "cannot ask what CPU KVM supports (KVM_GET_SUPPORTED_CPUID)");
    for (unsigned i = 0; !err && i < cpuid->nent; i++) {
        filter_leaf(&cpuid->entries[i], has_umip);
        if (cpuid->entries[i].function == 0x80000001 && giant_pages)
            cpuid->entries[i].edx |= LEAF81_EDX_GIANT;
        if (cpuid->entries[i].function == 0x80000008)
            *maxphyaddr = clamp_bits(cpuid->entries[i].eax & 0xff);
    }
    if (!err)
        name_tsc_frequency(cpuid, ioctl(vcpu_fd, KVM_GET_TSC_KHZ));
    if (!err && ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid) < 0)
        err = fail(errno, "cannot give the CPU its features (KVM_SET_CPUID2)");
    free(cpuid);
    return err;
}
