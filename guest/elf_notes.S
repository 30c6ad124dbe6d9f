/* What the ELF file says about how to start it, besides e_entry.
 *
 *   "faultvisor", 1   the paravirtual entry (pv/abi.h)
 *   "Xen", 18         the 32-bit entry of PVH, which QEMU and others look for (XEN_ELFNOTE_PHYS32_ENTRY) */
#include "image.h"

#define PV_NOTE_ENTRY            1
#define PV_ABI_VERSION           1
#define XEN_ELFNOTE_PHYS32_ENTRY 18

    .section .note.faultvisor, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, PV_NOTE_ENTRY
1:  .asciz "faultvisor"
2:  .balign 4
3:  .quad PV_ABI_VERSION
    .quad pv_entry
4:  .balign 4

    .section .note.Xen, "a", @note
    .balign 4
    .long 2f - 1f, 4f - 3f, XEN_ELFNOTE_PHYS32_ENTRY
1:  .asciz "Xen"
2:  .balign 4
3:  .quad native_entry32 - KERNEL_BASE
4:  .balign 4
