/* The instructions of a kernel, and what becomes of a program that tries them: tells which exception each
 * raises, if one, with its error code, or what it leaves in rax. An ordinary PC, plain QEMU and a good
 * hypervisor all say the same. Left out is what differs between CPUs and emulators (which reserved bits they
 * check), and what a CPU does not let a hypervisor like faultvisor's fv mode see.
 *
 *   1. instructions, as pieces of code: for the kernel they end in RET, for a program in INT3
 *   2. a program's memory
 *   3. the lists
 *   4. the end of the lower half of addresses */
#include "native_insn.h"
#include "native_kernel.h"
#include "native_layout.h"

/* 1. rdi and rsi are the arguments; the result is in rax. */

struct piece {
    const char *name;
    const char *code, *end;
    uint64_t a, b;
};

#define PIECE(symbol, text)                                                                                  \
    extern const char symbol[], symbol##_end[];                                                              \
    __asm__(".pushsection .text\n" #symbol ":\n" text "\n" #symbol "_end: ret\n.popsection\n")

PIECE(mov_to_cr0, "mov %rdi, %cr0; mov %cr0, %rax");
PIECE(mov_from_cr0, "mov %cr0, %rax");
PIECE(mov_to_cr2, "mov %rdi, %cr2; mov %cr2, %rax");
PIECE(mov_to_cr3, "mov %rdi, %cr3; mov %cr3, %rax");
PIECE(mov_to_cr4, "mov %rdi, %cr4; mov %cr4, %rax");
PIECE(mov_to_cr8, "mov %rdi, %cr8; mov %cr8, %rax");
PIECE(mov_dr, "mov %rdi, %dr1; mov %dr1, %rax");
PIECE(clear_ts, "mov %cr0, %rax; or $8, %rax; mov %rax, %cr0; clts; fnclex; mov %cr0, %rax; and $8, %eax");
PIECE(lmsw_zero, "xor %eax, %eax; lmsw %ax; smsw %rax; and $1, %eax");
PIECE(sti_cli, "sti; nop; cli; xor %eax, %eax");
PIECE(cli, "cli");
PIECE(sti, "sti");
PIECE(hlt, "hlt");
PIECE(lgdt, "lgdt (%rdi)");
PIECE(lidt, "lidt (%rdi)");
PIECE(sgdt, "sub $16, %rsp; sgdt (%rsp); movzwl (%rsp), %eax; add $16, %rsp");
PIECE(lldt, "lldt %di; sldt %eax");
PIECE(ltr, "ltr %di; str %eax");
PIECE(str, "str %eax");
PIECE(rdmsr, "mov %edi, %ecx; rdmsr; shl $32, %rdx; mov %eax, %eax; or %rdx, %rax");
PIECE(wrmsr, "mov %edi, %ecx; mov %esi, %eax; mov %rsi, %rdx; shr $32, %rdx; wrmsr; rdmsr; shl $32, %rdx; or "
             "%rdx, %rax");
PIECE(swapgs_twice, "swapgs; swapgs; xor %eax, %eax");
PIECE(invlpg, "invlpg (%rdi); xor %eax, %eax");
PIECE(wbinvd, "wbinvd; xor %eax, %eax");
PIECE(load_ds, "mov %edi, %ds; xor %eax, %eax");
PIECE(load_ss, "mov %edi, %ss; xor %eax, %eax");
PIECE(push_and_pop_fs, "push %rdi; pop %fs; xor %eax, %eax");
PIECE(far_return, "lea 1f(%rip), %rax; push %rdi; push %rax; lretq; 1: xor %eax, %eax");
PIECE(iretq, "mov %rsp, %rax; push %rsi; push %rax; push $2; push %rdi; lea 1f(%rip), %rax; push %rax; iretq;"
             "1: xor %eax, %eax");
PIECE(iretq_to_nowhere,
      "mov %rsp, %rax; push %rsi; push %rax; push $2; push %rdi; bts $47, %rcx; push %rcx; iretq");
PIECE(sysretq, "sysretq");
PIECE(ud2, "ud2");
PIECE(divide, "xor %edx, %edx; xor %ecx, %ecx; mov $1, %eax; div %ecx");
PIECE(in, "mov $0x80, %edx; in %dx, %al");
PIECE(out, "out %al, $0x80");
PIECE(outs, "mov $0x80, %edx; mov %rsp, %rsi; outsb");
PIECE(load_noncanonical, "mov (%rdi), %rax");
PIECE(load, "mov (%rdi), %rax");
PIECE(load_unaligned, "mov 1(%rsp), %rax; xor %eax, %eax");
PIECE(set_ac_and_load, "pushf; orl $0x40000, (%rsp); popf; mov 1(%rsp), %rax; xor %eax, %eax; pushf; andl $~0x40000, (%rsp); popf");
PIECE(step, "nop; nop; xor %eax, %eax");
PIECE(clear_16_entries, "mov $15, %ecx; xor %eax, %eax; rep stosq; mov %rax, (%rdi)");

/* 2. One page of code, and one of stack, in a top-level slot of their own. */

#define USER_CODE   0x0000100000000000ull
#define USER_STACK  (USER_CODE + PAGE_SIZE)
#define USER_RIGHTS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

static uint64_t level3[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t level2[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t level1[PT_ENTRIES] __attribute__((aligned(4096)));
static char code[PAGE_SIZE] __attribute__((aligned(4096)));
static char stack[PAGE_SIZE] __attribute__((aligned(4096)));

static void map_program(void)
{
    boot_root[pt_index(USER_CODE, 4)] = gpa_of(level3) | USER_RIGHTS;
    level3[0] = gpa_of(level2) | USER_RIGHTS;
    level2[0] = gpa_of(level1) | USER_RIGHTS;
    level1[0] = gpa_of(code) | USER_RIGHTS;
    level1[1] = gpa_of(stack) | USER_RIGHTS;
}

static struct trap run_as_program(const struct piece *p, uint64_t flags)
{
    struct cpu_regs r = {
        .rip = USER_CODE, .rsp = USER_STACK + PAGE_SIZE / 2, .rdi = p->a, .rsi = p->b, .rflags = flags
    };
    uint64_t n = (uint64_t)(p->end - p->code);

    memcpy(code, p->code, n);
    code[n] = (char)0xcc;
    return attempt_user(&r);
}

/* 3. */

static void tell(const char *who, const struct piece *p, const struct trap *t, bool at_end)
{
    if (t->vector == NO_TRAP || at_end)
        kprintf("%s: %s(0x%lx, 0x%lx): 0x%lx\n", who, p->name, p->a, p->b,
                t->vector == NO_TRAP ? t->result : t->regs.rax);
    else if (t->vector == VEC_PF)
        kprintf("%s: %s(0x%lx, 0x%lx): page fault, error %lu, at 0x%lx\n", who, p->name, p->a, p->b, t->error,
                t->address);
    else
        kprintf("%s: %s(0x%lx, 0x%lx): exception %lu, error 0x%lx\n", who, p->name, p->a, p->b, t->vector,
                t->error);
}

#define P(symbol, ...)                                                                                       \
    {                                                                                                        \
        .name = #symbol, .code = symbol, .end = symbol##_end, __VA_ARGS__                                    \
    }
#define NONCANONICAL 0x0000800000000000ull
#define CR0_NORMAL   (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
#define CR4_NORMAL   (CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT)

static const struct piece of_kernel[] = {
    P(mov_from_cr0),
    P(mov_to_cr0, CR0_NORMAL & ~CR0_WP),
    P(mov_to_cr0, CR0_NORMAL),
    P(mov_to_cr2, 0x123456789abcdef0),
    P(mov_to_cr4, CR4_NORMAL | CR4_PGE),
    P(mov_to_cr4, CR4_NORMAL),
    P(mov_to_cr8, 5),
    P(mov_to_cr8, 0),
    P(mov_dr, 0x1234),
    P(clear_ts),
    P(lmsw_zero),
    P(mov_to_cr0, CR0_NORMAL),
    P(sti_cli),
    P(sgdt),
    P(lldt, 0),
    P(lldt, SEL_KERNEL_DATA),
    P(lldt, SEL_TSS),
    P(str),
    P(ltr, SEL_TSS), /* busy */
    P(ltr, SEL_KERNEL_CODE),
    P(rdmsr, MSR_STAR),
    P(wrmsr, MSR_LSTAR, 0xffffffff80000000),
    P(wrmsr, MSR_KERNEL_GS_BASE, 0xffff800000001234),
    P(wrmsr, MSR_FS_BASE, 0x1234),
    P(wrmsr, MSR_FS_BASE, 0),
    P(rdmsr, MSR_EFER),
    P(swapgs_twice),
    P(invlpg, 0x1000),
    P(invlpg, NONCANONICAL),
    P(wbinvd),
    P(load_ds, SEL_KERNEL_DATA),
    P(load_ds, 0),
    P(load_ds, 0x50),
    P(load_ds, SEL_TSS),
    P(load_ss, SEL_KERNEL_DATA),
    P(load_ss, SEL_USER_DATA),
    P(load_ss, SEL_KERNEL_CODE),
    P(push_and_pop_fs, SEL_KERNEL_DATA),
    P(push_and_pop_fs, 0),
    P(far_return, SEL_KERNEL_CODE),
    P(far_return, SEL_KERNEL_DATA),
    P(far_return, 0),
    P(iretq, SEL_KERNEL_CODE, SEL_KERNEL_DATA),
    P(iretq, SEL_KERNEL_CODE, 0),
    P(iretq, SEL_KERNEL_DATA, SEL_KERNEL_DATA),
    P(iretq, 0, SEL_KERNEL_DATA),
    P(iretq, 0x48, SEL_KERNEL_DATA),
    P(iretq, SEL_KERNEL_CODE, SEL_USER_DATA),
    P(iretq_to_nowhere, SEL_KERNEL_CODE, SEL_KERNEL_DATA),

    P(ud2),
    P(divide),
    P(load_noncanonical, NONCANONICAL),
    P(load, USER_STACK + PAGE_SIZE),
    P(load, 0xffffffff00000000),
};

/* Without WBINVD: QEMU 10 lets programs have it. */
static const struct piece of_program[] = {
    P(mov_from_cr0),
    P(mov_to_cr0, CR0_NORMAL),
    P(mov_to_cr2),
    P(mov_to_cr3),
    P(mov_to_cr4, CR4_NORMAL),
    P(mov_to_cr8),
    P(mov_dr),
    P(clear_ts),
    P(lmsw_zero),
    P(cli),
    P(sti),
    P(hlt),
    P(lgdt, USER_STACK),
    P(lidt, USER_STACK),
    P(sgdt),
    P(str),
    P(lldt, 0),
    P(ltr, SEL_TSS),
    P(rdmsr, MSR_STAR),
    P(wrmsr, MSR_STAR, 0),
    P(swapgs_twice),
    P(invlpg, 0x1000),
    P(sysretq),
    P(in),
    P(out),
    P(outs),
    P(load_ds, SEL_KERNEL_DATA),
    P(load_ds, SEL_USER_DATA),
    P(load_ds, 0x50),
    P(load_ds, 0),
    P(load_ss, SEL_USER_DATA),
    P(load_ss, 0),
    P(load_ss, SEL_KERNEL_DATA),
    P(push_and_pop_fs, SEL_KERNEL_DATA),
    P(push_and_pop_fs, 0),
    P(far_return, SEL_USER_CODE),
    P(far_return, SEL_KERNEL_CODE),
    P(far_return, 0x53),
    P(iretq, SEL_USER_CODE, SEL_USER_DATA),
    P(iretq, SEL_KERNEL_CODE, SEL_KERNEL_DATA),
    P(iretq, SEL_USER_CODE, SEL_KERNEL_DATA),
    P(iretq, SEL_USER_CODE, 0),
    P(iretq_to_nowhere, SEL_USER_CODE, SEL_USER_DATA),
    P(ud2),
    P(divide),
    P(load_noncanonical, NONCANONICAL),
    P(load, USER_STACK + PAGE_SIZE),
    P(load, 0xffffffff80000000),
    P(load, 0xffff880000000000),
};

/* INT3 at the piece's end is how a program says that it got there. */
static bool is_end(const struct piece *p, const struct trap *t)
{
    return t->vector == VEC_BP && t->regs.rip == USER_CODE + (uint64_t)(p->end - p->code) + 1;
}

static void tell_program(const struct piece *p, uint64_t flags)
{
    struct trap t = run_as_program(p, flags);

    tell("program", p, &t, is_end(p, &t));
}

/* 4. Where the next instruction would be is no address. The last one before sweeps a live page table, after which a
 * hypervisor may want to be asked. */

#define LOWER_END NONCANONICAL

static uint64_t swept[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t top3[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t top2[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t top1[PT_ENTRIES] __attribute__((aligned(4096)));

static void run_off_the_end(void)
{
    struct piece p = P(clear_16_entries, (uint64_t)swept);
    uint64_t n = (uint64_t)(p.end - p.code);

    for (unsigned i = 0; i < 16; i++)
        swept[i] = gpa_of(stack) | USER_RIGHTS;
    level2[1] = gpa_of(swept) | USER_RIGHTS;
    tlb_flush_page(USER_CODE + (2ull << 20));
    attempt(access_read, USER_CODE + (2ull << 20), 0);
    boot_root[PT_ENTRIES / 2 - 1] = gpa_of(top3) | USER_RIGHTS;
    top3[PT_ENTRIES - 1] = gpa_of(top2) | USER_RIGHTS;
    top2[PT_ENTRIES - 1] = gpa_of(top1) | USER_RIGHTS;
    top1[PT_ENTRIES - 1] = gpa_of(code) | USER_RIGHTS;
    memcpy(code + PAGE_SIZE - n, p.code, n);
    struct trap t = attempt((void *)(LOWER_END - n), p.a, 0);
    p.a = 0; /* where the table lies is the image's affair */
    tell("kernel, at the end of the lower half", &p, &t, false);
    kprintf("it stopped at 0x%lx; %lu entries are left\n", t.regs.rip, (uint64_t)(swept[15] != 0));
}

int test_main(int argc, const char *const *argv)
{
    static const struct piece single_step = P(step), unaligned = P(load_unaligned), ac_and_load = P(set_ac_and_load);

    (void)argc;
    (void)argv;
    map_program();
    for (unsigned i = 0; i < sizeof(of_kernel) / sizeof(of_kernel[0]); i++) {
        struct trap t = attempt((void *)of_kernel[i].code, of_kernel[i].a, of_kernel[i].b);

        tell("kernel", &of_kernel[i], &t, false);
    }
    for (unsigned i = 0; i < sizeof(of_program) / sizeof(of_program[0]); i++)
        tell_program(&of_program[i], RFLAGS_FIXED);
    tell_program(&single_step, RFLAGS_FIXED | RFLAGS_TF);
    run_off_the_end();
    tell_program(&unaligned, RFLAGS_FIXED | RFLAGS_AC); /* CR0.AM is not set */
    tell_program(&ac_and_load, RFLAGS_FIXED);
    return 0;
}
