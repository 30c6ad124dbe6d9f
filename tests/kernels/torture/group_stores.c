/* A table is mapped as data, and its entries are stored in every way in which a CPU can store. After each
 * store the address that the entry maps is looked at. */
#include "torture.h"

#define A     gva_at(8, 0, 0, 0) /* mapped by entry 0 of the table, the next page by entry 1, ... */
#define TABLE gva_at(9, 0, 0, 0) /* the table as data */

static gpa_t one, other;

/* Each gets the address of the entry (in TABLE), and what should be in it afterwards. */
typedef void store_fn(volatile uint64_t *entry, uint64_t value);

static void by_mov(volatile uint64_t *entry, uint64_t value)
{
    *entry = value;
}

static void by_bytes(volatile uint64_t *entry, uint64_t value)
{
    for (unsigned i = 8; i-- > 0;)
        ((volatile uint8_t *)entry)[i] = (uint8_t)(value >> 8 * i);
}

static void by_words(volatile uint64_t *entry, uint64_t value)
{
    for (unsigned i = 4; i-- > 0;)
        ((volatile uint16_t *)entry)[i] = (uint16_t)(value >> 16 * i);
}

static void by_halves(volatile uint64_t *entry, uint64_t value)
{
    ((volatile uint32_t *)entry)[1] = (uint32_t)(value >> 32);
    ((volatile uint32_t *)entry)[0] = (uint32_t)value;
}

static void by_xchg(volatile uint64_t *entry, uint64_t value)
{
    uint64_t old = *entry, got = value;

    __asm__ volatile("xchg %0, %1" : "+r"(got), "+m"(*entry) : : "memory");
    check(got == old, "XCHG gives 0x%lx, not 0x%lx", got, old);
}

static void by_cmpxchg(volatile uint64_t *entry, uint64_t value)
{
    uint64_t old = *entry, got = ~old;

    __asm__ volatile("lock cmpxchg %2, %1" : "+a"(got), "+m"(*entry) : "r"(value) : "memory", "cc");
    check(got == old, "CMPXCHG that finds another value gives 0x%lx, not 0x%lx", got, old);
    __asm__ volatile("lock cmpxchg %2, %1" : "+a"(got), "+m"(*entry) : "r"(value) : "memory", "cc");
}

static void by_logic(volatile uint64_t *entry, uint64_t value)
{
    __asm__ volatile("lock andq %1, %0" : "+m"(*entry) : "r"(value) : "memory", "cc");
    __asm__ volatile("lock orq %1, %0" : "+m"(*entry) : "r"(value) : "memory", "cc");
}

static void by_add(volatile uint64_t *entry, uint64_t value)
{
    uint64_t difference = value - *entry;

    __asm__ volatile("lock addq %1, %0" : "+m"(*entry) : "r"(difference) : "memory", "cc");
}

static void by_bits(volatile uint64_t *entry, uint64_t value)
{
    for (uint64_t i = 0; i < 64; i++) {
        if (value >> i & 1)
            __asm__ volatile("lock btsq %1, %0" : "+m"(*entry) : "r"(i) : "memory", "cc");
        else
            __asm__ volatile("lock btrq %1, %0" : "+m"(*entry) : "r"(i) : "memory", "cc");
    }
}

static void by_string(volatile uint64_t *entry, uint64_t value)
{
    uint64_t n = 1;
    volatile uint64_t *to = entry;

    __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

static void by_copy(volatile uint64_t *entry, uint64_t value)
{
    uint64_t n = sizeof(value), *from = &value;
    volatile uint64_t *to = entry;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void by_vector(volatile uint64_t *entry, uint64_t value)
{
    uint64_t pair[2] __attribute__((aligned(16))) = { value, entry[1] };

    __asm__ volatile("movdqu %1, %%xmm0; movdqu %%xmm0, %0"
                     : "=m"(*(uint64_t(*)[2])entry)
                     : "m"(pair)
                     : "memory");
}

/* Bytes of the neighbours are stored, too, as they were. */
static void by_straddling(volatile uint64_t *entry, uint64_t value)
{
    uint64_t after = entry[1];

    *(volatile uint64_t *)((volatile char *)entry + 4) = value >> 32 | after << 32;
    *(volatile uint32_t *)entry = (uint32_t)value;
}

static void try_store(store_fn *store, unsigned index)
{
    volatile uint64_t *entry = (volatile uint64_t *)TABLE + index;
    gva_t a = A + index * PAGE_SIZE;

    check_faults(a, 0, 0);
    store(entry, one | ENTRY_DATA);
    check_reads_as(a, data_word(one, 0));
    store(entry, other | ENTRY_DATA);
    flush(a);
    check_reads_as(a, data_word(other, 0));
    store(entry, other | PTE_PRESENT);
    flush(a);
    check_faults(a, PF_ERR_WRITE, PF_ERR_WRITE | PF_ERR_PRESENT);
    store(entry, one | ENTRY_USED | PTE_WRITE);
    flush(a);
    check_write(a, data_word(one, 0));
    store(entry, 0);
    flush(a);
    check_faults(a, 0, 0);
}

/* By one instruction: all of the table, and what is more than one entry. */
static void store_many(void)
{
    uint64_t n = PT_ENTRIES / 2;
    volatile uint64_t *to = (volatile uint64_t *)TABLE;

    __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(one | ENTRY_USED) : "memory");
    for (unsigned i = 0; i < PT_ENTRIES; i += 37)
        check_access(A + i * PAGE_SIZE, 0, 0);
    to = (volatile uint64_t *)TABLE;
    n = PAGE_SIZE;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
    flush_all();
    for (unsigned i = 0; i < PT_ENTRIES; i += 41)
        check_faults(A + i * PAGE_SIZE, 0, 0);
}

/* In user mode, which may do so if it is given the table. */
static void store_by_user(void)
{
    map(TABLE, gpa_of(entry_of(A, 1)) & ~PAGE_MASK, ENTRY_DATA);
    flush_all();
    check_access(TABLE + 8, PF_ERR_USER | PF_ERR_WRITE, other | ENTRY_DATA);
    check_access(A + PAGE_SIZE, PF_ERR_USER, 0);
    check_reads_as(A + PAGE_SIZE, data_word(other, 0));
    check_access(TABLE + 8, PF_ERR_USER | PF_ERR_WRITE, 0);
    flush_all();
    check_faults(A + PAGE_SIZE, PF_ERR_USER, PF_ERR_USER);
}

void group_stores(void)
{
    static store_fn *const stores[] = { by_mov,     by_bytes,  by_words,     by_halves, by_xchg,
                                        by_cmpxchg, by_logic,  by_add,       by_bits,   by_string,
                                        by_copy,    by_vector, by_straddling };

    one = frame_gpa(take_frame());
    other = frame_gpa(take_frame());
    map(A, 0, 0);
    map(TABLE, gpa_of(entry_of(A, 1)) & ~PAGE_MASK, PTE_PRESENT | PTE_WRITE);
    for (unsigned i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
        try_store(stores[i], i * 2 + 1);
    store_many();
    store_by_user();
}
