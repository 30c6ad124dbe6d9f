/* Interrupts of a PC's timer, taken in every way in which a kernel may wait for one: each must come. And those of its serial port,
 * by which a kernel sends what programs print. Plain QEMU says the same.
 *
 *   1. the timer, and what becomes of its interrupt
 *   2. ways to wait, from STI to where the handler leads
 *   3. the serial port
 *   4. the list */
#include "native_insn.h"
#include "native_kernel.h"
#include "native_layout.h"

/* 1. Ten ticks are enough to have some come late, and some at once. */

#define VECTOR_BASE 0x20
#define PIT_COUNT   2386 /* 500 a second */
#define NR_TICKS    10
#define MASK_TIMER  0xfe
#define APIC_AT     0x0000100000000000ull

/* A local APIC lets the i8259's line through only when it is told to (guest/native_timer.c). */
static void wire_local_apic(void)
{
    static uint64_t tables[3][PT_ENTRIES] __attribute__((aligned(4096)));
    const uint64_t rights = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY;
    volatile uint32_t *apic = (void *)APIC_AT;

    if (!(cpuid_read(1).edx & 1u << 9))
        return;
    boot_root[pt_index(APIC_AT, 4)] = gpa_of(tables[0]) | rights;
    tables[0][0] = gpa_of(tables[1]) | rights;
    tables[1][0] = gpa_of(tables[2]) | rights;
    tables[2][0] = 0xfee00000 | rights;
    apic[0xf0 / 4] = 0x1ff;  /* enabled */
    apic[0x350 / 4] = 0x700; /* LINT0: the i8259 gives the vector */
}

static void pic_init(void)
{
    port_write8(0x20, 0x11);
    port_write8(0x21, VECTOR_BASE);
    port_write8(0x21, 4);
    port_write8(0x21, 1);
    port_write8(0x21, MASK_TIMER); /* all but that */
    port_write8(0xa1, 0xff);
}

static void pit_start(void)
{
    port_write8(0x43, 0x34); /* channel 0, low byte then high byte, a tick each period */
    port_write8(0x40, PIT_COUNT & 0xff);
    port_write8(0x40, PIT_COUNT >> 8);
}

/* Counts, and returns to leave_to, not stepping any more. */
uint64_t ticks, leave_to;
extern char on_tick[], on_step[];
__asm__(".pushsection .text\n"
        "on_tick: push %rax\n"
        "incq ticks(%rip)\n"
        "mov $0x20, %al\n"
        "out %al, $0x20\n"
        "mov leave_to(%rip), %rax\n"
        "mov %rax, 8(%rsp)\n"
        "andq $~0x100, 24(%rsp)\n"
        "pop %rax\n"
        "on_step: iretq\n"
        ".popsection");

static void set_gate(unsigned vector, const char *handler)
{
    uint64_t to = (uintptr_t)handler;

    idt[vector] = (struct x86_gate){ .offset_low = (uint16_t)to,
                                          .selector = SEL_KERNEL_CODE,
                                          .type = 0x8e,
                                          .offset_mid = (uint16_t)(to >> 16),
                                          .offset_high = (uint32_t)(to >> 32) };
}

/* 2. Each begins with interrupts off, and ends so at its label "out". */

#define WAY(name, text)                                                                                      \
    extern char name[], name##_out[];                                                                        \
    __asm__(".pushsection .text\n" #name ": " text "\n" #name "_out: cli; ret\n.popsection")

WAY(halt, "sti; hlt; jmp halt");
WAY(jump_to_itself, "sti; 1: jmp 1b");
WAY(loop_without_traps, "sti; 1: pause; nop; jmp 1b");
WAY(loop_of_loads, "sti; 1: mov ticks(%rip), %rax; cmp ticks(%rip), %rax; jmp 1b");
WAY(loop_of_ports, "sti; 1: in $0x80, %al; jmp 1b");
WAY(loop_of_interrupt_flags, "1: sti; nop; cli; jmp 1b");
WAY(steps_through_ports, "mov %rsp, %rax; push $0x10; push %rax; push $0x302; push $8; lea 1f(%rip), %rax; push %rax; iretq;"
                         "1: in $0x80, %al; jmp 1b");

/* 3. */

#define COM1         0x3f8
#define UART_LINE    4
#define MASK_UART    0xef
#define TEXT         "sent by interrupts\n"

uint64_t sent;
const char text[] = TEXT;
extern char on_uart[];

/* Tells by its cause that the transmitter is empty: the next byte, or no more interrupts. */
__asm__(".pushsection .text\n"
        "on_uart: push %rax\n push %rcx\n push %rdx\n"
        "mov $0x3fa, %edx\n in %dx, %al\n and $0xf, %al\n cmp $2, %al\n jne 2f\n"
        "mov sent(%rip), %rcx\n mov text(%rcx), %al\n"
        "test %al, %al\n jz 1f\n"
        "incq sent(%rip)\n mov $0x3f8, %edx\n out %al, %dx\n jmp 2f\n"
        "1: mov $0x3f9, %edx\n out %al, %dx\n" /* none */
        "2: mov $0x20, %al\n out %al, $0x20\n"
        "pop %rdx\n pop %rcx\n pop %rax\n iretq\n"
        ".popsection");

static void send_by_interrupts(void)
{
    set_gate(VECTOR_BASE + UART_LINE, on_uart);
    port_write8(0x21, MASK_UART);
    port_write8(COM1 + 4, 0x0b); /* DTR, RTS, OUT2 */
    __asm__ volatile("sti" ::: "memory");
    port_write8(COM1 + 1, 0x02); /* tell when the transmitter is empty: it is */
    while (*(volatile uint64_t *)&sent < sizeof(text) - 1)
        __asm__ volatile("pause" ::: "memory");
    __asm__ volatile("cli" ::: "memory");
    port_write8(COM1 + 1, 0);
    port_write8(0x21, MASK_TIMER);
}

/* 4. */

static void wait_by(const char *name, char *way, char *out)
{
    ticks = 0;
    leave_to = (uintptr_t)out;
    while (ticks < NR_TICKS)
        ((void (*)(void))way)();
    kprintf("%s: %u ticks\n", name, NR_TICKS);
}

#define WAIT_BY(name) wait_by(#name, name, name##_out)

int test_main(int argc, const char *const *argv)
{
    (void)argc;
    (void)argv;
    set_gate(VECTOR_BASE, on_tick);
    set_gate(VEC_DB, on_step);
    wire_local_apic();
    pic_init();
    pit_start();
    send_by_interrupts();
    WAIT_BY(halt);
    WAIT_BY(loop_of_interrupt_flags);
    WAIT_BY(loop_of_ports);
    WAIT_BY(loop_of_loads);
    WAIT_BY(loop_without_traps);
    WAIT_BY(jump_to_itself);
    WAIT_BY(steps_through_ports);
    return 0;
}
