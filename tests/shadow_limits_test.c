/* Bounds and bad behaviour: the pool is never exceeded, tables that are tables no more are let go, and
 * hostile tables (loops, self-maps, noise, one frame at all levels) neither break the shadow nor reach what
 * is not the guest's. */
#include <check.h>
#include "shadow/page.h"
#include "shadow_machine.h"
#include "tests/run_suite.h"

#define ALL_BITS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

static struct machine *m;

static void create(uint32_t pool, uint32_t ahead)
{
    m = machine_create(pool, ahead);
}

static void destroy(void)
{
    ck_assert_uint_eq(machine_audit(m), 0);
    machine_destroy(m);
}

static uint64_t entry_of(uint64_t f)
{
    return f << PAGE_SHIFT | ALL_BITS;
}

static uint64_t address(unsigned l4, unsigned l3, unsigned l2, unsigned l1)
{
    uint64_t a = (uint64_t)l4 << 39 | (uint64_t)l3 << 30 | (uint64_t)l2 << 21 | (uint64_t)l1 << 12;

    return (uint64_t)((int64_t)(a << 16) >> 16);
}

/* Root 1, tables 2, 3 and 4, which map all memory at 0. */
static void boot_linear(void)
{
    m->ram[1][0] = entry_of(2);
    m->ram[2][0] = entry_of(3);
    m->ram[3][0] = entry_of(4);
    for (uint64_t f = 0; f < NR_PFNS; f++)
        m->ram[4][f] = entry_of(f);
    machine_load_cr3(m, 1 << PAGE_SHIFT);
}

static uint64_t linear(uint64_t f)
{
    return f << PAGE_SHIFT;
}

START_TEST(init_refuses_numbers_out_of_bounds)
{
    struct shadow s;

    create(SHADOW_MIN_FRAMES, 0);
    boot_linear();
    s = m->s;
    s.nr_frames = SHADOW_MIN_FRAMES - 1;
    ck_assert_int_eq(shadow_init(&s), -1);
    s = m->s;
    s.monitor_slot = PT_ENTRIES;
    ck_assert_int_eq(shadow_init(&s), -1);
    s = m->s;
    s.maxphyaddr = 53;
    ck_assert_int_eq(shadow_init(&s), -1);
    destroy();
}
END_TEST

/* 40 tables of level 1 in use, and the smallest pool. */
START_TEST(a_pool_too_small_evicts_and_every_page_stays_reachable)
{
    create(SHADOW_MIN_FRAMES, 8);
    boot_linear();
    for (unsigned i = 0; i < 40; i++) {
        m->ram[16 + i][0] = entry_of(5);
        machine_write(m, linear(3) + (i + 1) * 8, entry_of(16 + i), 8);
        machine_resume(m);
    }
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 40; i++) {
            ck_assert_uint_eq(machine_read(m, address(0, 0, i + 1, 0)).gpa, 5ull << PAGE_SHIFT);
            ck_assert_uint_eq(machine_audit(m), 0);
        }
    }
    ck_assert_uint_gt(m->s.stats.tables_evicted, 0);
    ck_assert_uint_gt(m->s.stats.hidden[SHADOW_HIDDEN_EVICTED], 0);
    ck_assert_uint_le(m->s.stats.tables_peak, SHADOW_MIN_FRAMES);
    destroy();
}
END_TEST

/* Hidden faults and spte writes per page stay what they are as the guest grows within its pool. */
START_TEST(touching_more_pages_costs_the_same_for_each)
{
    uint64_t writes[3];

    for (unsigned k = 0; k < 3; k++) {
        create(128, 0);
        boot_linear();
        machine_read(m, linear(0));
        for (unsigned i = 0; i < 8u << k; i++) {
            m->ram[16 + i][0] = entry_of(5);
            m->ram[3][i + 1] = entry_of(16 + i);
        }
        writes[k] = m->s.stats.spte_writes;
        for (unsigned i = 0; i < 8u << k; i++) {
            shadow_write_memory(&m->s, (3 << PAGE_SHIFT) + (i + 1) * 8, &m->ram[3][i + 1], 8);
            machine_read(m, address(0, 0, i + 1, 0));
        }
        writes[k] = m->s.stats.spte_writes - writes[k];
        ck_assert_uint_eq(m->s.stats.hidden[SHADOW_HIDDEN_TABLE],
                          1 + (8u << k)); /* the first: the linear map's */
        destroy();
    }
    ck_assert_uint_eq(writes[1], 2 * writes[0]);
    ck_assert_uint_eq(writes[2], 2 * writes[1]);
}
END_TEST

