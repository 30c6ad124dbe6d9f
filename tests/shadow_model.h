/* A CPU that walks the guest's own tables: the independent model that the shadow MMU is compared with.
 * Written from the manual's lists (Intel SDM vol. 3, 4.5.4, 4.6.1, 4.7, 4.8), and on purpose in another
 * manner than shadow/walk.c: bit numbers and tables of the manual, one question at a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#define MODEL_READ  0
#define MODEL_WRITE 1
#define MODEL_FETCH 2

struct model_cpu {
    uint64_t *ram; /* guest-physical memory from 0 */
    uint64_t ram_bytes;
    uint64_t cr3;
    unsigned maxphyaddr;
    bool wp, nxe;
    bool only_look; /* set no bits */
};

struct model_result {
    bool fault;
    bool sets_bits; /* accessed or dirty bits were (or would be) set */
    uint32_t error;
    uint64_t gpa;
};

static inline bool model_bit(uint64_t v, unsigned n)
{
    return (v >> n) & 1;
}

static inline uint64_t model_bits(uint64_t v, unsigned high, unsigned low)
{
    return (v >> low) & (~0ull >> (63 - (high - low)));
}

/* Tables 4-15 to 4-20: PML4E, PDPTE (1 GiB page), PDPTE (table), PDE (2 MiB page), PDE (table), PTE. */
static inline bool model_reserved(const struct model_cpu *c, uint64_t e, int depth)
{
    if (c->maxphyaddr < 52 && model_bits(e, 51, c->maxphyaddr))
        return true;
    if (!c->nxe && model_bit(e, 63))
        return true;
    switch (depth) {
    case 0:
        return model_bit(e, 7);
    case 1:
        return model_bit(e, 7) && model_bits(e, 29, 13);
    case 2:
        return model_bit(e, 7) && model_bits(e, 20, 13);
    default:
        return false;
    }
}

/* 4.6.1, the six cases. */
static inline bool model_permits(const struct model_cpu *c, const uint64_t *entries, int n, bool user,
                                 int access)
{
    bool every_us = true, every_rw = true, some_xd = false;

    for (int i = 0; i < n; i++) {
        every_us = every_us && model_bit(entries[i], 2);
        every_rw = every_rw && model_bit(entries[i], 1);
        some_xd = some_xd || model_bit(entries[i], 63);
    }
    if (user) {
        if (access == MODEL_READ)
            return every_us;
        if (access == MODEL_WRITE)
            return every_us && every_rw;
        return every_us && (!c->nxe || !some_xd);
    }
    if (access == MODEL_READ)
        return true;
    if (access == MODEL_WRITE)
        return !c->wp || every_rw;
    return !c->nxe || !some_xd;
}

/* 4.8: accessed in each entry used, dirty in the one that maps the page. */
static inline void model_set_bits(const struct model_cpu *c, uint64_t *e, bool dirty, struct model_result *r)
{
    uint64_t bits = 1ull << 5 | (uint64_t)dirty << 6;

    if (!e || (*e & bits) == bits)
        return;
    r->sets_bits = true;
    if (!c->only_look)
        *e |= bits;
}

/* An access, with all that it does: the fault or the address, accessed and dirty bits. */
static inline struct model_result model_access(struct model_cpu *c, uint64_t gva, bool user, int access)
{
    static const unsigned shift[4] = { 39, 30, 21, 12 };
    struct model_result r = { .error = (access == MODEL_WRITE) << 1 | (uint32_t)user << 2 };
    uint64_t table = model_bits(c->cr3, 51, 12) << 12, entries[4];
    uint64_t *at[4];
    int n = 0;
    bool page = false;

    if (access == MODEL_FETCH && c->nxe)
        r.error |= 1u << 4;
    r.fault = true;
    while (!page) {
        uint64_t where = table + model_bits(gva, shift[n] + 8, shift[n]) * 8;

        at[n] = where < c->ram_bytes ? &c->ram[where / 8] : NULL;
        entries[n] = at[n] ? *at[n] : ~0ull;
        if (!model_bit(entries[n], 0))
            return r;
        if (model_reserved(c, entries[n], n)) {
            r.error |= 1u << 0 | 1u << 3;
            return r;
        }
        table = model_bits(entries[n], 51, 12) << 12;
        page = n == 3 || ((n == 1 || n == 2) && model_bit(entries[n], 7));
        n++;
    }
    if (!model_permits(c, entries, n, user, access)) {
        r.error |= 1u << 0;
        return r;
    }
    for (int i = 0; i < n; i++)
        model_set_bits(c, at[i], access == MODEL_WRITE && i == n - 1, &r);
    r.fault = false;
    r.gpa = (table >> shift[n - 1] << shift[n - 1]) | model_bits(gva, shift[n - 1] - 1, 0);
    return r;
}
