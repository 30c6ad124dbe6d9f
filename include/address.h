/* The kinds of addresses and frame numbers, so that they cannot be mixed up.
 *
 * The VM that KVM gives us is the machine; what runs in it is a domain.
 *   gva, vpn     guest virtual address, its page number
 *   gpa, pfn     address and frame in a domain's own numbering, from zero
 *   maddr, mfn   address and frame in machine memory (KVM's headers say guest-physical)
 *   hva          a plain pointer inside the VMM process
 * Frame numbers are one-field structs: passing one for another does not compile. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ull
#define PAGE_MASK  (PAGE_SIZE - 1)

typedef uint64_t gva_t;
typedef uint64_t gpa_t;
typedef uint64_t maddr_t;

typedef struct {
    uint64_t n;
} vpn_t;
typedef struct {
    uint64_t n;
} pfn_t;
typedef struct {
    uint64_t n;
} mfn_t;

/* What a lookup answers when there is no such frame. */
#define NO_FRAME (~0ull)

static inline vpn_t vpn(uint64_t n)
{
    return (vpn_t){ n };
}

static inline pfn_t pfn(uint64_t n)
{
    return (pfn_t){ n };
}

static inline mfn_t mfn(uint64_t n)
{
    return (mfn_t){ n };
}

static inline vpn_t gva_to_vpn(gva_t a)
{
    return vpn(a >> PAGE_SHIFT);
}

static inline pfn_t gpa_to_pfn(gpa_t a)
{
    return pfn(a >> PAGE_SHIFT);
}

static inline mfn_t maddr_to_mfn(maddr_t a)
{
    return mfn(a >> PAGE_SHIFT);
}

static inline gpa_t pfn_to_gpa(pfn_t f)
{
    return f.n << PAGE_SHIFT;
}

static inline maddr_t mfn_to_maddr(mfn_t f)
{
    return f.n << PAGE_SHIFT;
}

static inline bool pfn_is_valid(pfn_t f)
{
    return f.n != NO_FRAME;
}

static inline bool mfn_is_valid(mfn_t f)
{
    return f.n != NO_FRAME;
}

static inline uint64_t page_offset(uint64_t address)
{
    return address & PAGE_MASK;
}

static inline uint64_t page_round_up(uint64_t bytes)
{
    return (bytes + PAGE_MASK) & ~PAGE_MASK;
}
