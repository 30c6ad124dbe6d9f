/* What an access should do, from the manual: Intel SDM vol. 3, 4.5 (translation), 4.6 (access rights), 4.7
 * (error codes). */
#include "torture.h"

#define CPUID_EXTENDED 0x80000001
#define EDX_GIANT      (1u << 26)
#define CPUID_SIZES    0x80000008

bool has_giant;
static uint64_t beyond_maxphyaddr;

void model_init(void)
{
    unsigned bits = cpuid_read(CPUID_SIZES).eax & 0xff;

    has_giant = cpuid_read(CPUID_EXTENDED).edx & EDX_GIANT;
    beyond_maxphyaddr = bits < 52 ? PTE_FRAME_MASK & ~((1ull << bits) - 1) : 0;
}

static bool is_leaf(uint64_t e, int level)
{
    return level == 1 || (level < 4 && (e & PTE_LARGE));
}

static bool has_reserved_bits(uint64_t e, int level)
{
    if ((e & beyond_maxphyaddr) || (!nxe_is_on && (e & PTE_NX)))
        return true;
    if (level == 4)
        return e & PTE_LARGE;
    if (level == 3 && (e & PTE_LARGE))
        return !has_giant || (e & (GIANT_BYTES - 1) & ~0x1fffull);
    return level == 2 && (e & PTE_LARGE) && (e & (LARGE_BYTES - 1) & ~0x1fffull);
}

/* With w all entries on the way have W; with u, U; with x, none has NX. */
static bool is_allowed(bool w, bool u, bool x, uint32_t access)
{
    bool by_user = access & PF_ERR_USER;

    if (by_user && !u)
        return false;
    if ((access & PF_ERR_WRITE) && !w && (by_user || wp_is_on))
        return false;
    return x || !(access & PF_ERR_FETCH);
}

struct walk walk_tables(gpa_t root_gpa, gva_t a, uint32_t access)
{
    struct walk k = { .error = nxe_is_on ? access : access & ~PF_ERR_FETCH };
    bool w = true, u = true, x = true;
    gpa_t table = root_gpa;

    for (int level = 4;; level--) {
        uint64_t e, span = 1ull << (3 + 9 * level);

        k.leaf = level;
        k.entry_at[level] = table + (a / span % 512) * 8;
        e = *(volatile uint64_t *)phys(k.entry_at[level]);
        if (!(e & PTE_PRESENT))
            return k;
        k.error |= PF_ERR_PRESENT;
        if (has_reserved_bits(e, level)) {
            k.error |= PF_ERR_RESERVED;
            return k;
        }
        w &= (e & PTE_WRITE) != 0;
        u &= (e & PTE_USER) != 0;
        x &= !nxe_is_on || !(e & PTE_NX);
        table = e & PTE_FRAME_MASK;
        if (is_leaf(e, level)) {
            k.works = is_allowed(w, u, x, access);
            k.to = (table & ~(span - 1)) | (a & (span - 1));
            return k;
        }
        k.error &= ~PF_ERR_PRESENT;
    }
}
