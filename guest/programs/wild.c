/* wild: asks for registers that no program can have, each time in a child, and tells how that ended. Whoever
 * gives a program its registers back has to refuse these before the CPU does.
 *
 *   1. going there         jumps, SYSCALL at the end of the space
 *   2. signals' returns    rip, rsp, flags, segments, FPU state, all from a frame that was written over
 *   3. signals' ways in    handlers, stacks and restorers that are nowhere
 *   4. system calls        addresses that are loaded later
 *   5. telling */
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>
#include "program.h"

#define NOWHERE     0x0000800000000000ul /* the first address that is none */
#define NOWHERE_TOO 0xffff7ffffffffffful /* the last one */
#define OTHER_HALF  0xffff800000000000ul /* the first one that is one again */
#define KERNEL      0xffffffff81000000ul
#define LINEAR      0xffff880000000000ul
#define SPACE_END   0x00007ffffffff000ul /* Linux gives nothing from here on */
#define ALTERNATE   16384
#define SET_FS      0x1002 /* of arch_prctl, which the C library has no header for */

/* The flags of an action that the C library does not pass on. */
#define FLAG_RESTORER 0x04000000ul

struct raw_action {
    unsigned long handler, flags, restorer, mask;
};

struct wild {
    const char *name;
    void (*run)(uint64_t value);
    uint64_t value;
};

static void raw_sigaction(int signal, struct raw_action a)
{
    syscall(SYS_rt_sigaction, signal, &a, NULL, sizeof a.mask);
}

/* 1. Going there. */
static void jump(uint64_t to)
{
    __asm__ volatile("jmp *%0" : : "r"(to));
}

static void touch(uint64_t at)
{
    *(volatile char *)at;
}

static void store(uint64_t at)
{
    *(volatile char *)at = 0;
}

static void ret(uint64_t to)
{
    __asm__ volatile("push %0; ret" : : "r"(to));
}

/* SYSCALL as the last bytes before the end of the space. */
static void call_at_the_end(uint64_t bytes_before)
{
    unsigned char *page = mmap((void *)(SPACE_END - PROGRAM_PAGE), PROGRAM_PAGE, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    unsigned char *code = page + PROGRAM_PAGE - bytes_before;

    if (page == MAP_FAILED)
        _exit(1);
    code[0] = 0x0f;
    code[1] = 0x05;
    mprotect(page, PROGRAM_PAGE, PROT_READ | PROT_EXEC);
    __asm__ volatile("jmp *%0" : : "r"(code), "a"(SYS_getpid));
}

static void map_the_end(uint64_t at)
{
    void *p = mmap((void *)at, PROGRAM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0);

    _exit(p == MAP_FAILED && errno == ENOMEM ? 10 : 11);
}

/* IRETQ by a program: to its own level is all that it may, and not to nowhere. */
static void iretq_to(uint64_t rip)
{
    __asm__ volatile(
        "mov %%ss, %%rax; push %%rax; push %%rsp; pushf; mov %%cs, %%rax; push %%rax; push %0; iretq"
        :
        : "r"(rip)
        : "rax");
}

static void iretq_with_segment(uint64_t cs)
{
    __asm__ volatile(
        "mov %%ss, %%rax; push %%rax; push %%rsp; pushf; push %0; lea 1f(%%rip), %%rax; push %%rax; "
        "iretq; 1:"
        :
        : "r"(cs)
        : "rax");
}

static void halt(uint64_t value)
{
    (void)value;
    __asm__ volatile("hlt");
}

/* 2. Signals' returns. */
static greg_t wild_register;
static uint64_t wild_value;

static void change_context(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;

    (void)signal, (void)info;
    u->uc_mcontext.gregs[wild_register] = (greg_t)wild_value;
}

static void return_with(greg_t what, uint64_t value)
{
    struct sigaction a = { .sa_sigaction = change_context, .sa_flags = SA_SIGINFO };

    wild_register = what;
    wild_value = value;
    sigaction(SIGUSR1, &a, NULL);
    kill(getpid(), SIGUSR1);
}

static void return_to(uint64_t rip)
{
    return_with(REG_RIP, rip);
}

static void return_on_stack(uint64_t rsp)
{
    return_with(REG_RSP, rsp);
}

static void return_with_flags(uint64_t flags)
{
    return_with(REG_EFL, flags);
}

/* Of the four segments in one word: cs is the lowest, ss the highest. */
static void return_with_cs(uint64_t cs)
{
    return_with(REG_CSGSFS, 0x002b000000000000ul | cs);
}

static void return_with_ss(uint64_t ss)
{
    return_with(REG_CSGSFS, ss << 48 | 0x33);
}

static void change_fpu(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;

    (void)signal, (void)info;
    u->uc_mcontext.fpregs = (void *)wild_value;
}

static void return_with_fpu_at(uint64_t at)
{
    struct sigaction a = { .sa_sigaction = change_fpu, .sa_flags = SA_SIGINFO };

    wild_value = at;
    sigaction(SIGUSR1, &a, NULL);
    kill(getpid(), SIGUSR1);
}

static void return_from(uint64_t rsp)
{
    __asm__ volatile("mov %0, %%rsp; syscall" : : "r"(rsp), "a"(SYS_rt_sigreturn));
}

/* The same as return_to, with a handler for what comes of it, and a stack for that. */
static void leave(int signal)
{
    _exit(signal == SIGSEGV ? 20 : 21);
}

static void catch_faults(void)
{
    static char alternate[ALTERNATE];
    stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };
    struct sigaction a = { .sa_handler = leave, .sa_flags = SA_ONSTACK };

    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
}

