/* Upcalls, iret, events: the frames that the guest gets and gives. */
#include "pv_machine.h"

#define HANDLER(vector) (0xffffffff80000000ull + (vector)*16)
#define USER_RIP        0x401000ull
#define USER_RSP        0x7ffffff0ull

/* A kernel with handlers and a stack, and a user root, that has returned to user mode once. */
static struct machine *machine_in_user_mode(void)
{
    struct machine *m = machine_new();
    struct pv_trap *traps = (void *)m->memory[p2m(PFN_ARGS).n];
    unsigned n = 0;
    for (unsigned v = 0; v < PV_NR_TRAPS; v++)
        if (v < NR_EXCEPTIONS || v >= PV_TRAP_SYSTEM_CALL)
            traps[n++] = (struct pv_trap){ v, HANDLER(v) };
    ck_assert_int_eq(hypercall(m, PV_SET_TRAPS, linear(PFN_ARGS), n, 0), 0);
    ck_assert_int_eq(hypercall(m, PV_SET_STACK, linear(PFN_STACK + 1), 0, 0), 0);
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, p2m(PFN_FREE).n, 0), 0);
    return m;
}

static struct pv_frame *frame_at(struct machine *m, uint64_t page, uint64_t offset)
{
    return (struct pv_frame *)(m->memory[p2m(page).n] + offset);
}

static void go_to(struct machine *m, enum pv_cpu_mode mode)
{
    struct pv_frame *f = frame_at(m, PFN_ARGS, 0);
    *f = (struct pv_frame){ .rip = USER_RIP, .rsp = USER_RSP, .mode = mode, .rax = 77, .r15 = 15 };
    hypercall(m, PV_IRET, linear(PFN_ARGS), 0, 0);
}

static struct pv_shared_info *shared(struct machine *m)
{
    return (struct pv_shared_info *)m->memory[p2m(PFN_SHARED).n];
}

START_TEST(iret_loads_the_frame_and_the_root_of_its_mode)
{
    struct machine *m = machine_in_user_mode();
    unsigned loads = m->root_loads;
    shared(m)->event_mask = ~0u;
    go_to(m, PV_MODE_KERNEL);
    ck_assert_uint_eq(m->root_loads, loads);
    ck_assert_uint_eq(shared(m)->event_mask, ~0u);
    ck_assert_uint_eq(m->regs.rip, USER_RIP);
    ck_assert_uint_eq(m->nr_returns, 0);
    go_to(m, PV_MODE_USER);
    ck_assert_uint_eq(m->nr_returns, 1);
    ck_assert_uint_eq(m->root_loads, loads + 1);
    ck_assert_uint_eq(m->root, p2m(PFN_FREE).n);
    ck_assert_uint_eq(m->regs.rax, 77);
    ck_assert_uint_eq(m->regs.r15, 15);
    ck_assert_uint_eq(m->regs.rsp, USER_RSP);
    ck_assert_uint_eq(m->regs.rflags, RFLAGS_IF | RFLAGS_FIXED);
    ck_assert_uint_eq(shared(m)->event_mask, 0);
    ck_assert_int_eq(m->d.mode, PV_MODE_USER);
    ck_assert_uint_eq(m->full_flushes, 0);
}
END_TEST

START_TEST(no_flag_reaches_the_cpu_that_is_not_the_guests)
{
    struct machine *m = machine_in_user_mode();
    const uint64_t owned = 0xcd5 | RFLAGS_TF | RFLAGS_AC | RFLAGS_ID;
    for (unsigned bit = 0; bit < 64; bit++)
        for (unsigned inverted = 0; inverted < 2; inverted++) {
            uint64_t flags = inverted ? ~(1ull << bit) : 1ull << bit;
            struct pv_frame *f = frame_at(m, PFN_ARGS, 0);
            *f = (struct pv_frame){ .rip = USER_RIP, .rflags = flags, .mode = PV_MODE_KERNEL };
            hypercall(m, PV_IRET, linear(PFN_ARGS), 0, 0);
            ck_assert_uint_eq(m->regs.rflags, (flags & owned) | 0x202);
            m->regs.rax = PV_YIELD;
            m->regs.r11 = flags;
            pv_handle_syscall(&m->d, &m->regs);
            ck_assert_uint_eq(m->regs.rflags, (flags & owned) | 0x202);
        }
}
END_TEST

