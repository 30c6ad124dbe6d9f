/* Hypercalls as such: numbers and names, multicall, and those that the host does; and guest memory by gva. */
#include "pv_machine.h"

enum { T1 = PFN_FREE, SPARE };

static struct pv_call *calls_of(struct machine *m)
{
    return (struct pv_call *)m->memory[p2m(PFN_STACK).n];
}

static int64_t multicall(struct machine *m, unsigned count)
{
    return hypercall(m, PV_MULTICALL, linear(PFN_STACK), count, 0);
}

START_TEST(every_hypercall_has_a_name_of_its_own)
{
    for (unsigned i = 0; i < NR_PV_HYPERCALLS; i++) {
        ck_assert_ptr_nonnull(pv_hypercall_name(i));
        for (unsigned j = 0; j < i; j++)
            ck_assert_str_ne(pv_hypercall_name(i), pv_hypercall_name(j));
    }
    ck_assert_str_eq(pv_hypercall_name(PV_MMU_UPDATE), "mmu-update");
    ck_assert_str_eq(pv_hypercall_name(NR_PV_HYPERCALLS), "unknown");
    ck_assert_str_eq(pv_hypercall_name(~0u), "unknown");
}
END_TEST

START_TEST(an_unknown_hypercall_is_refused)
{
    struct machine *m = machine_new();
    const uint64_t ops[] = { NR_PV_HYPERCALLS, 0x100000000ull, 0x8000000000000000ull, ~0ull };
    struct snapshot *before = snapshot_take(m);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(hypercall(m, ops[i], 0, 0, 0), -PV_ENOSYS);
    ck_assert(snapshot_matches(before, m));
}
END_TEST

START_TEST(a_hypercall_returns_behind_the_syscall)
{
    struct machine *m = machine_new();
    m->regs = (struct cpu_regs){ .rax = PV_YIELD, .rcx = 0x7777, .r11 = RFLAGS_CF, .rbx = 3, .rip = 0x9999 };
    pv_handle_syscall(&m->d, &m->regs);
    ck_assert_uint_eq(m->regs.rip, 0x7777);
    ck_assert_uint_eq(m->regs.rax, 0);
    ck_assert_uint_eq(m->regs.rbx, 3);
    ck_assert_uint_eq(m->regs.rflags, RFLAGS_CF | RFLAGS_IF | RFLAGS_FIXED);
    ck_assert_uint_eq(m->nr_yields, 1);
}
END_TEST

START_TEST(a_multicall_runs_in_order_and_stops_at_the_first_that_fails)
{
    struct machine *m = machine_new();
    struct pv_call *c = calls_of(m);
    c[0] = (struct pv_call){ .op = PV_PIN, .result = 99, .args = { p2m(T1).n, 1 } };
    c[1] = (struct pv_call){ .op = PV_SET_TIMER, .result = 99, .args = { 500 } };
    c[2] = (struct pv_call){ .op = PV_PIN, .result = 99, .args = { p2m(T1).n, 2 } };
    c[3] = (struct pv_call){ .op = PV_YIELD, .result = 99 };
    ck_assert_int_eq(multicall(m, 4), 2);
    ck_assert_int_eq(c[0].result, 0);
    ck_assert_int_eq(c[1].result, 0);
    ck_assert_int_eq(c[2].result, -PV_EBUSY);
    ck_assert_int_eq(c[3].result, 99);
    ck_assert_uint_eq(m->timer_ns, 500);
    ck_assert_uint_eq(m->nr_yields, 0);
    ck_assert_uint_eq(m->notes[PV_MULTICALL], 1);
    ck_assert_uint_eq(m->notes[PV_PIN], 2);
    ck_assert_uint_eq(m->notes[PV_YIELD], 0);
}
END_TEST

