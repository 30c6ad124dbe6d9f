/* A page fault reached the monitor. Whose is it?
 *   1. walk the guest's tables: if they forbid the access it is the guest's own, a true fault
 *   2. else it is hidden from the guest: set the accessed and dirty bits that the access sets
 *   3. walk the shadow for the same address, and fill what it lacks */
#include "page.h"

const char *shadow_reason_name(enum shadow_reason r)
{
    static const char *const names[NR_SHADOW_REASONS] = {
        [SHADOW_HIDDEN_ACCESSED] = "accessed", [SHADOW_HIDDEN_DIRTY] = "dirty",
        [SHADOW_HIDDEN_EVICTED] = "evicted",   [SHADOW_HIDDEN_TABLE] = "table",
        [SHADOW_HIDDEN_LARGE] = "large",       [SHADOW_HIDDEN_QUEUED] = "queued",
    };

    return r < NR_SHADOW_REASONS ? names[r] : "?";
}

void shadow_begin(struct shadow *s, bool in_store)
{
    s->stamp++;
    s->ahead_left = s->ahead;
    s->in_store = in_store;
    if (!in_store)
        shadow_pages_rested(s);
}

void shadow_flush_all(struct shadow *s)
{
    s->stats.flushes++;
    s->links_lost = false;
    s->ops->flush_all(s->ctx);
}

/* Returns the bits that were set anywhere. */
uint64_t shadow_commit_walk(struct shadow *s, const struct guest_walk *w, uint32_t access)
{
    uint64_t changed = 0;

    for (int level = PT_LEVELS; level >= w->leaf_level; level--) {
        uint64_t bits = guest_walk_sets(w, level, access);
        pfn_t f = gpa_to_pfn(w->entry_at[level]);
        unsigned index = page_offset(w->entry_at[level]) / sizeof(uint64_t);
        uint64_t *table = bits ? s->ops->guest_frame(s->ctx, f) : NULL;

        if (!table)
            continue;
        table[index] |= bits;
        changed |= bits;
        shadow_sync_all(s, f, index);
    }
    return changed;
}

/* Upper levels are made the more recently used, so that no table is evicted before those that it leads to. */
static void touch_path(struct shadow *s, struct shadow_page *const path[PT_LEVELS + 1])
{
    for (int level = 1; level <= PT_LEVELS; level++) {
        shadow_page_touch(s, path[level]);
        if (!path[level]->direct)
            s->frames[path[level]->pfn.n].suspicion = 0;
    }
}

/* Walk the shadow, fill what is absent. False: there is nothing to map. */
static bool fill(struct shadow *s, gva_t gva)
{
    struct shadow_page *path[PT_LEVELS + 1], *p = shadow_root_page(s);
    bool changed = false, was_present = true;

    for (;; p = spte_page(s, page_table(s, p)[pt_index(gva, p->level)])) {
        unsigned index = pt_index(gva, p->level);
        uint64_t before = page_table(s, p)[index], after;

        path[p->level] = p;
        p->stamp = s->stamp;
        shadow_sync_entry(s, p, index, FOR_SURE);
        after = page_table(s, p)[index];
        changed |= before != after;
        was_present &= before & PTE_PRESENT;
        if (!(after & PTE_PRESENT))
            return false;
        if (p->level == 1)
            break;
    }
    touch_path(s, path);
    if (!changed && s->reason == SHADOW_HIDDEN_TABLE)
        s->reason = SHADOW_HIDDEN_QUEUED;
    if (was_present)
        s->ops->flush_page(s->ctx, gva); /* what the CPU remembers of it is older */
    return true;
}

static enum shadow_reason reason_of(uint64_t bits_set)
{
    if (bits_set & PTE_ACCESSED)
        return SHADOW_HIDDEN_ACCESSED;
    return bits_set & PTE_DIRTY ? SHADOW_HIDDEN_DIRTY : SHADOW_HIDDEN_TABLE;
}

enum shadow_result shadow_handle_fault(struct shadow *s, gva_t gva, uint32_t err)
{
    uint32_t access = (err & (PF_ERR_WRITE | PF_ERR_FETCH)) | (s->role == SHADOW_USER ? PF_ERR_USER : 0);
    struct guest_walk w;

    shadow_begin(s, false);
    s->fault.gva = gva;
    s->fault.error = 0;
    if (!gva_is_canonical(gva)) /* PVM calls a fetch there a page fault */
        return SHADOW_NONCANONICAL;
    if (!guest_walk(&s->paging, gva, access, &w)) {
        s->fault.error = w.error;
        s->stats.true_faults++;
        return SHADOW_REFLECT;
    }
    if (pt_index(gva, PT_LEVELS) == s->monitor_slot)
        return SHADOW_RESERVED_SLOT;
    s->reason = reason_of(shadow_commit_walk(s, &w, access));
    if (!fill(s, gva)) {
        s->fault.gpa = w.gpa;
        return SHADOW_NOWHERE;
    }
    s->stats.hidden[s->reason]++;
    return SHADOW_FIXED;
}
