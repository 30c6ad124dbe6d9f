/* One frame as tables of several levels at once, loops among tables, and a root that is also all that hangs
 * from it. */
#include "torture.h"

/* entry[5] leads to itself: at each level the same frame, and at last a page. */
static void holds_itself(gpa_t page)
{
    gpa_t f = take_table();
    uint64_t *entries = phys(f);

    set_entry(&entries[5], f | ENTRY_TABLE);
    set_entry(&entries[6], page | ENTRY_DATA);
    set_entry((uint64_t *)phys(root) + 150, f | ENTRY_TABLE);
    check_read(gva_at(150, 5, 5, 5) + 5 * 8);
    check_read(gva_at(150, 5, 5, 5) + 6 * 8);
    check_reads_as(gva_at(150, 5, 5, 6), data_word(page, 0));
    check_faults(gva_at(150, 5, 5, 7), PF_ERR_WRITE, PF_ERR_WRITE);
    check_write(gva_at(150, 5, 5, 5) + 7 * 8, page | PTE_PRESENT | PTE_USER);
    check_reads_as(gva_at(150, 5, 5, 7), data_word(page, 0));
    check_access(gva_at(150, 5, 5, 7), PF_ERR_USER, 0);
    check_faults(gva_at(150, 5, 7, 5), PF_ERR_WRITE | PF_ERR_USER, PF_ERR_WRITE | PF_ERR_USER);
    check_write(gva_at(150, 5, 5, 5) + 5 * 8, 0); /* saws off what it sits on */
    flush_all();
    check_faults(gva_at(150, 5, 5, 6), 0, 0);
}

/* f leads to g and g to f; each is a page, too. */
static void lead_to_each_other(gpa_t page)
{
    gpa_t f = take_table(), g = take_table();
    uint64_t *in_f = phys(f), *in_g = phys(g);

    set_entry(&in_f[1], g | ENTRY_TABLE);
    set_entry(&in_g[1], f | ENTRY_TABLE);
    set_entry(&in_g[2], page | ENTRY_DATA);
    set_entry(&in_f[2], page | PTE_PRESENT);
    set_entry((uint64_t *)phys(root) + 151, f | ENTRY_TABLE);
    set_entry((uint64_t *)phys(root) + 152, g | ENTRY_TABLE);
    for (unsigned i = 0; i < 16; i++) {
        gva_t a = gva_at(151 + (i & 1), 1, 1, 1 + (i >> 1 & 1)) + (i >> 2) * 8;

        check_read(a);
        check_access(a, PF_ERR_USER, 0);
    }
    check_faults(gva_at(151, 1, 1, 2), PF_ERR_WRITE, PF_ERR_WRITE | PF_ERR_PRESENT);
    check_write(gva_at(152, 1, 1, 2), data_word(page, 0));
    check_write(gva_at(151, 1, 1, 1) + 3 * 8, page | ENTRY_DATA); /* f[1] is g: g as a page */
    check_read(gva_at(151, 1, 3, 0));
    check_read(gva_at(152, 1, 1, 3));
    set_entry((uint64_t *)phys(root) + 151, 0);
    set_entry((uint64_t *)phys(root) + 152, 0);
    flush_all();
    check_faults(gva_at(152, 1, 1, 3), 0, 0);
}

/* The root as table of every level, its own page among them. */
static void root_is_everything(gpa_t page)
{
    uint64_t *entries = phys(root);

    set_entry(&entries[160], root | ENTRY_TABLE);
    set_entry(&entries[161], page | ENTRY_DATA);
    check_read(gva_at(160, 160, 160, 160) + 160 * 8);
    check_reads_as(gva_at(160, 160, 160, 161) + 8, data_word(page, 1));
    check(attempt(access_read, gva_at(160, 160, 160, KERNEL_SLOT), 0).result ==
              *(uint64_t *)phys(boot_root[KERNEL_SLOT] & PTE_FRAME_MASK),
          "the kernel's table is not read through the root's slot");
    check_write(gva_at(160, 160, 160, 160) + 162 * 8, page | ENTRY_DATA);
    check_reads_as(gva_at(160, 160, 160, 162) + 16, data_word(page, 2));
    check_write(gva_at(160, 160, 160, 160) + 162 * 8, 0);
    flush_all();
    check_faults(gva_at(160, 160, 160, 162), 0, 0);
    set_entry(&entries[160], 0);
    set_entry(&entries[161], 0);
    flush_all();
    check_faults(gva_at(160, 160, 160, 161), 0, 0);
}

/* A page of 4 KiB, the table that maps it, and a large page that holds both. */
static void table_in_large_page(void)
{
    gpa_t table = large_gpa(1) + 7 * PAGE_SIZE, page = large_gpa(1) + 8 * PAGE_SIZE;
    gva_t a = gva_at(153, 0, 1, 0), large = gva_at(153, 0, 0, 0);

    memset(phys(table), 0, PAGE_SIZE);
    fill_data(page);
    map_large(large, 2, large_gpa(1), ENTRY_DATA);
    set_entry(entry_of(a, 2), table | ENTRY_TABLE);
    check_faults(a, 0, 0);
    check_write(large + 7 * PAGE_SIZE, page | ENTRY_DATA);
    check_reads_as(a + 8, data_word(page, 1));
    check_access(a, PF_ERR_USER | PF_ERR_WRITE, data_word(page, 5));
    check_reads_as(large + 8 * PAGE_SIZE, data_word(page, 5));
    check_read(large + 7 * PAGE_SIZE);
    check_write(large + 7 * PAGE_SIZE, 0);
    flush(a);
    check_faults(a, 0, 0);
}

void group_levels(void)
{
    gpa_t page = frame_gpa(take_frame());

    holds_itself(page);
    lead_to_each_other(page);
    root_is_everything(page);
    table_in_large_page();
}
