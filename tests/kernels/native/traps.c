/* Descriptors, as the real kernel has them (guest/native_cpu.c), and what traps leave. */
#include "native_insn.h"
#include "native_kernel.h"
#include "native_layout.h"
#include <stddef.h>

#define CODE_KERNEL 0x00af9b000000ffffull
#define DATA_KERNEL 0x00cf93000000ffffull
#define DATA_USER   0x00cff3000000ffffull
#define CODE_USER   0x00affb000000ffffull

#define GATE_INTERRUPT      0x8e
#define GATE_INTERRUPT_USER 0xee /* for INT3 */
#define TSS_AVAILABLE       0x89ull

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

struct x86_gate idt[NR_VECTORS] __attribute__((aligned(4096)));
struct x86_tss tss;
char trap_stack[TRAP_STACK_BYTES] __attribute__((aligned(4096)));

static uint64_t gdt[GDT_SLOTS] = {
    [SEL_KERNEL_CODE / 8] = CODE_KERNEL,
    [SEL_KERNEL_DATA / 8] = DATA_KERNEL,
    [SEL_USER_DATA / 8] = DATA_USER,
    [SEL_USER_CODE / 8] = CODE_USER,
};

extern char trap_stubs[];
extern uint64_t resume_stack;
extern struct trap last_trap;
uint64_t attempt_call(void *function, uint64_t a, uint64_t b);
void attempt_call_user(const struct cpu_regs *regs);
_Noreturn void trap_unexpected(void);
void load_code_segment(void);

struct trap last_trap;

_Static_assert(offsetof(struct trap, cs) == 144 && offsetof(struct trap, address) == 176, "see traps.S");

static void load_gdt(void)
{
    uint64_t base = (uintptr_t)&tss;
    struct table_pointer p = { sizeof(gdt) - 1, (uintptr_t)gdt };

    tss.rsp[0] = (uintptr_t)trap_stack + TRAP_STACK_BYTES;
    tss.ist[0] = (uintptr_t)trap_stack + TRAP_STACK_BYTES;
    tss.iomap_base = sizeof(tss);
    gdt[SEL_TSS / 8] =
        (sizeof(tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
    gdt[SEL_TSS / 8 + 1] = base >> 32;
    __asm__ volatile("lgdt %0" : : "m"(p), "m"(gdt));
    load_code_segment();
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    __asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

void traps_init(void)
{
    struct table_pointer p = { sizeof(idt) - 1, (uintptr_t)idt };

    cr0_write(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
    cr4_write(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | EFER_NXE);
    load_gdt();
    for (unsigned v = 0; v < NR_VECTORS; v++) {
        uint64_t stub = (uintptr_t)trap_stubs + v * TRAP_STUB_BYTES;

        idt[v] = (struct x86_gate){
            .offset_low = (uint16_t)stub,
            .selector = SEL_KERNEL_CODE,
            .ist = 1,
            .type = v == VEC_BP ? GATE_INTERRUPT_USER : GATE_INTERRUPT,
            .offset_mid = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    __asm__ volatile("lidt %0" : : "m"(p), "m"(idt));
}

void trap_unexpected(void)
{
    const struct trap *t = &last_trap;

    panic("trap %lu, error 0x%lx, address 0x%lx, at 0x%lx", t->vector, t->error, t->address, t->regs.rip);
}

struct trap attempt(void *function, uint64_t a, uint64_t b)
{
    uint64_t result;

    last_trap.vector = NO_TRAP;
    result = attempt_call(function, a, b);
    last_trap.result = last_trap.vector == NO_TRAP ? result : 0;
    return last_trap;
}

struct trap attempt_user(const struct cpu_regs *regs)
{
    last_trap.vector = NO_TRAP;
    attempt_call_user(regs);
    return last_trap;
}
