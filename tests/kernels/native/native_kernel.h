/* What native test kernels stand on: an ordinary PC in long mode, started as the real kernel is
 * (guest/native_boot.S), with the real kernel's console, messages and exit port, but with traps that a test
 * may take on purpose.
 *
 *   start.c             entry, memory map, command line, the end
 *   traps.S, traps.c    attempts: run something, and tell how it was interrupted
 *   random.c            numbers from a seed
 *
 * Memory: the boot tables map the first GiB at KERNEL_BASE, in 2 MiB pages, for the kernel alone, writable
 * and executable; guest memory is reached there. The rest of the address space is the test's. Interrupts are
 * off, but where a test has them on. */
#pragma once
#include "cpu_regs.h"
#include "image.h"
#include "kernel.h"
#include "x86_cpu.h"
#include "x86_paging.h"

/* 1. The test itself: argc words of the command line behind "--". Returns the exit status. */
int test_main(int argc, const char *const *argv);

extern gpa_t memory_end;    /* RAM is below it, without holes that a test would meet */
extern uint64_t *boot_root; /* that it was started with */

static inline void *phys(gpa_t a)
{
    return (void *)(KERNEL_BASE + a);
}

static inline gpa_t gpa_of(const void *p)
{
    return image_to_gpa(p);
}

static inline uint64_t cr3_read(void)
{
    uint64_t value;

    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

/* The decimal number that word is, or panic. */
uint64_t parse_number(const char *word);

/* 2. Attempts. A trap inside one ends it, wherever the kernel's stack pointer is by then; a trap outside is a
 * panic. */
struct trap {
    struct cpu_regs regs;
    uint64_t cs, ss;
    uint64_t vector; /* NO_TRAP: it came to its end by itself, and result is what it returned */
    uint64_t error;
    gva_t address; /* of a page fault: CR2 */
    uint64_t result;
};

#define NO_TRAP 256

void traps_init(void);
/* Calls function(a, b) in the kernel. */
struct trap attempt(void *function, uint64_t a, uint64_t b);
/* Goes on in user mode with these registers (rip, rsp, rdi, rsi, rflags count), until it traps: by INT3, if
 * all goes well. */
struct trap attempt_user(const struct cpu_regs *regs);

/* Single instructions for attempts, with the address in rdi and a value in rsi: to be called in the kernel.
 */
extern char access_read[], access_write[], access_fetch[];

/* The IDT, the TSS and the stack of traps, for tests that break them. */
extern struct x86_gate idt[];
extern struct x86_tss tss;
#define TRAP_STACK_BYTES 4096
extern char trap_stack[TRAP_STACK_BYTES];

/* 3. The generator: splitmix64. */
struct random {
    uint64_t state;
};

uint64_t random_next(struct random *r);
/* 0 to n - 1. */
uint64_t random_below(struct random *r, uint64_t n);
/* True once in n times. */
bool random_once_in(struct random *r, uint64_t n);
