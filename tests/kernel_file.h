/* For the tests of guest kernels: a good kernel's file, made in memory, for them to spoil. It is read where
 * it lies right before a page that cannot be touched, so that reading past its end is seen. What is said of
 * it is kept. */
#pragma once
#include <check.h>
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/kernel_image.h"
#include "pv/abi.h"
#include "tests/run_suite.h"
#include "tests/said.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#define MEMORY     (16ull << 20)
#define TEXT_GPA   0x100000ull
#define DATA_GPA   0x103000ull
#define KERNEL_GVA 0xffffffff80000000ull

/* A kernel with text, data with bss, and the two notes:  | header | 4 phdrs | notes | text | data | */
struct note {
    Elf64_Nhdr header;
    char name[12];
    struct pv_note pv;
};
struct pvh_note {
    Elf64_Nhdr header;
    char name[4];
    uint32_t entry;
};
static struct file {
    Elf64_Ehdr h;
    Elf64_Phdr text, data, notes, other;
    struct note note;
    struct pvh_note pvh;
    uint8_t text_bytes[600];
    uint8_t data_bytes[300];
} file;

static size_t file_bytes = sizeof(file);
static struct kernel_image k;

static inline Elf64_Phdr load(uint64_t offset, uint64_t gpa, uint64_t bytes, uint64_t mem_bytes,
                              uint32_t flags)
{
    return (Elf64_Phdr){ .p_type = PT_LOAD,
                         .p_flags = flags,
                         .p_offset = offset,
                         .p_vaddr = KERNEL_GVA + gpa,
                         .p_paddr = gpa,
                         .p_filesz = bytes,
                         .p_memsz = mem_bytes,
                         .p_align = 4096 };
}

static inline void make_good_file(void)
{
    file = (struct file){
        .h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
               .e_type = ET_EXEC,
               .e_machine = EM_X86_64,
               .e_version = EV_CURRENT,
               .e_entry = TEXT_GPA + 16,
               .e_phoff = offsetof(struct file, text),
               .e_ehsize = sizeof(Elf64_Ehdr),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = 4 },
        .text =
            load(offsetof(struct file, text_bytes), TEXT_GPA, sizeof(file.text_bytes), 0x1800, PF_R | PF_X),
        .data =
            load(offsetof(struct file, data_bytes), DATA_GPA, sizeof(file.data_bytes), 0x5000, PF_R | PF_W),
        .notes = { .p_type = PT_NOTE,
                   .p_offset = offsetof(struct file, note),
                   .p_filesz = sizeof(struct note) + sizeof(struct pvh_note),
                   .p_align = 4 },
        .other = { .p_type = PT_GNU_STACK },
        .note = { .header = { 11, sizeof(struct pv_note), PV_NOTE_ENTRY },
                  .name = PV_NOTE_NAME,
                  .pv = { PV_ABI_VERSION, KERNEL_GVA + TEXT_GPA + 8 } },
        .pvh = { .header = { 4, 4, 18 }, .name = "Xen", .entry = TEXT_GPA + 32 },
    };
    memset(file.text_bytes, 0x90, sizeof(file.text_bytes));
    memset(file.data_bytes, 0xda, sizeof(file.data_bytes));
    file_bytes = sizeof(file);
    keep_what_is_said();
}

/* The first size bytes of the file, right before a page that cannot be touched. */
#define GUARDED_BYTES (4 * PAGE_SIZE)
static inline const uint8_t *guarded(const void *bytes, size_t size)
{
    static uint8_t *area;

    if (!area) {
        area =
            mmap(NULL, GUARDED_BYTES + PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(area, MAP_FAILED);
        ck_assert_int_eq(mprotect(area + GUARDED_BYTES, PAGE_SIZE, PROT_NONE), 0);
    }
    return memcpy(area + GUARDED_BYTES - size, bytes, size);
}

static inline int open_file(void)
{
    return kernel_image_open_memory(&k, "test.elf", guarded(&file, file_bytes), file_bytes, MEMORY);
}

/* Everything that the image promises holds, and can be read. */
static inline unsigned check_promises(void)
{
    unsigned sum = 0;

    ck_assert_uint_ge(k.nr_segments, 1);
    ck_assert_uint_le(k.nr_segments, KERNEL_MAX_SEGMENTS);
    for (unsigned i = 0; i < k.nr_segments; i++) {
        const struct kernel_segment *s = &k.segments[i];
        ck_assert_uint_gt(s->mem_bytes, 0);
        ck_assert_uint_le(s->file_bytes, s->mem_bytes);
        ck_assert_uint_eq((s->gpa | s->gva) % PAGE_SIZE, 0);
        ck_assert(s->gpa <= MEMORY && s->mem_bytes <= MEMORY - s->gpa);
        for (unsigned j = 0; j < i; j++)
            ck_assert(s->gpa + s->mem_bytes <= k.segments[j].gpa ||
                      k.segments[j].gpa + k.segments[j].mem_bytes <= s->gpa);
        for (uint64_t b = 0; b < s->file_bytes; b++)
            sum += ((const uint8_t *)s->data)[b];
    }
    return sum;
}
