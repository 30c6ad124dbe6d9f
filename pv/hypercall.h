/* The handlers of hypercalls, by the file that holds them. */
#pragma once
#include "pv.h"

/* What a handler answers when the guest does not return from the call: iret loaded *regs, or the domain was
 * ended. */
#define PV_NO_RETURN INT64_MIN

/* args are rdi, rsi, rdx, r10. The result goes to rax: a PV_E* as a negative number means that nothing was
 * changed. */
typedef int64_t pv_handler(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4]);

/* update.c */
pv_handler pv_call_mmu_update, pv_call_update_va;
/* roots.c */
pv_handler pv_call_set_roots, pv_call_pin, pv_call_unpin, pv_call_flush;
/* upcall.c */
pv_handler pv_call_set_traps, pv_call_set_stack;
/* iret.c */
pv_handler pv_call_iret;
/* services.c */
pv_handler pv_call_set_fs_base, pv_call_console_write, pv_call_disk_setup, pv_call_disk_notify, pv_call_yield,
    pv_call_block, pv_call_set_timer, pv_call_shutdown;
