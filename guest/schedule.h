/* Which process runs next, and how it gets the CPU: round robin, by a timer that ticks only while more than
 * one could run. */
#pragma once
#include "process.h"

#define TIME_SLICE_NS 10000000ull

/* Run a process: the current one if it can and need not give way, else the next in turn. With nobody to run,
 * wait for those who sleep; if there is nobody to wait for either, pid 1 is killed. Delivers signals on the
 * way. */
_Noreturn void schedule(void);
/* The current process has had its turn. */
void schedule_give_way(void);
/* Make this space the loaded one, if it is not. */
void schedule_load_space(struct space *s);
/* For arch_prctl and exec. */
void schedule_set_fs_base(struct process *p, uint64_t base);
