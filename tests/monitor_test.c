/* What the monitor is left to do, and in which order it does it: the VMM's side of it on a fake CPU, which runs
 * the monitor's entries by what they are for. The CPU walks what the monitor has stored, not what the VMM wrote
 * to memory, as where KVM itself shadows; so a root whose slot it takes away in its own hands is its end. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/monitor_layout.h"
#include "tests/run_suite.h"

#define NR_MFNS 2048
#define SLOT    510

static struct machine m;
static struct monitor mon;
static uint64_t next_frame, nr_msrs;
static uint64_t seen[NR_MFNS]; /* the monitor's slot of each root, as the CPU has it */
static uint64_t cr3, nr_loads, nr_stores, nr_invlpgs;
static uint64_t stores_at_load; /* how many stores had been made at the last load of CR3 */
static bool broken;
static unsigned stores_before_failure; /* of the list that the CPU works off next; 0: it does not fail */

/* What monitor.c and monitor_build.c take from vmm/machine.c. */
mfn_t machine_take_frame(struct machine *machine)
{
    (void)machine;
    return mfn(next_frame++);
}

int machine_set_msr(struct machine *machine, uint32_t index, uint64_t value)
{
    (void)machine, (void)index, (void)value;
    nr_msrs++;
    return 0;
}

/* The CPU. */
static uint64_t read_work(uint64_t gva)
{
    uint64_t offset = gva - page_gva(&mon, PAGE_WORK);
    uint64_t word;

    memcpy(&word, monitor_page(&mon, PAGE_WORK + (unsigned)(offset / PAGE_SIZE)) + offset % PAGE_SIZE, sizeof(word));
    return word;
}

static void store(uint64_t at, uint64_t entry)
{
    maddr_t maddr = at - mon.base - DIRECT_MAP;

    if (maddr >= NR_MFNS * PAGE_SIZE)
        ck_abort_msg("a store to no memory of the machine");
    memcpy(m.memory + maddr, &entry, sizeof(entry));
    if (page_offset(maddr) == SLOT * sizeof(uint64_t))
        seen[maddr >> PAGE_SHIFT] = entry;
    nr_stores++;
    broken |= seen[cr3] != mon.root_entry;
}

static uint64_t run_stores(uint64_t from, uint64_t pairs)
{
    for (; pairs > 0; pairs--, from += 16)
        store(read_work(from), read_work(from + 8));
    return from;
}

static void load_cr3(uint64_t value)
{
    cr3 = value >> PAGE_SHIFT;
    nr_loads++;
    stores_at_load = nr_stores;
    broken |= seen[cr3] != mon.root_entry;
}

/* From the entry that rip names to its end, an IRETQ or an OUT. */
static void run_entry(void)
{
    const struct kvm_regs *r = &m.run->s.regs.regs;
    uint64_t at = r->rsi;

    if (r->rip == code_gva(&mon, monitor_code_resume_root)) {
        load_cr3(r->rax);
    } else if (r->rip == code_gva(&mon, monitor_code_resume_stores) || r->rip == code_gva(&mon, monitor_code_drain)) {
        ck_assert_uint_gt(r->rcx, 0);
        run_stores(at, r->rcx);
        load_cr3(r->rdx);
    } else if (r->rip == code_gva(&mon, monitor_code_resume_leave)) {
        at = run_stores(at, r->rcx);
        load_cr3(r->rdx);
        run_stores(at, 1);
    } else if (r->rip == code_gva(&mon, monitor_code_resume_pages)) {
        run_stores(at, r->rcx);
        nr_invlpgs += r->rdx;
    } else {
        ck_assert_uint_eq(r->rip, code_gva(&mon, monitor_code_resume));
    }
}

int machine_run(struct machine *machine)
{
    machine->nr_runs++;
    if (stores_before_failure) {
        run_stores(machine->run->s.regs.regs.rsi, stores_before_failure);
        return -EFAULT;
    }
    run_entry();
    machine->run->exit_reason = KVM_EXIT_IO;
    machine->run->io.direction = KVM_EXIT_IO_OUT;
    machine->run->io.port = MONITOR_PORT_DRAINED;
    return 0;
}

