/* A native kernel's memory as its 64-bit entry finds it: the image, PVH's start info, tables that map the
 * first GiB where it is. */
#pragma once
#include "vmm/vmm.h"

struct native_layout {
    gpa_t entry;
    gpa_t root;       /* for CR3 */
    gpa_t start_info; /* for rbx */
};

/* Load it into the domain. 0 or a negative errno, said. */
int native_build_domain(struct vmm *v, const struct kernel_image *kernel, struct native_layout *layout);
