/* Registers that are kept: through handlers, and while others run. */
#include <cpuid.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "selftest.h"

static void spoil_floats(int signal)
{
    caught = signal;
    __asm__ volatile("xorps %%xmm9, %%xmm9; fninit" ::: "xmm9", "memory");
}

/* What a handler does to the SSE and x87 registers is gone when it returns. */
void test_float_registers(void)
{
    double in = 2.25, out = 0;
    unsigned short control = 0x27f, control_after = 0;
    int pid = getpid();
    long result;

    signal(SIGUSR1, spoil_floats);
    __asm__ volatile("movsd %[in], %%xmm9\n\tfldcw %[control]\n\tsyscall\n\tmovsd %%xmm9, %[out]\n\tfnstcw %[after]\n\tfninit"
                     : [out] "=m"(out), [after] "=m"(control_after), "=a"(result)
                     : [in] "m"(in), [control] "m"(control), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "xmm9", "memory");
    CHECK(result == 0 && caught == SIGUSR1 && out == in && control_after == control);
}

/* The upper halves of AVX's registers, where a program finds that it may use them, through a system call. */
static int has_wide_registers(void)
{
    unsigned a, b, c, d, enabled, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
    return (enabled & 6) == 6;
}

static int keeps_wide_register(uint64_t seed, long call, long first, long second)
{
    uint64_t in[4] = { seed, seed + 1, seed + 2, seed + 3 }, out[4] = { 0 };

    __asm__ volatile("vmovdqu %[in], %%ymm9\n\tsyscall\n\tvmovdqu %%ymm9, %[out]\n\tvzeroupper"
                     : [out] "=m"(out), "+a"(call)
                     : [in] "m"(in), "D"(first), "S"(second)
                     : "rcx", "r11", "xmm9", "memory");
    return memcmp(in, out, sizeof in) == 0;
}

static void spoil_wide_registers(int signal)
{
    caught = signal;
    __asm__ volatile("vzeroall" ::: "memory");
}

/* Two processes that give way to one another with the registers full. */
static int keeps_wide_registers(uint64_t seed)
{
    int kept = 0;

    for (uint64_t i = 0; i < 8; i++)
        kept += keeps_wide_register(seed + i, SYS_sched_yield, 0, 0);
    return kept == 8;
}

void test_wide_registers(void)
{
    if (!has_wide_registers())
        return;
    signal(SIGUSR1, spoil_wide_registers);
    CHECK(keeps_wide_register(100, SYS_kill, getpid(), SIGUSR1) && caught == SIGUSR1);
    pid_t child = fork();
    if (child == 0)
        _exit(keeps_wide_registers(200) ? 9 : 10);
    CHECK(keeps_wide_registers(300) && WEXITSTATUS(wait_for(child)) == 9);
}