/* Pages that were made ahead and never touched, in the call whose number is that of 2^32 calls ago. */
START_TEST(eviction_finds_somebody_after_any_number_of_calls)
{
    create(SHADOW_MIN_FRAMES, 64);
    for (unsigned i = 0; i < 40; i++) {
        m->ram[16 + i][0] = entry_of(5);
        m->ram[3][i + 1] = entry_of(16 + i);
    }
    m->ram[6][0] = entry_of(7);
    m->ram[7][0] = entry_of(8);
    m->ram[8][0] = entry_of(9);
    m->ram[1][1] = entry_of(6) & ~PTE_ACCESSED;
    m->s.stamp = 0xfffffffeu;
    boot_linear();
    ck_assert_uint_eq(m->s.stats.tables_in_use, SHADOW_MIN_FRAMES);
    ck_assert_int_eq(machine_read(m, address(1, 0, 0, 0)).outcome, REACHED_RAM);
    destroy();
}
END_TEST

START_TEST(a_table_taken_out_of_its_parent_is_plain_memory_again)
{
    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    machine_write(m, linear(16), entry_of(5), 8);
    ck_assert_uint_eq(m->store_exits, 2);
    ck_assert(shadow_frame_is_table(&m->s, pfn(16)));
    machine_write(m, linear(3) + 8, 0, 8);
    machine_invlpg(m, address(0, 0, 1, 0));
    ck_assert(!shadow_frame_is_table(&m->s, pfn(16)));
    machine_write(m, linear(16), 0x1234, 8);
    ck_assert_uint_eq(m->store_exits, 3);
    ck_assert_uint_eq(m->ram[16][0], 0x1234);
    destroy();
}
END_TEST

/* The guest frees the tables of a dead space without a word, and clears the frames for other use. */
START_TEST(clearing_a_frame_that_was_a_table_soon_stops_to_exit)
{
    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        machine_write(m, linear(16) + i * 8, 0, 8);
        if (m->monitor_asked)
            machine_resume(m);
    }
    ck_assert_uint_lt(m->store_exits, 8);
    ck_assert_uint_eq(m->s.stats.floods, 1);
    ck_assert(!shadow_frame_is_table(&m->s, pfn(16)));
    destroy();
}
END_TEST

/* The same, and the table was full. */
START_TEST(sweeping_a_full_table_with_zeros_soon_stops_to_exit)
{
    create(64, 16);
    boot_linear();
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        m->ram[16][i] = entry_of(5);
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        machine_write(m, linear(16) + i * 8, 0, 8);
        if (m->monitor_asked)
            machine_resume(m);
    }
    ck_assert_uint_lt(m->store_exits, 20);
    ck_assert_int_eq(machine_read(m, address(0, 0, 1, 100)).outcome, FAULTED);
    destroy();
}
END_TEST

START_TEST(a_block_from_a_disk_ends_a_tables_life)
{
    static uint8_t block[PAGE_SIZE];

    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    memset(block, 0x67, sizeof block); /* as entries: present, with reserved bits */
    ck_assert_int_eq(shadow_write_memory(&m->s, 16 << PAGE_SHIFT, block, sizeof block), 0);
    ck_assert(!shadow_frame_is_table(&m->s, pfn(16)));
    machine_resume(m);
    ck_assert_uint_eq(machine_read(m, address(0, 0, 1, 0)).error, PF_ERR_PRESENT | PF_ERR_RESERVED);
    destroy();
}
END_TEST

