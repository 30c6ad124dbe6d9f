/* Registers, and the tables that they lead to. */
#include "hostile.h"
#include "native_layout.h"

struct pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

static uint64_t write_cr(uint64_t number, uint64_t value)
{
    if (number == 0)
        __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
    else if (number == 2)
        __asm__ volatile("mov %0, %%cr2" : : "r"(value) : "memory");
    else if (number == 4)
        __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
    else
        __asm__ volatile("mov %0, %%cr8" : : "r"(value) : "memory");
    return 0;
}

/* What is refused is refused; what is taken is put right again, so that the run goes on. */
void write_control_register(void)
{
    static const uint64_t numbers[] = { 0, 2, 4, 8 };
    static const uint64_t usual0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
    static const uint64_t usual4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    uint64_t number = numbers[any(4)], value = some_number();

    if (number == 0)
        value = once_in(2) ? usual0 ^ 1ull << any(64) : usual0 & ~CR0_WP;
    if (number == 4)
        value = usual4 ^ 1ull << any(64);
    if (number == 0 && is_tame)
        value &= ~(CR0_TS | CR0_EM);
    attempt(write_cr, number, value);
    cr0_write(usual0);
    cr4_write(usual4);
}

static uint64_t write_any_msr(uint64_t msr, uint64_t value)
{
    msr_write((uint32_t)msr, value);
    return msr_read((uint32_t)msr);
}

void write_msr(void)
{
    static const uint32_t msrs[] = { MSR_STAR,    MSR_LSTAR,   0xc0000083,         MSR_SFMASK,
                                     MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, 0x10,
                                     0x1b,        0x277,       0xc0000103,         0x174,
                                     0x4b564d00 };

    if (once_in(4))
        attempt(write_any_msr, random_next(&dice) & 0xffffffff, some_number());
    else
        attempt(write_any_msr, msrs[any(sizeof(msrs) / sizeof(msrs[0]))], some_number());
    if (once_in(4))
        attempt(write_any_msr, MSR_EFER, (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE) ^ 1ull << any(64));
    attempt(write_any_msr, MSR_EFER, EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
}

/* Traps push into a live table, for some time. */
void move_trap_stack(void)
{
    gpa_t table = POOL_START + (NR_ROOTS + any(POOL_FRAMES - NR_ROOTS)) * PAGE_SIZE;

    if (once_in(2))
        tss.ist[0] = (uint64_t)phys(table) + PAGE_SIZE - any(16) * 8;
    else
        tss.ist[0] = (uint64_t)trap_stack + TRAP_STACK_BYTES;
    access_memory();
    if (is_tame)
        tss.ist[0] = (uint64_t)trap_stack + TRAP_STACK_BYTES;
}

/* A gate that is not needed; or, if not tame, any. */
void spoil_gate(void)
{
    struct x86_gate *gate = &idt[is_tame ? 20 + any(10) : any(NR_VECTORS)];

    ((uint64_t *)gate)[any(2)] = some_number();
}

static uint64_t do_syscall(uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    __asm__ volatile("syscall" : : : "rax", "rcx", "r11", "memory");
    return 0;
}

static uint64_t do_int(uint64_t a, uint64_t b)
{
    (void)a;
    (void)b;
    __asm__ volatile("int $25");
    return 0;
}

static uint64_t do_sysret(uint64_t a, uint64_t b)
{
    (void)b;
    __asm__ volatile("sysretq" : : "c"(a), "r"(0ull) : "r11", "memory");
    return 0;
}

/* LSTAR may be anything by now. From there, only a fault leads back. */
void call_system(void)
{
    switch (any(3)) {
    case 0:
        if (!is_tame)
            attempt(do_syscall, 0, 0);
        break;
    case 1:
        attempt(do_int, 0, 0);
        break;
    default:
        attempt(do_sysret, some_address(), 0);
    }
}

/* The ends: what a trap needs is not there any more, or is somewhere else; then there is one. */

static void load_idt(uint64_t base, uint16_t limit)
{
    struct pointer p = { limit, base };

    __asm__ volatile("lidt %0" : : "m"(p) : "memory");
    access_memory();
    __asm__ volatile("ud2");
}

void lose_idt(void)
{
    load_idt(once_in(2) ? some_address() : (uint64_t)phys(pool_frame()),
             once_in(2) ? 0xfff : (uint16_t)any(512));
}

void lose_gdt(void)
{
    struct pointer p = { (uint16_t)any(0x40), once_in(2) ? some_address() : (uint64_t)phys(pool_frame()) };

    __asm__ volatile("lgdt %0" : : "m"(p) : "memory");
    __asm__ volatile("ud2");
}

void lose_tss(void)
{
    for (unsigned i = 0; i < 200; i++) {
        tss.rsp[0] = some_number();
        tss.ist[0] = once_in(2) ? some_number() : (uint64_t)phys(pool_frame()) + any(PAGE_SIZE);
        access_memory();
        access_by_user();
    }
    __asm__ volatile("ud2");
}

void lose_trap_stack(void)
{
    gpa_t frame = gpa_of(trap_stack);

    for (unsigned i = 0; i < 50; i++) { /* it becomes a table, with the traps on it */
        ((volatile uint64_t *)phys(root))[3] = frame | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
        ((volatile uint64_t *)phys(frame))[any(256)] = some_entry();
        attempt(access_write, 3ull << 39 | any(256) << 30, some_entry());
    }
    *(volatile uint64_t *)(boot_root + KERNEL_SLOT) = 0;
    access_memory();
}

void lose_root(void)
{
    cr3_write(once_in(2) ? some_frame() : some_number());
}

void lose_own_mapping(void)
{
    ((volatile uint64_t *)phys(root))[KERNEL_SLOT] = some_entry();
    tlb_flush_page((gva_t)lose_own_mapping);
    cr3_write(root);
}

void use_reserved_slot(void)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        ((volatile uint64_t *)phys(pool_frame()))[i] = pool_frame() | PTE_PRESENT | PTE_WRITE | PTE_USER;
    ((volatile uint64_t *)phys(root))[510] = pool_frame() | PTE_PRESENT | PTE_WRITE | PTE_USER;
    attempt(access_read, 510ull << 39 | 0xffff000000000000, 0);
    attempt(access_write, (510ull << 39 | 0xffff000000000000) + any(1ull << 39), some_entry());
    attempt(access_fetch, 510ull << 39 | 0xffff000000000000, 0);
}
