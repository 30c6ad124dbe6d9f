/* For suites of signals: the system calls that a program makes, and the frame that it finds. */
#pragma once
#include <asm/unistd.h>
#include <check.h>
#include "guest_boot.h"
#include "signal_frame.h"
#include "tests/run_suite.h"

#define HANDLER   0x401100ull
#define RESTORER  0x401200ull
#define ACTION_AT (FAKE_BSS + 0x100)
#define OTHER_AT  (FAKE_BSS + 0x200)
#define USR1      10
#define USR2      12

static inline struct cpu_regs *regs(void)
{
    return &fake_cpu.frame->regs;
}

static inline int pid(void)
{
    return current_process->pid;
}

static inline int64_t act(int signal, uint64_t handler, uint64_t flags, signal_set mask)
{
    struct signal_action a = { handler, flags | SIGNAL_FLAG_RESTORER, RESTORER, mask };
    fake_store(ACTION_AT, &a, sizeof a);
    return fake_call(__NR_rt_sigaction, (uint64_t)signal, ACTION_AT, 0, 8);
}

static inline void block(signal_set set)
{
    fake_store(OTHER_AT, &set, sizeof set);
    ck_assert_int_eq((int)fake_call(__NR_rt_sigprocmask, 2, OTHER_AT, 0, 8), 0);
}

static inline void raise_signal(int signal)
{
    fake_call(__NR_tkill, (uint64_t)pid(), (uint64_t)signal);
}

/* The frame of the handler that runs. */
static inline struct signal_frame frame(void)
{
    struct signal_frame f;
    fake_load(&f, regs()->rsp, sizeof f);
    return f;
}

/* What the restorer does, after the handler's RET. */
static inline void sigreturn(void)
{
    regs()->rsp += 8;
    fake_call(__NR_rt_sigreturn);
}