static void return_to_and_catch(uint64_t rip)
{
    catch_faults();
    return_to(rip);
}

/* 3. Signals' ways in. */
static void nothing(int signal)
{
    (void)signal;
}

static void handler_at(uint64_t at)
{
    raw_sigaction(SIGUSR1, (struct raw_action){ at, FLAG_RESTORER, (unsigned long)halt, 0 });
    kill(getpid(), SIGUSR1);
}

static void handler_at_and_catch(uint64_t at)
{
    catch_faults();
    handler_at(at);
}

static void fault_handler_at(uint64_t at)
{
    raw_sigaction(SIGSEGV, (struct raw_action){ at, FLAG_RESTORER, (unsigned long)halt, 0 });
    jump(NOWHERE);
}

static void restorer_at(uint64_t at)
{
    raw_sigaction(SIGUSR1, (struct raw_action){ (unsigned long)nothing, FLAG_RESTORER, at, 0 });
    kill(getpid(), SIGUSR1);
}

static void no_restorer(uint64_t value)
{
    (void)value;
    raw_sigaction(SIGUSR1, (struct raw_action){ (unsigned long)nothing, 0, 0, 0 });
    kill(getpid(), SIGUSR1);
}

/* kill(pid, SIGUSR1) with a stack that is nowhere. */
static void signal_on_stack(uint64_t rsp)
{
    int pid = getpid();

    signal(SIGUSR1, nothing);
    __asm__ volatile("mov %0, %%rsp; syscall; mov $60, %%eax; mov $5, %%edi; syscall"
                     :
                     : "r"(rsp), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "memory");
}

static void signal_on_stack_and_catch(uint64_t rsp)
{
    catch_faults();
    signal_on_stack(rsp);
}

static void alternate_stack_at(uint64_t at)
{
    stack_t stack = { .ss_sp = (void *)at, .ss_size = ALTERNATE };
    struct sigaction a = { .sa_handler = nothing, .sa_flags = SA_ONSTACK };

    if (sigaltstack(&stack, NULL))
        _exit(12);
    sigaction(SIGUSR1, &a, NULL);
    kill(getpid(), SIGUSR1);
}

/* 4. System calls. */
static void fs_base_at(uint64_t at)
{
    _exit(syscall(SYS_arch_prctl, SET_FS, at) == 0 ? 14 : errno == EPERM ? 15 : 16);
}

/* A child that does not touch the stack that it was given. */
static void clone_on_stack(uint64_t rsp)
{
    int status;
    long pid;

    __asm__ volatile(
        "xor %%edx, %%edx; xor %%r10d, %%r10d; xor %%r8d, %%r8d; syscall; test %%eax, %%eax; jnz 1f; "
        "mov $60, %%eax; mov $6, %%edi; syscall; 1:"
        : "=a"(pid)
        : "a"(SYS_clone), "D"(SIGCHLD), "S"(rsp)
        : "rcx", "rdx", "r8", "r10", "r11", "memory");
    if (pid < 0 || waitpid((pid_t)pid, &status, 0) != pid)
        _exit(17);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 18);
}

static void execve_at(uint64_t at)
{
    _exit(syscall(SYS_execve, at, at, at) < 0 && errno == EFAULT ? 19 : 1);
}

