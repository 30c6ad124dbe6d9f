/* The paravirtual mode: what pv/ asks of the VMM, and the domain's memory as the guest finds it. */
#pragma once
#include "pv/pv.h"
#include "vmm/vmm.h"

/* Where the builder put things. */
struct pv_layout {
    pfn_t root;
    pfn_t shared_info;
    gva_t start_info;
    gva_t stack; /* as rsp at the entry */
    gva_t entry;
};

/* Load the kernel into the domain's memory and make the initial page tables, start info, p2m and stack, as pv/abi.h
 * section 2 says. 0 or a negative errno, said. */
int pv_build_domain(struct vmm *v, const struct kernel_image *kernel, struct pv_layout *layout);
