/* A domain's life: taken over from its builder, resumed with the right root, ended. */
#include "domain.h"
#include "frame_types.h"
#include "tables.h"
#include "x86_cpu.h"

/* The host stores to the shared-info page without a check, so it must never become a table: one writable use
 * is held for good, found where the builder mapped it. */
static int hold_shared_info(struct pv_domain *d, mfn_t root)
{
    uint64_t entry = pv_lookup(d, root, PV_LINEAR_BASE + pfn_to_gpa(d->shared_info));
    if (!(entry & PTE_WRITE) || !pv_shared(d))
        return -PV_EINVAL;
    d->shared_info_mfn = pv_entry_frame(entry);
    return pv_type_get(d, d->shared_info_mfn, PV_FRAME_WRITABLE);
}

int pv_init(struct pv_domain *d, mfn_t root)
{
    d->mode = PV_MODE_KERNEL;
    d->kernel_root = root;
    d->user_root = mfn(NO_FRAME);
    d->loaded_root = mfn(NO_FRAME);
    int error = pv_table_get(d, root, PT_LEVELS, NULL); /* as the loaded root */
    if (error)
        return error;
    error = hold_shared_info(d, root);
    if (!error)
        error = pv_table_get(d, root, PT_LEVELS, NULL); /* as a pinned one */
    if (error) {
        pv_table_put(d, root);
        return error;
    }
    d->frames[root.n].pinned = 1;
    pv_settle(d);
    return 0;
}

struct pv_shared_info *pv_shared(const struct pv_domain *d)
{
    return d->ops->guest_frame(d->ctx, d->shared_info);
}

void pv_raise_event(struct pv_domain *d, uint32_t events)
{
    struct pv_shared_info *shared = pv_shared(d);
    shared->event_pending |= events;
    shared->clock_ns = d->ops->clock_ns(d->ctx); /* for who blocked: no upcall comes that would tell */
}

void pv_settle(struct pv_domain *d)
{
    if (d->dead)
        return;
    mfn_t root = d->mode == PV_MODE_USER ? d->user_root : d->kernel_root;
    if (root.n != d->loaded_root.n)
        d->ops->load_root(d->ctx, root);
    else if (d->stale)
        d->ops->flush_all(d->ctx);
    d->loaded_root = root;
    d->stale = false;
}

void pv_crash(struct pv_domain *d, const char *reason)
{
    if (d->dead)
        return;
    d->dead = true;
    d->ops->crash(d->ctx, reason);
}

void pv_crash_number(struct pv_domain *d, const char *reason, unsigned number)
{
    unsigned length = 0;
    while (reason[length] && length < sizeof(d->reason) - 4) {
        d->reason[length] = reason[length];
        length++;
    }
    d->reason[length++] = ' ';
    if (number >= 10)
        d->reason[length++] = (char)('0' + number / 10 % 10);
    d->reason[length++] = (char)('0' + number % 10);
    d->reason[length] = 0;
    pv_crash(d, d->reason);
}

uint64_t pv_allowed_rflags(uint64_t rflags)
{
    const uint64_t guest_owned = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF |
                                 RFLAGS_DF | RFLAGS_OF | RFLAGS_AC | RFLAGS_ID;
    return (rflags & guest_owned) | RFLAGS_IF | RFLAGS_FIXED;
}
