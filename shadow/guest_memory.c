/* The owner's own way to guest memory: by gpa for devices, by gva for what the guest's CPU does by itself (it
 * pushes frames, reads descriptors, fetches instructions). What is written may be a table, so it goes the way
 * of stores. */
#include "page.h"

static uint64_t bytes_in_page(uint64_t address, uint64_t bytes)
{
    uint64_t room = PAGE_SIZE - page_offset(address);

    return bytes < room ? bytes : room;
}

static bool range_is_ram(const struct shadow *s, gpa_t gpa, uint64_t bytes)
{
    if (bytes && gpa + bytes - 1 < gpa)
        return false;
    for (uint64_t n; bytes; gpa += n, bytes -= n) {
        n = bytes_in_page(gpa, bytes);
        if (!s->ops->guest_frame(s->ctx, gpa_to_pfn(gpa)))
            return false;
    }
    return true;
}

int shadow_read_memory(struct shadow *s, gpa_t gpa, void *to, uint64_t bytes)
{
    uint8_t *at = to;

    if (!range_is_ram(s, gpa, bytes))
        return -1;
    for (uint64_t n; bytes; gpa += n, at += n, bytes -= n) {
        const uint8_t *frame = s->ops->guest_frame(s->ctx, gpa_to_pfn(gpa));

        n = bytes_in_page(gpa, bytes);
        memcpy(at, frame + page_offset(gpa), n);
    }
    return 0;
}

int shadow_write_memory(struct shadow *s, gpa_t gpa, const void *from, uint64_t bytes)
{
    const uint8_t *at = from;

    if (!range_is_ram(s, gpa, bytes))
        return -1;
    shadow_begin(s, true);
    for (uint64_t n; bytes; gpa += n, at += n, bytes -= n) {
        n = bytes_in_page(gpa, bytes);
        shadow_note_block(s, gpa, n);
        shadow_apply_bytes(s, gpa, at, n);
    }
    return 0;
}

/* Is gva, as far as its page goes, memory that this access may use? */
static enum shadow_result translate(struct shadow *s, gva_t gva, uint32_t access, struct guest_walk *w)
{
    s->fault.gva = gva;
    if (!gva_is_canonical(gva))
        return SHADOW_NONCANONICAL;
    if (!guest_walk(&s->paging, gva, access, w)) {
        s->fault.error = w->error;
        return SHADOW_REFLECT;
    }
    if (pt_index(gva, PT_LEVELS) == s->monitor_slot)
        return SHADOW_RESERVED_SLOT;
    s->fault.gpa = w->gpa;
    return s->ops->guest_frame(s->ctx, gpa_to_pfn(w->gpa)) ? SHADOW_FIXED : SHADOW_NOWHERE;
}

static enum shadow_result check_range(struct shadow *s, gva_t gva, uint32_t access, uint64_t bytes)
{
    enum shadow_result r = SHADOW_FIXED;
    struct guest_walk w;

    if (bytes && gva + bytes - 1 < gva)
        return SHADOW_NONCANONICAL;
    for (uint64_t n; bytes && r == SHADOW_FIXED; gva += n, bytes -= n) {
        n = bytes_in_page(gva, bytes);
        r = translate(s, gva, access, &w);
    }
    return r;
}

/* What is copied may change the very tables that the next page needs; so that is asked again, page by page.
 */
static enum shadow_result copy(struct shadow *s, gva_t gva, uint32_t access, void *to, const void *from,
                               uint64_t bytes)
{
    enum shadow_result r = check_range(s, gva, access, bytes);
    struct guest_walk w;

    shadow_begin(s, true);
    for (uint64_t n, done = 0; done < bytes && r == SHADOW_FIXED; done += n) {
        n = bytes_in_page(gva + done, bytes - done);
        r = translate(s, gva + done, access, &w);
        if (r != SHADOW_FIXED)
            break;
        shadow_commit_walk(s, &w, access);
        if (to)
            shadow_read_memory(s, w.gpa, (uint8_t *)to + done, n);
        else
            shadow_apply_bytes(s, w.gpa, (const uint8_t *)from + done, n);
    }
    return r;
}

enum shadow_result shadow_copy_from_guest(struct shadow *s, uint32_t access, void *to, gva_t from,
                                          uint64_t bytes)
{
    return copy(s, from, access & (PF_ERR_USER | PF_ERR_FETCH), to, NULL, bytes);
}

enum shadow_result shadow_copy_to_guest(struct shadow *s, uint32_t access, gva_t to, const void *from,
                                        uint64_t bytes)
{
    return copy(s, to, (access & PF_ERR_USER) | PF_ERR_WRITE, NULL, from, bytes);
}
