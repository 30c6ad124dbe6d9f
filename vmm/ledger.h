/* The ledger: every return of KVM_RUN is one exit, has one cause, and is charged to one account: to a fault (by class) or to
 * something else. It closes: the accounts, the causes and the returns of KVM_RUN add up to the same number.
 *
 * A fault lasts from its trap to the return to the program: across upcalls, disk requests and hypercalls.
 * Its class is known at its end:
 *   protection  the program did not go on where it faulted (its handler was called, or it was killed)
 *   major       there was disk I/O
 *   cow         a write to a page that was there, and may be written now
 *   minor       any other
 *
 * A fault that kills its program ends where the guest's kernel turns from it: to the console, to another
 * address space, or to switching off. Only at the end is it known whether it did. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "vmm/time_histogram.h"

/* Causes of exits: rows of the exit table (exits.c), which has their names. */
enum exit_cause {
    EXIT_BOOT,        /* the monitor stands */
    EXIT_PAGE_FAULT,  /* trap 14 */
    EXIT_EXCEPTION,   /* any other exception */
    EXIT_SYSTEM_CALL, /* SYSCALL by a program */
    EXIT_HYPERCALL,   /* SYSCALL by the guest kernel */
    EXIT_TIMER,       /* the timer's interrupt reached the monitor */
    EXIT_SIGNAL,      /* KVM_RUN was interrupted, to look at the timer or at a request to stop */
    EXIT_WINDOW,      /* the guest became ready for an interrupt */
    EXIT_PORT,        /* a port of a device */
    EXIT_MMIO,        /* a register of a device */
    EXIT_TABLE_STORE, /* a store to a page table */
    EXIT_PRIVILEGED,  /* an instruction of the guest kernel that needed emulation */
    EXIT_DRAIN,       /* the monitor worked off a full list */
    EXIT_HALT,
    EXIT_OTHER,       /* what ends the run: shutdown, internal error */
    NR_EXIT_CAUSES
};

/* Finer rows than causes, for what a fault, a system call or a tick was made of: a row for each cause, and
 * what is named apart from its cause. */
enum ledger_row {
    ROW_DISK_NOTIFY = NR_EXIT_CAUSES, /* a disk was told of requests: by hypercall or register */
    ROW_CONSOLE_NOTIFY,               /* a console, of output */
    ROW_HIDDEN_FAULT,                 /* a fault of the guest's kernel that only the shadow had */
    ROW_INSTRUCTION,                  /* and up: an emulated instruction, by its number (fv_emulate.h) */
    NR_LEDGER_ROWS = ROW_INSTRUCTION + 64
};

enum account {
    ACCOUNT_BOOT,        /* up to the first instruction of a program */
    ACCOUNT_FAULT,       /* the fault in progress */
    ACCOUNT_SYSTEM_CALL, /* the system call in progress, less its disk requests and notifications of a console */
    ACCOUNT_DISK,        /* disk requests outside of faults */
    ACCOUNT_CONSOLE,     /* notifications of a console, outside of faults */
    ACCOUNT_TIMER,
    ACCOUNT_EXCEPTION, /* of a program, other than page faults */
    ACCOUNT_IDLE,
    ACCOUNT_HIDDEN,  /* faults that only the shadow had, in a program: fixed, and the program never knew */
    ACCOUNT_ENDING,  /* of a program that a fault killed: what came after the fault */
    ACCOUNT_GUEST,   /* of a bare guest, where nobody sees what is in progress */
    ACCOUNT_PROGRAM, /* nothing in progress: the program ran */
    NR_ACCOUNTS
};

enum fault_class { FAULT_MINOR, FAULT_MAJOR, FAULT_COW, FAULT_PROTECTION, NR_FAULT_CLASSES };

#define LEDGER_HISTOGRAM 4096 /* exits per fault; the last place takes all above */

struct tally {
    uint64_t count, exits, min, max, ns;
    uint64_t rows[NR_LEDGER_ROWS]; /* exits by row; the sum is exits */
    struct time_histogram times;
    uint32_t histogram[LEDGER_HISTOGRAM];
};

/* What something in progress has cost so far. */
struct ledger_spent {
    uint64_t exits;
    uint32_t rows[NR_LEDGER_ROWS];
};

/* Where does the program go on, which was interrupted? */
enum goes_on {
    GOES_ON_NOWHERE,   /* another program does, or none */
    GOES_ON_ELSEWHERE, /* in a handler of its own */
    GOES_ON_THERE,
};

struct ledger {
    uint64_t exits;
    uint64_t causes[NR_EXIT_CAUSES];
    uint64_t accounts[NR_ACCOUNTS]; /* that of faults is the sum of the classes and of one that never ended */
    struct tally faults[NR_FAULT_CLASSES];
    struct tally system_calls;
    struct tally timers;
    uint64_t disk_notifies; /* however many queues each was for */

    /* In progress. */
    enum account account, next; /* next: what began with the exit that ended the former */
    uint64_t next_began_ns;
    struct ledger_spent spent; /* charged to it */
    uint64_t began_ns;
    struct ledger_spent delivered; /* of spent, before the kernel turned from the program */
    uint64_t turned_ns;
    bool turned;
    unsigned row;                   /* of the exit that is being handled */
    bool ended;                     /* with the exit that is being handled */
    bool disk, console, idle, tick; /* what this exit did */
    bool fault_disk;                /* what the fault did so far */
    enum goes_on goes_on;
    enum fault_class fault_class; /* valid when a fault has ended */
    uint64_t moved;               /* exits that the last one to end had, and its program's end has now */
};

const char *account_name(enum account a);
const char *fault_class_name(enum fault_class c);

/* In this order for each return of KVM_RUN: ledger_exit, then any of the others as the exit is handled, then ledger_charge. */
void ledger_exit(struct ledger *l, enum exit_cause cause);
/* A program was interrupted: what follows is for that, this exit included. now_ns: any clock that does not go back. */
void ledger_begin(struct ledger *l, enum account account, uint64_t now_ns);
/* This exit did a disk request; told a console of output; was there for the timer only; waited for an event. */
void ledger_note_disk(struct ledger *l);
void ledger_note_console(struct ledger *l);
void ledger_note_tick(struct ledger *l);
void ledger_note_idle(struct ledger *l);
/* This exit was an emulated instruction; a hidden fault of the guest's kernel. */
void ledger_note_instruction(struct ledger *l, unsigned number);
void ledger_note_hidden(struct ledger *l);
/* With this exit the guest's kernel does what a fault does not need: it prints, loads another address space,
 * or switches off. */
void ledger_note_turn(struct ledger *l, uint64_t now_ns);
/* A program goes on, or the machine ends. For a fault: goes_on, whether that is the program that faulted;
 * write_to_present, it wanted to write to a page that was there. */
void ledger_end(struct ledger *l, enum goes_on goes_on, bool write_to_present);
/* Who paid for it. */
enum account ledger_charge(struct ledger *l, uint64_t now_ns);

/* Exits of a fault that never ended, because the run did: what is charged to faults but to no class. */
uint64_t ledger_unfinished(const struct ledger *l);

/* Do causes, accounts and exits add up to runs? */
bool ledger_is_closed(const struct ledger *l, uint64_t runs);
