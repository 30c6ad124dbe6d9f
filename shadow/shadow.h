/* The shadow MMU: behind the page tables that a guest keeps for itself (its frame numbers, never walked by
 * the CPU) it keeps shadow tables (machine frames) that the CPU walks. Freestanding: the VMM, or one day the
 * monitor, gives memory and services through struct shadow_ops.
 *
 * The guest runs at CPL 3 always. Its virtual privilege level chooses the shadow root: the kernel's root maps
 * what the guest's supervisor may reach, the user's only what has U/S set all the way down. Every table of
 * the guest that is in use is *tracked*: it is mapped through the read-only alias of memory, so that each
 * store to it comes to shadow_store(), which changes the guest's table and the shadow in one go. No table is
 * ever out of step, so INVLPG and CR3 loads have nothing to compare. After Adams and Agesen, "A Comparison of
 * Software and Hardware Techniques for x86 Virtualization", ASPLOS 2006 (tracing, true and hidden faults).
 *
 * Accessed and dirty bits: an entry of the guest is in the shadow only if its accessed bit is set, and
 * writable there only if its dirty bit is set too: else the guest would never see these bits appear. The
 * access that comes first faults (hidden), the bits are set as a CPU sets them, the shadow is filled. So a
 * guest kernel that puts A (and D, for a page about to be written) into the entries that it makes, of tables
 * too, takes no hidden fault; one that does not takes one for each access that would set a bit. Large pages
 * are splintered into 4 KiB entries, so an INVLPG may stand for many: it flushes all if, since the last time that all
 * was flushed, an entry of an upper level has lost something.
 *
 * Stores and the TLB: a store's exit does not pass the monitor, which alone may write what the CPU walks, so
 * the changes wait in the owner's queue until the guest next traps. What the guest sees until then is an old
 * translation, as on a CPU whose TLB was not flushed; and each way to flush traps. A table that was
 * linked by a store is not tracked until then either: shadow_enter() reads it once more. And the frame of a shadow
 * table that a store has freed rests until then: the CPU may remember the way to it, and some CPUs see what the owner
 * writes there before the monitor runs.
 *
 * The real CPU must have CR0.WP and EFER.NXE set. The guest's cache attributes (PWT, PCD, PAT) and global
 * bits are ignored. */
#pragma once
#include "address.h"
#include "x86_cpu.h"
#include "x86_paging.h"
#include "walk.h"

enum shadow_role { SHADOW_KERNEL, SHADOW_USER };

/* What stands behind a guest frame. */
enum shadow_place_kind {
    SHADOW_PLACE_NONE,   /* nothing may be mapped: an access gives SHADOW_NOWHERE */
    SHADOW_PLACE_RAM,    /* memory of this domain */
    SHADOW_PLACE_DEVICE, /* mfn has no memory slot: an access exits with KVM_EXIT_MMIO */
};

struct shadow_place {
    enum shadow_place_kind kind;
    mfn_t mfn;
};

/* The owner's side. ctx is shadow.ctx. None may fail. */
struct shadow_ops {
    /* The domain's p2m, one to one: two frames of RAM never share an mfn. RAM only below shadow.nr_pfns. */
    struct shadow_place (*place)(void *ctx, pfn_t f);
    /* The 4 KiB of a guest frame, for reading and writing; NULL exactly if it is not RAM. */
    void *(*guest_frame)(void *ctx, pfn_t f);
    /* The 4 KiB of a frame of the pool, with all queued writes in it, for reading. */
    const uint64_t *(*table)(void *ctx, mfn_t m);
    /* Queue the write of one entry of a shadow table; the monitor makes it, in order, before the guest next
     * goes on from a trap. One call may queue 512 for each of the (ahead + PT_LEVELS) tables that it makes,
     * and for each that it drops. */
    void (*write_spte)(void *ctx, maddr_t at, uint64_t spte);
    /* Queue, behind the writes: drop the translation of one page, or all. */
    void (*flush_page)(void *ctx, gva_t a);
    void (*flush_all)(void *ctx);
    /* Asked by the audit alone, and to be answered from the machine's own books rather than from the p2m: is
     * this machine frame memory of this domain? */
    bool (*owns_frame)(void *ctx, mfn_t m);
};

