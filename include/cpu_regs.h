/* The general registers of a CPU, in the order of struct kvm_regs (the VMM asserts that the two agree),
 * so that nobody who passes registers on has to copy them one by one. */
#pragma once
#include <stdint.h>

struct cpu_regs {
    uint64_t rax, rbx, rcx, rdx;
    uint64_t rsi, rdi, rsp, rbp;
    uint64_t r8, r9, r10, r11;
    uint64_t r12, r13, r14, r15;
    uint64_t rip, rflags;
};
