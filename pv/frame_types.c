/* Owner, type and counts of machine frames: the gate that every reference passes. */
#include "frame_types.h"

bool pv_frame_is_own(const struct pv_domain *d, mfn_t m)
{
    return m.n < d->nr_mfns && d->frames[m.n].owner == d->id;
}

int pv_frame_level(const struct pv_domain *d, mfn_t m)
{
    unsigned type = d->frames[m.n].type;
    return type >= PV_FRAME_L1 ? (int)(type - PV_FRAME_L1) + 1 : 0;
}

bool pv_frame_may_be_written(const struct pv_domain *d, mfn_t m)
{
    if (!pv_frame_is_own(d, m) || pv_frame_level(d, m) != 0)
        return false;
    pv_frame_note_host_write(d, m);
    return true;
}

void pv_frame_note_host_write(const struct pv_domain *d, mfn_t m)
{
    d->frames[m.n].host_wrote = d->frames[m.n].was_table;
}

int pv_ref_get(struct pv_domain *d, mfn_t m)
{
    if (!pv_frame_is_own(d, m))
        return -PV_EPERM;
    struct pv_frame_info *f = &d->frames[m.n];
    if (f->ref_count >= PV_MAX_COUNT)
        return -PV_EBUSY;
    f->ref_count++;
    return 0;
}

int pv_type_get(struct pv_domain *d, mfn_t m, enum pv_frame_type type)
{
    if (!pv_frame_is_own(d, m))
        return -PV_EPERM;
    struct pv_frame_info *f = &d->frames[m.n];
    if (f->type_count > 0 && f->type != type)
        return -PV_EBUSY;
    if (f->ref_count >= PV_MAX_COUNT || f->type_count >= PV_MAX_COUNT)
        return -PV_EBUSY;
    f->type = (uint8_t)type;
    f->type_count++;
    f->ref_count++;
    return 0;
}

void pv_ref_put(struct pv_domain *d, mfn_t m)
{
    d->frames[m.n].ref_count--;
}

void pv_type_put(struct pv_domain *d, mfn_t m)
{
    struct pv_frame_info *f = &d->frames[m.n];
    f->ref_count--;
    if (--f->type_count > 0)
        return;
    if (pv_frame_level(d, m) > 0)
        f->was_table = 1;
    f->type = PV_FRAME_NONE;
}