/* Why a hidden fault happened. */
enum shadow_reason {
    SHADOW_HIDDEN_ACCESSED, /* set the accessed bit of an entry on the way */
    SHADOW_HIDDEN_DIRTY,    /* set the dirty bit of the leaf */
    SHADOW_HIDDEN_EVICTED,  /* the shadow of a table had been evicted */
    SHADOW_HIDDEN_TABLE,    /* a table had no shadow yet: more than `ahead`, or no free frame for it */
    SHADOW_HIDDEN_LARGE,    /* first touch of 2 MiB in a page of 1 GiB */
    SHADOW_HIDDEN_QUEUED, /* none: the shadow had it, the CPU had not (a write still queued, an old TLB entry)
                           */
    NR_SHADOW_REASONS
};

const char *shadow_reason_name(enum shadow_reason r);

struct shadow_stats {
    uint64_t true_faults;
    uint64_t hidden[NR_SHADOW_REASONS];
    uint64_t stores_added;   /* made an entry present */
    uint64_t stores_removed; /* made it not present */
    uint64_t stores_changed; /* present before and after, or not present before and after */
    uint64_t stores_same;    /* changed nothing */
    uint64_t stores_plain;   /* to a frame that is no table any more */
    uint64_t floods;         /* tables dropped since the guest had stopped to use them as such */
    uint64_t tables_made;    /* shadow tables, in all */
    uint64_t tables_evicted;
    uint64_t tables_in_use; /* now */
    uint64_t tables_peak;
    uint64_t spte_writes;
    uint64_t flushes; /* of everything, asked for by us and not by the guest */
};

#define SHADOW_MIN_FRAMES 32 /* what one instruction may need at once, both roots, and some */
#define SHADOW_MAX_FRAMES (1u << 20)

/* One guest CPU's shadow. The owner allocates it zeroed, fills the first part, calls shadow_init(). */
struct shadow {
    const struct shadow_ops *ops;
    void *ctx;
    uint64_t nr_pfns;   /* the guest's memory ends here: below 2^30 */
    uint64_t window;    /* read-only alias of machine frame m: m + window */
    mfn_t first_frame;  /* the pool for shadow tables: nr_frames machine frames in a row, zeroed, */
    uint32_t nr_frames; /* SHADOW_MIN_FRAMES to SHADOW_MAX_FRAMES: the bound on its memory */
    uint32_t ahead;     /* how many tables one call may shadow ahead of need; 0 means as they are touched */
    unsigned monitor_slot;  /* of each root: the monitor's, */
    uint64_t monitor_entry; /* and what stands there */
    unsigned maxphyaddr;    /* the guest's, as its CPUID says: 36 to 52 */
    void *memory;           /* shadow_memory_bytes() of the owner's, zeroed, aligned to 8 */

    /* For the owner to read. */
    struct {
        gva_t gva;      /* CR2 */
        uint32_t error; /* PF_ERR_*, as the guest's own tables give it */
        gpa_t gpa;      /* for SHADOW_NOWHERE */
    } fault;            /* of the last result that was not SHADOW_FIXED */
    enum shadow_role role;
    struct shadow_stats stats;

    /* Owned by shadow/. */
    struct guest_paging paging;
    struct shadow_page *pages;         /* [nr_frames]: page i is machine frame first_frame + i */
    struct shadow_link *links;         /* [nr_frames * PT_ENTRIES] */
    uint32_t *heads;                   /* [nr_frames + nr_pfns] */
    struct shadow_guest_frame *frames; /* [nr_pfns] */
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t free_head, nr_free;
    uint32_t resting_head, nr_resting; /* freed by stores; free when the guest next traps */
    uint32_t newest, oldest;
    uint32_t loaded;           /* the root that the CPU is on */
    uint64_t stamp;            /* pages that bear it are in use by the call that runs */
    uint32_t ahead_left;       /* of this call */
    uint32_t nr_unsettled;     /* pages of tables that are not tracked before the next resume */
    bool links_lost;           /* something, since the last flush of all: INVLPG may mean more than one page */
    bool in_store;             /* this call's changes reach the CPU later: the guest may go on before */
    enum shadow_reason reason; /* of the hidden fault that is being fixed */
};

/* How many bytes shadow.memory needs. */
uint64_t shadow_memory_bytes(uint32_t nr_frames, uint64_t nr_pfns);

/* Start with no tables, the kernel's role, root at frame 0, WP and NXE off. 0, or -1: the owner's numbers are
 * out of bounds. */
int shadow_init(struct shadow *s);

enum shadow_result {
    SHADOW_FIXED,        /* done: resume the guest */
    SHADOW_REFLECT,      /* the guest's own tables forbid it: raise #PF with fault.error, CR2 = fault.gva */
    SHADOW_NONCANONICAL, /* raise #GP(0), or #SS(0) if it was the stack */
    SHADOW_NOWHERE, /* the guest allows it, but no frame is behind fault.gpa (or a table is in no memory) */
    SHADOW_RESERVED_SLOT, /* the guest maps what is the monitor's and uses it: end the guest, or move the
                             monitor */
};