/* The fault of the ABI: an entry that was not present, and the return, in one exit. */
START_TEST(an_update_with_its_return_costs_one_write_and_one_root)
{
    struct machine *m = machine_new();
    struct pv_call *c = calls_of(m);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, p2m(SPARE).n, 0), 0);
    unsigned loads = m->root_loads;
    *(struct pv_update *)m->memory[p2m(PFN_ARGS).n] =
        (struct pv_update){ entry_at(PFN_L1, T1), entry_for(T1, RW) };
    struct pv_frame *f = (struct pv_frame *)(m->memory[p2m(PFN_ARGS).n] + 1024);
    *f = (struct pv_frame){ .rip = 0x400000, .rax = 42, .mode = PV_MODE_USER };
    c[0] = (struct pv_call){ .op = PV_MMU_UPDATE, .args = { linear(PFN_ARGS), 1 } };
    c[1] = (struct pv_call){ .op = PV_IRET, .result = 99, .args = { linear(PFN_ARGS) + 1024 } };
    multicall(m, 2);
    ck_assert_uint_eq(m->regs.rax, 42);
    ck_assert_uint_eq(m->regs.rip, 0x400000);
    ck_assert_int_eq(c[0].result, 0);
    ck_assert_int_eq(c[1].result, 99);
    ck_assert_uint_eq(m->entry_writes, 1);
    ck_assert_uint_eq(m->root_loads, loads + 1);
    ck_assert_uint_eq(m->full_flushes + m->page_flushes, 0);
    ck_assert_uint_eq(m->root, p2m(SPARE).n);
}
END_TEST

START_TEST(rights_that_go_with_a_return_are_flushed_by_the_root_alone)
{
    struct machine *m = machine_new();
    struct pv_call *c = calls_of(m);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, p2m(SPARE).n, 0), 0);
    *(struct pv_frame *)m->memory[p2m(PFN_ARGS).n] = (struct pv_frame){ .rip = 1, .mode = PV_MODE_USER };
    c[0] = (struct pv_call){ .op = PV_UPDATE_VA, .args = { linear(10), entry_for(10, RO) } };
    c[1] = (struct pv_call){ .op = PV_IRET, .args = { linear(PFN_ARGS) } };
    multicall(m, 2);
    ck_assert_uint_eq(m->full_flushes, 0);
    ck_assert_uint_eq(m->root, p2m(SPARE).n);
}
END_TEST

START_TEST(a_multicall_inside_a_multicall_and_an_early_iret_are_refused)
{
    struct machine *m = machine_new();
    struct pv_call *c = calls_of(m);
    *(struct pv_frame *)m->memory[p2m(PFN_ARGS).n] = (struct pv_frame){ .rip = 0x5000 };
    c[0] = (struct pv_call){ .op = PV_MULTICALL, .args = { linear(PFN_STACK), 1 } };
    ck_assert_int_eq(multicall(m, 1), 0);
    ck_assert_int_eq(c[0].result, -PV_EINVAL);
    c[0] = (struct pv_call){ .op = PV_IRET, .args = { linear(PFN_ARGS) } };
    c[1] = (struct pv_call){ .op = PV_YIELD };
    ck_assert_int_eq(multicall(m, 2), 0);
    ck_assert_int_eq(c[0].result, -PV_EINVAL);
    c[0].op = NR_PV_HYPERCALLS;
    ck_assert_int_eq(multicall(m, 2), 0);
    ck_assert_int_eq(c[0].result, -PV_ENOSYS);
    ck_assert_uint_eq(m->regs.rip, 0x1000);
}
END_TEST

START_TEST(a_malformed_multicall_runs_nothing)
{
    struct machine *m = machine_new();
    const struct pv_call yield = { .op = PV_YIELD };
    for (unsigned i = 0; i < PV_MAX_CALLS; i++) /* more than a page of them */
        ck_assert_int_eq(
            pv_copy_to_guest(&m->d, linear(PFN_STACK) + i * sizeof(yield), &yield, sizeof(yield)), 0);
    ck_assert_int_eq(multicall(m, PV_MAX_CALLS + 1), -PV_E2BIG);
    ck_assert_int_eq(hypercall(m, PV_MULTICALL, linear(PFN_STACK), ~0ull, 0), -PV_E2BIG);
    gva_t last = linear(PFN_LAST_MAPPED + 1) - sizeof(struct pv_call);
    *(struct pv_call *)(m->memory[p2m(PFN_LAST_MAPPED).n] + page_offset(last)) =
        (struct pv_call){ .op = PV_YIELD };
    ck_assert_int_eq(hypercall(m, PV_MULTICALL, last, 2, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_MULTICALL, linear(PFN_L1), 1, 0),
                     -PV_EFAULT); /* no results can be written */
    ck_assert_uint_eq(m->nr_yields, 0);
    ck_assert_int_eq(hypercall(m, PV_MULTICALL, last, 1, 0), 1);
    ck_assert_int_eq(multicall(m, PV_MAX_CALLS), PV_MAX_CALLS);
    ck_assert_int_eq(hypercall(m, PV_MULTICALL, 5, 0, 0), 0);
}
END_TEST

