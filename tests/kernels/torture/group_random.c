/* Random entries in tables that are linked at random, at any level and to themselves, with random accesses in
 * between; the model says what each access must do. Entries lead to frames of the pool only, large ones to
 * memory that is there. */
#include "torture.h"

#define POOL 24 /* frames that may be tables and pages, in turn and at once */

extern unsigned nr_rounds;

static gpa_t pool[POOL];

/* Few indexes, so that tables meet. */
static unsigned some_index(void)
{
    static const unsigned indexes[] = { 0, 1, 2, 255, 511 };

    return indexes[random_below(&dice, 5)];
}

/* In the root: the kernel's slot, the user's and the one that is reserved under some hypervisors stay out of
 * it. */
static unsigned some_slot(void)
{
    static const unsigned slots[] = { 0, 1, 2, 255, 300 };

    return slots[random_below(&dice, 5)];
}

static uint64_t some_bits(void)
{
    uint64_t bits =
        random_next(&dice) & (PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_SOFT | PTE_NX | PTE_WRITE);

    if (!random_once_in(&dice, 4))
        bits &= ~PTE_NX;
    if (!random_once_in(&dice, 4))
        bits |= PTE_WRITE | PTE_USER;
    return bits | (random_once_in(&dice, 8) ? 0 : PTE_PRESENT);
}

static uint64_t some_entry(void)
{
    if (random_once_in(&dice, 12))
        return large_gpa((unsigned)random_below(&dice, NR_LARGE)) | some_bits() | PTE_LARGE;
    return pool[random_below(&dice, POOL)] | some_bits();
}

static void change_entry(void)
{
    uint64_t *table = phys(pool[random_below(&dice, POOL)]);

    set_entry(&table[some_index()], some_entry());
}

static void change_root(void)
{
    set_entry((uint64_t *)phys(root) + some_slot(), pool[random_below(&dice, POOL)] | some_bits());
}

static void forget_table(void)
{
    gpa_t f = pool[random_below(&dice, POOL)];

    if (random_once_in(&dice, 2))
        fill_data(f);
    else
        memset(phys(f), 0, PAGE_SIZE);
}

/* A chain from the root to a page, so that more than a few accesses succeed. */
static void link_path(gva_t a)
{
    uint64_t *table = phys(root);

    for (int level = PT_LEVELS; level >= 1; level--) {
        gpa_t next = pool[random_below(&dice, POOL)];

        set_entry(&table[pt_index(a, level)], next | ENTRY_DATA);
        table = phys(next);
    }
}

static gva_t some_address(void)
{
    return gva_at(some_slot(), some_index(), some_index(), some_index()) + some_index() * sizeof(uint64_t);
}

/* On the way to a fault a CPU sets accessed bits, or it does not: so they are set beforehand. */
static void settle_bits(gva_t a, uint32_t kind)
{
    struct walk k = walk_tables(root, a, kind);

    for (int level = PT_LEVELS; level >= k.leaf && !k.works; level--) {
        uint64_t *entry = phys(k.entry_at[level]);

        if (*entry & PTE_PRESENT)
            set_entry(entry, *entry | PTE_ACCESSED);
    }
}

static void settled_access(gva_t a, uint32_t kind, uint64_t value)
{
    settle_bits(a, kind);
    if (random_once_in(&dice, 2))
        flush(a);
    else
        flush_all();
    check_access(a, kind, value);
}

static void access(void)
{
    static const uint32_t kinds[] = { 0, 0, PF_ERR_WRITE, PF_ERR_WRITE, PF_ERR_FETCH };
    uint32_t kind = kinds[random_below(&dice, 5)] | (random_once_in(&dice, 3) ? PF_ERR_USER : 0);
    uint64_t value = random_once_in(&dice, 2) ? some_entry() : data_word(pool[0], some_index());
    gva_t a = some_address();

    if (random_once_in(&dice, 3))
        link_path(a);
    settled_access(a, kind, value);
    settled_access(a, kind & PF_ERR_USER, 0);
}

void group_random(void)
{
    for (unsigned i = 0; i < POOL; i++)
        pool[i] = frame_gpa(take_frame());
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        fill_data(large_gpa(0) + i * PAGE_SIZE);
        fill_data(large_gpa(1) + i * PAGE_SIZE);
    }
    for (unsigned round = 0; round < nr_rounds; round++) {
        change_entry();
        if (random_once_in(&dice, 4))
            change_root();
        if (random_once_in(&dice, 50))
            forget_table();
        if (random_once_in(&dice, 30))
            set_wp(random_once_in(&dice, 2));
        access();
    }
    set_wp(true);
}
