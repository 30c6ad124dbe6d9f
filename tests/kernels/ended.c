/* A paravirtual kernel whose first call is its end, since nothing can wake it, and whose second one must not be made. */
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

static const char after[] = "said after the end\n";

void start(const struct pv_start_info *info)
{
    static struct pv_call calls[] = {
        { .op = PV_BLOCK },
        { .op = PV_CONSOLE_WRITE, .args = { PV_CONSOLE_OUT, (uint64_t)after, sizeof(after) - 1 } },
    };
    (void)info;
    for (;;)
        __asm__ volatile("int3" : : "a"((uint64_t)PV_MULTICALL), "D"(calls), "S"(2ull) : "rcx", "r11", "memory");
}
