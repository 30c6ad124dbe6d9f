/* Traps that end an attempt.
 *
 *   1. attempts      what the caller expects to be kept goes on its stack, and the stack pointer aside
 *   2. stubs         one for each vector
 *   3. the way in    all registers into last_trap; then back to the attempt, with no IRET: CPL is 0 already
 *   4. accesses      single instructions
 *
 * Each vector has IST 1, so that a trap works with any stack pointer. */
#include "native_layout.h"

#define VEC_DF 8
#define VEC_TS 10
#define VEC_PF 14
#define VEC_AC 17
#define VEC_CP 21

#define REGS_RIP     128 /* in struct cpu_regs */
#define REGS_RFLAGS  136
#define TRAP_CS      144 /* in struct trap; traps.c asserts them */
#define TRAP_SS      152
#define TRAP_VECTOR  160
#define TRAP_ERROR   168
#define TRAP_ADDRESS 176
#define RFLAGS_FIXED_ONLY 0x2

    .text
/* 1. uint64_t attempt_call(function, a, b): what it returns; not if there was a trap. */
    .macro keep_registers
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .globl attempt_call
attempt_call:
    keep_registers
    mov %rsp, resume_stack
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    sub $8, %rsp
    call *%rax
    add $8, %rsp
attempt_ends:
    movq $0, resume_stack
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* attempt_call_user(const struct cpu_regs *) */
    .globl attempt_call_user
attempt_call_user:
    keep_registers
    mov %rsp, resume_stack
    push $SEL_USER_DATA
    push FRAME_RSP(%rdi)
    push REGS_RFLAGS(%rdi)
    push $SEL_USER_CODE
    push REGS_RIP(%rdi)
    mov FRAME_RSI(%rdi), %rsi
    mov FRAME_RDI(%rdi), %rdi
    iretq

/* 2. */
    .balign TRAP_STUB_BYTES
    .globl trap_stubs
trap_stubs:
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

/* 3. On the stack: vector, error code, rip, cs, rflags, rsp, ss. */
    .balign 16
trap_in:
    mov %rax, last_trap + FRAME_RAX
    mov %rbx, last_trap + FRAME_RBX
    mov %rcx, last_trap + FRAME_RCX
    mov %rdx, last_trap + FRAME_RDX
    mov %rsi, last_trap + FRAME_RSI
    mov %rdi, last_trap + FRAME_RDI
    mov %rbp, last_trap + FRAME_RBP
    mov %r8, last_trap + FRAME_R8
    mov %r9, last_trap + FRAME_R9
    mov %r10, last_trap + FRAME_R10
    mov %r11, last_trap + FRAME_R11
    mov %r12, last_trap + FRAME_R12
    mov %r13, last_trap + FRAME_R13
    mov %r14, last_trap + FRAME_R14
    mov %r15, last_trap + FRAME_R15
    popq last_trap + TRAP_VECTOR
    popq last_trap + TRAP_ERROR
    popq last_trap + REGS_RIP
    popq last_trap + TRAP_CS
    popq last_trap + REGS_RFLAGS
    popq last_trap + FRAME_RSP
    popq last_trap + TRAP_SS
    cld
    cmpq $VEC_PF, last_trap + TRAP_VECTOR
    jne 1f
    mov %cr2, %rax
    mov %rax, last_trap + TRAP_ADDRESS
1:  mov resume_stack, %rsp
    test %rsp, %rsp
    jnz attempt_ends
    mov $kernel_stack_top, %rsp
    call trap_unexpected
    ud2

/* CS can only be loaded by a far transfer. */
    .globl load_code_segment
load_code_segment:
    mov %rsp, %rax
    push $SEL_KERNEL_DATA
    push %rax
    push $RFLAGS_FIXED_ONLY
    push $SEL_KERNEL_CODE
    push $1f
    iretq
1:  ret

/* 4. */
    .globl access_read, access_write, access_fetch
access_read:
    mov (%rdi), %rax
    ret
access_write:
    mov %rsi, (%rdi)
    ret
access_fetch:
    jmp *%rdi /* to where there is a RET */

    .bss
    .balign 16
    .globl resume_stack
resume_stack:
    .skip 8