START_TEST(a_fault_in_user_mode_is_an_upcall_on_the_registered_stack)
{
    struct machine *m = machine_in_user_mode();
    go_to(m, PV_MODE_USER);
    unsigned loads = m->root_loads;
    m->regs.rdi = 5;
    pv_handle_trap(&m->d, &m->regs, VEC_PF, PF_ERR_USER | PF_ERR_WRITE, 0xabc123);
    gva_t frame = linear(PFN_STACK + 1) - sizeof(struct pv_frame);
    ck_assert_uint_eq(m->regs.rip, HANDLER(VEC_PF));
    ck_assert_uint_eq(m->regs.rdi, frame);
    ck_assert_uint_eq(m->regs.rsp, frame - 8);
    ck_assert_uint_eq(m->regs.rsp % 16, 8);
    ck_assert_uint_eq(m->regs.rflags, RFLAGS_IF | RFLAGS_FIXED);
    ck_assert_uint_eq(m->root_loads, loads + 1);
    ck_assert_uint_eq(m->root, p2m(PFN_L4).n);
    const struct pv_frame *f = frame_at(m, PFN_STACK, PAGE_SIZE - sizeof(*f));
    ck_assert_uint_eq(f->rip, USER_RIP);
    ck_assert_uint_eq(f->rdi, 5);
    ck_assert_uint_eq(f->r15, 15);
    ck_assert_uint_eq(f->mode, PV_MODE_USER);
    ck_assert_uint_eq(f->vector, VEC_PF);
    ck_assert_uint_eq(f->error_code, PF_ERR_USER | PF_ERR_WRITE);
    ck_assert_uint_eq(shared(m)->fault_address, 0xabc123);
    ck_assert_uint_eq(shared(m)->fault_error, PF_ERR_USER | PF_ERR_WRITE);
    ck_assert_uint_eq(shared(m)->event_mask, ~0u);
    ck_assert_uint_eq(shared(m)->clock_ns, 123456789);
    ck_assert_uint_eq(m->progress[PV_FAULT_INFO_WRITTEN], 1);
    ck_assert_uint_eq(m->progress[PV_UPCALL_MADE], 1);
}
END_TEST

START_TEST(a_fault_in_kernel_mode_stays_on_its_stack_below_the_red_zone)
{
    struct machine *m = machine_in_user_mode();
    for (uint64_t offset = 1000; offset < 1032; offset++) {
        m->regs.rsp = linear(PFN_STACK + 2) + offset;
        pv_handle_trap(&m->d, &m->regs, VEC_GP, 0x18, 0);
        gva_t frame = ((linear(PFN_STACK + 2) + offset - 128) & ~15ull) - sizeof(struct pv_frame);
        ck_assert_uint_eq(m->regs.rdi, frame);
        ck_assert_uint_eq(m->regs.rsp, frame - 8);
        const struct pv_frame *f = frame_at(m, PFN_STACK + 2, page_offset(frame));
        ck_assert_uint_eq(f->mode, PV_MODE_KERNEL);
        ck_assert_uint_eq(f->rsp, linear(PFN_STACK + 2) + offset);
        ck_assert_uint_eq(f->error_code, 0x18);
    }
    ck_assert_uint_eq(shared(m)->fault_address, 0);
}
END_TEST

START_TEST(a_system_call_is_an_upcall_with_the_return_address)
{
    struct machine *m = machine_in_user_mode();
    go_to(m, PV_MODE_USER);
    m->regs.rax = PV_SHUTDOWN; /* no hypercall in user mode */
    m->regs.rcx = USER_RIP + 2;
    m->regs.r11 = RFLAGS_CF | RFLAGS_FIXED;
    pv_handle_syscall(&m->d, &m->regs);
    const struct pv_frame *f = frame_at(m, PFN_STACK, PAGE_SIZE - sizeof(*f));
    ck_assert_uint_eq(m->regs.rip, HANDLER(PV_TRAP_SYSTEM_CALL));
    ck_assert_uint_eq(f->vector, PV_TRAP_SYSTEM_CALL);
    ck_assert_uint_eq(f->rip, USER_RIP + 2);
    ck_assert_uint_eq(f->rflags, RFLAGS_CF | RFLAGS_FIXED | RFLAGS_IF);
    ck_assert_uint_eq(f->rax, PV_SHUTDOWN);
    ck_assert_uint_eq(m->nr_shutdowns, 0);
}
END_TEST

START_TEST(what_an_upcall_saved_iret_restores)
{
    struct machine *m = machine_in_user_mode();
    go_to(m, PV_MODE_USER);
    uint64_t *r = (uint64_t *)&m->regs;
    for (unsigned i = 0; i < 17; i++)
        r[i] = 0x1111111111ull * (i + 1);
    struct cpu_regs before = m->regs;
    pv_handle_trap(&m->d, &m->regs, VEC_UD, 0, 0);
    hypercall(m, PV_IRET, m->regs.rdi, 0, 0);
    ck_assert_mem_eq(&m->regs, &before, sizeof(before));
}
END_TEST

