/* Time and interruption: the guest's periodic timer, the limit on the run, Ctrl-C. All are signals that make KVM_RUN
 * return; this is where they are told apart. One run at a time. */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds of the monotonic clock. */
uint64_t clock_now_ns(void);

/* Is it ignored? What we were started to ignore (by nohup, or in the background of a script) stays so. */
bool clock_ignores(int signal);

/* Catch SIGINT and SIGTERM, where they are not ignored, and the time limit (0: none) from now on; each makes the KVM_RUN of this
 * kvm_run return. 0 or a negative errno, said. */
int clock_start(struct kvm_run *run, unsigned timeout_s);
void clock_stop(void);

/* What ended the run from outside: SIGINT, SIGTERM, SIGALRM for the time limit; 0: nothing did. */
int clock_stop_signal(void);

/* The guest's timer: a tick first_ns from now, and then each period_ns, or no more if that is 0; first_ns 0: none at all.
 * 0 or a negative errno. */
int clock_set_timer(uint64_t first_ns, uint64_t period_ns);
/* Has it ticked since the last call? */
bool clock_take_tick(void);
/* Wait for a tick or a stop, if none is there yet. False: no timer runs, so waiting would be for ever. */
bool clock_wait(void);
