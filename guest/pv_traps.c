/* Upcalls, and the way back.
 *
 * The host has put the registers in a frame on the kernel's stack, in the layout of struct trap_frame. The
 * frame goes on as it is; only a fault address is added. */
#include "kernel.h"
#include "image.h"
#include "panic_on_trap.h"
#include "pv_hypercall.h"
#include "pv_platform.h"
#include "x86_cpu.h"

struct pv_shared_info *pv_shared;

/* A store to the linear map, while stores to page tables wait: one of them may make that page writable again.
 */
static bool batch_may_help(const struct trap_frame *f)
{
    return f->vector == VEC_PF && (f->error_code & PF_ERR_WRITE) && f->fault_address >= LINEAR_BASE &&
           f->fault_address < KERNEL_BASE && !pv_batch_is_empty();
}

static _Noreturn void handle_trap(struct trap_frame *f)
{
    if (f->vector == VEC_PF)
        f->fault_address = pv_shared->fault_address;
    if (f->mode == PV_MODE_KERNEL) {
        if (!batch_may_help(f))
            panic_on_trap(f);
        pv_resume(f);
    }
    if (f->vector == TRAP_TIMER)
        pv_shared->event_pending &= ~PV_EVENT_TIMER;
    kernel_handle_trap(f);
}

void pv_traps_init(void)
{
    static struct pv_trap traps[NR_EXCEPTIONS + 2];
    unsigned n = 0;

    for (; n < NR_EXCEPTIONS; n++)
        traps[n].vector = n;
    traps[n++].vector = PV_TRAP_SYSTEM_CALL;
    traps[n++].vector = PV_TRAP_EVENT;
    for (unsigned i = 0; i < n; i++)
        traps[i].handler = (uintptr_t)handle_trap;
    pv_batch_call(PV_SET_TRAPS, (uintptr_t)traps, n, 0);
    pv_batch_call(PV_SET_STACK, (uintptr_t)kernel_stack_top, 0, 0);
}

void pv_resume(struct trap_frame *frame)
{
    pv_batch_send(PV_IRET, (uintptr_t)frame, 0);
    panic("a return came back");
}

void pv_set_fs_base(uint64_t base)
{
    pv_batch_call(PV_SET_FS_BASE, base, 0, 0);
}