START_TEST(every_exception_without_a_handler_ends_the_domain_by_its_number)
{
    struct machine *m = machine_new();
    char reason[64];
    snprintf(reason, sizeof(reason), "no handler for exception %d", _i);
    pv_handle_trap(&m->d, &m->regs, (unsigned)_i, 0, 0);
    ck_assert_str_eq(m->crash, reason);
    pv_handle_trap(&m->d, &m->regs, VEC_PF, 0, 0);
    pv_handle_syscall(&m->d, &m->regs);
    pv_deliver_event(&m->d, &m->regs);
    ck_assert_uint_eq(m->nr_crashes, 1);
    ck_assert_uint_eq(m->root_loads, 1);
}
END_TEST

START_TEST(what_a_guest_cannot_survive_has_a_name)
{
    struct machine *m = machine_in_user_mode();
    pv_handle_trap(&m->d, &m->regs, 32, 0, 0);
    ck_assert_str_eq(m->crash, "unknown exception");

    const gva_t bad_stacks[] = {
        0, 8, linear(0), linear(PFN_LAST_MAPPED + 1) + 100, linear(PFN_L1 + 1), ~0ull
    };
    for (unsigned i = 0; i < sizeof(bad_stacks) / sizeof(bad_stacks[0]); i++) {
        m = machine_in_user_mode();
        ck_assert_int_eq(hypercall(m, PV_SET_STACK, bad_stacks[i], 0, 0), 0);
        go_to(m, PV_MODE_USER);
        pv_handle_trap(&m->d, &m->regs, VEC_PF, 0, 0);
        ck_assert_str_eq(m->crash, "no stack for an upcall");
        m = machine_in_user_mode();
        m->regs.rsp = bad_stacks[i] + 128;
        pv_handle_trap(&m->d, &m->regs, VEC_PF, 0, 0);
        ck_assert_str_eq(m->crash, "no stack for an upcall");
    }

    m = machine_in_user_mode();
    go_to(m, PV_MODE_USER);
    m->d.traps[PV_TRAP_SYSTEM_CALL] = 0;
    pv_handle_syscall(&m->d, &m->regs);
    ck_assert_str_eq(m->crash, "no handler for a system call");

    m = machine_in_user_mode();
    go_to(m, PV_MODE_USER);
    m->d.traps[PV_TRAP_EVENT] = 0;
    pv_raise_event(&m->d, PV_EVENT_TIMER);
    pv_deliver_event(&m->d, &m->regs);
    ck_assert_str_eq(m->crash, "no handler for an event");

    m = machine_in_user_mode();
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, PV_NO_ROOT, 0), 0);
    go_to(m, PV_MODE_USER);
    ck_assert_str_eq(m->crash, "return to user mode without a user root");

    const gva_t bad_rips[] = { 1ull << 47, 0xffff7fffffffffffull, 0x8000000000000000ull };
    for (unsigned i = 0; i < 3; i++)
        for (uint64_t mode = 0; mode < 2; mode++) {
            m = machine_in_user_mode();
            *frame_at(m, PFN_ARGS, 0) = (struct pv_frame){ .rip = bad_rips[i], .mode = mode };
            hypercall(m, PV_IRET, linear(PFN_ARGS), 0, 0);
            ck_assert_str_eq(m->crash, "return to a non-canonical address");
        }
    m = machine_in_user_mode();
    m->regs = (struct cpu_regs){ .rax = PV_YIELD, .rcx = 1ull << 47 };
    pv_handle_syscall(&m->d, &m->regs);
    ck_assert_str_eq(m->crash, "return to a non-canonical address");
}
END_TEST

START_TEST(a_malformed_iret_is_refused)
{
    struct machine *m = machine_in_user_mode();
    for (uint64_t mode = 2; mode; mode <<= 1) {
        *frame_at(m, PFN_ARGS, 0) = (struct pv_frame){ .rip = USER_RIP, .mode = mode };
        ck_assert_int_eq(hypercall(m, PV_IRET, linear(PFN_ARGS), 0, 0), -PV_EINVAL);
    }
    gva_t last = linear(PFN_LAST_MAPPED + 1) - sizeof(struct pv_frame);
    ck_assert_int_eq(hypercall(m, PV_IRET, last + 1, 0, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_IRET, ~0ull - 7, 0, 0), -PV_EFAULT);
    ck_assert_uint_eq(m->regs.rip, 0x1000);
    ck_assert_int_eq(m->d.mode, PV_MODE_KERNEL);
    ck_assert_ptr_null(m->crash);
}
END_TEST

