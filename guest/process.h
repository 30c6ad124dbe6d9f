/* Processes: what the kernel keeps of each, how they begin, wait and end.
 *
 *   1. struct process    the record, and its table
 *   2. beginning         fork.c (exec.h has exec)
 *   3. waiting           wait.c, schedule.h
 *   4. ending            process.c
 *
 * The kernel never sleeps inside itself: a process that must wait is one whose state says so, with its
 * registers saved; whoever ends the wait stores the result of its system call there. */
#pragma once
#include "descriptor.h"
#include "fpu.h"
#include "signals.h"
#include "space.h"
#include "trap.h"

/* 1. The record. */
enum process_state {
    PROCESS_FREE,     /* this record is nobody's */
    PROCESS_READY,    /* runs, or could */
    PROCESS_WAITING,  /* in wait4, for a child's end */
    PROCESS_SLEEPING, /* in nanosleep, until wake_ns */
    PROCESS_PAUSED,   /* in pause or rt_sigsuspend, for a signal */
    PROCESS_VFORKED,  /* until its vfork child execs or ends */
    PROCESS_ZOMBIE,   /* ended; its parent has not asked yet */
};

#define MAX_PROCESSES 32
#define PID_MAX       32768
#define NAME_SIZE     32
#define PATH_BYTES    512 /* of paths that the kernel takes, with their NUL */
#define CWD_SIZE      256

struct process {
    enum process_state state;
    int pid;
    struct process *parent; /* NULL: this is pid 1 */
    char name[NAME_SIZE];   /* of the program: the last part of its path */
    struct space *space;    /* NULL once it has ended */
    struct trap_frame frame;
    uint64_t fs_base;
    struct fpu_state fpu;
    struct signal_state signals;
    struct descriptor_table files;
    char cwd[CWD_SIZE]; /* absolute, "/" or without a "/" at its end */

    /* In a system call that waits. */
    uint64_t call_number;
    bool restart_call; /* a signal interrupted it, and if no handler forbids it, it starts again */
    int wait_pid;      /* PROCESS_WAITING: as wait4 was asked */
    gva_t wait_status_at, wait_usage_at;
    uint64_t wake_ns;   /* PROCESS_SLEEPING */
    gva_t remaining_at; /* where nanosleep wants the rest, 0 for nowhere */
    bool is_vfork_child;

    int wait_status; /* PROCESS_ZOMBIE: as wait4 reports it */
};

/* The process whose trap is being handled. */
extern struct process *current_process;

/* A record with the next pid, all else zero, PROCESS_READY; NULL if there are too many. */
struct process *process_create(void);
void process_free(struct process *p);
/* The process with that pid, zombies included; NULL: none. */
struct process *process_find(int pid);
/* All records in turn: start with NULL, ends with NULL. Skips free ones. */
struct process *process_next(const struct process *p);
void process_set_name(struct process *p, const char *path);
/* End its wait: the system call that it is in returns result. */
void process_wake(struct process *p, int64_t result);

/* 2. The whole of fork, vfork and clone: a copy that returns 0. stack: its rsp, 0 for the parent's. Returns
 * the child's pid, -EAGAIN or -ENOMEM. */
int64_t process_fork(struct process *parent, gva_t stack, bool is_vfork);

/* 3. wait4: the pid of an ended child, 0 (WNOHANG and none has ended), -ECHILD, -EFAULT; or the process is
 * left PROCESS_WAITING. */
int64_t process_wait(struct process *p, int pid, gva_t status_at, int options, gva_t usage_at);
/* The parent's part of a child's end: it may have been waiting for that. */
void process_child_ended(struct process *parent, struct process *child);
/* A vfork parent goes on: called when the child has got a space of its own, or has ended. */
void process_release_vfork(struct process *child);

/* 4. End it, with wait4's status: exit code << 8, or the number of the signal. If it is pid 1, the machine
 * stops and this does not return. Its space is gone afterwards; the caller goes to schedule(). */
void process_end(struct process *p, int wait_status);
/* End it because it needs memory, and neither a frame nor a place in swap is left; the log says so. */
void process_kill_for_memory(struct process *p);
/* The same if the kernel needed that memory on its behalf, in a system call or for a signal: true, and it is gone. Asked before
 * it runs again. */
bool process_kill_if_starved(struct process *p);
#define WAIT_STATUS_EXITED(code) (((code)&0xff) << 8)
