/* The paravirtual MMU and its hypercalls, freestanding: the VMM (or one day the monitor) brings traps in and gives
 * services through struct pv_ops. What the guest may rely on is in abi.h; this header is for the host's side.
 *
 * Every machine frame has one type at a time, with a count of the uses as that type, and a count of all references:
 * that, and that a table's content was checked before it became a table, is the whole of the safety argument
 * (Barham et al., SOSP 2003, 3.3.3). */
#pragma once
#include "address.h"
#include "cpu_regs.h"
#include "abi.h"

#define PV_DOMAIN_NONE 0xffffu

/* write_entry is called at most so often between two entries of the guest: a refused list stores each entry twice, and
 * each call may change the monitor's slot in four roots. Tables stored anew (see host_wrote) come on top, PT_ENTRIES each. */
#define PV_MAX_ENTRY_WRITES (2 * PV_MAX_UPDATES + 4 * PV_MAX_CALLS)

enum pv_frame_type { PV_FRAME_NONE, PV_FRAME_WRITABLE, PV_FRAME_L1, PV_FRAME_L2, PV_FRAME_L3, PV_FRAME_L4 };

/* What is known of one machine frame. */
struct pv_frame_info {
    uint16_t owner; /* domain number or PV_DOMAIN_NONE (nobody's: the monitor, free) */
    uint8_t type;   /* enum pv_frame_type */
    uint8_t pinned; /* one type reference is held by PV_PIN */
    uint8_t was_table;  /* since somebody may remember what it said as one ... */
    uint8_t host_wrote; /* ... it is to be stored anew if the host, unseen by that somebody, wrote to it meanwhile */
    uint32_t type_count; /* references as that type: writable mappings, or entries of higher tables, roots, the pin */
    uint32_t ref_count;  /* all references, read-only mappings too */
    uint32_t audit_types, audit_refs; /* what pv_audit() counted */
};

/* What the paravirtual MMU has done for the guest. */
enum pv_progress {
    PV_FAULT_INFO_WRITTEN, /* address and error code are in the shared-info page */
    PV_UPCALL_MADE,        /* the guest goes on in a handler of its kernel */
    PV_TABLE_UPDATED,      /* all entries of one request were checked and stored */
};

struct pv_domain;

/* The host's side. ctx is pv_domain.ctx. None of them may fail, except where a result is given. One that ends the domain sets
 * pv_domain.dead. */
struct pv_ops {
    /* The 4 KiB of a machine frame; mfn < nr_mfns. Tables are only read through it; data frames are written, too. */
    void *(*frame)(void *ctx, mfn_t m);
    /* Store an entry of a table that the CPU may be walking. The store is seen by the next read through frame(); that of
     * PV_RESERVED_SLOT alone may be seen only after the guest went on, since the host must not lose its monitor before. */
    void (*write_entry)(void *ctx, maddr_t at, uint64_t entry);
    /* Before the guest goes on: drop translations of one page, or all that are not global. */
    void (*flush_page)(void *ctx, gva_t a);
    void (*flush_all)(void *ctx);
    /* The guest goes on with this root in CR3; implies flush_all. */
    void (*load_root)(void *ctx, mfn_t root);
    /* Guest memory by pfn, for the shared-info page: NULL if there is no such frame. */
    void *(*guest_frame)(void *ctx, pfn_t f);
    /* Services of hypercalls: results as the ABI says, 0 or negative PV_E*. buffer is host memory. */
    int64_t (*console_write)(void *ctx, unsigned stream, const void *buffer, uint64_t bytes);
    int64_t (*disk_setup)(void *ctx, uint64_t disk, const struct pv_disk_queue *q);
    int64_t (*disk_notify)(void *ctx, uint64_t mask);
    int64_t (*set_timer)(void *ctx, uint64_t ns);
    int64_t (*set_fs_base)(void *ctx, uint64_t base);
    uint64_t (*clock_ns)(void *ctx);
    void (*yield)(void *ctx);
    void (*block)(void *ctx); /* the host waits for an event, then calls pv_raise_event() */
    void (*shutdown)(void *ctx, uint64_t reason, uint64_t status);
    /* The guest cannot go on: keep the first reason, stop the domain. Returns. */
    void (*crash)(void *ctx, const char *reason);
    /* Told for counting and traces: a hypercall (those inside a multicall one by one) is about to run. */
    void (*note_hypercall)(void *ctx, unsigned op);
    /* Told likewise: an iret goes to user mode with these registers (an event may interrupt it at once). */
    void (*note_return)(void *ctx, const struct cpu_regs *to);
    /* Told for traces. */
    void (*note_progress)(void *ctx, enum pv_progress p);
};