START_TEST(a_call_may_unmap_the_list_and_the_next_one_still_runs)
{
    struct machine *m = machine_new();
    struct pv_call *c = calls_of(m);
    c[0] = (struct pv_call){ .op = PV_UPDATE_VA, .result = 99, .args = { linear(PFN_STACK), 0 } };
    c[1] = (struct pv_call){ .op = PV_YIELD, .result = 99 };
    ck_assert_int_eq(multicall(m, 2), 2);
    ck_assert_int_eq(c[0].result, 99);
    ck_assert_uint_eq(m->nr_yields, 1);
}
END_TEST

START_TEST(shutdown_ends_a_multicall_and_all_else)
{
    struct machine *m = machine_new();
    struct pv_call *c = calls_of(m);
    ck_assert_int_eq(hypercall(m, PV_SHUTDOWN, 2, 0, 0), -PV_EINVAL);
    c[0] = (struct pv_call){ .op = PV_SHUTDOWN, .args = { PV_SHUTDOWN_EXIT, 7 } };
    c[1] = (struct pv_call){ .op = PV_YIELD };
    multicall(m, 2);
    ck_assert_uint_eq(m->nr_shutdowns, 1);
    ck_assert_uint_eq(m->shutdown_status, 7);
    ck_assert_uint_eq(m->nr_yields, 0);
    ck_assert(m->d.dead);
    hypercall(m, PV_YIELD, 0, 0, 0);
    hypercall(m, PV_SHUTDOWN, 0, 8, 0);
    ck_assert_uint_eq(m->nr_yields, 0);
    ck_assert_uint_eq(m->nr_shutdowns, 1);
    ck_assert_uint_eq(m->nr_crashes, 0);
}
END_TEST

START_TEST(a_host_that_ends_the_domain_ends_its_multicall)
{
    struct machine *m = machine_new();
    struct pv_call *c = calls_of(m);
    m->disk_ends_domain = true;
    c[0] = (struct pv_call){ .op = PV_DISK_NOTIFY, .args = { 1 } };
    c[1] = (struct pv_call){ .op = PV_YIELD };
    multicall(m, 2);
    ck_assert_uint_eq(m->notified, 1);
    ck_assert_uint_eq(m->nr_yields, 0);
}
END_TEST

START_TEST(the_console_gets_the_bytes_across_pages)
{
    struct machine *m = machine_new();
    gva_t from = linear(PFN_ARGS) + 100;
    char expected[3 * PAGE_SIZE];
    for (unsigned i = 0; i < sizeof(expected); i++) {
        expected[i] = (char)(i * 7 + i / 256);
        m->memory[p2m(PFN_ARGS + (100 + i) / PAGE_SIZE).n][(100 + i) % PAGE_SIZE] = (uint8_t)expected[i];
    }
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, PV_CONSOLE_OUT, from, sizeof(expected)), 0);
    ck_assert_uint_eq(m->console_bytes, sizeof(expected));
    ck_assert_mem_eq(m->console, expected, sizeof(expected));
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, PV_CONSOLE_OUT, 0, 0), 0);
}
END_TEST

START_TEST(a_refused_console_write_prints_nothing)
{
    struct machine *m = machine_new();
    gva_t end = linear(PFN_LAST_MAPPED + 1);
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, 0, linear(1), 1), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, 4, linear(1), 1), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, 1ull << 32 | 1, linear(1), 1), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, 1, linear(1), PV_CONSOLE_MAX + 1), -PV_E2BIG);
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, 1, linear(1), ~0ull), -PV_E2BIG);
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, 1, end - 5, 6), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_CONSOLE_WRITE, 1, ~0ull - 3, 8), -PV_EFAULT);
    ck_assert_uint_eq(m->console_bytes, 0);
}
END_TEST

