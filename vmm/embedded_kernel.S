/* The guest kernel that is used unless --kernel names another. */
	.section .rodata
	.balign 4096
	.globl embedded_kernel, embedded_kernel_end
embedded_kernel:
	.incbin "guest/kernel.elf"
embedded_kernel_end:
	.section .note.GNU-stack, "", @progbits