/* The guest goes on, and traps again: then the monitor can be run by the VMM. */
static void resume(void)
{
    struct cpu_regs guest = { .rip = 0x1000 };

    monitor_resume(&mon, &guest);
    run_entry();
    m.run->s.regs.regs.rip = mon.base;
}

/* The guest is left where it is: a store to a page table, which does not pass the monitor. */
static void exit_beside_the_monitor(void)
{
    m.run->s.regs.regs.rip = 0x1000;
}

static maddr_t slot_of(uint64_t root)
{
    return mfn_to_maddr(mfn(root)) + SLOT * sizeof(uint64_t);
}

static uint64_t memory_at(maddr_t at)
{
    uint64_t word;

    memcpy(&word, m.memory + at, sizeof(word));
    return word;
}

enum { ROOT = 100, OTHER_ROOT, TABLE };

static void make_root(uint64_t root)
{
    monitor_store(&mon, slot_of(root), mon.root_entry, false);
}

static void unmake_root(uint64_t root)
{
    monitor_store(&mon, slot_of(root), 0, false);
}

static void setup(void)
{
    m = (struct machine){ .nr_mfns = NR_MFNS };
    m.memory = calloc(NR_MFNS, PAGE_SIZE);
    m.run = calloc(1, sizeof(*m.run));
    memset(seen, 0, sizeof(seen));
    next_frame = 1;
    nr_loads = nr_stores = nr_invlpgs = stores_at_load = 0;
    broken = false;
    stores_before_failure = 0;
    ck_assert_int_eq(monitor_init(&mon, &m, SLOT, false), 0);
    make_root(ROOT);
    seen[ROOT] = mon.root_entry;
    cr3 = ROOT;
    mon.root = mon.loaded = mfn(ROOT);
    m.started = true;
    m.run->s.regs.regs.rip = mon.base;
}

static void teardown(void)
{
    ck_assert_msg(!broken, "the monitor took its own ground away");
    monitor_destroy(&mon);
    free(m.run);
    free(m.memory);
}

static void store_to_table(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        monitor_store(&mon, mfn_to_maddr(mfn(TABLE + i / PT_ENTRIES % 1024)) + i % PT_ENTRIES * 8 % (SLOT * 8), i + 1, false);
}

START_TEST(what_is_stored_is_in_memory_at_once_and_made_by_the_monitor_later)
{
    monitor_store(&mon, mfn_to_maddr(mfn(TABLE)), 7, false);
    ck_assert_uint_eq(memory_at(mfn_to_maddr(mfn(TABLE))), 7);
    ck_assert_uint_eq(nr_stores, 0);
    resume();
    ck_assert_uint_eq(nr_stores, 1);
    ck_assert_uint_eq(nr_loads, 0);
}
END_TEST

START_TEST(a_fresh_leaf_needs_no_store_unless_one_to_its_place_waits)
{
    monitor_store(&mon, mfn_to_maddr(mfn(TABLE)), 1, true);
    resume();
    ck_assert_uint_eq(nr_stores, 0);
    monitor_store(&mon, mfn_to_maddr(mfn(TABLE)), 0, false);
    monitor_store(&mon, mfn_to_maddr(mfn(TABLE)), 1, true);
    resume();
    ck_assert_uint_eq(nr_stores, 2);
    ck_assert_uint_eq(memory_at(mfn_to_maddr(mfn(TABLE))), 1);
}
END_TEST

START_TEST(a_root_that_is_left_loses_the_monitor_behind_the_load_of_the_other)
{
    make_root(OTHER_ROOT);
    monitor_load_root(&mon, mfn(OTHER_ROOT));
    unmake_root(ROOT);
    resume();
    ck_assert_uint_eq(cr3, OTHER_ROOT);
    ck_assert_uint_eq(seen[ROOT], 0);
    ck_assert_uint_eq(memory_at(slot_of(ROOT)), 0);
}
END_TEST

