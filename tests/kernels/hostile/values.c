/* Numbers that are worth trying. */
#include "hostile.h"

uint64_t any(uint64_t n)
{
    return random_below(&dice, n);
}

bool once_in(uint64_t n)
{
    return any(n) == 0;
}

gpa_t pool_frame(void)
{
    return POOL_START + any(POOL_FRAMES) * PAGE_SIZE;
}

static gpa_t own_frame(void)
{
    const void *const parts[] = { boot_root,   idt,       &tss, trap_stack, kernel_stack_guard + PAGE_SIZE,
                                  image_start, image_data };
    gpa_t part = gpa_of(parts[any(sizeof(parts) / sizeof(parts[0]))]);

    return part & ~PAGE_MASK;
}

/* Disks, the local APIC, and what a monitor or KVM may have there. */
static gpa_t odd_frame(void)
{
    static const gpa_t odd[] = { 0xfeb00000, 0xfeb01000, 0xfee00000, 0xfec00000, 0xfffbc000, 0xfffff000,
                                 1ull << 32, 1ull << 33, 3ull << 32, 0xa0000,    0 };
    gpa_t a = odd[any(sizeof(odd) / sizeof(odd[0]))];

    return once_in(2) ? a : a + any(64) * PAGE_SIZE;
}

gpa_t some_frame(void)
{
    if (!is_tame || once_in(400))
        switch (any(6)) {
        case 0:
            return odd_frame();
        case 1:
            return own_frame();
        case 2:
            return memory_end + any(4096) * PAGE_SIZE;
        case 3:
            return random_next(&dice) & PTE_FRAME_MASK;
        }
    return once_in(8) ? root : once_in(8) ? memory_end - (1 + any(64)) * PAGE_SIZE : pool_frame();
}

uint64_t some_entry(void)
{
    uint64_t bits = random_next(&dice);

    switch (any(8)) {
    case 0:
        return is_tame ? bits & ~PTE_PRESENT : bits;
    case 1:
        return (is_tame ? bits & ~PTE_FRAME_MASK & ~PTE_LARGE : bits) | some_frame() | PTE_PRESENT |
               PTE_ACCESSED;
    case 2:
        return some_frame() | (bits & (PAGE_MASK | PTE_NX)) | PTE_PRESENT;
    case 3:
        return (some_frame() & ~((2ull << 20) - 1)) | (bits & 0x1ff) | PTE_PRESENT | PTE_LARGE;
    case 4:
        return 0;
    default:
        return some_frame() | (bits & (PTE_DIRTY | PTE_ACCESSED)) | PTE_PRESENT | PTE_WRITE | PTE_USER;
    }
}

static uint64_t some_index(void)
{
    static const unsigned few[] = { 0, 1, 2, 3, 255, 256, 510, 511 };

    return once_in(8) ? any(PT_ENTRIES) : few[any(8)];
}

/* Tame runs seldom name what does not exist, since that is the end of them. Seldom in the reserved slot,
 * which is the end, and never in PVM's own. */
gva_t some_address(void)
{
    uint64_t slot = some_index();
    uint64_t a;

    if (slot == 256 || (slot == 510 && !once_in(64)))
        slot = 1;
    if (slot == KERNEL_SLOT && is_tame)
        slot = 2;
    a = slot << 39 | some_index() << 30 | some_index() << 21 | some_index() << 12;
    a = (uint64_t)((int64_t)(a << 16) >> 16);
    return a + (once_in(4) ? PAGE_SIZE - 1 - any(16) : any(PAGE_SIZE));
}

uint64_t some_number(void)
{
    switch (any(5)) {
    case 0:
        return any(64);
    case 1:
        return 1ull << any(64);
    case 2:
        return some_address();
    case 3:
        return some_frame();
    default:
        return random_next(&dice);
    }
}
