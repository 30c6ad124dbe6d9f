/* How a domain is ended, and how it goes on. */
#pragma once
#include "pv.h"

/* The guest did what it cannot survive: the first reason counts, callers carry on and find d->dead. */
void pv_crash(struct pv_domain *d, const char *reason);
/* The same, the reason followed by a number below 100. */
void pv_crash_number(struct pv_domain *d, const char *reason, unsigned number);

/* The last step of everything that the guest entered for: the root of its mode, or the flush that it needs.
 */
void pv_settle(struct pv_domain *d);

/* Flags that a guest may go on with: interrupts on, nothing that is the monitor's. */
uint64_t pv_allowed_rflags(uint64_t rflags);
