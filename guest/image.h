/* Where the kernel's image lies: the symbols of kernel.ld. Also for the assembler. */
#pragma once

#define KERNEL_BASE 0xffffffff80000000 /* vaddr of the image minus its paddr */

#ifndef __ASSEMBLER__
#include "address.h"

extern char image_start[], image_rodata[], image_data[], image_end[]; /* page-aligned, but the last */
extern char kernel_stack_guard[];                                     /* one page, below the stack */
extern char kernel_stack_top[];                                       /* 16-byte aligned */

static inline gpa_t image_to_gpa(const void *p)
{
    return (gpa_t)p - KERNEL_BASE;
}
#endif