START_TEST(stores_to_a_root_that_is_not_loaded_soon_stop_to_exit)
{
    create(64, 16);
    boot_linear();
    m->ram[17][0] = m->ram[1][0];
    machine_load_cr3(m, 17 << PAGE_SHIFT);
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        machine_write(m, linear(17) + i * 8, 0x6162636465666768ull, 8);
        if (m->monitor_asked)
            machine_resume(m);
    }
    ck_assert_uint_lt(m->store_exits, 8);
    ck_assert_uint_eq(m->ram[17][511], 0x6162636465666768ull);
    destroy();
}
END_TEST

START_TEST(stores_that_are_on_their_way_when_a_table_is_dropped_still_land)
{
    create(64, 16);
    boot_linear();
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    for (unsigned i = 0; i < 16; i++)
        machine_write(m, linear(16) + i * 8 + 4, 0x7777777777777777ull,
                      8); /* no resume: the CPU still uses the window */
    ck_assert_uint_gt(m->s.stats.stores_plain, 0);
    ck_assert_uint_eq(m->ram[16][15], 0x7777777777777777ull);
    machine_resume(m);
    destroy();
}
END_TEST

/* The CPU remembers where a level 1 table was. The frame must not be another table, full of links to tables, before it
 * has been told to forget: else the guest would have a shadow table for a page. */
START_TEST(a_frame_that_a_store_frees_is_no_other_table_before_the_monitor_runs)
{
    gva_t gva = address(0, 0, 1, 0);

    create(64, 16);
    m->is_nested = true;
    boot_linear();
    m->ram[16][0] = entry_of(5);
    m->ram[17][7] = entry_of(18);
    machine_write(m, linear(3) + 8, entry_of(16), 8);
    machine_resume(m);
    ck_assert_uint_eq(machine_read(m, gva).gpa, 5 << PAGE_SHIFT);
    machine_write(m, linear(3) + 8, 0, 8);
    machine_write(m, linear(2) + 8, entry_of(17), 8);
    ck_assert_uint_eq(m->store_exits, 3);
    ck_assert_int_eq(machine_read(m, gva + 7 * PAGE_SIZE).outcome, FAULTED);
    machine_resume(m);
    destroy();
}
END_TEST

/* It comes back: as many tables as there are can be made and dropped for ever. */
START_TEST(frames_that_stores_free_are_used_again_once_the_monitor_has_run)
{
    create(SHADOW_MIN_FRAMES, 16);
    boot_linear();
    for (unsigned i = 0; i < 3 * SHADOW_MIN_FRAMES; i++) {
        machine_write(m, linear(3) + 8, entry_of(16 + i % 8), 8);
        ck_assert(shadow_frame_is_table(&m->s, pfn(16 + i % 8)));
        machine_write(m, linear(3) + 8, 0, 8);
        ck_assert(!shadow_frame_is_table(&m->s, pfn(16 + i % 8)));
        machine_resume(m);
        ck_assert_uint_eq(machine_audit(m), 0);
    }
    ck_assert_uint_eq(m->s.stats.tables_evicted, 0);
    destroy();
}
END_TEST

/* Many address spaces, each loaded in turn: the old roots go, but not the one that the monitor stands on. */
START_TEST(the_loaded_root_is_never_evicted_under_the_monitor)
{
    create(SHADOW_MIN_FRAMES, 8);
    boot_linear();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned f = 8; f < 60; f++) {
            m->ram[f][0] = entry_of(2);
            machine_load_cr3(m, (uint64_t)f << PAGE_SHIFT);
            for (unsigned i = 0; i < 8; i++)
                machine_write(m, linear(f == 8 ? 59 : f - 1) + 8 * i, 0, 8); /* flood the last one */
            machine_set_role(m, f % 2 ? SHADOW_USER : SHADOW_KERNEL);
            ck_assert_int_eq(machine_read(m, linear(5)).outcome, REACHED_RAM);
            ck_assert_uint_eq(machine_audit(m), 0);
        }
    }
    destroy();
}
END_TEST

