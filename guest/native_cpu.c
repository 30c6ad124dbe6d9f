/* The CPU's own state: descriptors, traps, system calls, control registers. All of it is set once; after that
 * only the base of FS changes. Intel SDM vol. 3, chapters 3, 5.8.8, 6.14, 8.7; AMD64 APM vol. 2, 6.1. */
#include "kernel.h"
#include "image.h"
#include "native.h"
#include "native_insn.h"
#include "native_layout.h"
#include "x86_cpu.h"

#define CODE_KERNEL 0x00af9b000000ffffull /* 64-bit, accessed already: nobody has to store it */
#define DATA_KERNEL 0x00cf93000000ffffull
#define DATA_USER   0x00cff3000000ffffull
#define CODE_USER   0x00affb000000ffffull

#define GATE_INTERRUPT      0x8e /* present, DPL 0 */
#define GATE_INTERRUPT_USER 0xee /* DPL 3: for INT3 */
#define TSS_AVAILABLE       0x89ull

/* A trap that may come while rsp is not the kernel's, or is broken, has a stack of its own: IST 1. */
#define IST_BYTES 4096

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint64_t gdt[GDT_SLOTS] = {
    [SEL_KERNEL_CODE / 8] = CODE_KERNEL,
    [SEL_KERNEL_DATA / 8] = DATA_KERNEL,
    [SEL_USER_DATA / 8] = DATA_USER,
    [SEL_USER_CODE / 8] = CODE_USER,
};
static struct x86_gate idt[NR_VECTORS];
static struct x86_tss tss;
static char ist_stack[IST_BYTES] __attribute__((aligned(16)));

static void load_gdt(void)
{
    uint64_t base = (uintptr_t)&tss;
    struct table_pointer p = { sizeof(gdt) - 1, (uintptr_t)gdt };

    tss.rsp[0] = (uintptr_t)kernel_stack_top;
    tss.ist[0] = (uintptr_t)ist_stack + sizeof(ist_stack);
    tss.iomap_base = sizeof(tss); /* none: programs reach no port */
    gdt[SEL_TSS / 8] =
        (sizeof(tss) - 1) | (base & 0xffffff) << 16 | TSS_AVAILABLE << 40 | (base >> 24 & 0xff) << 56;
    gdt[SEL_TSS / 8 + 1] = base >> 32;
    __asm__ volatile("lgdt %0" : : "m"(p), "m"(gdt));
    native_load_segments();
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0));
    __asm__ volatile("ltr %w0" : : "r"(SEL_TSS) : "memory");
}

static void load_idt(void)
{
    struct table_pointer p = { sizeof(idt) - 1, (uintptr_t)idt };

    for (unsigned v = 0; v < NR_VECTORS; v++) {
        uint64_t stub = (uintptr_t)native_trap_stubs + v * TRAP_STUB_BYTES;

        idt[v] = (struct x86_gate){
            .offset_low = (uint16_t)stub,
            .selector = SEL_KERNEL_CODE,
            .ist = v == VEC_NMI || v == VEC_DF || v == VEC_MC,
            .type = v == VEC_BP ? GATE_INTERRUPT_USER : GATE_INTERRUPT,
            .offset_mid = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    __asm__ volatile("lidt %0" : : "m"(p), "m"(idt));
}

/* Programs may use SSE, which the kernel itself does not. */
void native_cpu_init(void)
{
    cr0_write(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG);
    cr4_write(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE | EFER_NXE);
    load_gdt();
    load_idt();
    msr_write(MSR_STAR, (uint64_t)SEL_SYSRET_BASE << 48 | (uint64_t)SEL_KERNEL_CODE << 32);
    msr_write(MSR_LSTAR, (uintptr_t)native_system_call_entry);
    msr_write(MSR_SFMASK, RFLAGS_IF | RFLAGS_DF | RFLAGS_TF | RFLAGS_AC | RFLAGS_NT);
    msr_write(MSR_FS_BASE, 0);
    __asm__ volatile("fninit");
}

void native_set_fs_base(uint64_t base)
{
    msr_write(MSR_FS_BASE, base);
}
