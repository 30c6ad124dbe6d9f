/* The start of memory management, and frames for the kernel itself. */
#include "blk.h"
#include "evict.h"
#include "frames.h"
#include "kernel.h"
#include "policy.h"
#include "regions.h"
#include "spaces.h"
#include "swap.h"

bool memory_init(const struct boot_info *boot, const char *policy_name, uint64_t seed)
{
    unsigned disk = MAX_DISKS;
    for (unsigned i = 0; i < boot->nr_disks && i < MAX_DISKS; i++)
        if (boot->disks[i].swap && !boot->disks[i].read_only)
            disk = i;
    uint64_t sectors = disk < MAX_DISKS ? boot->disks[disk].sectors : 0;
    uint64_t map_bytes = swap_map_bytes(sectors, boot->nr_frames);

    void *map = frames_init(boot, map_bytes);
    swap_init(disk, sectors, map, map_bytes);
    blk_init(boot);
    regions_init();
    evict_start_newcomers();
    if (!policy_choose(policy_name, seed))
        return false;
    spaces_init();
    return true;
}

pfn_t memory_take_frame(void)
{
    evict_ensure(FRAMES_LOW + 1); /* if that many cannot be had, the reserve is for us */
    pfn_t f = frames_take(FRAME_KERNEL);
    if (pfn_is_valid(f))
        frame_zero(f);
    return f;
}

void memory_give_frame(pfn_t f)
{
    kassert(frame_of(f)->kind == FRAME_KERNEL);
    frames_give(f);
}

struct memory_state memory_state(void)
{
    struct memory_state m = {
        .frames = frames_count(), .free = frames_free(), .swap = swap_places(), .swap_free = swap_free()
    };
    for (uint64_t i = 0; i < frames_end(); i++)
        m.resident += frame_is_page(frame_of(pfn(i)));
    return m;
}
