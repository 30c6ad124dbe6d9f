/* Signals, as Linux's on x86-64: who wants what (actions), what is on its way (pending), and what is held
 * back (blocked).
 *
 *   1. state and actions    signals.c
 *   2. sending              signals.c
 *   3. delivery             signal_deliver.c
 *
 * Not there: queues of real-time signals, and job control (what would stop a process is ignored). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "address.h"

/* Numbers and codes, as in Linux's asm/signal.h and asm-generic/siginfo.h. */
enum {
    SIGNAL_HUP = 1,
    SIGNAL_ILL = 4,
    SIGNAL_TRAP = 5,
    SIGNAL_BUS = 7,
    SIGNAL_FPE = 8,
    SIGNAL_KILL = 9,
    SIGNAL_SEGV = 11,
    SIGNAL_CHLD = 17,
    SIGNAL_CONT = 18,
    SIGNAL_STOP = 19,
    SIGNAL_TSTP = 20,
    SIGNAL_TTIN = 21,
    SIGNAL_TTOU = 22,
    SIGNAL_URG = 23,
    SIGNAL_WINCH = 28,
    NR_SIGNALS = 64,
};
enum { SIGNAL_CODE_USER = 0, SIGNAL_CODE_TKILL = -6, SIGNAL_CODE_KERNEL = 0x80 };
enum { SIGNAL_CODE_MAPERR = 1, SIGNAL_CODE_ACCERR = 2 };                         /* of SEGV */
enum { SIGNAL_CODE_ADRALN = 1, SIGNAL_CODE_ADRERR = 2 };                         /* of BUS */
enum { SIGNAL_CODE_INTDIV = 1, SIGNAL_CODE_FLTDIV = 3, SIGNAL_CODE_FLTOVF = 4 }; /* of FPE */
enum { SIGNAL_CODE_FLTUND = 5, SIGNAL_CODE_FLTRES = 6, SIGNAL_CODE_FLTINV = 7 };
enum { SIGNAL_CODE_ILLOPN = 2 };                         /* of ILL */
enum { SIGNAL_CODE_BRKPT = 1, SIGNAL_CODE_TRACE = 2 };   /* of TRAP */
enum { SIGNAL_CODE_EXITED = 1, SIGNAL_CODE_KILLED = 2 }; /* of CHLD */

/* Handlers that are none, and flags of an action. */
#define SIGNAL_DEFAULT        0
#define SIGNAL_IGNORE         1
#define SIGNAL_FLAG_NOCLDWAIT 0x00000002u
#define SIGNAL_FLAG_SIGINFO   0x00000004u
#define SIGNAL_FLAG_RESTORER  0x04000000u
#define SIGNAL_FLAG_ONSTACK   0x08000000u
#define SIGNAL_FLAG_RESTART   0x10000000u
#define SIGNAL_FLAG_NODEFER   0x40000000u
#define SIGNAL_FLAG_RESETHAND 0x80000000u

#define SIGNAL_STACK_ON        1
#define SIGNAL_STACK_DISABLE   2
#define SIGNAL_STACK_MIN_BYTES 2048

/* 1. State. A set of signals has signal n in bit n - 1. */
typedef uint64_t signal_set;

static inline signal_set signal_bit(int signal)
{
    return 1ull << (signal - 1);
}

/* As rt_sigaction passes it. */
struct signal_action {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    signal_set mask; /* blocked while the handler runs */
};

/* As sigaltstack passes it. */
struct signal_stack {
    uint64_t base;
    int32_t flags;
    int32_t padding;
    uint64_t bytes;
};

/* What a handler is told. */
struct signal_info {
    int32_t code;
    int32_t pid;    /* of the sender, or the child that ended */
    int32_t status; /* of that child */
    gva_t address;  /* of a fault */
};

/* What the CPU said about the last exception: for ucontext. */
struct signal_fault {
    uint64_t vector, error_code, address;
};

struct signal_state {
    struct signal_action actions[NR_SIGNALS]; /* of signal n: [n - 1] */
    struct signal_info infos[NR_SIGNALS];     /* of those pending */
    signal_set pending, blocked;
    signal_set saved_blocked; /* of rt_sigsuspend: what delivery puts back */
    bool suspended;
    struct signal_stack stack;
    struct signal_fault fault;
};

struct process;

static inline struct signal_action *signal_action_of(struct signal_state *s, int signal)
{
    return &s->actions[signal - 1];
}

void signal_fork(struct signal_state *child, const struct signal_state *parent);
/* exec: handlers are gone with the old program; what was ignored or blocked stays so. */
void signal_exec(struct signal_state *s);
/* Block these; SIGKILL and SIGSTOP cannot be. */
void signal_set_blocked(struct signal_state *s, signal_set blocked);
/* Signals that wait and may be delivered. */
signal_set signal_deliverable(const struct signal_state *s);
/* Forget those that may be delivered and would do nothing. */
void signal_drop_ignored(struct signal_state *s);
/* Does its action do nothing? And: is it not blocked either, so that there is nothing to wait for? */
bool signal_does_nothing(struct signal_state *s, int signal);
bool signal_is_ignored(struct signal_state *s, int signal);
/* May children that end vanish, since nobody asks for them? (If a handler is there, it is told all the same.)
 */
bool signal_wants_no_zombies(struct signal_state *s);

/* 2. Send. If the process waits in a system call, the signal ends that wait. Nothing happens to a zombie. */
void signal_send(struct process *p, int signal, const struct signal_info *info);
/* An exception's signal: cannot be blocked or ignored; a process that tries is ended by it. True: a handler
 * will run. */
bool signal_force(struct process *p, int signal, const struct signal_info *info);

/* 3. Deliver what is deliverable, before p runs again: builds frames for handlers, or ends the process. */
void signal_deliver(struct process *p);
/* rt_sigreturn: registers, mask and stack from the frame at rsp. False: there is no sound frame. */
bool signal_return(struct process *p);
/* Whether p runs on its alternate stack. */
bool signal_on_stack(const struct process *p);
