/* A small paravirtual kernel: says hello, takes one page fault of its own, and ends with status 7.
 * An example for people who bring their own; pv/abi.h is all that it needs. */
#include <stddef.h>
#include "pv/abi.h"

__attribute__((noreturn, used)) void start(const struct pv_start_info *info);

static const struct {
    uint32_t name_size, desc_size, type;
    char name[12];
    struct pv_note desc;
} note __attribute__((section(".note.faultvisor"), used, aligned(4))) = {
    sizeof(PV_NOTE_NAME), sizeof(struct pv_note), PV_NOTE_ENTRY, PV_NOTE_NAME, { PV_ABI_VERSION, (uint64_t)start }
};

static int64_t hypercall(uint64_t op, uint64_t a, uint64_t b, uint64_t c)
{
    int64_t result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(op), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static void say(const char *text)
{
    uint64_t n = 0;
    while (text[n])
        n++;
    hypercall(PV_CONSOLE_WRITE, PV_CONSOLE_OUT, (uint64_t)text, n);
}

static void handle_fault(struct pv_frame *frame)
{
    say("a page fault, as it should be\n");
    frame->rip += 2; /* over the two bytes of the load below */
    hypercall(PV_IRET, (uint64_t)frame, 0, 0);
}

void start(const struct pv_start_info *info)
{
    static struct pv_trap traps[] = { { 14, (uint64_t)handle_fault } };
    say(info->magic == PV_START_MAGIC ? "hello\n" : "no start info\n");
    hypercall(PV_SET_TRAPS, (uint64_t)traps, 1, 0);
    __asm__ volatile("movb (%%rax), %%al" : : "a"(16ull) : "memory");
    hypercall(PV_SHUTDOWN, PV_SHUTDOWN_EXIT, 7, 0);
    for (;;)
        ;
}
