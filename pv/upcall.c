/* Upcalls.
 *   1. what the guest registers: handlers and the stack
 *   2. the upcall: a struct pv_frame on that stack, and the handler as a function of it
 *   3. what leads to one: an exception, an event (and a system call, see hypercall.c)
 *
 *    stack top, or rsp - 128 of the interrupted kernel, rounded down to 16
 *      | struct pv_frame | <- rdi
 *      | 0               | <- rsp, where a return address would be: the handler never returns */
#include "upcall.h"
#include "domain.h"
#include "hypercall.h"
#include "memory_functions.h"
#include "x86_cpu.h"
#include "x86_paging.h"

#define RED_ZONE 128

struct upcall_stack {
    uint64_t return_address;
    struct pv_frame frame;
};

_Static_assert(sizeof(struct upcall_stack) == 8 + sizeof(struct pv_frame), "the frame follows at once");
_Static_assert(offsetof(struct pv_frame, mode) == sizeof(struct cpu_regs),
               "a frame begins with the registers");

/* 1. Registration. */
static bool vector_is_known(uint64_t vector)
{
    return vector < NR_EXCEPTIONS || vector == PV_TRAP_SYSTEM_CALL || vector == PV_TRAP_EVENT;
}

int64_t pv_call_set_traps(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    struct pv_trap traps[PV_NR_TRAPS];
    uint64_t count = args[1];
    if (count > PV_NR_TRAPS)
        return -PV_E2BIG;
    if (pv_copy_from_guest(d, traps, args[0], count * sizeof(traps[0])))
        return -PV_EFAULT;
    for (uint64_t i = 0; i < count; i++)
        if (!vector_is_known(traps[i].vector) || !gva_is_canonical(traps[i].handler))
            return -PV_EINVAL;
    for (uint64_t i = 0; i < count; i++)
        d->traps[traps[i].vector] = traps[i].handler;
    return 0;
}

int64_t pv_call_set_stack(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    if (!gva_is_canonical(args[0]))
        return -PV_EINVAL;
    d->kernel_stack = args[0];
    return 0;
}

/* 2. The upcall. */
static void crash_without_handler(struct pv_domain *d, unsigned vector)
{
    if (vector == PV_TRAP_SYSTEM_CALL)
        pv_crash(d, "no handler for a system call");
    else if (vector == PV_TRAP_EVENT)
        pv_crash(d, "no handler for an event");
    else
        pv_crash_number(d, "no handler for exception", vector);
}

void pv_upcall(struct pv_domain *d, struct cpu_regs *regs, unsigned vector, uint64_t error)
{
    if (!d->traps[vector]) {
        crash_without_handler(d, vector);
        return;
    }
    struct upcall_stack s = { .frame = { .mode = d->mode, .vector = vector, .error_code = error } };
    memcpy(&s.frame, regs, sizeof(*regs));
    gva_t top = d->mode == PV_MODE_USER ? d->kernel_stack : regs->rsp - RED_ZONE;
    gva_t frame = (top & ~15ull) - sizeof(s.frame);
    if (pv_copy_to_guest(d, frame - sizeof(s.return_address), &s, sizeof(s))) {
        pv_crash(d, "no stack for an upcall");
        return;
    }
    struct pv_shared_info *shared = pv_shared(d);
    shared->event_mask = ~0u;
    shared->clock_ns = d->ops->clock_ns(d->ctx);
    d->mode = PV_MODE_KERNEL;
    regs->rdi = frame;
    regs->rsp = frame - sizeof(s.return_address);
    regs->rip = d->traps[vector];
    regs->rflags = pv_allowed_rflags(0);
    d->ops->note_progress(d->ctx, PV_UPCALL_MADE);
}

/* 3. What leads to one. */
void pv_handle_trap(struct pv_domain *d, struct cpu_regs *regs, unsigned vector, uint32_t error,
                    gva_t address)
{
    if (d->dead)
        return;
    if (vector >= NR_EXCEPTIONS) {
        pv_crash(d, "unknown exception");
        return;
    }
    if (vector == VEC_PF) {
        struct pv_shared_info *shared = pv_shared(d);
        shared->fault_address = address;
        shared->fault_error = error;
        d->ops->note_progress(d->ctx, PV_FAULT_INFO_WRITTEN);
    }
    pv_upcall(d, regs, vector, error);
    pv_settle(d);
}

void pv_upcall_pending(struct pv_domain *d, struct cpu_regs *regs)
{
    const struct pv_shared_info *shared = pv_shared(d);
    if (d->mode == PV_MODE_USER && shared->event_pending & ~shared->event_mask)
        pv_upcall(d, regs, PV_TRAP_EVENT, 0);
}

void pv_deliver_event(struct pv_domain *d, struct cpu_regs *regs)
{
    if (d->dead)
        return;
    pv_upcall_pending(d, regs);
    pv_settle(d);
}
