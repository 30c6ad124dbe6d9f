/* What a signal handler finds on its stack: Linux's struct rt_sigframe for x86-64, which holds what C
 * libraries call ucontext_t and siginfo_t (Linux's asm/ucontext.h, asm/sigcontext.h, asm-generic/siginfo.h;
 * psABI, 3.4.1).
 *
 *     high   the interrupted stack
 *            128 bytes that leaf functions may use (the red zone), unless it is another stack
 *            FXSAVE image, 512 bytes, or XSAVE's area, 64-byte aligned
 *            struct signal_frame             rsp = its address when the handler starts: 16-byte aligned minus
 * 8 low */
#pragma once
#include "fpu.h"
#include "signals.h"

struct signal_registers {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error_code, vector, old_mask, fault_address;
    uint64_t fpu_at; /* gva of the FXSAVE image, 0 for none */
    uint64_t reserved[8];
};

struct signal_context {
    uint64_t flags, link;
    struct signal_stack stack;
    struct signal_registers registers;
    signal_set mask; /* blocked, when the handler returns */
};

/* siginfo_t: what follows the code depends on the signal. */
struct signal_info_block {
    int32_t signal, error, code, padding;
    union {
        uint64_t address;
        struct {
            int32_t pid, uid, status;
        } sender;
        uint8_t size[112];
    };
};

struct signal_frame {
    uint64_t restorer; /* where the handler's RET goes */
    struct signal_context context;
    struct signal_info_block info;
};

#define SIGNAL_RED_ZONE  128
#define SIGNAL_FPU_ALIGN 64
_Static_assert(sizeof(struct signal_registers) == 256, "struct sigcontext");
_Static_assert(sizeof(struct signal_info_block) == 128, "siginfo_t");
