/* Steps that make no sense. */
#include "hostile_pv.h"

static uint64_t some_op(void)
{
    uint64_t op = once_in(16) ? some_number() : any(NR_PV_HYPERCALLS + 1);

    return op == PV_SHUTDOWN || op == PV_BLOCK || op == PV_CONSOLE_WRITE || op == PV_IRET ? PV_FLUSH : op;
}

static uint64_t some_argument(void)
{
    return once_in(2) ? some_mfn() : once_in(2) ? some_number() : any(8);
}

/* Traps, stacks and roots of some_op would be the end: seldom. */
void call_anything(void)
{
    uint64_t op = some_op();

    if ((op == PV_SET_TRAPS || op == PV_SET_STACK || op == PV_SET_ROOTS) && !once_in(64))
        return;
    if (op == PV_UPDATE_VA && !once_in(16))
        hypercall(op, (uint64_t)frame_at(pool_frame()), some_entry());
    else
        hypercall4(op, some_argument(), some_argument(), some_argument(), some_argument());
}

void call_many(void)
{
    uint64_t n = once_in(16) ? any(PV_MAX_CALLS + 2) : 1 + any(6);

    for (uint64_t i = 0; i < n && i <= PV_MAX_CALLS; i++) {
        uint64_t op = some_op();

        if (op == PV_SET_TRAPS || op == PV_SET_STACK || op == PV_SET_ROOTS)
            op = PV_PIN;
        calls[i].op = op;
        for (unsigned k = 0; k < 4; k++)
            calls[i].args[k] = some_argument();
        if (op == PV_UPDATE_VA)
            calls[i].args[0] = (uint64_t)frame_at(pool_frame());
    }
    hypercall(PV_MULTICALL, once_in(16) ? some_number() : (uint64_t)calls, once_in(16) ? some_number() : n);
}

static uint64_t go_to_user(uint64_t frame, uint64_t b)
{
    (void)b;
    return (uint64_t)hypercall(PV_IRET, frame, 0);
}

void enter_user(void)
{
    static struct pv_frame frame;

    if (!has_user_root)
        return;
    frame = (struct pv_frame){
        .rip = any(8) << 12, .rsp = some_number(), .rflags = next(), .mode = PV_MODE_USER
    };
    frame.rip = once_in(4) ? some_number() & ~(1ull << 47) >> 1 : frame.rip;
    if (!gva_is_canonical(frame.rip))
        frame.rip = 0;
    attempt(go_to_user, (uint64_t)&frame, 0);
}

void store_somewhere(void)
{
    attempt(once_in(2) ? read_word : write_word, (uint64_t)frame_at(pool_frame()) + any(PAGE_SIZE - 8),
            some_entry());
    if (once_in(16))
        attempt(write_word, some_number(), next());
}

void drive_disk(void)
{
    static struct pv_disk_queue queue;
    uint64_t ring = pool_frame() * PAGE_SIZE;

    queue = (struct pv_disk_queue){ .size = 1ull << any(10),
                                    .desc = ring,
                                    .avail = ring + 2048,
                                    .used = once_in(2) ? ring + 3072 : pool_frame() * PAGE_SIZE };
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t flags = (i < 2) | (i > 0 ? 2 : 0);

        store_word(PV_LINEAR_BASE + ring + i * 16, once_in(8) ? some_number() : pool_frame() * PAGE_SIZE);
        store_word(PV_LINEAR_BASE + ring + i * 16 + 8, (i == 0   ? 16
                                                        : i == 2 ? 1
                                                                 : (1 + any(8)) * 512) |
                                                           flags << 32 | (i + 1) << 48);
    }
    store_word(PV_LINEAR_BASE + ring + 2048, (1 + any(3)) << 16);
    hypercall(PV_DISK_SETUP, once_in(8) ? some_number() : 0, once_in(8) ? some_number() : (uint64_t)&queue);
    hypercall(PV_DISK_NOTIFY, once_in(8) ? some_number() : 1, 0);
}

void say_something(void)
{
    hypercall4(PV_CONSOLE_WRITE, any(5), some_number(), once_in(2) ? any(4) : some_number() | 1ull << 17, 0);
}
