/* Upcalls: how the guest's kernel gets to run. */
#pragma once
#include "pv.h"

/* Save *regs on the guest's stack and change them to the handler of vector, in kernel mode. Ends the domain
 * if there is no handler or no stack. The caller settles. */
void pv_upcall(struct pv_domain *d, struct cpu_regs *regs, unsigned vector, uint64_t error);

/* The upcall of a pending event, if user mode is about to run and none holds it back. The caller settles. */
void pv_upcall_pending(struct pv_domain *d, struct cpu_regs *regs);
