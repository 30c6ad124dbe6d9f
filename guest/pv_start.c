/* From the paravirtual entry to kernel_main. */
#include "kernel.h"
#include "image.h"
#include "pv_platform.h"

static struct boot_info boot_info;

static void add_free(uint64_t first, uint64_t end)
{
    if (first < end)
        boot_info.free[boot_info.nr_free++] = (struct frame_range){ pfn(first), end - first };
}

/* The host took frames from end_free_pfn up; m2p takes those just below. Frame 0 is left unused. */
static void find_free_memory(const struct pv_start_info *start)
{
    uint64_t m2p_bytes = (start->max_mfn + 1) * sizeof(uint32_t);
    uint64_t end = start->end_free_pfn - page_round_up(m2p_bytes) / PAGE_SIZE;
    uint64_t image_end_pfn = gpa_to_pfn(page_round_up(image_to_gpa(image_end))).n;

    pv_frames_init(start, pfn(end));
    add_free(1, gpa_to_pfn(image_to_gpa(image_start)).n);
    add_free(start->first_free_pfn > image_end_pfn ? start->first_free_pfn : image_end_pfn, end);
}

static void find_disks(const struct pv_start_info *start)
{
    boot_info.nr_disks = (unsigned)start->nr_disks;
    for (unsigned i = 0; i < boot_info.nr_disks; i++) {
        boot_info.disks[i].sectors = start->disks[i].sectors;
        boot_info.disks[i].read_only = start->disks[i].flags & PV_DISK_READ_ONLY;
        boot_info.disks[i].swap = start->disks[i].flags & PV_DISK_SWAP;
    }
}

void pv_start(const struct pv_start_info *start)
{
    platform = &pv_platform;
    if (start->magic != PV_START_MAGIC || start->abi_version != PV_ABI_VERSION)
        panic("start info: magic 0x%lx, version %lu", start->magic, start->abi_version);
    kassert(start->nr_disks <= PV_MAX_DISKS);
    pv_shared = (struct pv_shared_info *)start->shared_info;
    pv_traps_init();
    boot_info.nr_frames = start->nr_frames;
    boot_info.cmdline = start->cmdline;
    find_free_memory(start);
    find_disks(start);
    pv_paging_init(pfn(start->root_pfn));
    kernel_main(&boot_info);
}