START_TEST(a_root_that_is_left_may_be_dropped_while_the_cpu_still_uses_it)
{
    create(64, 8);
    m->ram[17][0] = entry_of(2);
    boot_linear();
    ck_assert_int_eq(shadow_load_cr3(&m->s, 17 << PAGE_SHIFT), SHADOW_FIXED);
    for (unsigned i = 0; i < 8; i++)
        shadow_store(&m->s, (1 << PAGE_SHIFT) + 8 * (100 + i), 0, 8);
    machine_resume(m);
    ck_assert_int_eq(machine_read(m, linear(5)).outcome, REACHED_RAM);
    destroy();
}
END_TEST

START_TEST(the_current_root_survives_a_flood)
{
    create(64, 16);
    boot_linear();
    for (unsigned i = 0; i < 64; i++)
        machine_write(m, linear(1) + 8 * (100 + i), 0, 8);
    ck_assert(shadow_frame_is_table(&m->s, pfn(1)));
    ck_assert_int_eq(machine_read(m, linear(5)).outcome, REACHED_RAM);
    machine_resume(m);
    destroy();
}
END_TEST

START_TEST(a_recursive_root_shows_its_own_tables_and_traps_stores_there)
{
    uint64_t l1_of_0 = address(256, 0, 0, 0), root = address(256, 256, 256, 256);

    create(64, 16);
    m->ram[1][256] = entry_of(1);
    boot_linear();
    ck_assert_uint_eq(machine_read(m, root).gpa, 1ull << PAGE_SHIFT);
    ck_assert_uint_eq(machine_write(m, l1_of_0 + 60 * 8, entry_of(5), 8).gpa, (4ull << PAGE_SHIFT) + 60 * 8);
    ck_assert_uint_eq(m->store_exits, 1);
    machine_invlpg(m, linear(60));
    ck_assert_uint_eq(machine_read(m, linear(60)).gpa, 5ull << PAGE_SHIFT);
    machine_write(m, root + 256 * 8, 0, 8); /* it removes itself */
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    ck_assert_int_eq(machine_read(m, root).outcome, FAULTED);
    destroy();
}
END_TEST

START_TEST(one_frame_can_be_the_table_of_all_levels)
{
    create(SHADOW_MIN_FRAMES, 64);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        m->ram[1][i] = entry_of(i == 7 ? 5 : 1);
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    for (unsigned n = 0; n < 256; n++) {
        unsigned i = n & 3 ? n & 3 : 7;

        machine_write(m, address(0, i, i * 3, 7) + n * 8, n, 8);
        machine_write(m, address(i, i, i, i) + (n % 3 + 8) * 8, entry_of(1), 8);
        machine_resume(m);
        ck_assert_uint_eq(machine_audit(m), 0);
    }
    ck_assert_uint_le(m->s.stats.tables_peak, SHADOW_MIN_FRAMES);
    destroy();
}
END_TEST

/* Every entry of every table is noise; the fake CPU aborts if it ever reaches what is not the guest's. */
START_TEST(tables_of_noise_reach_nothing_foreign)
{
    uint64_t x = 88172645463325252ull;

    create(64, 64);
    for (unsigned f = 1; f < 16; f++) {
        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            x ^= x << 13, x ^= x >> 7, x ^= x << 17;
            m->ram[f][i] =
                i % 2 ? x : (x & ~PTE_FRAME_MASK & ~PTE_LARGE) | PTE_PRESENT | (x >> 20) % 16 << PAGE_SHIFT;
        }
    }
    machine_load_cr3(m, 1 << PAGE_SHIFT);
    for (unsigned n = 0; n < 20000; n++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        machine_write(m, address(x >> 9 & 511, x >> 18 & 511, x >> 27 & 511, x >> 36 & 511) | (x & 0xff8), x,
                      8);
        if (n % 100 == 0)
            machine_set_role(m, n % 200 ? SHADOW_USER : SHADOW_KERNEL);
        if (n % 500 == 0)
            ck_assert_uint_eq(machine_audit(m), 0);
    }
    machine_resume(m);
    destroy();
}
END_TEST

