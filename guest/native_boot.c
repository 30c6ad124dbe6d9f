/* From the entry to kernel_main.
 *
 *   1. the memory map     what PVH's start info says is RAM
 *   2. free memory        that, less the image and the tables
 *   3. the clock          what the command line says of it
 *   4. native_start       everything in order
 *
 * Until native_paging_init the first GiB is mapped where it lies, and nothing else: so the start info must
 * lie there. */
#include "command_line.h"
#include "kernel.h"
#include "hvm_start.h"
#include "image.h"
#include "native.h"

#define BOOT_MAPPED_BYTES (1ull << 30)

static struct boot_info boot_info;
static struct frame_range ram[MAX_FREE_RANGES];
static unsigned nr_ram;
static char cmdline[PV_CMDLINE_SIZE];

/* 1. */

static const void *boot_memory(gpa_t start, uint64_t bytes)
{
    if (start >= BOOT_MAPPED_BYTES || bytes > BOOT_MAPPED_BYTES - start)
        panic("start info: %lu bytes at 0x%lx are not in the first GiB", bytes, start);
    return (const void *)start;
}

/* Whole frames only. A map may be unsorted and in many small pieces: what does not fit is left unused. */
static void add_ram(const struct hvm_memory_entry *e)
{
    uint64_t first = page_round_up(e->start) >> PAGE_SHIFT, end = (e->start + e->bytes) >> PAGE_SHIFT;

    if (e->type != HVM_MEMORY_RAM || first >= end || nr_ram == MAX_FREE_RANGES)
        return;
    ram[nr_ram++] = (struct frame_range){ pfn(first), end - first };
    if (end > boot_info.nr_frames)
        boot_info.nr_frames = end;
}

static void read_start_info(gpa_t start)
{
    const struct hvm_start_info *info = boot_memory(start, sizeof(*info));
    const struct hvm_memory_entry *map;

    if (info->magic != HVM_START_MAGIC || info->version < 1)
        panic("start info: magic 0x%x, version %u: no memory map", info->magic, info->version);
    map = boot_memory(info->memory_map, (uint64_t)info->nr_memory_entries * sizeof(*map));
    for (unsigned i = 0; i < info->nr_memory_entries; i++)
        add_ram(&map[i]);
    for (uint64_t i = 0; info->cmdline && i < PV_CMDLINE_SIZE - 1; i++) {
        cmdline[i] = *(const char *)boot_memory(info->cmdline + i, 1);
        if (!cmdline[i])
            break;
    }
    boot_info.cmdline = cmdline;
}

/* 2. */

static void add_free(uint64_t first, uint64_t end)
{
    if (first < end && boot_info.nr_free < MAX_FREE_RANGES)
        boot_info.free[boot_info.nr_free++] = (struct frame_range){ pfn(first), end - first };
}

/* All RAM but frame 0 and [taken, taken_end): the image and the tables behind it. */
static void find_free_memory(uint64_t taken, uint64_t taken_end)
{
    for (unsigned i = 0; i < nr_ram; i++) {
        uint64_t first = ram[i].first.n ? ram[i].first.n : 1, end = ram[i].first.n + ram[i].count;

        add_free(first, end < taken ? end : taken);
        add_free(first > taken_end ? first : taken_end, end);
    }
}

/* 3. What else is wrong with the command line, kernel_main says. */

static uint64_t told_tsc_khz(void)
{
    static struct command_line words;

    return command_line_parse(&words, cmdline) ? words.tsc_khz : 0;
}

/* 4. */

void native_start(gpa_t start_info)
{
    pfn_t next_free = gpa_to_pfn(page_round_up(image_to_gpa(image_end)));

    platform = &native_platform;
    native_uart_init();
    native_cpu_init();
    read_start_info(start_info);
    native_paging_init(ram, nr_ram, &next_free);
    find_free_memory(gpa_to_pfn(image_to_gpa(image_start)).n, next_free.n);
    native_timer_init(told_tsc_khz());
    native_virtio_probe(&boot_info);
    kernel_main(&boot_info);
}
