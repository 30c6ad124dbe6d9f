/* The builder of native domains.
 *   1. the image
 *   2. page tables, in the guest's own numbering
 *   3. start info, memory map, command line: in one page, which like the tables lies in memory that the map
 * calls free, and is the kernel's as soon as it has read it */
#include <errno.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/guest_cmdline.h"
#include "vmm/hvm_start_info.h"
#include "vmm/native_boot.h"
#include "x86_paging.h"

#define MAPPED_BYTES (1ull << 30)
#define LARGE_PAGE   (2ull << 20)
#define TABLE_BITS   (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)
#define PAGE_BITS    (TABLE_BITS | PTE_DIRTY | PTE_LARGE)

static void *frame_at(const struct domain *d, pfn_t f)
{
    return machine_frame(d->machine, d->p2m[f.n]);
}

/* 1. */

static void load_segment(const struct domain *d, const struct kernel_segment *s)
{
    const uint8_t *from = s->data;
    for (uint64_t done = 0; done < s->file_bytes; done += PAGE_SIZE) {
        uint64_t n = s->file_bytes - done < PAGE_SIZE ? s->file_bytes - done : PAGE_SIZE;
        memcpy(frame_at(d, gpa_to_pfn(s->gpa + done)), from + done, n);
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

/* 2. */

static void build_tables(const struct domain *d, pfn_t l4, pfn_t l3, pfn_t l2)
{
    uint64_t *large = frame_at(d, l2);
    *(uint64_t *)frame_at(d, l4) = pfn_to_gpa(l3) | TABLE_BITS;
    *(uint64_t *)frame_at(d, l3) = pfn_to_gpa(l2) | TABLE_BITS;
    for (uint64_t i = 0; i < MAPPED_BYTES / LARGE_PAGE; i++)
        large[i] = i * LARGE_PAGE | PAGE_BITS;
}

/* 3. */

struct start_page {
    struct hvm_start_info info;
    struct hvm_memmap_entry memmap[1];
    char cmdline[PV_CMDLINE_SIZE];
};
_Static_assert(sizeof(struct start_page) <= PAGE_SIZE, "all of it in one page");

static int write_start_info(const struct vmm *v, gpa_t at)
{
    struct start_page *page = frame_at(&v->domain, gpa_to_pfn(at));
    page->memmap[0] = (struct hvm_memmap_entry){ .bytes = v->options->memory_bytes, .type = HVM_MEMMAP_RAM };
    page->info = (struct hvm_start_info){
        .magic = HVM_START_INFO_MAGIC,
        .version = HVM_START_INFO_VERSION,
        .cmdline = at + offsetof(struct start_page, cmdline),
        .memmap = at + offsetof(struct start_page, memmap),
        .nr_memmap = 1,
    };
    return guest_cmdline_format(v->options, machine_tsc_khz(&v->machine), page->cmdline, sizeof(page->cmdline));
}

int native_build_domain(struct vmm *v, const struct kernel_image *kernel, struct native_layout *layout)
{
    const struct domain *d = &v->domain;
    uint64_t mapped = MAPPED_BYTES / PAGE_SIZE, end = d->nr_frames < mapped ? d->nr_frames : mapped;
    if (image_end(kernel).n + 4 > end)
        return fail(ENOMEM, "the guest's memory is too small for its kernel: give it more with --memory");
    for (unsigned i = 0; i < kernel->nr_segments; i++)
        load_segment(d, &kernel->segments[i]);
    build_tables(d, pfn(end - 1), pfn(end - 2), pfn(end - 3));
    *layout = (struct native_layout){
        .entry = kernel->native_entry,
        .root = pfn_to_gpa(pfn(end - 1)),
        .start_info = pfn_to_gpa(pfn(end - 4)),
    };
    return write_start_info(v, layout->start_info);
}
