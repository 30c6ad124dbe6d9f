/* Traps in, programs out.
 *
 *   1. stubs          one for each vector: error code and vector on the stack
 *   2. the way in     registers into native_frame, the kernel's empty stack, native_trap
 *   3. the way out    IRETQ, or SYSRETQ after a system call
 *   4. waiting        the one place where the kernel itself is interrupted
 *
 * There is one CPU and one kernel stack, and no trap of the kernel returns but the one of 4: so the frame has a fixed
 * place, nothing is found by GS, and no SWAPGS is needed. */
#include "native_layout.h"

#define VEC_DF 8
#define VEC_TS 10
#define VEC_PF 14
#define VEC_AC 17
#define VEC_CP 21

#define TRAP_SYSTEM_CALL  0x80
#define RFLAGS_FIXED_ONLY 0x2
#define RFLAGS_IF         0x200

    .macro save_registers
    mov %rax, native_frame + FRAME_RAX
    mov %rbx, native_frame + FRAME_RBX
    mov %rcx, native_frame + FRAME_RCX
    mov %rdx, native_frame + FRAME_RDX
    mov %rsi, native_frame + FRAME_RSI
    mov %rdi, native_frame + FRAME_RDI
    mov %rbp, native_frame + FRAME_RBP
    mov %r8, native_frame + FRAME_R8
    mov %r9, native_frame + FRAME_R9
    mov %r10, native_frame + FRAME_R10
    mov %r11, native_frame + FRAME_R11
    mov %r12, native_frame + FRAME_R12
    mov %r13, native_frame + FRAME_R13
    mov %r14, native_frame + FRAME_R14
    mov %r15, native_frame + FRAME_R15
    .endm

    /* All but rip, rflags, rsp, rcx and r11; rdi, which holds the frame, last. */
    .macro load_registers
    mov FRAME_RAX(%rdi), %rax
    mov FRAME_RBX(%rdi), %rbx
    mov FRAME_RDX(%rdi), %rdx
    mov FRAME_RSI(%rdi), %rsi
    mov FRAME_RBP(%rdi), %rbp
    mov FRAME_R8(%rdi), %r8
    mov FRAME_R9(%rdi), %r9
    mov FRAME_R10(%rdi), %r10
    mov FRAME_R12(%rdi), %r12
    mov FRAME_R13(%rdi), %r13
    mov FRAME_R14(%rdi), %r14
    mov FRAME_R15(%rdi), %r15
    mov FRAME_RDI(%rdi), %rdi
    .endm

/* 1. */
    .text
    .balign TRAP_STUB_BYTES
    .globl native_trap_stubs
native_trap_stubs:
    .set vector, 0
    .rept NR_VECTORS
    .balign TRAP_STUB_BYTES
    .if (vector != VEC_DF) && (vector < VEC_TS || vector > VEC_PF) && (vector != VEC_AC) && (vector != VEC_CP)
    push $0
    .endif
    push $vector
    jmp trap_in
    .set vector, vector + 1
    .endr

/* 2. On the stack: vector, error code, rip, cs, rflags, rsp, ss. */
    .balign 16
trap_in:
    testb $3, 24(%rsp)
    jz trap_in_kernel
save_and_handle:
    save_registers
    popq native_frame + FRAME_VECTOR
    popq native_frame + FRAME_ERROR
    popq native_frame + FRAME_RIP
    popq native_frame + FRAME_MODE /* CS: native_trap makes a mode of it */
    popq native_frame + FRAME_RFLAGS
    popq native_frame + FRAME_RSP
    mov $kernel_stack_top, %rsp
handle:
    cld
    xor %ebp, %ebp
    mov $native_frame, %rdi
    call native_trap
    ud2

    .balign 16
    .globl native_system_call_entry
native_system_call_entry:
    mov %rsp, native_frame + FRAME_RSP
    mov $kernel_stack_top, %rsp
    save_registers
    mov %rcx, native_frame + FRAME_RIP
    mov %r11, native_frame + FRAME_RFLAGS
    movq $SEL_USER_CODE, native_frame + FRAME_MODE
    movq $TRAP_SYSTEM_CALL, native_frame + FRAME_VECTOR
    movq $0, native_frame + FRAME_ERROR
    jmp handle

/* 3. native_return_iretq(frame), native_return_sysretq(frame). */
    .balign 16
    .globl native_return_iretq
native_return_iretq:
    mov $native_return_frame, %rsp
    mov FRAME_RIP(%rdi), %rax
    mov FRAME_RFLAGS(%rdi), %rcx
    mov FRAME_RSP(%rdi), %rdx
    mov %rax, 0(%rsp)
    movq $SEL_USER_CODE, 8(%rsp)
    mov %rcx, 16(%rsp)
    mov %rdx, 24(%rsp)
    movq $SEL_USER_DATA, 32(%rsp)
    mov FRAME_RCX(%rdi), %rcx
    mov FRAME_R11(%rdi), %r11
    load_registers
    iretq

    .balign 16
    .globl native_return_sysretq
native_return_sysretq:
    mov FRAME_RIP(%rdi), %rcx
    mov FRAME_RFLAGS(%rdi), %r11
    mov FRAME_RSP(%rdi), %rsp
    load_registers
    sysretq

/* CS can only be loaded by a far transfer, and IRETQ is the one that this kernel needs anyway. */
    .globl native_load_segments
native_load_segments:
    mov %rsp, %rax
    push $SEL_KERNEL_DATA
    push %rax
    push $RFLAGS_FIXED_ONLY
    push $SEL_KERNEL_CODE
    push $1f
    iretq
1:  ret

/* 4. The caller expects its scratch registers to be lost, as at any call: so nothing is saved. The interrupt
 * returns with interrupts off: one a wait, or a timer that is faster than its handler would leave time for
 * nothing else. */
    .globl native_wait_for_interrupt
native_wait_for_interrupt:
    sti
    hlt
    ret

trap_in_kernel:
    cmpq $VECTOR_IRQ_BASE, 0(%rsp)
    jb save_and_handle
    mov 0(%rsp), %rdi
    sub $8, %rsp /* the CPU aligned rsp to 16 before it pushed */
    call native_timer_acknowledge
    add $24, %rsp
    andl $~RFLAGS_IF, 16(%rsp)
    iretq

    .bss
    .balign 16
    .globl native_frame
native_frame:
    .skip FRAME_BYTES
