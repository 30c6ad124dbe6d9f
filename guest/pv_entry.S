/* The paravirtual entry: the host calls it as a function of the start info, on a small stack of its own. */
    .text
    .globl pv_entry
pv_entry:
    mov $kernel_stack_top, %rsp
    xor %ebp, %ebp
    call pv_start
    ud2