START_TEST(refused_handlers_and_stacks_change_nothing)
{
    struct machine *m = machine_in_user_mode();
    struct pv_trap *traps = (void *)m->memory[p2m(PFN_ARGS).n];
    const struct pv_trap bad[] = {
        { 32, 0 },    { 0x7f, 0 },       { 0x82, 0 },
        { ~0ull, 0 }, { 3, 1ull << 47 }, { PV_TRAP_EVENT, 0x7fffffffffffffffull }
    };
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        traps[0] = (struct pv_trap){ VEC_PF, 0x5000 };
        traps[1] = bad[i];
        ck_assert_int_eq(hypercall(m, PV_SET_TRAPS, linear(PFN_ARGS), 2, 0), -PV_EINVAL);
        ck_assert_uint_eq(m->d.traps[VEC_PF], HANDLER(VEC_PF));
    }
    ck_assert_int_eq(hypercall(m, PV_SET_TRAPS, linear(PFN_ARGS), PV_NR_TRAPS + 1, 0), -PV_E2BIG);
    ck_assert_int_eq(hypercall(m, PV_SET_TRAPS, linear(PFN_ARGS), ~0ull, 0), -PV_E2BIG);
    ck_assert_int_eq(hypercall(m, PV_SET_TRAPS, linear(PFN_FREE) - 16, 2, 0), -PV_EFAULT);
    ck_assert_int_eq(hypercall(m, PV_SET_STACK, 1ull << 63, 0, 0), -PV_EINVAL);
    ck_assert_uint_eq(m->d.kernel_stack, linear(PFN_STACK + 1));
}
END_TEST

START_TEST(a_pending_event_is_delivered_on_the_way_to_user_mode_only)
{
    struct machine *m = machine_in_user_mode();
    unsigned loads = m->root_loads;
    shared(m)->clock_ns = 0;
    pv_raise_event(&m->d, PV_EVENT_TIMER);
    ck_assert_uint_eq(shared(m)->event_pending, PV_EVENT_TIMER);
    ck_assert_uint_eq(shared(m)->clock_ns, 123456789); /* for a guest that blocked, which gets no upcall */
    pv_deliver_event(&m->d, &m->regs);
    go_to(m, PV_MODE_KERNEL);
    ck_assert_uint_eq(m->regs.rip, USER_RIP);
    go_to(m, PV_MODE_USER);
    const struct pv_frame *f = frame_at(m, PFN_STACK, PAGE_SIZE - sizeof(*f));
    ck_assert_uint_eq(m->regs.rip, HANDLER(PV_TRAP_EVENT));
    ck_assert_uint_eq(f->vector, PV_TRAP_EVENT);
    ck_assert_uint_eq(m->last_return.rip, USER_RIP);
    ck_assert_uint_eq(f->rip, USER_RIP);
    ck_assert_uint_eq(f->rax, 77);
    ck_assert_uint_eq(f->mode, PV_MODE_USER);
    ck_assert_int_eq(m->d.mode, PV_MODE_KERNEL);
    ck_assert_uint_eq(m->root_loads, loads); /* it never left the kernel root */
    ck_assert_uint_eq(shared(m)->event_mask, ~0u);
}
END_TEST

START_TEST(an_event_interrupts_user_mode_unless_it_is_masked)
{
    struct machine *m = machine_in_user_mode();
    go_to(m, PV_MODE_USER);
    pv_deliver_event(&m->d, &m->regs);
    ck_assert_uint_eq(m->regs.rip, USER_RIP);
    shared(m)->event_mask = PV_EVENT_TIMER;
    pv_raise_event(&m->d, PV_EVENT_TIMER);
    pv_deliver_event(&m->d, &m->regs);
    ck_assert_uint_eq(m->regs.rip, USER_RIP);
    shared(m)->event_mask = ~PV_EVENT_TIMER;
    pv_deliver_event(&m->d, &m->regs);
    ck_assert_uint_eq(m->regs.rip, HANDLER(PV_TRAP_EVENT));
    ck_assert_uint_eq(m->root, p2m(PFN_L4).n);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_upcall");
    TCase *c = tcase_create("upcall");
    tcase_add_test(c, iret_loads_the_frame_and_the_root_of_its_mode);
    tcase_add_test(c, no_flag_reaches_the_cpu_that_is_not_the_guests);
    tcase_add_test(c, a_fault_in_user_mode_is_an_upcall_on_the_registered_stack);
    tcase_add_test(c, a_fault_in_kernel_mode_stays_on_its_stack_below_the_red_zone);
    tcase_add_test(c, a_system_call_is_an_upcall_with_the_return_address);
    tcase_add_test(c, what_an_upcall_saved_iret_restores);
    tcase_add_loop_test(c, every_exception_without_a_handler_ends_the_domain_by_its_number, 0, NR_EXCEPTIONS);
    tcase_add_test(c, what_a_guest_cannot_survive_has_a_name);
    tcase_add_test(c, a_malformed_iret_is_refused);
    tcase_add_test(c, refused_handlers_and_stacks_change_nothing);
    tcase_add_test(c, a_pending_event_is_delivered_on_the_way_to_user_mode_only);
    tcase_add_test(c, an_event_interrupts_user_mode_unless_it_is_masked);
    suite_add_tcase(s, c);
    return run_suite(s);
}
