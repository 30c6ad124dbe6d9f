/* Hypercalls that the host does: console, disks, time, power. What comes from the guest is checked here; what
 * it means is the host's. */
#include "guest_access.h"
#include "hypercall.h"

int64_t pv_call_set_fs_base(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    return gva_is_canonical(args[0]) ? d->ops->set_fs_base(d->ctx, args[0]) : -PV_EINVAL;
}

/* Page by page, straight from the guest's memory. */
int64_t pv_call_console_write(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    uint64_t stream = args[0], bytes = args[2];
    gva_t from = args[1];
    if (stream < PV_CONSOLE_OUT || stream > PV_CONSOLE_LOG)
        return -PV_EINVAL;
    if (bytes > PV_CONSOLE_MAX)
        return -PV_E2BIG;
    if (!pv_range_is_mapped(d, from, bytes, false))
        return -PV_EFAULT;
    int64_t result = 0;
    for (uint64_t done = 0, n; done < bytes && result >= 0; done += n) {
        uint64_t in_page = PAGE_SIZE - page_offset(from + done);
        n = bytes - done < in_page ? bytes - done : in_page;
        result = d->ops->console_write(d->ctx, (unsigned)stream, pv_reach(d, from + done, false), n);
    }
    return result;
}

static bool queue_is_well_formed(const struct pv_disk_queue *q)
{
    return q->size > 0 && q->size <= PV_DISK_QUEUE_MAX && !(q->size & (q->size - 1)) && q->desc % 16 == 0 &&
           q->avail % 2 == 0 && q->used % 4 == 0;
}

int64_t pv_call_disk_setup(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    struct pv_disk_queue q;
    if (args[0] >= PV_MAX_DISKS)
        return -PV_EINVAL;
    if (pv_copy_from_guest(d, &q, args[1], sizeof(q)))
        return -PV_EFAULT;
    return queue_is_well_formed(&q) ? d->ops->disk_setup(d->ctx, args[0], &q) : -PV_EINVAL;
}

int64_t pv_call_disk_notify(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    return args[0] >> PV_MAX_DISKS ? -PV_EINVAL : d->ops->disk_notify(d->ctx, args[0]);
}

int64_t pv_call_yield(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs, (void)args;
    d->ops->yield(d->ctx);
    return 0;
}

int64_t pv_call_block(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs, (void)args;
    if (!pv_shared(d)->event_pending)
        d->ops->block(d->ctx);
    return 0;
}

int64_t pv_call_set_timer(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    return d->ops->set_timer(d->ctx, args[0]);
}

int64_t pv_call_shutdown(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    (void)regs;
    if (args[0] != PV_SHUTDOWN_EXIT && args[0] != PV_SHUTDOWN_PANIC)
        return -PV_EINVAL;
    d->dead = true;
    d->ops->shutdown(d->ctx, args[0], args[1]);
    return PV_NO_RETURN;
}