START_TEST(copies_check_the_last_byte_and_copy_nothing_if_it_is_bad)
{
    uint8_t bytes[32] = { 0 };

    create(64, 16);
    boot_linear();
    memset(m->ram[NR_PFNS - 1], 0x55, PAGE_SIZE);
    memset(bytes, 0xaa, sizeof bytes);
    ck_assert_int_eq(shadow_copy_to_guest(&m->s, 0, linear(NR_PFNS) - 31, bytes, 32), SHADOW_REFLECT);
    ck_assert_uint_eq(m->s.fault.gva, linear(NR_PFNS));
    ck_assert_uint_eq(m->s.fault.error, PF_ERR_WRITE);
    ck_assert_int_eq(shadow_write_memory(&m->s, linear(NR_PFNS) - 31, bytes, 32), -1);
    ck_assert_int_eq(shadow_read_memory(&m->s, ~0ull - 3, bytes, 32), -1);
    ck_assert_uint_eq(m->ram[NR_PFNS - 1][PT_ENTRIES - 1], 0x5555555555555555ull);
    ck_assert_int_eq(shadow_copy_to_guest(&m->s, 0, linear(NR_PFNS) - 32, bytes, 32), SHADOW_FIXED);
    ck_assert_uint_eq(m->ram[NR_PFNS - 1][PT_ENTRIES - 1], 0xaaaaaaaaaaaaaaaaull);
    ck_assert_int_eq(shadow_copy_from_guest(&m->s, 0, bytes, 0x7fffffffffffull, 2), SHADOW_REFLECT);
    ck_assert_int_eq(shadow_copy_from_guest(&m->s, 0, bytes, 1ull << 47, 2), SHADOW_NONCANONICAL);
    ck_assert_int_eq(shadow_copy_from_guest(&m->s, 0, bytes, ~0ull, 2), SHADOW_NONCANONICAL);
    machine_resume(m);
    destroy();
}
END_TEST

/* The owner's own store to a table, as when a guest's stack lies in one. */
START_TEST(a_copy_into_a_table_is_a_store)
{
    uint64_t entry = entry_of(5);

    create(64, 16);
    boot_linear();
    machine_resume(m);
    ck_assert_int_eq(shadow_copy_to_guest(&m->s, 0, linear(4) + 8 * 100, &entry, 8), SHADOW_FIXED);
    machine_resume(m);
    ck_assert_uint_eq(machine_read(m, linear(100)).gpa, 5ull << PAGE_SHIFT);
    ck_assert_uint_eq(machine_hidden_faults(m), 0);
    destroy();
}
END_TEST

static void ignore(void *arg, const char *text, uint64_t number)
{
    (void)arg;
    (void)text;
    (void)number;
}

/* The audit itself: what is put wrong behind its back, it finds. */
START_TEST(the_audit_finds_what_is_put_wrong)
{
    create(64, 16);
    boot_linear();
    machine_resume(m);
    for (unsigned page = 0; page < 64; page++) {
        for (unsigned i = 0; i < PT_ENTRIES; i += 7) {
            uint64_t *spte = &m->seen[page][i], was = *spte;

            *spte = was ^ (was ? PTE_WRITE : (POOL_MFN << PAGE_SHIFT | ALL_BITS));
            ck_assert_uint_gt(shadow_audit(&m->s, ignore, NULL), 0);
            *spte = was;
        }
    }
    m->ram[4][5] &= ~PTE_PRESENT; /* a store that nobody trapped */
    ck_assert_uint_gt(shadow_audit(&m->s, ignore, NULL), 0);
    m->ram[4][5] |= PTE_PRESENT;
    destroy();
}
END_TEST

static void expect_found(void)
{
    ck_assert_uint_gt(shadow_audit(&m->s, ignore, NULL), 0);
}

