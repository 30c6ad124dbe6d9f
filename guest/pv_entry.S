/* Where the host comes in, and where it is called. */
    .text

/* The paravirtual entry: called as a function of the start info, on a small stack of the host's. */
    .globl pv_entry
pv_entry:
    mov $kernel_stack_top, %rsp
    xor %ebp, %ebp
    call pv_start
    ud2

/* pv_hypercall(op, a0, a1); rcx and r11 are lost, as at any call. */
    .globl pv_hypercall
pv_hypercall:
    mov %edi, %eax
    mov %rsi, %rdi
    mov %rdx, %rsi
    int3
    ret
