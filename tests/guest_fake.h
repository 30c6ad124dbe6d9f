/* A machine for the guest kernel's memory side, inside a test process: memory, page tables, a TLB, disks.
 *
 * It is stricter than real ones. Frames have types, as in pv: a table is changed by write_entry only, is
 * never mapped, is linked once, and is retired when nothing points to it. The TLB forgets nothing that was
 * not flushed, so that a stale translation is found by the next access. Requests of one notification are done
 * in a random order. A violation ends the test with its reason. */
#pragma once
#include "platform.h"
#include "space.h"

struct fake_disk {
    unsigned char *bytes;
    uint64_t sectors;
    bool read_only, swap;
    /* Faults of the disk. */
    unsigned error_percent; /* requests that fail */
    bool silent;            /* never answers */
    bool senseless;         /* answers requests that nobody made */
};

struct fake_counts {
    unsigned faults, commits, updates, flushes, notifies, reads, writes;
    unsigned frames_taken, victims, page_ins; /* as told by note_step */
};

extern struct fake_disk fake_disks[MAX_DISKS];
extern struct fake_counts fake_counts;
extern bool fake_quiet;        /* messages of the kernel are not printed */
extern char fake_message[256]; /* the last one */

/* Power on: zero the memory, choose how many frames there are. Disks are as fake_disks says. */
void fake_power_on(uint64_t nr_frames, struct boot_info *boot);
/* The same, then memory_init. */
void fake_start(uint64_t nr_frames, const char *policy, uint64_t seed);
void fake_disk_resize(unsigned disk, uint64_t sectors);

/* What a program does: one access of a byte by the CPU in a space that it loads first; faults are handed to
 * space_touch until it works. p is where the byte lies, if the result is TOUCH_OK. The counts are of what it
 * took. */
enum touch fake_access(struct space *s, gva_t a, unsigned access, unsigned char **p);

uint64_t fake_random(void);
void fake_random_seed(uint64_t seed);
