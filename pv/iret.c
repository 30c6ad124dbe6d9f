/* iret: the way back, from a struct pv_frame that the guest may have written itself. Everything in it is
 * checked before the first register is loaded. */
#include "domain.h"
#include "hypercall.h"
#include "memory_functions.h"
#include "upcall.h"
#include "x86_paging.h"

static int64_t decode_frame(struct pv_domain *d, struct pv_frame *f, gva_t at)
{
    if (pv_copy_from_guest(d, f, at, sizeof(*f)))
        return -PV_EFAULT;
    if (f->mode != PV_MODE_KERNEL && f->mode != PV_MODE_USER)
        return -PV_EINVAL;
    if (!gva_is_canonical(f->rip))
        pv_crash(d, "return to a non-canonical address");
    else if (f->mode == PV_MODE_USER && !mfn_is_valid(d->user_root))
        pv_crash(d, "return to user mode without a user root");
    return d->dead ? PV_NO_RETURN : 0;
}

int64_t pv_call_iret(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    struct pv_frame f;
    int64_t error = decode_frame(d, &f, args[0]);
    if (error)
        return error;
    memcpy(regs, &f, sizeof(*regs));
    regs->rflags = pv_allowed_rflags(f.rflags);
    d->mode = (enum pv_cpu_mode)f.mode;
    if (d->mode == PV_MODE_USER) {
        pv_shared(d)->event_mask = 0;
        d->ops->note_return(d->ctx, regs);
        pv_upcall_pending(d, regs);
    }
    return PV_NO_RETURN;
}