/* 5. Telling. Which signal it is depends on who finds out: the CPUs differ. */
static const struct wild wilds[] = {
    { "jump to the first address that is none", jump, NOWHERE },
    { "jump to the last address that is none", jump, NOWHERE_TOO },
    { "jump to a kernel", jump, KERNEL },
    { "jump to a kernel's memory", jump, LINEAR },
    { "jump to the other half", jump, OTHER_HALF },
    { "jump to the last page", jump, SPACE_END },
    { "jump to the last byte", jump, ~0ul },
    { "touch of an address that is none", touch, NOWHERE },
    { "touch of the other half", touch, OTHER_HALF },
    { "touch of a kernel", touch, KERNEL },
    { "touch of a kernel's memory", touch, LINEAR },
    { "touch of the last byte", touch, ~0ul },
    { "store to the other half", store, OTHER_HALF },
    { "store to a kernel", store, KERNEL },
    { "return to an address that is none", ret, NOWHERE },
    { "return to the last byte", ret, ~0ul },
    { "system call at the end", call_at_the_end, 2 },
    { "system call one byte before the end", call_at_the_end, 3 },
    { "half a system call at the end", call_at_the_end, 1 },
    { "last page mapped", map_the_end, SPACE_END },
    { "address that is none mapped", map_the_end, NOWHERE },
    { "iretq to an address that is none", iretq_to, NOWHERE },
    { "iretq to the null segment", iretq_with_segment, 0 },
    { "iretq to level 0", iretq_with_segment, 0x10 },
    { "iretq beyond all segments", iretq_with_segment, 0xffff },
    { "hlt", halt, 0 },
    { "sigreturn to 0", return_to, 0 },
    { "sigreturn to the first address that is none", return_to, NOWHERE },
    { "sigreturn to the last address that is none", return_to, NOWHERE_TOO },
    { "sigreturn to a kernel", return_to, KERNEL },
    { "sigreturn to a kernel's memory", return_to, LINEAR },
    { "sigreturn to the last page", return_to, SPACE_END },
    { "sigreturn to the last byte", return_to, ~0ul },
    { "sigreturn to an address that is none, caught", return_to_and_catch, NOWHERE },
    { "sigreturn to a kernel, caught", return_to_and_catch, KERNEL },
    { "sigreturn with a stack at 0", return_on_stack, 0 },
    { "sigreturn with a stack where no address is", return_on_stack, NOWHERE + 4096 },
    { "sigreturn with a stack in a kernel", return_on_stack, KERNEL },
    { "sigreturn with all flags but TF", return_with_flags, ~0x100ul },
    { "sigreturn with TF", return_with_flags, 0x302 },
    { "sigreturn with no flags", return_with_flags, 0 },
    { "sigreturn with IOPL and NT", return_with_flags, 0x7202 },
    { "sigreturn with VM", return_with_flags, 0x20202 },
    { "sigreturn with the null code segment", return_with_cs, 0 },
    { "sigreturn beyond all code segments", return_with_cs, 0xffff },
    { "sigreturn with code segment 0x33", return_with_cs, 0x33 },
    { "sigreturn with code segment 0x30", return_with_cs, 0x30 },
    { "sigreturn beyond all stack segments", return_with_ss, 0xffff },
    { "sigreturn with stack segment 0x2b", return_with_ss, 0x2b },
    { "sigreturn with FPU state at none", return_with_fpu_at, 0 },
    { "sigreturn with FPU state where no address is", return_with_fpu_at, NOWHERE },
    { "sigreturn with FPU state in a kernel", return_with_fpu_at, KERNEL },
    { "sigreturn from 0", return_from, 0 },
    { "sigreturn from an address that is none", return_from, NOWHERE },
    { "sigreturn from a kernel", return_from, KERNEL },
    { "sigreturn from the last byte", return_from, ~0ul },
    { "handler at an address that is none", handler_at, NOWHERE },
    { "handler in a kernel", handler_at, KERNEL },
    { "handler at the last page", handler_at, SPACE_END },
    { "handler at an address that is none, caught", handler_at_and_catch, NOWHERE },
    { "handler in a kernel, caught", handler_at_and_catch, KERNEL },
    { "handler of faults at an address that is none", fault_handler_at, NOWHERE },
    { "handler of faults in a kernel", fault_handler_at, KERNEL },
    { "restorer at an address that is none", restorer_at, NOWHERE },
    { "restorer in a kernel", restorer_at, KERNEL },
    { "no restorer", no_restorer, 0 },
    { "signal with a stack at 0", signal_on_stack, 0 },
    { "signal with a stack where no address is", signal_on_stack, NOWHERE + 4096 },
    { "signal with a stack in a kernel", signal_on_stack, KERNEL },
    { "signal with a stack at the last byte", signal_on_stack, ~0ul },
    { "signal with a stack in a kernel, caught", signal_on_stack_and_catch, KERNEL },
    { "alternate stack where no address is", alternate_stack_at, NOWHERE },
    { "alternate stack in a kernel", alternate_stack_at, KERNEL },
    { "alternate stack at the end", alternate_stack_at, ~0ul - ALTERNATE },
    { "FS at an address that is none", fs_base_at, NOWHERE },
    { "FS in a kernel", fs_base_at, KERNEL },
    { "child with a stack where no address is", clone_on_stack, NOWHERE },
    { "child with a stack in a kernel", clone_on_stack, KERNEL },
    { "execve with addresses that are none", execve_at, NOWHERE },
    { "execve with a kernel's addresses", execve_at, KERNEL },
};

static void run(const struct wild *w)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        w->run(w->value);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        fail("wild: %s", strerror(errno));
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (signal == SIGSEGV || signal == SIGBUS)
        printf("%s: a fault\n", w->name);
    else if (signal)
        printf("%s: signal %d\n", w->name, signal);
    else
        printf("%s: status %d\n", w->name, WEXITSTATUS(status));
    fflush(stdout);
}

int main(void)
{
    for (size_t i = 0; i < sizeof wilds / sizeof wilds[0]; i++)
        run(&wilds[i]);
    return 0;
}
