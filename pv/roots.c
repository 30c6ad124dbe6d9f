/* Base pointers, pins, and flushes. A root in use and a pin each hold one use of the frame as a table, so
 * what is loaded stays a table whatever else the guest gives up. */
#include "frame_types.h"
#include "hypercall.h"
#include "tables.h"

static void put_root(struct pv_domain *d, mfn_t root)
{
    if (mfn_is_valid(root))
        pv_table_put(d, root);
}

/* The new ones are taken before the old ones are dropped: they share most of what is below them. And the new one is
 * loaded before: from the next call on the guest may give up the old ones, and with its last use as a table a root loses the
 * monitor's entry. */
int64_t pv_call_set_roots(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    mfn_t kernel = mfn(args[0]), user = mfn(args[1] == PV_NO_ROOT ? NO_FRAME : args[1]);
    if (pv_tables_are_too_many(d))
        return -PV_E2BIG;
    int error = pv_table_get(d, kernel, PT_LEVELS, NULL);
    if (error)
        return error;
    if (mfn_is_valid(user))
        error = pv_table_get(d, user, PT_LEVELS, NULL);
    if (error) {
        pv_table_put(d, kernel);
        return error;
    }
    mfn_t old_kernel = d->kernel_root, old_user = d->user_root;
    d->kernel_root = kernel;
    d->user_root = user;
    d->ops->load_root(d->ctx, kernel); /* even if it is the same: that flushes */
    d->loaded_root = kernel;
    put_root(d, old_kernel);
    put_root(d, old_user);
    return 0;
}

int64_t pv_call_pin(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    mfn_t m = mfn(args[0]);
    if (args[1] < 1 || args[1] > PT_LEVELS)
        return -PV_EINVAL;
    if (!pv_frame_is_own(d, m))
        return -PV_EPERM;
    if (d->frames[m.n].pinned)
        return pv_frame_level(d, m) == (int)args[1] ? -PV_EINVAL : -PV_EBUSY;
    if (pv_tables_are_too_many(d))
        return -PV_E2BIG;
    int error = pv_table_get(d, m, (int)args[1], NULL);
    if (!error)
        d->frames[m.n].pinned = 1;
    return error;
}

/* No flush: what was pinned only is not reached from a loaded root, and a loaded one stays. */
int64_t pv_call_unpin(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    mfn_t m = mfn(args[0]);
    if (!pv_frame_is_own(d, m))
        return -PV_EPERM;
    if (!d->frames[m.n].pinned)
        return -PV_EINVAL;
    if (pv_tables_are_too_many(d))
        return -PV_E2BIG;
    d->frames[m.n].pinned = 0;
    pv_table_put(d, m);
    return 0;
}

int64_t pv_call_flush(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    if (args[0] == PV_FLUSH_ALL)
        d->stale = true;
    else if (!gva_is_canonical(args[0]))
        return -PV_EINVAL;
    else
        d->ops->flush_page(d->ctx, args[0]);
    return 0;
}
