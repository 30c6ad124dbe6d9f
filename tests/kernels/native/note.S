/* The 32-bit entry of PVH, for QEMU (XEN_ELFNOTE_PHYS32_ENTRY); e_entry is the 64-bit one. */
#include "image.h"

    .section .note.Xen, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, 18
1:  .asciz "Xen"
2:  .balign 4
3:  .quad native_entry32 - KERNEL_BASE
4:  .balign 4
