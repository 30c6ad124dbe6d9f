/* What the ELF file says about how to start it, besides e_entry.
 *
 *   "Xen", 18         the 32-bit entry of PVH, which QEMU and others look for (XEN_ELFNOTE_PHYS32_ENTRY) */
#include "image.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.Xen, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, XEN_ELFNOTE_PHYS32_ENTRY
1:  .asciz "Xen"
2:  .balign 4
3:  .quad native_entry32 - KERNEL_BASE
4:  .balign 4
