/* Requests that are kept back, and sent together.
 *
 *   1. the filter     which entries have a store waiting, roughly
 *   2. adding         stores of entries in a row become one mmu_update
 *   3. sending        one multicall; flushes at its end, or behind them a last request
 *
 * Flushes may wait for the end, since nothing runs between that would use a stale translation: the kernel
 * goes on only when all is done, and reaches programs' pages by the linear map alone. */
#include "kernel.h"
#include "pv_hypercall.h"
#include "pv_platform.h"

#define MAX_FLUSHES  8                                /* beyond that, the whole TLB */
#define MAX_REQUESTS (PV_MAX_CALLS - MAX_FLUSHES - 1) /* what remains for them, and for the last request */

static struct pv_call calls[PV_MAX_CALLS];
static unsigned nr_calls;
static struct pv_update updates[PV_MAX_UPDATES];
static unsigned nr_updates;
static uint64_t flushes[MAX_FLUSHES];
static unsigned nr_flushes;

/* 1. A bit for each store, by its address: a clear one says that there is none, and saves the search. */
static uint64_t filter[8];

static unsigned filter_bit(maddr_t at)
{
    return (unsigned)((at / sizeof(uint64_t) * 0x9e3779b97f4a7c15ull) >> 55); /* the best mixed of 512 */
}

static void filter_add(maddr_t at)
{
    filter[filter_bit(at) / 64] |= 1ull << filter_bit(at) % 64;
}

static bool filter_may_have(maddr_t at)
{
    return filter[filter_bit(at) / 64] >> filter_bit(at) % 64 & 1;
}

bool pv_batch_find(maddr_t at, uint64_t *entry)
{
    if (nr_updates == 0 || !filter_may_have(at))
        return false;
    for (unsigned i = nr_updates; i-- > 0;) {
        if (updates[i].at == at) {
            *entry = updates[i].entry;
            return true;
        }
    }
    return false;
}

/* 2. */

static void add_call(enum pv_hypercall op, uint64_t a0, uint64_t a1, uint64_t a2)
{
    calls[nr_calls++] = (struct pv_call){ .op = op, .args = { a0, a1, a2 } };
}

void pv_batch_call(enum pv_hypercall op, uint64_t a0, uint64_t a1, uint64_t a2)
{
    if (nr_calls == MAX_REQUESTS)
        pv_batch_commit();
    add_call(op, a0, a1, a2);
}

static bool last_call_is_update(void)
{
    return nr_calls > 0 && calls[nr_calls - 1].op == PV_MMU_UPDATE;
}

void pv_batch_update(maddr_t at, uint64_t entry)
{
    bool has_room = nr_updates < PV_MAX_UPDATES && (last_call_is_update() || nr_calls < MAX_REQUESTS);

    if (!has_room)
        pv_batch_commit();
    if (!last_call_is_update())
        add_call(PV_MMU_UPDATE, (uintptr_t)&updates[nr_updates], 0, 0);
    updates[nr_updates++] = (struct pv_update){ at, entry };
    calls[nr_calls - 1].args[1]++;
    filter_add(at);
}

void pv_batch_flush(gva_t address)
{
    if (nr_flushes == 1 && flushes[0] == PV_FLUSH_ALL)
        return;
    if (address == PV_FLUSH_ALL || nr_flushes == MAX_FLUSHES) {
        flushes[0] = PV_FLUSH_ALL;
        nr_flushes = 1;
    } else {
        flushes[nr_flushes++] = address;
    }
}

bool pv_batch_is_empty(void)
{
    return nr_calls == 0 && nr_flushes == 0;
}

/* 3. */

static void forget_all(void)
{
    nr_calls = nr_updates = nr_flushes = 0;
    memset(filter, 0, sizeof(filter));
}

static _Noreturn void refused(int64_t done, unsigned sent)
{
    struct pv_call c = calls[done >= 0 ? done : 0]; /* a copy: the messages are calls, too */
    const struct pv_update *first = (const struct pv_update *)c.args[0];

    if (done < 0)
        panic("a multicall of %u calls failed: error %ld", sent, -done);
    if (c.op == PV_MMU_UPDATE)
        kprintf("%lu updates, the first: entry 0x%lx at 0x%lx\n", c.args[1], first->entry, first->at);
    panic("call %ld of %u, hypercall %lu(0x%lx, 0x%lx), failed: error %ld", done, sent, c.op, c.args[0],
          c.args[1], -c.result);
}

/* What is sent is forgotten first: a return does not come back, and a panic sends its own message. */
static void send_calls(void)
{
    unsigned n = nr_calls;
    int64_t done;

    forget_all();
    done = pv_hypercall(PV_MULTICALL, (uintptr_t)calls, n);
    if (done != n)
        refused(done, n);
}

static void add_flushes(void)
{
    for (unsigned i = 0; i < nr_flushes; i++)
        add_call(PV_FLUSH, flushes[i], 0, 0);
}

void pv_batch_commit(void)
{
    if (pv_batch_is_empty())
        return;
    add_flushes();
    send_calls();
}

void pv_batch_send(enum pv_hypercall op, uint64_t a0, uint64_t a1)
{
    add_flushes();
    add_call(op, a0, a1, 0);
    send_calls();
}
