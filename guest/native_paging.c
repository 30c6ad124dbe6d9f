/* The page tables of a PC.
 *
 *   1. building     the kernel's own half: all RAM at LINEAR_BASE, the image W^X, devices uncached
 *   2. entries      an entry holds a pfn as it is, and is stored by a plain store
 *   3. roots        each has its own lower half, and shares the kernel's upper half
 *
 *   0x0000000000000000  programs
 *   LINEAR_BASE         RAM, in 2 MiB pages where it has 2 MiB
 *   KERNEL_BASE         the image
 *   DEVICE_BASE         device registers */
#include "kernel.h"
#include "image.h"
#include "native.h"
#include "native_insn.h"

#define DEVICE_BASE 0xffffffffc0000000ull
#define LARGE_BYTES pt_entry_span(2)
/* Set beforehand, so that nobody has to set them at the first access. */
#define ENTRY_USED (PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY)

static pfn_t kernel_root, loaded_root;
static pfn_t *free_frames; /* while building: the next one to take */
static uint64_t next_device;

/* 1. The tables lie in the first GiB, which stays mapped where it is until the new root is loaded; later ones
 * are taken and reached the same way, so devices are mapped before then, or into a table that is there. */

static uint64_t *table_at(pfn_t table)
{
    return pfn_to_virt(table);
}

static uint64_t *boot_table_at(pfn_t table)
{
    return (uint64_t *)pfn_to_gpa(table);
}

static pfn_t take_table(void)
{
    pfn_t table = *free_frames;

    free_frames->n++;
    memset(boot_table_at(table), 0, PAGE_SIZE);
    return table;
}

/* One page of a size given by its level, 1 or 2. */
static void map_page(gva_t at, gpa_t to, int page_level, uint64_t bits)
{
    uint64_t *table = boot_table_at(kernel_root);

    for (int level = PT_LEVELS; level > page_level; level--) {
        uint64_t *entry = &table[pt_index(at, level)];

        if (!*entry)
            *entry = pfn_to_gpa(take_table()) | ENTRY_USED | PTE_WRITE;
        table = boot_table_at(native_entry_frame(*entry));
    }
    table[pt_index(at, page_level)] = to | bits | ENTRY_USED | (page_level > 1 ? PTE_LARGE : 0);
}

static void map_linear(const struct frame_range *r)
{
    gpa_t end = pfn_to_gpa(r->first) + r->count * PAGE_SIZE;
    int level;

    for (gpa_t at = pfn_to_gpa(r->first); at < end; at += pt_entry_span(level)) {
        level = at % LARGE_BYTES == 0 && end - at >= LARGE_BYTES ? 2 : 1;
        map_page(LINEAR_BASE + at, at, level, PTE_WRITE | PTE_NX);
    }
}

static void map_image(const char *from, const char *to, uint64_t bits)
{
    for (const char *at = from; at < to; at += PAGE_SIZE) {
        if (at != kernel_stack_guard)
            map_page((gva_t)at, image_to_gpa(at), 1, bits);
    }
}

void native_paging_init(const struct frame_range *ram, unsigned nr_ram, pfn_t *next_free)
{
    free_frames = next_free;
    kernel_root = take_table();
    for (unsigned i = 0; i < nr_ram; i++)
        map_linear(&ram[i]);
    map_image(image_start, image_rodata, 0);
    map_image(image_rodata, image_data, PTE_NX);
    map_image(image_data, image_end, PTE_WRITE | PTE_NX);
    map_page(DEVICE_BASE, 0, 1, PTE_NX); /* makes the table; the entry itself goes away again */
    loaded_root = kernel_root;
    cr3_write(pfn_to_gpa(kernel_root));
}

static uint64_t *device_table(void)
{
    uint64_t *table = table_at(kernel_root);

    for (int level = PT_LEVELS; level > 1; level--)
        table = table_at(native_entry_frame(table[pt_index(DEVICE_BASE, level)]));
    return table;
}

volatile void *native_map_device(gpa_t start, uint64_t bytes)
{
    uint64_t *table = device_table();
    uint64_t first = next_device;

    kassert(page_offset(start) == 0 && bytes <= (PT_ENTRIES - first) * PAGE_SIZE);
    for (uint64_t done = 0; done < bytes; done += PAGE_SIZE)
        table[next_device++] = (start + done) | ENTRY_USED | PTE_WRITE | PTE_NX | PTE_PCD | PTE_PWT;
    return (volatile void *)(DEVICE_BASE + first * PAGE_SIZE);
}

/* 2. */

uint64_t native_make_entry(pfn_t frame, uint64_t bits)
{
    return pfn_to_gpa(frame) | bits | PTE_PRESENT;
}

pfn_t native_entry_frame(uint64_t entry)
{
    return pfn(pte_frame_number(entry));
}

uint64_t native_read_entry(pfn_t table, unsigned index)
{
    return ((volatile uint64_t *)table_at(table))[index];
}

void native_write_entry(pfn_t table, unsigned index, uint64_t entry)
{
    ((volatile uint64_t *)table_at(table))[index] = entry;
}

void native_flush_page(gva_t address)
{
    tlb_flush_page(address);
}

void native_flush_all(void)
{
    cr3_write(pfn_to_gpa(loaded_root));
}

/* 3. */

struct address_root native_root_create(const pfn_t *frames)
{
    memcpy(table_at(frames[0]) + PT_ENTRIES / 2, table_at(kernel_root) + PT_ENTRIES / 2, PAGE_SIZE / 2);
    return (struct address_root){ .kernel = frames[0], .user = pfn(NO_FRAME) };
}

static void load(pfn_t root)
{
    if (loaded_root.n == root.n)
        return;
    loaded_root = root;
    cr3_write(pfn_to_gpa(root));
}

/* The CPU must not be left walking a frame that becomes ordinary memory. */
void native_root_destroy(const struct address_root *root)
{
    if (loaded_root.n == root->kernel.n)
        load(kernel_root);
}

void native_write_root_entry(const struct address_root *root, unsigned index, uint64_t entry)
{
    native_write_entry(root->kernel, index, entry);
}

void native_root_load(const struct address_root *root)
{
    load(root->kernel);
}
