/* A paravirtual kernel that goes from one root to another in the ways in which the monitor could lose its footing:
 * the root that is left is a table no more, the one that is entered has just become one again, and more stores
 * follow than the monitor takes at once. */
#include <stddef.h>
#include "pv/abi.h"
#include "x86_paging.h"

__attribute__((noreturn, used)) void start(const struct pv_start_info *info);

static const struct {
    uint32_t name_size, desc_size, type;
    char name[12];
    struct pv_note desc;
} note __attribute__((section(".note.faultvisor"), used, aligned(4))) = {
    sizeof(PV_NOTE_NAME), sizeof(struct pv_note), PV_NOTE_ENTRY, PV_NOTE_NAME, { PV_ABI_VERSION, (uint64_t)start }
};

static struct pv_call calls[PV_MAX_CALLS];
static uint64_t nr_calls;
static struct pv_update updates[PV_MAX_UPDATES];
static uint64_t data_page[PT_ENTRIES] __attribute__((aligned(4096)));

static int64_t hypercall(uint64_t op, uint64_t a, uint64_t b, uint64_t c)
{
    int64_t result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(op), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static void say(const char *text)
{
    uint64_t n = 0;
    while (text[n])
        n++;
    hypercall(PV_CONSOLE_WRITE, PV_CONSOLE_OUT, (uint64_t)text, n);
}

static void expect(int64_t got, int64_t wanted)
{
    if (got == wanted)
        return;
    say("refused\n");
    hypercall(PV_SHUTDOWN, PV_SHUTDOWN_EXIT, 1, 0);
}

static void add_call(uint64_t op, uint64_t a, uint64_t b)
{
    calls[nr_calls++] = (struct pv_call){ .op = op, .args = { a, b } };
}

static int64_t run_calls(void)
{
    uint64_t n = nr_calls;
    nr_calls = 0;
    return hypercall(PV_MULTICALL, (uint64_t)calls, n, 0);
}

static uint64_t *frame_at(uint64_t pfn)
{
    return (uint64_t *)(PV_LINEAR_BASE + pfn * PAGE_SIZE);
}

static uint64_t mfn_of(const struct pv_start_info *info, uint64_t pfn)
{
    return ((const uint64_t *)info->p2m)[pfn];
}

/* The first root once more, in this frame, pinned. */
static void make_root(const struct pv_start_info *info, uint64_t pfn)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        frame_at(pfn)[i] = i == PV_RESERVED_SLOT ? 0 : frame_at(info->root_pfn)[i];
    uint64_t read_only = mfn_of(info, pfn) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_NX;
    expect(hypercall(PV_UPDATE_VA, (uint64_t)frame_at(pfn), read_only, 0), 0);
    expect(hypercall(PV_PIN, mfn_of(info, pfn), PT_LEVELS, 0), 0);
}

/* Where the level 1 entry of data_page lies. The tables hold machine frames: their guest frames are looked for. */
static uint64_t pfn_of(const struct pv_start_info *info, uint64_t mfn)
{
    uint64_t pfn = 0;
    while (mfn_of(info, pfn) != mfn)
        pfn++;
    return pfn;
}

static uint64_t *data_entry(const struct pv_start_info *info, uint64_t *at)
{
    gva_t a = (gva_t)data_page;
    uint64_t pfn = info->root_pfn;
    for (int level = PT_LEVELS; level > 1; level--)
        pfn = pfn_of(info, pte_frame_number(frame_at(pfn)[pt_index(a, level)]));
    *at = mfn_of(info, pfn) << PAGE_SHIFT | pt_index(a, 1) * sizeof(uint64_t);
    return &frame_at(pfn)[pt_index(a, 1)];
}

/* As many stores as one exit can have: a list of which the last is refused, so that all are stored twice. */
static void add_many_stores(const struct pv_start_info *info)
{
    uint64_t at, entry = *data_entry(info, &at);
    for (unsigned i = 0; i < PV_MAX_UPDATES; i++)
        updates[i] = (struct pv_update){ at, entry ^ (i % 2 ? 0 : 1ull << 9) };
    updates[PV_MAX_UPDATES - 1].at++;
    add_call(PV_MMU_UPDATE, (uint64_t)updates, PV_MAX_UPDATES);
}

void start(const struct pv_start_info *info)
{
    uint64_t a = mfn_of(info, info->root_pfn), b = info->first_free_pfn, c = b + 1;
    make_root(info, b);
    make_root(info, c);
    b = mfn_of(info, b);
    c = mfn_of(info, c);

    add_call(PV_UNPIN, a, 0);
    add_call(PV_UNPIN, b, 0);
    add_call(PV_SET_ROOTS, b, PV_NO_ROOT);
    expect(run_calls(), 3);
    say("in a root that was none for an instant, and the one that was left is none\n");

    expect(hypercall(PV_PIN, a, PT_LEVELS, 0), 0);
    add_call(PV_SET_ROOTS, a, PV_NO_ROOT);
    for (unsigned i = 0; i < 8; i++) {
        add_call(PV_UNPIN, c, 0);
        add_call(PV_PIN, c, PT_LEVELS);
    }
    add_many_stores(info);
    expect(run_calls(), 17);
    say("in the first one, behind more stores than the monitor's list holds\n");
    hypercall(PV_SHUTDOWN, PV_SHUTDOWN_EXIT, 0, 0);
    for (;;)
        ;
}
