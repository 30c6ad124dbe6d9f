/* The disks' registers, and queues whose rings and buffers lie in tables, in devices, and nowhere. */
#include "hostile.h"

#define PLACE       0xfeb00000ull
#define PLACE_BYTES 0x200
#define AT          (5ull << 39)

#define REG_FEATURES 0x020
#define REG_QUEUE    0x030
#define REG_SIZE     0x038
#define REG_READY    0x044
#define REG_NOTIFY   0x050
#define REG_STATUS   0x070
#define REG_RINGS    0x080

__asm__(".pushsection .text\n"
        "store_word: mov %esi, (%rdi)\n"
        "ret\n"
        ".popsection\n");
extern char store_word[];

static void write_register(unsigned place, unsigned reg, uint64_t value)
{
    attempt(once_in(64) ? access_write : store_word, AT + place * PLACE_BYTES + reg, value);
}

/* Three tables of the pool lead to the registers, whatever they held. */
static void map_registers(void)
{
    gpa_t table = root;

    for (int level = PT_LEVELS; level >= 1; level--) {
        gpa_t next = level == 1 ? PLACE : POOL_START + (unsigned)(POOL_FRAMES - level) * PAGE_SIZE;

        ((volatile uint64_t *)phys(table))[pt_index(AT, level)] =
            next | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY;
        table = next;
    }
    cr3_write(root);
}

/* A chain of three: header, data, status. */
static void make_request(gpa_t ring)
{
    struct {
        uint64_t address;
        uint32_t bytes;
        uint16_t flags, next;
    } *descriptors = phys(ring);

    for (uint16_t i = 0; i < 3; i++) {
        descriptors[i].address =
            once_in(8) ? some_number() : some_frame() + (once_in(4) ? any(PAGE_SIZE) : 0);
        descriptors[i].bytes = i == 0 ? 16 : i == 2 ? 1 : (uint32_t)(1 + any(8)) * 512;
        descriptors[i].flags = (uint16_t)((i < 2) | (i > 0 ? 2 : 0)); /* next; the device writes */
        descriptors[i].next = once_in(16) ? (uint16_t)any(8) : (uint16_t)(i + 1);
        if (once_in(16))
            descriptors[i].bytes = (uint32_t)some_number();
    }
}

void drive_disk(void)
{
    unsigned place = (unsigned)any(3);
    gpa_t ring = pool_frame();

    map_registers();
    write_register(place, REG_STATUS, once_in(4) ? some_number() : 0);
    write_register(place, REG_FEATURES, some_number());
    write_register(place, REG_STATUS, 11);
    write_register(place, REG_QUEUE, once_in(8) ? some_number() : 0);
    write_register(place, REG_SIZE, 1ull << any(9));
    for (unsigned i = 0; i < 3; i++) {
        gpa_t a = once_in(8) ? some_number() : i == 0 ? ring : once_in(2) ? pool_frame() : ring + 1024 * i;

        write_register(place, REG_RINGS + i * 16, a);
        write_register(place, REG_RINGS + i * 16 + 4, a >> 32);
    }
    write_register(place, REG_READY, 1);
    write_register(place, REG_STATUS, 15);
    for (unsigned i = 0; i < 4; i++) {
        make_request(ring);
        *(volatile uint32_t *)phys(pool_frame()) = (uint32_t)any(3); /* a header, perhaps */
        write_register(place, REG_NOTIFY, 0);
    }
    if (once_in(4))
        write_register(place, (unsigned)any(PLACE_BYTES), some_number());
}
