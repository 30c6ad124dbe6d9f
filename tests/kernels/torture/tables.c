/* Page tables, and the registers that they depend on. */
#include "torture.h"

gpa_t root;
bool wp_is_on = true, nxe_is_on = true;

gpa_t root_new(void)
{
    gpa_t new_root = take_table();
    uint64_t *entries = phys(new_root);

    entries[KERNEL_SLOT] = boot_root[KERNEL_SLOT];
    entries[USER_SLOT] = boot_root[USER_SLOT];
    return new_root;
}

void use_root(gpa_t root_gpa)
{
    root = root_gpa;
    cr3_write(root);
}

void leave_roots(void)
{
    cr3_write(gpa_of(boot_root));
    frames_reset();
}

gva_t gva_at(unsigned i4, unsigned i3, unsigned i2, unsigned i1)
{
    uint64_t a = (uint64_t)i4 << 39 | (uint64_t)i3 << 30 | (uint64_t)i2 << 21 | (uint64_t)i1 << 12;

    return (uint64_t)((int64_t)(a << 16) >> 16);
}

void set_entry(uint64_t *entry, uint64_t value)
{
    *(volatile uint64_t *)entry = value;
}

uint64_t *entry_of(gva_t a, int level)
{
    uint64_t *table = phys(root);

    for (int l = PT_LEVELS; l > level; l--) {
        uint64_t *entry = &table[pt_index(a, l)];

        if (!(*entry & PTE_PRESENT))
            set_entry(entry, take_table() | ENTRY_TABLE);
        table = phys(*entry & PTE_FRAME_MASK);
    }
    return &table[pt_index(a, level)];
}

void map(gva_t a, gpa_t to, uint64_t bits)
{
    set_entry(entry_of(a, 1), to | bits);
}

void map_large(gva_t a, int level, gpa_t to, uint64_t bits)
{
    set_entry(entry_of(a, level), to | bits | PTE_LARGE);
}

void flush(gva_t a)
{
    tlb_flush_page(a);
}

void flush_all(void)
{
    cr3_write(root);
}

void set_wp(bool on)
{
    wp_is_on = on;
    cr0_write(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_PG | (on ? CR0_WP : 0));
}

void set_nxe(bool on)
{
    nxe_is_on = on;
    msr_write(MSR_EFER, (msr_read(MSR_EFER) & ~EFER_NXE) | (on ? EFER_NXE : 0));
    cr3_write(root);
}