/* The other root was one before, and ceased to be for an instant: its slot is empty in between. */
START_TEST(a_root_that_is_taken_again_is_loaded_with_the_monitor_in_it)
{
    make_root(OTHER_ROOT);
    resume();
    unmake_root(OTHER_ROOT);
    make_root(OTHER_ROOT);
    monitor_load_root(&mon, mfn(OTHER_ROOT));
    unmake_root(ROOT);
    resume();
    ck_assert_uint_eq(cr3, OTHER_ROOT);
    ck_assert_uint_eq(seen[ROOT], 0);
}
END_TEST

START_TEST(a_full_list_does_not_take_the_monitor_out_of_the_root_that_is_left)
{
    make_root(OTHER_ROOT);
    monitor_load_root(&mon, mfn(OTHER_ROOT));
    unmake_root(ROOT);
    store_to_table(MAX_STORES + 10);
    ck_assert_uint_gt(mon.nr_drains, 0);
    resume();
    ck_assert_uint_eq(cr3, OTHER_ROOT);
    ck_assert_uint_eq(seen[ROOT], 0);
    ck_assert_uint_eq(memory_at(slot_of(ROOT)), 0);
}
END_TEST

/* Whoever asks for a flush means all stores that it comes behind. */
START_TEST(a_flush_comes_behind_all_stores_however_many_there_are)
{
    for (unsigned beside = 0; beside < 2; beside++) {
        if (beside)
            exit_beside_the_monitor();
        store_to_table(2 * MAX_STORES + 10);
        monitor_flush_all(&mon);
        m.run->s.regs.regs.rip = mon.base;
        resume();
        ck_assert_uint_eq(nr_stores, (beside + 1) * (2 * MAX_STORES + 10));
        ck_assert_uint_eq(stores_at_load, nr_stores);
    }
}
END_TEST

START_TEST(stores_that_wait_are_made_in_order_and_memory_has_the_last)
{
    exit_beside_the_monitor();
    for (uint64_t i = 1; i <= 3 * MAX_STORES; i++)
        monitor_store(&mon, mfn_to_maddr(mfn(TABLE)), i, false);
    ck_assert(monitor_is_behind(&mon));
    ck_assert_uint_eq(memory_at(mfn_to_maddr(mfn(TABLE))), 3 * MAX_STORES);
    m.run->s.regs.regs.rip = mon.base;
    resume();
    ck_assert_uint_eq(nr_stores, 3 * MAX_STORES);
    ck_assert_uint_eq(memory_at(mfn_to_maddr(mfn(TABLE))), 3 * MAX_STORES);
}
END_TEST

/* As when a guest's store drops a tree of tables and makes another: minutes, if each fresh leaf were searched for. */
START_TEST(fresh_leaves_behind_a_long_backlog_take_no_time)
{
    maddr_t fresh = mfn_to_maddr(mfn(TABLE + 1200));

    exit_beside_the_monitor();
    store_to_table(4000 * MAX_STORES);
    for (unsigned i = 0; i < 16 * PT_ENTRIES; i++)
        monitor_store(&mon, fresh + i % PT_ENTRIES * 8, i, true);
    ck_assert_uint_eq(memory_at(fresh), 15 * PT_ENTRIES);
    m.run->s.regs.regs.rip = mon.base;
    resume();
    ck_assert_uint_eq(memory_at(fresh), 15 * PT_ENTRIES);
}
END_TEST

/* As when one exit drops a table and has a disk read into its frame. */
START_TEST(what_the_host_wrote_behind_a_store_stays)
{
    maddr_t at = mfn_to_maddr(mfn(TABLE));

    for (unsigned drains = 0; drains < 2; drains++) {
        monitor_store(&mon, at, 7, false);
        *(uint64_t *)machine_at(&m, at) = 8;
        if (drains)
            for (unsigned i = 0; i < MAX_STORES; i++)
                monitor_store(&mon, mfn_to_maddr(mfn(TABLE + 1)), i, false);
        resume();
        ck_assert_uint_eq(mon.nr_drains, drains);
        ck_assert_uint_eq(memory_at(at), 8);
    }
}
END_TEST

