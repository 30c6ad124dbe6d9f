/* The hypercall itself: pv/abi.h, section 3. */
#pragma once
#include "pv/abi.h"

static inline int64_t pv_hypercall(enum pv_hypercall op, uint64_t a0, uint64_t a1)
{
    int64_t result;

    __asm__ volatile("syscall" : "=a"(result) : "a"((uint64_t)op), "D"(a0), "S"(a1) : "rcx", "r11", "memory");
    return result;
}
