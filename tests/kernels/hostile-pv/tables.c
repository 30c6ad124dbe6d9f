/* Steps that make sense, as a kernel would make them: frames become tables, roots, and data again. */
#include "hostile_pv.h"

static void make_read_only(uint64_t frame)
{
    hypercall(PV_UPDATE_VA, (uint64_t)frame_at(frame),
              mfn_of(frame) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_NX);
}

static void make_writable(uint64_t frame)
{
    hypercall(PV_UPDATE_VA, (uint64_t)frame_at(frame),
              mfn_of(frame) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX);
}

void become_table(void)
{
    uint64_t frame = pool_frame();

    for (unsigned i = (unsigned)any(16); i > 0; i--)
        store_word((uint64_t)&frame_at(frame)[some_index()], some_entry());
    make_read_only(frame);
    hypercall(PV_PIN, mfn_of(frame), 1 + any(4));
}

void cease_to_be_table(void)
{
    uint64_t frame = pool_frame();

    hypercall(PV_UNPIN, mfn_of(frame), 0);
    make_writable(frame);
    if (attempt(read_word, (uint64_t)frame_at(frame), 0))
        for (unsigned i = 0; i < PT_ENTRIES; i += 1 + (unsigned)any(64))
            store_word((uint64_t)&frame_at(frame)[i], once_in(4) ? some_entry() : 0);
}

static void use_roots(uint64_t kernel, uint64_t user)
{
    if (hypercall(PV_SET_ROOTS, kernel, user) < 0)
        return;
    root = kernel;
    has_user_root = user != PV_NO_ROOT;
}

/* The kernel's half as it is, so that it can be loaded. */
void become_root(void)
{
    uint64_t frame = pool_frame();

    hypercall(PV_UNPIN, mfn_of(frame), 0);
    make_writable(frame);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t entry = i >= 256 && i != PV_RESERVED_SLOT ? frame_at(info->root_pfn)[i] : 0;

        store_word((uint64_t)&frame_at(frame)[i], once_in(200) ? some_entry() : entry);
    }
    make_read_only(frame);
    hypercall(PV_PIN, mfn_of(frame), 4);
    if (frame_at(frame)[511] == frame_at(info->root_pfn)[511] &&
        frame_at(frame)[272] == frame_at(info->root_pfn)[272])
        use_roots(mfn_of(frame), once_in(2) ? mfn_of(frame) : once_in(2) ? some_mfn() : PV_NO_ROOT);
}

void back_to_first_root(void)
{
    use_roots(mfn_of(info->root_pfn), once_in(2) ? mfn_of(pool_frame()) : PV_NO_ROOT);
}

void update_tables(void)
{
    uint64_t n = once_in(16) ? any(PV_MAX_UPDATES + 8) : 1 + any(4);

    for (uint64_t i = 0; i < n; i++) {
        uint64_t table = once_in(32) ? some_mfn() : mfn_of(pool_frame());

        updates[i].at = once_in(32) ? some_number() : table << PAGE_SHIFT | some_index() * sizeof(uint64_t);
        updates[i].entry = some_entry();
    }
    hypercall(PV_MMU_UPDATE, once_in(32) ? some_number() : (uint64_t)updates,
              once_in(32) ? some_number() : n);
}