/* 1. Traps. Between a trap and the resumption call these in any order, then shadow_enter(), then the queue is
 * run.
 *
 * A page fault reached the monitor, with err of the CPU (PF_ERR_WRITE and PF_ERR_FETCH count; the rest is
 * computed, as the real CPU saw our tables at CPL 3). FIXED: a hidden fault, the shadow is filled; the page
 * may be a device's, the next exit is then the access to it. Else as enum shadow_result says. SDM 4.7. */
enum shadow_result shadow_handle_fault(struct shadow *s, gva_t gva, uint32_t err);

/* MOV to CR3. FIXED; REFLECT: reserved bits, raise #GP(0), nothing changed; NOWHERE: no memory there, a real
 * CPU would not survive the next fetch: nothing changed. Flushes, as the guest expects. */
enum shadow_result shadow_load_cr3(struct shadow *s, uint64_t cr3);

/* The virtual privilege level. */
void shadow_set_role(struct shadow *s, enum shadow_role role);

/* CR0, CR4 or EFER were written, with these values now; all three as long mode with paging has them. False: a
 * bit that this MMU has not (SMEP, SMAP, PCIDE, LA57, PKE and what is unknown), or paging off: raise #GP(0),
 * nothing changed. */
bool shadow_set_controls(struct shadow *s, uint64_t cr0, uint64_t cr4, uint64_t efer);

/* INVLPG. The shadow agrees with the guest's tables already; what may be old is in the TLB: all of a large page, too. */
void shadow_invlpg(struct shadow *s, gva_t gva);

/* Last thing before each resumption through the monitor, after it the queue: the root that CR3 must hold
 * then. (The monitor loads CR3 behind the queue. The root that it runs on meanwhile is not touched in the
 * monitor's slot.) Not before the first shadow_load_cr3(). */
mfn_t shadow_enter(struct shadow *s);

/* 2. Stores. An exit told of a store into the read-only window, now at gpa: size 1 to 8 bytes, at any
 * alignment, in one page. The guest may be resumed at once, with no call of shadow_enter(). True: the frame
 * has ceased to be a table, but until the monitor runs each store to it goes on to cost an exit, so an owner
 * that can make the monitor run (by an interrupt) may want to. */
bool shadow_store(struct shadow *s, gpa_t gpa, uint64_t value, unsigned size);

/* A device is about to write to this frame without shadow_write_memory(): its shadows are dropped. False: it is the root in use,
 * and must not be written so. */
bool shadow_give_up_table(struct shadow *s, pfn_t f);

/* Of which level is the table in this frame of the pool; for an owner who queues writes. */
unsigned shadow_table_level(const struct shadow *s, mfn_t m);

/* Is this frame tracked now, as a table of the guest in use? */
bool shadow_frame_is_table(const struct shadow *s, pfn_t f);

/* 3. The owner's own accesses to guest memory, to be used for all of them: they respect tables in what they
 * write. By gpa, for devices: 0, or -1 if some byte is not in RAM, and nothing was copied. */
int shadow_read_memory(struct shadow *s, gpa_t gpa, void *to, uint64_t bytes);
int shadow_write_memory(struct shadow *s, gpa_t gpa, const void *from, uint64_t bytes);

/* By gva, for what the CPU does (exception frames, descriptor tables, instruction bytes): access is
 * PF_ERR_USER, PF_ERR_FETCH, or 0 for the supervisor, whatever the role is. Checks all bytes, then copies and
 * sets accessed and dirty bits; else nothing is copied and the result says why. NOWHERE also stands for a
 * device's page. */
enum shadow_result shadow_copy_from_guest(struct shadow *s, uint32_t access, void *to, gva_t from,
                                          uint64_t bytes);
enum shadow_result shadow_copy_to_guest(struct shadow *s, uint32_t access, gva_t to, const void *from,
                                        uint64_t bytes);

/* 4. Compare everything with everything: each spte with the guest's entry, the p2m and the role; that each
 * table in use is tracked, and mapped nowhere but through the window; that no spte maps the monitor, a shadow
 * table or what is not the domain's; the books. To be called after shadow_enter(), before the guest runs. 0,
 * or the number of disagreements, each said once through report (number: an mfn, or a pfn where the text says
 * so). */
unsigned shadow_audit(const struct shadow *s, void (*report)(void *arg, const char *text, uint64_t number),
                      void *arg);
