/* The native entries: from whatever started us to C at the linked address.
 *
 *   native_entry32   PVH: 32-bit protected mode, flat segments, no paging, ebx = gpa of struct hvm_start_info
 *   native_entry64   long mode, identity-mapped, rbx = the same
 *
 * Both go on with boot_root, which maps the first GiB twice: at its own address, and at KERNEL_BASE. */
#include "image.h"

#define PADDR(symbol) ((symbol) - KERNEL_BASE)

#define CR0_PE_MP_ET_NE_WP_PG 0x80010033
#define CR4_PAE               0x20
#define MSR_EFER              0xc0000080
#define EFER_LME              0x100
#define ENTRY_TABLE           0x63 /* present, writable, accessed, dirty */
#define ENTRY_LARGE           0xe3
#define SEL_BOOT_CODE         0x08

    .text
    .code32
    .globl native_entry32
native_entry32:
    cld
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    mov $PADDR(boot_root), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    mov $CR0_PE_MP_ET_NE_WP_PG, %eax
    mov %eax, %cr0
    lgdt PADDR(boot_gdt_pointer)
    ljmp $SEL_BOOT_CODE, $PADDR(1f)

    .code64
1:  mov %ebx, %ebx /* the upper half means nothing yet */

    .globl native_entry64
native_entry64:
    mov $PADDR(boot_root), %eax
    mov %rax, %cr3
    mov $high, %rax
    jmp *%rax
high:
    cld
    mov $kernel_stack_top, %rsp
    xor %ebp, %ebp
    mov %rbx, %rdi
    call native_start
    ud2

    .section .rodata
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code, CPL 0 */
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long PADDR(boot_gdt)

    .section .data.page, "aw"
    .balign 4096
boot_root:
    .quad PADDR(boot_level3) + ENTRY_TABLE
    .fill 510, 8, 0
    .quad PADDR(boot_level3) + ENTRY_TABLE
boot_level3:
    .quad PADDR(boot_level2) + ENTRY_TABLE /* at 0, and with the root's last entry not used */
    .fill 509, 8, 0
    .quad PADDR(boot_level2) + ENTRY_TABLE /* KERNEL_BASE, with the root's last entry */
    .quad 0
boot_level2:
    .set paddr, 0
    .rept 512
    .quad paddr + ENTRY_LARGE
    .set paddr, paddr + 0x200000
    .endr
