/* The VMM's side of the resident monitor (monitor/monitor.S): builds its pages in the machine, reads what a trap left, and
 * resumes the guest by way of whatever the monitor has to do first.
 *
 * The reserved top-level slot, supervisor-only, in every root that the CPU walks:
 *
 *   base            code, then GDT and TSS (with the I/O bitmap), IDT, stacks, the work list; 4 KiB pages
 *   base + 256 GiB  all of machine memory, writable: where the monitor reaches page tables
 */
#pragma once
#include "cpu_regs.h"
#include "vmm/machine.h"
#include "vmm/store_list.h"

struct monitor {
    struct machine *machine;
    unsigned slot;
    gva_t base;
    uint64_t root_entry;  /* what stands in the slot of every root */
    gva_t syscall_entry;  /* LSTAR */

    mfn_t frames[24];     /* by page of the region at base */
    unsigned nr_frames;
    /* What is to be done at the next resume. */
    mfn_t root;           /* in CR3, or to be */
    mfn_t loaded;         /* in CR3 now */
    bool root_pending;
    struct {
        maddr_t at;       /* 0: none */
        uint64_t entry;
    } left;               /* the store that takes the monitor out of the root in CR3, which is to be left: the last of all */
    bool ts;              /* CR0.TS is set */
    unsigned nr_stores;
    unsigned nr_flushes;
    struct store_list backlog; /* behind nr_stores: what did not fit while the monitor could not run */
    uint64_t nr_drains;
    /* 0, or why it is not run any more, a negative errno, said: KVM failed, or memory ran out; -ENOTRECOVERABLE: it made
     * another exit than it should. Stores go to memory only then, and the machine must not run again. */
    int broken;
};

enum monitor_event {
    MONITOR_TRAP,    /* an exception or interrupt: vector, error, address */
    MONITOR_SYSCALL, /* SYSCALL: regs as the CPU leaves them, rip = rcx not yet applied */
    MONITOR_START,   /* answer to monitor_start */
    MONITOR_BROKEN,  /* the monitor itself trapped: a bug of ours */
    MONITOR_NONE,    /* this exit was not made by the monitor */
};

struct monitor_trap {
    unsigned vector;
    uint32_t error;
    gva_t address; /* CR2, for a page fault */
};

/* Build the monitor for a top-level slot (256 to 511). io_open: the guest may use ports at CPL 3. 0 or a negative errno, said. */
int monitor_init(struct monitor *mon, struct machine *m, unsigned slot, bool io_open);
void monitor_destroy(struct monitor *mon);

/* From the next resume on: may the guest use ports at CPL 3? Else it gets #GP. Only if it was started with io_open. */
void monitor_open_ports(struct monitor *mon, bool open);

/* Load the CPU's state and run until the monitor stands. root: has root_entry in its slot. */
int monitor_start(struct monitor *mon, mfn_t root);

/* After machine_run() returned 0 with KVM_EXIT_IO: what happened, and the guest's registers. */
enum monitor_event monitor_read(struct monitor *mon, struct cpu_regs *guest, struct monitor_trap *trap);

/* Leave work for the next resume; also after exits that do not pass the monitor. A store is seen in memory at once, but
 * for one that takes the monitor out of the root in CR3. fresh_leaf: it only turns a level 1 entry from not
 * present to present; the monitor need not make that one again (KVM-made shadows see it at the next access). */
void monitor_store(struct monitor *mon, maddr_t at, uint64_t entry, bool fresh_leaf);
void monitor_flush_page(struct monitor *mon, gva_t a);
void monitor_flush_all(struct monitor *mon);
void monitor_load_root(struct monitor *mon, mfn_t root);
/* Set or clear CR0.TS, which makes the next x87 or SSE instruction trap: now, at the price of an exit if it changes. Only when an
 * exit passed the monitor. */
void monitor_set_ts(struct monitor *mon, bool on);
/* There is so much to do that the monitor should get to run before the guest comes by itself. */
bool monitor_is_behind(const struct monitor *mon);

/* Set the CPU up to go on with these registers at CPL 3, with interrupts on, after the work. regs->rip must be canonical;
 * flags are made safe here. */
void monitor_resume(struct monitor *mon, const struct cpu_regs *guest);

/* Is the CPU in the monitor now (as of the last machine_run)? */
bool monitor_is_running(const struct monitor *mon);
