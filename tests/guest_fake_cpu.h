/* The rest of the machine for the guest kernel's process side: a CPU whose programs are the test itself.
 *
 * The kernel never returns, it resumes: fake_trap hands it a trap of the program that it resumed last, and
 * comes back when it resumes the next one, or stops the machine. Time stands still unless the kernel idles;
 * then it goes on to the next tick. */
#pragma once
#include <stddef.h>
#include "guest_fake.h"
#include "process.h"

struct fake_cpu {
    struct trap_frame *frame; /* what was resumed */
    bool stopped;             /* by platform->shutdown */
    int status;
    uint64_t now_ns;
    uint64_t timer_ns; /* its period, 0: off */
    unsigned idles;
    uint64_t fs_base;
    const struct fpu_state *fpu; /* whose registers are loaded */
    bool fpu_needs_memory;       /* to store those, and there is none */
    char out[1 << 16];           /* what was written to standard output */
    size_t out_bytes;
};

extern struct fake_cpu fake_cpu;

/* An ELF program that is as it should be: text, data, bss. */
#define FAKE_IMAGE_BYTES 0x3000
#define FAKE_ENTRY       0x401000ull
#define FAKE_DATA        0x402010ull /* writable from here on */
#define FAKE_BSS         0x403000ull /* zero, writable, to FAKE_END */
#define FAKE_END         0x406000ull
void fake_make_image(unsigned char image[FAKE_IMAGE_BYTES]);

/* Power on with a disk that holds bin/prog (the image), bin/broken, bin/plain (may not be executed) and dir/,
 * and swap of so many pages; run kernel_main. */
void fake_boot(uint64_t frames, uint64_t swap_pages, const char *cmdline);

/* Interrupt the program that runs. */
void fake_trap(uint64_t vector, uint64_t error_code, gva_t address);
/* SYSCALL in the program that runs. The result is that of whoever runs next: see current_process. */
#define fake_call(number, ...) fake_call_with(number, (const uint64_t[6]){ __VA_ARGS__ })
int64_t fake_call_with(uint64_t number, const uint64_t args[6]);
/* The program's own accesses. */
void fake_store(gva_t to, const void *from, uint64_t bytes);
void fake_load(void *to, gva_t from, uint64_t bytes);