/* One domain. The owner allocates it zeroed, fills the first part, and calls pv_init(). */
struct pv_domain {
    const struct pv_ops *ops;
    void *ctx;
    uint16_t id;
    uint64_t nr_mfns;                /* of the machine */
    struct pv_frame_info *frames;    /* [nr_mfns], the machine's: shared by all domains */
    uint64_t monitor_entry;          /* what stands in PV_RESERVED_SLOT of every root */
    pfn_t shared_info;               /* the frame of the shared-info page */

    /* Owned by pv/. */
    enum pv_cpu_mode mode; /* which root is loaded: the virtual privilege level */
    mfn_t kernel_root, user_root;
    uint64_t kernel_stack;
    uint64_t traps[PV_NR_TRAPS];
    unsigned updates_in_exit; /* against PV_MAX_UPDATES */
    unsigned tables_in_exit;  /* against PV_MAX_TABLES */
    bool dead;                /* crash() or shutdown() was called, or the host ended it: nothing goes on */
    mfn_t loaded_root;        /* what load_root was last told */
    mfn_t shared_info_mfn;    /* held writable for good, so that it never becomes a table */
    uint64_t stored_anew;     /* tables that were, since the start */
    bool stale;               /* rights were taken away: flush before the guest goes on */
    char reason[40];          /* of a crash, where it holds a number */
    struct pv_update updates[PV_MAX_UPDATES]; /* the list at work; what is done holds the entry before */
    struct pv_call calls[PV_MAX_CALLS];       /* the multicall at work */
};

/* Check and take over the tables that the domain builder made: the root and all below it become tables with counts,
 * the mode becomes kernel, and load_root is told. All frames of the domain must have their owner set, type none, counts
 * zero before, and the shared-info page must be mapped writable in the linear map (abi.h, 2).
 * 0, or negative PV_E* (the builder is wrong). */
int pv_init(struct pv_domain *d, mfn_t root);

/* A trap reached the monitor while the guest ran with *regs. Each changes *regs to where the guest goes on; if the
 * domain was ended, d->dead is set and *regs mean nothing.
 * pv_handle_trap: an exception, vector 0 to 31; address is CR2 for a page fault.
 * pv_handle_syscall: SYSCALL; regs->rcx is the return address and regs->r11 the flags, as the CPU leaves them. From kernel
 *     mode it is a hypercall, from user mode an upcall.
 * pv_deliver_event: if an event is pending, unmasked and the guest runs user code: the upcall. */
void pv_handle_trap(struct pv_domain *d, struct cpu_regs *regs, unsigned vector, uint32_t error, gva_t address);
void pv_handle_syscall(struct pv_domain *d, struct cpu_regs *regs);
void pv_deliver_event(struct pv_domain *d, struct cpu_regs *regs);

/* Set bits PV_EVENT_* in event_pending. */
void pv_raise_event(struct pv_domain *d, uint32_t events);

/* The shared-info page: its frame is the guest's, so read each field once and trust none. */
struct pv_shared_info *pv_shared(const struct pv_domain *d);

/* May the host store to this frame for the guest: a disk's data, a used ring? Only if it is the domain's and no table: a disk
 * read into a table would be an unchecked update. To be asked for each store, since types change, and since a yes is remembered. */
bool pv_frame_may_be_written(const struct pv_domain *d, mfn_t m);

/* The name of a hypercall, for printing: "mmu-update"; "unknown" beyond NR_PV_HYPERCALLS. */
const char *pv_hypercall_name(unsigned op);

/* Walk the tables under root for gva: the level 1 entry, or 0 if any level is not present; the monitor's slot
 * is not the guest's, so 0. For the host's own questions (what does this page map now?), of either root. */
uint64_t pv_lookup(const struct pv_domain *d, mfn_t root, gva_t a);

/* Copy to or from guest memory at gva, as the kernel root maps it for CPL 3; the last byte is checked too. Writing needs a writable
 * mapping.
 * 0 or -PV_EFAULT, with nothing copied. */
int pv_copy_from_guest(const struct pv_domain *d, void *to, gva_t from, uint64_t bytes);
int pv_copy_to_guest(const struct pv_domain *d, gva_t to, const void *from, uint64_t bytes);

/* Recount everything from all that is a table, and compare with the frame table. 0, or the number of
 * disagreements, each said once through report. Also checks that no table is mapped writable, that no entry names a frame
 * of nobody or of another domain, and that PV_RESERVED_SLOT is the monitor's in every root. */
unsigned pv_audit(const struct pv_domain *d, void (*report)(void *arg, const char *text, uint64_t mfn), void *arg);