START_TEST(disk_queues_are_checked_before_the_host_sees_them)
{
    struct machine *m = machine_new();
    struct pv_disk_queue *q = (void *)m->memory[p2m(PFN_ARGS).n];
    const struct pv_disk_queue bad[] = { { 0, 0, 0, 0 },     { 3, 0, 0, 0 }, { 512, 0, 0, 0 },
                                         { ~0ull, 0, 0, 0 }, { 8, 8, 0, 0 }, { 8, 16, 1, 0 },
                                         { 8, 16, 2, 2 } };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        *q = bad[i];
        ck_assert_int_eq(hypercall(m, PV_DISK_SETUP, 0, linear(PFN_ARGS), 0), -PV_EINVAL);
    }
    ck_assert_uint_eq(m->queue.size, 0);
    *q = (struct pv_disk_queue){ PV_DISK_QUEUE_MAX, 0x2000, 0x3002, 0x4004 };
    ck_assert_int_eq(hypercall(m, PV_DISK_SETUP, PV_MAX_DISKS, linear(PFN_ARGS), 0), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_DISK_SETUP, 1, linear(PFN_FREE) - 31, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_DISK_SETUP, 1, linear(PFN_ARGS), 0), 0);
    ck_assert_uint_eq(m->queue.used, 0x4004);
    ck_assert_int_eq(hypercall(m, PV_DISK_NOTIFY, 1u << PV_MAX_DISKS, 0, 0), -PV_EINVAL);
    ck_assert_int_eq(hypercall(m, PV_DISK_NOTIFY, 3, 0, 0), 0);
    ck_assert_uint_eq(m->notified, 3);
}
END_TEST

START_TEST(time_and_thread_storage_are_the_hosts)
{
    struct machine *m = machine_new();
    ck_assert_int_eq(hypercall(m, PV_SET_FS_BASE, 0x7000, 0, 0), 0);
    ck_assert_int_eq(hypercall(m, PV_SET_FS_BASE, 1ull << 47, 0, 0), -PV_EINVAL);
    ck_assert_uint_eq(m->fs_base, 0x7000);
    ck_assert_int_eq(hypercall(m, PV_BLOCK, 0, 0, 0), 0);
    ck_assert_uint_eq(m->nr_blocks, 1);
    ck_assert_int_eq(hypercall(m, PV_BLOCK, 0, 0, 0), 0); /* the event is still pending */
    ck_assert_uint_eq(m->nr_blocks, 1);
}
END_TEST

START_TEST(lookup_finds_what_is_mapped_and_nothing_of_the_monitor)
{
    struct machine *m = machine_new();
    for (uint64_t f = 0; f < NR_PFNS; f++) {
        uint64_t entry = pv_lookup(&m->d, p2m(PFN_L4), linear(f) + 5);
        ck_assert_uint_eq(entry, table_of(m, PFN_L1)[f]);
    }
    m->d.monitor_entry = entry_for(PFN_L3, RW);
    table_of(m, PFN_L4)[PV_RESERVED_SLOT] = entry_for(PFN_L3, RW);
    uint8_t byte;
    gva_t monitors = (linear(1) & ~(511ull << 39)) | (uint64_t)PV_RESERVED_SLOT << 39;
    ck_assert_uint_eq(pv_lookup(&m->d, p2m(PFN_L4), monitors), 0);
    ck_assert_int_eq(pv_copy_from_guest(&m->d, &byte, monitors, 1), -PV_EFAULT);
    ck_assert_int_eq(pv_copy_to_guest(&m->d, monitors, &byte, 1), -PV_EFAULT);
    ck_assert_uint_eq(pv_lookup(&m->d, p2m(PFN_L4), 1ull << 47), 0);
    ck_assert_uint_eq(pv_lookup(&m->d, p2m(PFN_L4), 0), 0);
    ck_assert_uint_eq(pv_lookup(&m->d, mfn(NO_FRAME), linear(1)), 0);
}
END_TEST

/* Rights are those of all levels together. */
START_TEST(copies_need_the_rights_of_every_level)
{
    const uint64_t tables[] = { PFN_L1, PFN_L2, PFN_L3, PFN_L4 };
    const unsigned index[] = { 5, pt_index(PV_LINEAR_BASE, 2), pt_index(PV_LINEAR_BASE, 3),
                               pt_index(PV_LINEAR_BASE, 4) };
    for (unsigned level = 0; level < 4; level++)
        for (uint64_t bits = 0; bits < 8; bits++) {
            struct machine *m = machine_new();
            uint64_t *entry = &table_of(m, tables[level])[index[level]];
            uint32_t word = 0x12345678, back = 0;
            *entry = (*entry & ~7ull) | bits;
            bool read = (bits & 5) == 5, write = bits == 7;
            ck_assert_int_eq(pv_copy_to_guest(&m->d, linear(5) + 8, &word, 4), write ? 0 : -PV_EFAULT);
            ck_assert_int_eq(pv_copy_from_guest(&m->d, &back, linear(5) + 8, 4), read ? 0 : -PV_EFAULT);
            ck_assert_uint_eq(back, write ? word : 0);
            free(m);
        }
}
END_TEST

