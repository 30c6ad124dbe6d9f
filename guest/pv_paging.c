/* Direct paging: the CPU walks our own tables, and the host checks every store.
 *
 *   1. entries     hold machine frames; a store waits in the batch, and is seen there
 *   2. tables      a frame that becomes a table loses its writable mapping in the linear map, and is pinned
 *   3. roots       two for each space: the kernel's maps all, the user's only the programs' half
 *
 * A table is pinned from the start, so that entries can be stored before it is linked. When it is retired,
 * its frame is writable again only after the batch was sent. To send it at once would cost an exit for each
 * table of a process that ends; so it waits, and if the kernel reuses the frame before then, the fault of the
 * first store sends it (pv_traps.c). */
#include "kernel.h"
#include "pv_platform.h"

#define LINEAR_BITS (PTE_USER | PTE_NX | PTE_ACCESSED | PTE_DIRTY)
#define LOWER_HALF  (PT_ENTRIES / 2)

static pfn_t initial_root, loaded_root;

/* 1. */

uint64_t pv_make_entry(pfn_t frame, uint64_t bits)
{
    return mfn_to_maddr(pv_pfn_to_mfn(frame)) | bits | PTE_PRESENT;
}

pfn_t pv_entry_frame(uint64_t entry)
{
    return pv_mfn_to_pfn(mfn(pte_frame_number(entry)));
}

static maddr_t entry_place(pfn_t table, unsigned index)
{
    return mfn_to_maddr(pv_pfn_to_mfn(table)) + index * sizeof(uint64_t);
}

uint64_t pv_read_entry(pfn_t table, unsigned index)
{
    uint64_t entry;

    if (pv_batch_find(entry_place(table, index), &entry))
        return entry;
    return ((const volatile uint64_t *)pfn_to_virt(table))[index];
}

void pv_write_entry(pfn_t table, unsigned index, uint64_t entry)
{
    pv_batch_update(entry_place(table, index), entry);
}

/* 2. */

static void set_linear_rights(pfn_t f, uint64_t rights)
{
    pv_batch_update(pv_linear_entry(f), pv_make_entry(f, LINEAR_BITS | rights));
}

void pv_table_created(pfn_t table, int level)
{
    set_linear_rights(table, 0);
    pv_batch_call(PV_PIN, pv_pfn_to_mfn(table).n, (uint64_t)level, 0);
}

void pv_table_retired(pfn_t table, int level)
{
    (void)level;
    pv_batch_call(PV_UNPIN, pv_pfn_to_mfn(table).n, 0, 0);
    set_linear_rights(table, PTE_WRITE);
    pv_batch_flush(LINEAR_BASE + pfn_to_gpa(table));
}

/* 3. The frames are still ordinary when the kernel's half is copied. The monitor's slot stays zero: what the
 * initial root has there is not ours. */

void pv_paging_init(pfn_t root)
{
    initial_root = loaded_root = root;
}

struct address_root pv_root_create(const pfn_t *frames)
{
    struct address_root root = { .kernel = frames[0], .user = frames[1] };
    uint64_t *to = pfn_to_virt(root.kernel);
    const uint64_t *from = pfn_to_virt(initial_root);

    for (unsigned i = LOWER_HALF; i < PT_ENTRIES; i++)
        to[i] = i == PV_RESERVED_SLOT ? 0 : from[i];
    pv_table_created(root.kernel, PT_LEVELS);
    pv_table_created(root.user, PT_LEVELS);
    return root;
}

void pv_root_destroy(const struct address_root *root)
{
    if (loaded_root.n == root->kernel.n) {
        pv_batch_call(PV_SET_ROOTS, pv_pfn_to_mfn(initial_root).n, PV_NO_ROOT, 0);
        loaded_root = initial_root;
    }
    pv_table_retired(root->kernel, PT_LEVELS);
    pv_table_retired(root->user, PT_LEVELS);
}

void pv_write_root_entry(const struct address_root *root, unsigned index, uint64_t entry)
{
    kassert(index < LOWER_HALF);
    pv_write_entry(root->kernel, index, entry);
    pv_write_entry(root->user, index, entry);
}

void pv_root_load(const struct address_root *root)
{
    if (loaded_root.n == root->kernel.n)
        return;
    loaded_root = root->kernel;
    pv_batch_call(PV_SET_ROOTS, pv_pfn_to_mfn(root->kernel).n, pv_pfn_to_mfn(root->user).n, 0);
}
