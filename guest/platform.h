/* All that the kernel asks of what it runs on. Two implementations: platform_pv.c (hypercalls, page tables of
 * machine frames) and platform_native.c (an ordinary PC: CR3, INVLPG, IRETQ, virtio-mmio, 16550). Nothing else in
 * the kernel knows the mode.
 *
 *   1. start             memory, command line
 *   2. page tables       entries, tables, roots, flushing
 *   3. processor         resume, FS base
 *   4. devices           console, disks, timer, power
 *
 * The kernel is one image, one CPU, one kernel stack; it is not preempted, and never sleeps inside itself: a process that must
 * wait is left with its saved trap_frame, and another is resumed. All memory is mapped at LINEAR_BASE + gpa. The
 * kernel reaches programs' pages only through there, never through their own addresses, so it takes no page faults. */
#pragma once
#include "address.h"
#include "trap.h"
#include "x86_paging.h"

#ifndef LINEAR_BASE /* suites that run in a process choose an address that they can map */
#define LINEAR_BASE PV_LINEAR_BASE
#endif
/* Programs live below. The page under the hole in the middle is nobody's, as on Linux: a SYSCALL in its last two bytes would
 * leave a return address that no CPU goes to. */
#define USER_TOP     0x00007ffffffff000ull
#define MAX_DISKS    PV_MAX_DISKS

static inline void *pfn_to_virt(pfn_t f)
{
    return (void *)(LINEAR_BASE + pfn_to_gpa(f));
}

static inline gpa_t virt_to_gpa(const void *p)
{
    return (gpa_t)p - LINEAR_BASE; /* p in the linear map, not in the kernel's image */
}

/* 1. Start. The platform's entry code fills this and calls kernel_main. */
struct frame_range {
    pfn_t first;
    uint64_t count;
};
#define MAX_FREE_RANGES 8

struct boot_info {
    uint64_t nr_frames;                      /* pfns are below this */
    unsigned nr_free;                        /* memory that is free for the kernel to hand out */
    struct frame_range free[MAX_FREE_RANGES];
    const char *cmdline;                     /* see command_line.h; NUL-terminated */
    unsigned nr_disks;
    struct {
        uint64_t sectors; /* of 512 bytes */
        bool read_only;
        bool swap; /* the disk to swap to; the other one is the archive */
    } disks[MAX_DISKS];
};

_Noreturn void kernel_main(const struct boot_info *boot);

/* The roots of one address space. A platform with two privilege levels of paging needs only one of them. */
struct address_root {
    pfn_t kernel; /* level 4 table that maps everything */
    pfn_t user;   /* pv: level 4 table without the kernel's half; native: NO_FRAME */
};

struct platform {
    const char *name; /* "pv" or "native" */

    /* 2. Page tables. Entries that are present hold what make_entry made; entries that are not present hold what the kernel
     * likes (swap places). Stores may be kept back and go out together (pv: one multicall): read_entry sees them
     * all the same; commit() or resume() sends them.
     *
     * Order for a new table: zero the frame, store what it shall have by plain stores, table_created(), then write the entry
     * that points to it.
     * For an old one: clear the entry that points to it, then table_retired(), then the frame is ordinary again (pv: a store
     * to it before the next commit() costs two exits). */
    uint64_t (*make_entry)(pfn_t frame, uint64_t bits); /* bits: PTE_* without a frame; adds PTE_PRESENT */
    pfn_t (*entry_frame)(uint64_t entry);
    uint64_t (*read_entry)(pfn_t table, unsigned index);
    void (*write_entry)(pfn_t table, unsigned index, uint64_t entry);
    void (*table_created)(pfn_t table, int level); /* levels 1 to 3 */
    void (*table_retired)(pfn_t table, int level);
    /* A translation of the loaded root that was present has changed. Not needed after not-present -> present. */
    void (*flush_page)(gva_t address);
    void (*flush_all)(void);
    void (*commit)(void);

    /* Roots. root_create takes zeroed frames (nr_root_frames of them, 1 or 2) and maps the kernel in; write_root_entry is write_entry for
     * the programs' half of the root, index below 256. root_destroy: that half is empty again, the root is not loaded;
     * afterwards the frames are ordinary. root_load: with the next resume at the latest. */
    unsigned nr_root_frames;
    struct address_root (*root_create)(const pfn_t *frames);
    void (*root_destroy)(const struct address_root *root);
    void (*write_root_entry)(const struct address_root *root, unsigned index, uint64_t entry);
    void (*root_load)(const struct address_root *root);

    /* 3. Processor. resume: to user mode with these registers; sends all that was kept back, in the same exit where
     * there are exits. The frame may lie anywhere in kernel memory; its rip is below USER_TOP, which the caller has checked.
     * set_fs_base: with the next resume at the latest; canonical. */
    void (*resume)(struct trap_frame *frame) __attribute__((noreturn));
    void (*set_fs_base)(uint64_t base);

    /* 4. Devices.
     * console_write: stream is PV_CONSOLE_*. data must be in kernel memory (linear map or image) and stay
     * unchanged until commit() or resume().
     * disk_setup: once for each disk, q in gpas. disk_notify: look at the queues of these disks; implies commit().
     * The caller then waits for the used rings (pv: they are done when it returns); requests may finish in any order.
     * set_timer: periodic TRAP_TIMER while programs run, 0 for never. idle: nothing can run; returns when the timer ticked.
     * note_step: enum pv_step, for traces; free of exits. */
    void (*console_write)(enum pv_console_stream stream, const void *data, uint64_t bytes);
    void (*disk_setup)(unsigned disk, const struct pv_disk_queue *q);
    void (*disk_notify)(uint64_t mask);
    void (*set_timer)(uint64_t period_ns);
    void (*idle)(void);
    uint64_t (*clock_ns)(void);
    void (*note_step)(enum pv_step step);
    void (*shutdown)(enum pv_shutdown_reason reason, int status) __attribute__((noreturn));
};

extern const struct platform *platform; /* set by the entry code before kernel_main */