START_TEST(copies_cross_pages_and_check_the_last_byte_first)
{
    struct machine *m = machine_new();
    uint8_t out[3 * PAGE_SIZE], in[3 * PAGE_SIZE];
    for (unsigned i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 13 + i / 255);
    gva_t end = linear(PFN_LAST_MAPPED + 1);
    ck_assert_int_eq(pv_copy_to_guest(&m->d, end - sizeof(out) + 1, out, sizeof(out)), -PV_EFAULT);
    for (unsigned i = 0; i < PAGE_SIZE; i++)
        ck_assert_uint_eq(m->memory[p2m(PFN_LAST_MAPPED).n][i], 0);
    for (uint64_t bytes = 1; bytes < sizeof(out); bytes += 617) {
        ck_assert_int_eq(pv_copy_to_guest(&m->d, end - bytes, out, bytes), 0);
        memset(in, 0, sizeof(in));
        ck_assert_int_eq(pv_copy_from_guest(&m->d, in, end - bytes, bytes), 0);
        ck_assert_mem_eq(in, out, bytes);
    }
    ck_assert_int_eq(pv_copy_from_guest(&m->d, in, end - 1, 2), -PV_EFAULT);
    ck_assert_int_eq(pv_copy_from_guest(&m->d, in, ~0ull, 1), -PV_EFAULT);
    table_of(m, PFN_L4)[511] = entry_for(PFN_L3, RW); /* the last page there is */
    table_of(m, PFN_L3)[511] = entry_for(PFN_L2, RW);
    table_of(m, PFN_L2)[511] = entry_for(PFN_L1, RW);
    table_of(m, PFN_L1)[511] = entry_for(PFN_STACK, RW);
    ck_assert_int_eq(pv_copy_from_guest(&m->d, in, ~0ull - 99, 100), 0);
    ck_assert_int_eq(pv_copy_from_guest(&m->d, in, ~0ull, 2), -PV_EFAULT);
    ck_assert_int_eq(pv_copy_from_guest(&m->d, in, linear(1), ~0ull), -PV_EFAULT);
    ck_assert_int_eq(pv_copy_from_guest(&m->d, in, linear(1), 0 - linear(1)), -PV_EFAULT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_hypercall");
    TCase *c = tcase_create("hypercall");
    tcase_add_test(c, every_hypercall_has_a_name_of_its_own);
    tcase_add_test(c, an_unknown_hypercall_is_refused);
    tcase_add_test(c, a_hypercall_returns_behind_the_syscall);
    tcase_add_test(c, a_multicall_runs_in_order_and_stops_at_the_first_that_fails);
    tcase_add_test(c, an_update_with_its_return_costs_one_write_and_one_root);
    tcase_add_test(c, rights_that_go_with_a_return_are_flushed_by_the_root_alone);
    tcase_add_test(c, a_multicall_inside_a_multicall_and_an_early_iret_are_refused);
    tcase_add_test(c, a_malformed_multicall_runs_nothing);
    tcase_add_test(c, a_call_may_unmap_the_list_and_the_next_one_still_runs);
    tcase_add_test(c, shutdown_ends_a_multicall_and_all_else);
    tcase_add_test(c, a_host_that_ends_the_domain_ends_its_multicall);
    tcase_add_test(c, the_console_gets_the_bytes_across_pages);
    tcase_add_test(c, a_refused_console_write_prints_nothing);
    tcase_add_test(c, disk_queues_are_checked_before_the_host_sees_them);
    tcase_add_test(c, time_and_thread_storage_are_the_hosts);
    tcase_add_test(c, lookup_finds_what_is_mapped_and_nothing_of_the_monitor);
    tcase_add_test(c, copies_need_the_rights_of_every_level);
    tcase_add_test(c, copies_cross_pages_and_check_the_last_byte_first);
    suite_add_tcase(s, c);
    return run_suite(s);
}