START_TEST(many_pages_to_flush_become_a_flush_of_all)
{
    for (unsigned i = 0; i < MAX_FLUSHES; i++)
        monitor_flush_page(&mon, i * PAGE_SIZE);
    resume();
    ck_assert_uint_eq(nr_invlpgs, MAX_FLUSHES);
    ck_assert_uint_eq(nr_loads, 0);
    for (unsigned i = 0; i <= MAX_FLUSHES; i++)
        monitor_flush_page(&mon, i * PAGE_SIZE);
    resume();
    ck_assert_uint_eq(nr_loads, 1);
}
END_TEST

/* The CPU fails halfway through a list of stores to one place: memory has an old value then. */
static void break_at_store(unsigned number)
{
    maddr_t at = mfn_to_maddr(mfn(TABLE));

    for (uint64_t i = 1; i <= number; i++)
        monitor_store(&mon, at, i, false);
    m.run->s.regs.regs.rip = mon.base;
    stores_before_failure = MAX_STORES / 2;
    monitor_store(&mon, at + 8, 1, false);
    ck_assert_int_eq(mon.broken, -EFAULT);
    ck_assert_uint_eq(mon.nr_drains, 1);
    ck_assert_uint_eq(memory_at(at), number);
    ck_assert_uint_eq(memory_at(at + 8), 1);
}

START_TEST(where_the_monitor_breaks_memory_has_what_was_stored_last)
{
    break_at_store(MAX_STORES);
}
END_TEST

START_TEST(where_the_monitor_breaks_memory_has_the_last_of_a_backlog)
{
    exit_beside_the_monitor();
    break_at_store(5 * MAX_STORES);
}
END_TEST

START_TEST(a_monitor_that_broke_is_not_run_again_and_stores_go_to_memory)
{
    break_at_store(MAX_STORES);
    for (uint64_t i = 1; i <= 10 * MAX_STORES; i++)
        monitor_store(&mon, mfn_to_maddr(mfn(TABLE)), i, false);
    monitor_set_ts(&mon, true);
    ck_assert_uint_eq(memory_at(mfn_to_maddr(mfn(TABLE))), 10 * MAX_STORES);
    ck_assert_uint_eq(m.nr_runs, 1);
    ck_assert_uint_eq(mon.nr_drains, 1);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("monitor");
    TCase *t = tcase_create("work");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_is_stored_is_in_memory_at_once_and_made_by_the_monitor_later);
    tcase_add_test(t, a_fresh_leaf_needs_no_store_unless_one_to_its_place_waits);
    tcase_add_test(t, a_root_that_is_left_loses_the_monitor_behind_the_load_of_the_other);
    tcase_add_test(t, a_root_that_is_taken_again_is_loaded_with_the_monitor_in_it);
    tcase_add_test(t, a_full_list_does_not_take_the_monitor_out_of_the_root_that_is_left);
    tcase_add_test(t, a_flush_comes_behind_all_stores_however_many_there_are);
    tcase_add_test(t, stores_that_wait_are_made_in_order_and_memory_has_the_last);
    tcase_add_test(t, fresh_leaves_behind_a_long_backlog_take_no_time);
    tcase_add_test(t, what_the_host_wrote_behind_a_store_stays);
    tcase_add_test(t, many_pages_to_flush_become_a_flush_of_all);
    tcase_add_test(t, where_the_monitor_breaks_memory_has_what_was_stored_last);
    tcase_add_test(t, where_the_monitor_breaks_memory_has_the_last_of_a_backlog);
    tcase_add_test(t, a_monitor_that_broke_is_not_run_again_and_stores_go_to_memory);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    return run_suite(suite());
}
