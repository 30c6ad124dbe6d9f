/* The resident monitor: what runs at CPL 0 inside the machine.
 *
 *   1. stubs for traps       one OUT each; the port says which
 *   2. resuming              several ways in, from nothing to do to much to do
 *   3. start                 load the task register, say that we are there
 *
 * A trap is one exit: the CPU has pushed rip, cs, rflags, rsp, ss (and an error code) on the monitor's stack, the stub
 * executes OUT, and the VMM reads that frame in shared memory and the general registers in kvm_run's synced registers.
 * To resume, the VMM writes the frame back, points rsp to what the chosen entry pops, and sets rip to that entry: so
 * the monitor neither saves nor restores what nobody asked for. Where KVM interprets code at CPL 0 each
 * instruction here costs as much as 700 ns, which is why there are so few.
 *
 * The code is position-independent and lies in the VMM's read-only data, to be copied into the machine. */
#include "vmm/monitor/monitor_ports.h"

	.section .rodata
	.balign 4096
	.globl monitor_code, monitor_code_end
monitor_code:

/* 1. Stubs. Sixteen bytes each, so that the VMM computes their addresses. The instruction after the OUT is never reached: the
 * VMM sets rip. */
	.globl monitor_code_traps
monitor_code_traps:
	.set vector, 0
	.rept MONITOR_NR_VECTORS
	.balign MONITOR_STUB_BYTES, 0xcc
	out	%al, $(MONITOR_PORT_TRAP + vector)
	ud2
	.set vector, vector + 1
	.endr

/* SYSCALL comes without a change of stack: the guest's rsp is still loaded, and nothing is pushed. */
	.balign 16, 0xcc
	.globl monitor_code_syscall
monitor_code_syscall:
	out	%al, $MONITOR_PORT_SYSCALL
	ud2

/* 2. Resuming.
 * Nothing but the return:            rsp -> iret frame */
	.balign 16, 0xcc
	.globl monitor_code_resume
monitor_code_resume:
	iretq

/* Another root (which drops all translations, as none is global): rax = CR3, rsp -> rax, iret frame */
	.balign 16, 0xcc
	.globl monitor_code_resume_root
monitor_code_resume_root:
	mov	%rax, %cr3
	pop	%rax
	iretq

/* Stores to page tables, then another root: rsi -> rcx pairs of address and entry; rdx = CR3;
 * rsp -> rax, rcx, rdx, rsi, rdi, iret frame */
	.balign 16, 0xcc
	.globl monitor_code_resume_stores
monitor_code_resume_stores:
1:	lodsq
	mov	%rax, %rdi
	movsq
	loop	1b
	mov	%rdx, %cr3
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	iretq

/* Stores (rcx pairs, may be none), another root, and then one pair more: it takes the monitor out of the root that was left.
 * Not before all others, since on their way the new root may lack the monitor, too. Registers and stack as above. */
	.balign 16, 0xcc
	.globl monitor_code_resume_leave
monitor_code_resume_leave:
	jrcxz	2f
1:	lodsq
	mov	%rax, %rdi
	movsq
	loop	1b
2:	mov	%rdx, %cr3
	lodsq
	mov	%rax, %rdi
	movsq
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	iretq

/* Stores (rcx pairs, may be none), then INVLPG of rdx addresses that follow them (may be none); CR3 stays.
 * rsp as above */
	.balign 16, 0xcc
	.globl monitor_code_resume_pages
monitor_code_resume_pages:
	jrcxz	2f
1:	lodsq
	mov	%rax, %rdi
	movsq
	loop	1b
2:	mov	%rdx, %rcx
	jrcxz	4f
3:	lodsq
	invlpg	(%rax)
	loop	3b
4:	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rsi
	pop	%rdi
	iretq

/* Stores (rcx pairs), then the root rdx, and back to the VMM: when the list is full. */
	.balign 16, 0xcc
	.globl monitor_code_drain
monitor_code_drain:
1:	lodsq
	mov	%rax, %rdi
	movsq
	loop	1b
	mov	%rdx, %cr3
	out	%al, $MONITOR_PORT_DRAINED
	ud2

/* Another CR0, rax, and back to the VMM. */
	.balign 16, 0xcc
	.globl monitor_code_control
monitor_code_control:
	mov	%rax, %cr0
	out	%al, $MONITOR_PORT_DRAINED
	ud2

/* 3. Start: ax = selector of the TSS. KVM_SET_SREGS alone leaves the I/O bitmap unknown to some CPUs (HACKING.md). */
	.balign 16, 0xcc
	.globl monitor_code_start
monitor_code_start:
	ltr	%ax
	out	%al, $MONITOR_PORT_START
	ud2

monitor_code_end:
	.section .note.GNU-stack, "", @progbits
