/* The builder of paravirtual domains: guest memory as pv/abi.h section 2 promises it.
 *   1. frames for what the builder adds, at the top of memory
 *   2. page tables
 *   3. the kernel's image: mapped first, and copied last, when it is known to lie below all that the builder took
 *   4. p2m, start info */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/guest_cmdline.h"
#include "vmm/pv_host.h"
#include "x86_paging.h"

#define RIGHTS_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)
#define RIGHTS_DATA  (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_NX)

struct builder {
    struct domain *d;
    pfn_t next; /* frames are taken from the top down */
    pfn_t root;
    uint64_t first_table, nr_tables; /* tables are taken one after the other: first_table downward */
};

/* 1. Frames. */

static pfn_t take(struct builder *b)
{
    assert(b->next.n > 0); /* MEMORY's lower bound leaves room */
    return pfn(b->next.n--);
}

static void *frame_at(const struct builder *b, pfn_t f)
{
    return machine_frame(b->d->machine, b->d->p2m[f.n]);
}

static gva_t linear(pfn_t f)
{
    return PV_LINEAR_BASE + pfn_to_gpa(f);
}

/* 2. Page tables. They hold machine frames; we go down by their guest frames, so each table's pfn is found through
 * the reverse of p2m, which is short here: the tables were taken in a row. */

static pfn_t take_table(struct builder *b)
{
    pfn_t f = take(b);
    b->nr_tables++;
    return f;
}

static pfn_t table_by_mfn(const struct builder *b, uint64_t n)
{
    for (uint64_t i = 0; i < b->nr_tables; i++)
        if (b->d->p2m[b->first_table - i].n == n)
            return pfn(b->first_table - i);
    assert(!"a table that the builder did not make");
    return pfn(NO_FRAME);
}

static uint64_t *leaf_entry(struct builder *b, gva_t a)
{
    pfn_t table = b->root;
    for (int level = PT_LEVELS; level > 1; level--) {
        uint64_t *entry = (uint64_t *)frame_at(b, table) + pt_index(a, level);
        if (!(*entry & PTE_PRESENT))
            *entry = mfn_to_maddr(b->d->p2m[take_table(b).n]) | RIGHTS_TABLE;
        table = table_by_mfn(b, pte_frame_number(*entry));
    }
    return (uint64_t *)frame_at(b, table) + pt_index(a, 1);
}

static void map(struct builder *b, gva_t a, pfn_t f, uint64_t rights)
{
    *leaf_entry(b, a) = mfn_to_maddr(b->d->p2m[f.n]) | rights;
}

static void map_linear(struct builder *b)
{
    for (uint64_t n = 0; n < b->d->nr_frames; n++)
        map(b, linear(pfn(n)), pfn(n), RIGHTS_DATA);
}

static void protect_tables(struct builder *b)
{
    for (uint64_t i = 0; i < b->nr_tables; i++)
        *leaf_entry(b, linear(pfn(b->first_table - i))) &= ~PTE_WRITE;
}

/* 3. The kernel's image. */

static void map_segment(struct builder *b, const struct kernel_segment *s)
{
    uint64_t rights = PTE_PRESENT | PTE_USER | (s->writable ? PTE_WRITE : 0) | (s->executable ? 0 : PTE_NX);
    for (uint64_t at = 0; at < s->mem_bytes; at += PAGE_SIZE)
        map(b, s->gva + at, gpa_to_pfn(s->gpa + at), rights);
}

static void copy_segment(const struct builder *b, const struct kernel_segment *s)
{
    const uint8_t *from = s->data;
    for (uint64_t done = 0; done < s->file_bytes; done += PAGE_SIZE) {
        uint64_t n = s->file_bytes - done < PAGE_SIZE ? s->file_bytes - done : PAGE_SIZE;
        memcpy(frame_at(b, gpa_to_pfn(s->gpa + done)), from + done, n);
    }
}

static pfn_t image_end(const struct kernel_image *kernel)
{
    gpa_t end = 0;
    for (unsigned i = 0; i < kernel->nr_segments; i++) {
        gpa_t segment_end = kernel->segments[i].gpa + kernel->segments[i].mem_bytes;
        end = segment_end > end ? segment_end : end;
    }
    return gpa_to_pfn(page_round_up(end));
}

/* 4. p2m, start info. */

static gva_t write_p2m(struct builder *b)
{
    uint64_t per_frame = PAGE_SIZE / sizeof(uint64_t);
    uint64_t nr = (b->d->nr_frames + per_frame - 1) / per_frame;
    b->next.n -= nr - 1; /* an array grows upward */
    pfn_t first = take(b);
    for (uint64_t n = 0; n < b->d->nr_frames; n++)
        ((uint64_t *)frame_at(b, pfn(first.n + n / per_frame)))[n % per_frame] = b->d->p2m[n].n;
    return linear(first);
}

static uint64_t largest_mfn(const struct domain *d)
{
    uint64_t most = 0;
    for (uint64_t n = 0; n < d->nr_frames; n++)
        most = d->p2m[n].n > most ? d->p2m[n].n : most;
    return most;
}

static int write_start_info(struct builder *b, struct vmm *v, const struct kernel_image *kernel, pfn_t at,
                            struct pv_layout *layout)
{
    struct pv_start_info *s = frame_at(b, at);
    *s = (struct pv_start_info){
        .magic = PV_START_MAGIC,
        .abi_version = PV_ABI_VERSION,
        .nr_frames = b->d->nr_frames,
        .p2m = write_p2m(b),
        .max_mfn = largest_mfn(b->d),
        .root_pfn = b->root.n,
        .shared_info = linear(layout->shared_info),
        .nr_disks = v->nr_disks,
        .first_free_pfn = image_end(kernel).n,
        .end_free_pfn = b->next.n + 1,
    };
    for (unsigned i = 0; i < v->nr_disks; i++) {
        bool read_only = v->disks[i]->read_only;
        s->disks[i].sectors = v->disks[i]->sectors;
        s->disks[i].flags = read_only ? PV_DISK_READ_ONLY : PV_DISK_SWAP;
    }
    return guest_cmdline_format(v->options, 0, s->cmdline, sizeof(s->cmdline));
}

int pv_build_domain(struct vmm *v, const struct kernel_image *kernel, struct pv_layout *layout)
{
    struct builder b = { .d = &v->domain, .next = pfn(v->domain.nr_frames - 1) };
    layout->shared_info = take(&b);
    pfn_t start_info = take(&b), stack = take(&b);
    b.first_table = b.next.n;
    b.root = take_table(&b);
    for (unsigned i = 0; i < kernel->nr_segments; i++)
        map_segment(&b, &kernel->segments[i]);
    map_linear(&b);
    protect_tables(&b);
    int err = write_start_info(&b, v, kernel, start_info, layout);
    if (!err && b.next.n <= image_end(kernel).n)
        err = fail(ENOMEM, "the guest's memory is too small for its kernel: give it more with --memory");
    for (unsigned i = 0; !err && i < kernel->nr_segments; i++)
        copy_segment(&b, &kernel->segments[i]);
    layout->root = b.root;
    layout->start_info = linear(start_info);
    layout->stack = linear(stack) + PAGE_SIZE - 8;
    layout->entry = kernel->pv_entry;
    return err;
}
