/* Entries, at random, in live tables. Tables are reached through the boot tables' large pages. */
#include "hostile.h"

gpa_t root;

void load_root(gpa_t new_root)
{
    root = new_root;
    cr3_write(root);
}

/* The kernel's slot of a root stays, but for runs that are not tame. */
static bool is_kernel_slot(gpa_t table, uint64_t index)
{
    return is_tame && index == KERNEL_SLOT && table - POOL_START < NR_ROOTS * PAGE_SIZE;
}

static void store(gpa_t table, uint64_t index, uint64_t entry)
{
    if (!is_kernel_slot(table, index))
        ((volatile uint64_t *)phys(table))[index] = entry;
}

static uint64_t some_index(void)
{
    static const unsigned few[] = { 0, 1, 2, 3, 255, 256, 510, 511 };

    return once_in(8) ? any(PT_ENTRIES) : few[any(8)];
}

void store_entry(void)
{
    store(once_in(4) ? root : pool_frame(), some_index(), some_entry());
}

void store_many(void)
{
    gpa_t table = pool_frame();
    uint64_t n = any(PT_ENTRIES), entry = some_entry();

    for (uint64_t i = 0; i < n; i++)
        store(table, i, once_in(2) ? entry : some_entry());
}

/* Of every size, at every offset, across entries and into the next frame. */
void store_oddly(void)
{
    char *at = (char *)phys(pool_frame()) + any(PAGE_SIZE);
    uint64_t value = some_entry(), n = any(64);

    if (at + 64 > (char *)phys(POOL_START + POOL_FRAMES * PAGE_SIZE))
        return;
    if (page_offset((gva_t)at) > PAGE_SIZE - 128 || page_offset((gva_t)at) + 64 > PAGE_SIZE - 8)
        at -= 256; /* not over a kernel's slot */
    switch (any(6)) {
    case 0:
        *(volatile uint16_t *)at = (uint16_t)value;
        break;
    case 1:
        *(volatile uint32_t *)at = (uint32_t)value;
        break;
    case 2:
        *(volatile uint64_t *)at = value;
        break;
    case 3:
        __asm__ volatile("lock xorq %1, (%0)" : : "r"(at), "r"(value) : "memory", "cc");
        break;
    case 4:
        __asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(value) : "memory");
        break;
    default:
        __asm__ volatile("movups (%1), %%xmm0; movups %%xmm0, (%0)"
                         :
                         : "r"(at), "r"(phys(pool_frame()))
                         : "memory");
    }
}

/* By instructions that are seldom known to those who emulate stores: they may be the end. */
void store_rarely(void)
{
    char *at = (char *)phys(pool_frame()) + any(6) * 512; /* not over a kernel's slot */
    uint64_t low = some_entry(), high = some_entry();

    switch (any(is_tame ? 1 : 4)) {
    case 2:
        __asm__ volatile("fxsave (%0)" : : "r"(at) : "memory");
        break;
    case 1:
        __asm__ volatile("lock cmpxchg16b (%2)"
                         : "+a"(low), "+d"(high)
                         : "r"(at), "b"(low), "c"(high)
                         : "memory", "cc");
        break;
    case 0:
        __asm__ volatile("movnti %1, (%0)" : : "r"(at), "r"(low) : "memory");
        break;
    default:
        __asm__ volatile("fnsave (%0)" : : "r"(at) : "memory");
    }
}

/* So that more than a few accesses go all the way. */
void link_path(void)
{
    gva_t a = some_address();
    gpa_t table = root;

    for (int level = PT_LEVELS; level >= 1; level--) {
        gpa_t next = level == 1 ? some_frame() : pool_frame();

        if (level == PT_LEVELS && pt_index(a, level) == KERNEL_SLOT)
            return;
        store(table, pt_index(a, level),
              next | PTE_PRESENT | PTE_WRITE | PTE_USER | (once_in(2) ? PTE_ACCESSED | PTE_DIRTY : 0));
        table = next;
    }
}

void change_root(void)
{
    gpa_t next = POOL_START + any(NR_ROOTS) * PAGE_SIZE;

    if (is_tame) /* it may have lost it by way of some address */
        ((volatile uint64_t *)phys(next))[KERNEL_SLOT] = boot_root[KERNEL_SLOT];
    load_root(next);
}

void flush_something(void)
{
    if (once_in(3))
        cr3_write(root | (random_next(&dice) & 0xfff));
    else
        tlb_flush_page(once_in(4) ? some_number() : some_address());
}
