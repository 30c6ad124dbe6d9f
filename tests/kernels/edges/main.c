/* Code in the last bytes before addresses that are no ordinary ones: what comes behind an instruction there is an exception like
 * any other, whatever the instruction was. Plain QEMU says the same. The words of the command line are edges:
 *
 *   hole    the end of the lower half: the next address is not canonical
 *   number  the end of what lies below that top-level slot, as the monitor's of faultvisor (pv/abi.h: PV_RESERVED_SLOT) */
#include "native_insn.h"
#include "native_kernel.h"
#include "native_layout.h"

#define HOLE   0x0000800000000000ull
#define RIGHTS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY)

static uint64_t level3[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t level2[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t level1[PT_ENTRIES] __attribute__((aligned(4096)));
static uint64_t other_level1[PT_ENTRIES] __attribute__((aligned(4096)));
static uint8_t page[PAGE_SIZE] __attribute__((aligned(4096)));

/* The page before the edge, and the one a GiB before, by a table of its own. */
static void map_pages(gva_t edge)
{
    boot_root[pt_index(edge - 1, 4)] = gpa_of(level3) | RIGHTS;
    level3[PT_ENTRIES - 1] = gpa_of(level2) | RIGHTS;
    level2[PT_ENTRIES - 1] = gpa_of(level1) | RIGHTS;
    level2[0] = gpa_of(other_level1) | RIGHTS;
    level1[PT_ENTRIES - 1] = gpa_of(page) | RIGHTS;
    other_level1[0] = gpa_of(page) | RIGHTS;
    (void)*(volatile uint64_t *)(edge - (1ull << 30));
    (void)*(volatile uint64_t *)(edge - PAGE_SIZE);
}

static void try_bytes(const char *name, gva_t edge, const void *bytes, uint64_t n, uint64_t a, uint64_t b)
{
    struct trap t;

    memcpy(page + PAGE_SIZE - n, bytes, n);
    t = attempt((void *)(edge - n), a, b);
    if (t.vector == VEC_PF)
        kprintf("%s: page fault, error 0x%lx, address 0x%lx, at 0x%lx\n", name, t.error, t.address, t.regs.rip);
    else
        kprintf("%s: exception %lu, error 0x%lx, at 0x%lx\n", name, t.vector, t.error, t.regs.rip);
}

/* code: a string. */
#define TRY(name, edge, code, a, b) try_bytes(name, edge, code, sizeof(code) - 1, a, b)

#define STORE    "\x48\x89\x37" /* mov %rsi, (%rdi) */
#define OUT      "\x89\xfa\xee" /* mov %edi, %edx; out %al, %dx */
#define NO_ENTRY 0x7979797979797979ull

static void try_edge(gva_t edge)
{
    map_pages(edge);
    TRY("nop", edge, "\x90", 0, 0);
    TRY("invlpg", edge, "\x0f\x01\x3f", 0, 0);
    TRY("store to a table", edge, STORE, (uintptr_t)&level1[7], 0);
    for (unsigned i = 8; i < 24; i++) /* until it is taken for a table no more */
        TRY("store to what was a table", edge, STORE, (uintptr_t)&other_level1[i], NO_ENTRY);
    for (unsigned port = 0xc0; port < 0xe8; port++) /* by which the monitor tells of traps */
        TRY("out", edge, OUT, port, 0);
}

int test_main(int argc, const char *const *argv)
{
    for (int i = 1; i < argc; i++)
        try_edge(argv[i][0] == 'h' ? HOLE : 0xffffull << 48 | parse_number(argv[i]) << 39);
    return 0;
}