/* Large, global, cache attributes, what the CPU ignores, what is reserved. */
START_TEST(the_audit_finds_every_bit_that_no_spte_has)
{
    const uint64_t wrong = PTE_PWT | PTE_PCD | PTE_LARGE | PTE_GLOBAL | PTE_SOFT | 0x7ffull << 52;

    create(64, 16);
    boot_linear();
    for (unsigned page = 0; page < 64; page++) {
        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            uint64_t *spte = &m->seen[page][i];

            for (unsigned bit = 0; bit < 64 && *spte; bit++) {
                if (!(wrong >> bit & 1) || i == MONITOR_SLOT)
                    continue;
                *spte ^= 1ull << bit;
                expect_found();
                *spte ^= 1ull << bit;
            }
            i += 60 * !*spte;
        }
    }
    destroy();
}
END_TEST

/* A link that is not in its table's list stays when the table is freed: it then leads to a frame that is another's. */
START_TEST(the_audit_finds_books_that_are_wrong)
{
    create(64, 16);
    m->ram[2][1] = entry_of(3); /* a second parent of table 3 */
    boot_linear();
    for (uint32_t slot = 0; slot < 64 * PT_ENTRIES; slot++) {
        struct shadow_link was = m->s.links[slot];
        bool is_link = m->s.pages[slot / PT_ENTRIES].level > 1;

        if (was.prev == NONE || !is_link)
            continue;
        shadow_link_remove(&m->s, slot);
        expect_found();
        shadow_link_add(&m->s, slot, head_of_page(&m->s, spte_page(&m->s, m->seen[slot / PT_ENTRIES][slot % PT_ENTRIES])));
        ck_assert_uint_eq(machine_audit(m), 0);
    }
    uint32_t loaded = m->s.loaded, head = m->s.free_head, older = m->s.pages[m->s.newest].older;

    m->s.loaded = head;
    expect_found();
    m->s.loaded = loaded;
    m->s.free_head = m->s.pages[head].hash_next;
    expect_found();
    m->s.free_head = head;
    m->s.pages[m->s.newest].older = NONE;
    expect_found();
    m->s.pages[m->s.newest].older = older;
    destroy();
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("shadow_limits");
    TCase *t = tcase_create("limits");

    tcase_add_test(t, init_refuses_numbers_out_of_bounds);
    tcase_add_test(t, a_pool_too_small_evicts_and_every_page_stays_reachable);
    tcase_add_test(t, touching_more_pages_costs_the_same_for_each);
    tcase_add_test(t, eviction_finds_somebody_after_any_number_of_calls);
    tcase_add_test(t, a_table_taken_out_of_its_parent_is_plain_memory_again);
    tcase_add_test(t, clearing_a_frame_that_was_a_table_soon_stops_to_exit);
    tcase_add_test(t, sweeping_a_full_table_with_zeros_soon_stops_to_exit);
    tcase_add_test(t, a_block_from_a_disk_ends_a_tables_life);
    tcase_add_test(t, stores_to_a_root_that_is_not_loaded_soon_stop_to_exit);
    tcase_add_test(t, stores_that_are_on_their_way_when_a_table_is_dropped_still_land);
    tcase_add_test(t, a_frame_that_a_store_frees_is_no_other_table_before_the_monitor_runs);
    tcase_add_test(t, frames_that_stores_free_are_used_again_once_the_monitor_has_run);
    tcase_add_test(t, the_loaded_root_is_never_evicted_under_the_monitor);
    tcase_add_test(t, a_root_that_is_left_may_be_dropped_while_the_cpu_still_uses_it);
    tcase_add_test(t, the_current_root_survives_a_flood);
    tcase_add_test(t, a_recursive_root_shows_its_own_tables_and_traps_stores_there);
    tcase_add_test(t, one_frame_can_be_the_table_of_all_levels);
    tcase_add_test(t, tables_of_noise_reach_nothing_foreign);
    tcase_add_test(t, copies_check_the_last_byte_and_copy_nothing_if_it_is_bad);
    tcase_add_test(t, a_copy_into_a_table_is_a_store);
    tcase_add_test(t, the_audit_finds_what_is_put_wrong);
    tcase_add_test(t, the_audit_finds_every_bit_that_no_spte_has);
    tcase_add_test(t, the_audit_finds_books_that_are_wrong);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
