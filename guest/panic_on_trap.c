/* A trap of the kernel itself: there is nothing to go on with. */
#include "panic_on_trap.h"
#include "kernel.h"

void panic_on_trap(const struct trap_frame *f)
{
    const struct cpu_regs *r = &f->regs;

    kprintf("trap %lu in the kernel, error code 0x%lx, last fault address %016lx\n", f->vector, f->error_code,
            f->fault_address);
    kprintf("rip %016lx rfl %016lx rsp %016lx rbp %016lx\n", r->rip, r->rflags, r->rsp, r->rbp);
    kprintf("rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", r->rax, r->rbx, r->rcx, r->rdx);
    kprintf("rsi %016lx rdi %016lx r8  %016lx r9  %016lx\n", r->rsi, r->rdi, r->r8, r->r9);
    kprintf("r10 %016lx r11 %016lx r12 %016lx r13 %016lx\n", r->r10, r->r11, r->r12, r->r13);
    kprintf("r14 %016lx r15 %016lx\n", r->r14, r->r15);
    panic("trap %lu in the kernel at 0x%lx", f->vector, r->rip);
}
