/* The registers of the guest's CPU that the shadow depends on: which root, which role; and the start of it
 * all. */
#include "page.h"

#define CR0_NEEDED         (CR0_PE | CR0_PG)
#define EFER_NEEDED        (EFER_LME | EFER_LMA)
#define CR4_VME_PVI_TSD_DE 0xfull
#define CR4_PCE            (1ull << 8)
#define CR4_KNOWN                                                                                            \
    (CR4_VME_PVI_TSD_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT |    \
     CR4_UMIP | CR4_FSGSBASE | CR4_OSXSAVE)

static uint32_t nr_buckets(uint32_t nr_frames)
{
    uint32_t n = 64;

    while (n < nr_frames)
        n *= 2;
    return n;
}

static uint64_t round_to_8(uint64_t bytes)
{
    return (bytes + 7) & ~7ull;
}

/* The five arrays, one behind the other, as shadow_init() lays them out. */
uint64_t shadow_memory_bytes(uint32_t nr_frames, uint64_t nr_pfns)
{
    return round_to_8(nr_frames * sizeof(struct shadow_page)) +
           (uint64_t)nr_frames * PT_ENTRIES * sizeof(struct shadow_link) +
           round_to_8((nr_frames + nr_pfns) * sizeof(uint32_t)) +
           round_to_8(nr_pfns * sizeof(struct shadow_guest_frame)) + nr_buckets(nr_frames) * sizeof(uint32_t);
}

static void *carve(uint8_t **at, uint64_t bytes)
{
    void *start = *at;

    *at += round_to_8(bytes);
    return start;
}

static bool numbers_are_right(const struct shadow *s)
{
    return s->nr_frames >= SHADOW_MIN_FRAMES && s->nr_frames <= SHADOW_MAX_FRAMES && s->nr_pfns &&
           s->nr_pfns < (1ull << 30) && s->monitor_slot < PT_ENTRIES && s->maxphyaddr >= 36 &&
           s->maxphyaddr <= 52 && s->memory;
}

int shadow_init(struct shadow *s)
{
    uint64_t links_bytes = (uint64_t)s->nr_frames * PT_ENTRIES * sizeof *s->links;
    uint64_t heads_bytes = (s->nr_frames + s->nr_pfns) * sizeof *s->heads;
    uint64_t buckets_bytes = nr_buckets(s->nr_frames) * sizeof *s->buckets;
    uint8_t *at = s->memory;

    if (!numbers_are_right(s))
        return -1;
    s->pages = carve(&at, s->nr_frames * sizeof *s->pages);
    s->links = carve(&at, links_bytes);
    s->heads = carve(&at, heads_bytes);
    s->frames = carve(&at, s->nr_pfns * sizeof *s->frames);
    s->buckets = carve(&at, buckets_bytes);
    memset(s->heads, 0xff, heads_bytes); /* NONE everywhere; of links, when a page is made */
    memset(s->buckets, 0xff, buckets_bytes);
    s->bucket_mask = nr_buckets(s->nr_frames) - 1;
    s->paging = (struct guest_paging){ .frame = s->ops->guest_frame, .ctx = s->ctx, .root = pfn(NO_FRAME) };
    s->paging.maxphyaddr = s->maxphyaddr;
    s->role = SHADOW_KERNEL;
    shadow_pages_init(s);
    return 0;
}

static uint8_t current_role(const struct shadow *s)
{
    uint8_t nxe = s->paging.nxe ? ROLE_NXE : 0;

    if (s->role == SHADOW_USER)
        return ROLE_USER | nxe;
    return (s->paging.wp ? ROLE_WP : 0) | nxe;
}

/* The root of the current role, made if there is none. */
struct shadow_page *shadow_root_page(struct shadow *s)
{
    struct page_key k = { .pfn = s->paging.root, .level = PT_LEVELS, .role = current_role(s) };
    struct shadow_page *p = shadow_page_find(s, k);

    if (!p) {
        p = shadow_page_create(s, k, FOR_SURE);
        shadow_sync_page(s, p);
    }
    return p;
}

enum shadow_result shadow_load_cr3(struct shadow *s, uint64_t cr3)
{
    pfn_t root = pfn(pte_frame_number(cr3));

    if (cr3 >> s->maxphyaddr)
        return SHADOW_REFLECT;
    if (root.n >= s->nr_pfns || !s->ops->guest_frame(s->ctx, root)) {
        s->fault.gpa = pfn_to_gpa(root);
        return SHADOW_NOWHERE;
    }
    s->paging.root = root;
    s->frames[root.n].suspicion = 0;
    s->links_lost = false;
    s->ops->flush_all(s->ctx);
    return SHADOW_FIXED;
}

void shadow_set_role(struct shadow *s, enum shadow_role role)
{
    s->role = role;
}

bool shadow_set_controls(struct shadow *s, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    if ((cr0 & CR0_NEEDED) != CR0_NEEDED || (efer & EFER_NEEDED) != EFER_NEEDED || !(cr4 & CR4_PAE) ||
        (cr4 & ~CR4_KNOWN))
        return false;
    s->paging.wp = cr0 & CR0_WP;
    s->paging.nxe = efer & EFER_NXE;
    s->ops->flush_all(s->ctx);
    return true;
}

void shadow_invlpg(struct shadow *s, gva_t gva)
{
    if (s->links_lost)
        shadow_flush_all(s);
    else if (gva_is_canonical(gva))
        s->ops->flush_page(s->ctx, gva);
}

mfn_t shadow_enter(struct shadow *s)
{
    struct shadow_page *root;

    shadow_begin(s, false);
    shadow_settle(s);
    root = shadow_root_page(s);
    shadow_page_touch(s, root);
    s->loaded = page_number(s, root);
    return page_mfn(s, root);
}
