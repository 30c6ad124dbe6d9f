#include "hostile.h"

struct random dice;
bool is_tame;

typedef void step_fn(void);

static const struct {
    unsigned weight;
    step_fn *step;
} steps[] = {
    { 30, store_entry }, { 4, store_many },       { 6, store_oddly },         { 12, link_path },
    { 6, change_root },  { 6, flush_something },  { 40, access_memory },      { 16, access_by_user },
    { 1, run_data },     { 3, run_data_by_user }, { 4, copy_between_tables }, { 2, write_control_register },
    { 2, write_msr },    { 2, move_trap_stack },  { 1, spoil_gate },          { 2, call_system },
    { 3, drive_disk },   { 1, store_rarely },
};

static step_fn *const ends[] = {
    lose_idt,  lose_gdt,         lose_tss,          lose_trap_stack,
    lose_root, lose_own_mapping, use_reserved_slot, loop_in_faults,
};

static void step(void)
{
    unsigned all = 0, at;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        all += steps[i].weight;
    at = (unsigned)any(all);
    for (unsigned i = 0;; i++) {
        if (at < steps[i].weight) {
            steps[i].step();
            return;
        }
        at -= steps[i].weight;
    }
}

/* The roots: their kernel's slot leads to the boot tables, which are as much a victim as any. */
static void prepare(void)
{
    for (unsigned i = 0; i < POOL_FRAMES; i++)
        memset(phys(POOL_START + i * PAGE_SIZE), 0, PAGE_SIZE);
    for (unsigned i = 0; i < NR_ROOTS; i++)
        ((uint64_t *)phys(POOL_START + i * PAGE_SIZE))[KERNEL_SLOT] = boot_root[KERNEL_SLOT];
    load_root(POOL_START);
}

int test_main(int argc, const char *const *argv)
{
    uint64_t seed = argc > 1 ? parse_number(argv[1]) : 1, nr_steps = argc > 2 ? parse_number(argv[2]) : 1000;

    dice.state = seed;
    is_tame = seed % 4 != 0;
    prepare();
    for (uint64_t i = 0; i < nr_steps; i++)
        step();
    kprintf("hostile: seed %lu: %lu steps survived\n", seed, nr_steps);
    if (seed % 2)
        ends[seed / 2 % (sizeof(ends) / sizeof(ends[0]))]();
    return 0;
}
