/* ELF files that are not what they should be: each is refused with its reason, and nothing that is accepted
 * points outside. */
#include <check.h>
#include <linux/elf.h>
#include <stddef.h>
#include <stdlib.h>
#include "elf_image.h"
#include "guest_fake_cpu.h"
#include "kernel.h"
#include "tests/run_suite.h"

static unsigned char *on_disk;
static struct file file = { .path = "prog", .start_sector = 8, .size_bytes = FAKE_IMAGE_BYTES };
static struct elf_image image;
static const char *why;

static void start_machine(void)
{
    fake_quiet = true;
    fake_random_seed(1);
    fake_disks[0].read_only = true;
    fake_disk_resize(0, 64);
    fake_start(256, "clock", 1);
    /* No tar header is needed: the file is found by its sector. */
    on_disk = fake_disks[0].bytes + file.start_sector * 512;
    fake_make_image(on_disk);
    archive_open(0);
}

static int read_image(void)
{
    static void *page;
    if (!page)
        page = pfn_to_virt(memory_take_frame());
    why = NULL;
    return elf_image_read(&image, &file, page, &why);
}

static Elf64_Ehdr *header(void)
{
    return (Elf64_Ehdr *)on_disk;
}

static Elf64_Phdr *segment(unsigned i)
{
    return (Elf64_Phdr *)(on_disk + sizeof(Elf64_Ehdr)) + i;
}

START_TEST(a_sound_program_is_mapped_as_it_says)
{
    start_machine();
    ck_assert_int_eq(read_image(), 0);
    ck_assert_uint_eq(image.entry, FAKE_ENTRY);
    ck_assert_uint_eq(image.headers, 0x400000 + sizeof(Elf64_Ehdr));
    ck_assert_uint_eq(image.nr_headers, 3);
    ck_assert_uint_eq(image.nr_segments, 2);
    ck_assert_uint_eq(image.end, FAKE_END);
    const struct elf_segment *text = &image.segments[0], *data = &image.segments[1];
    ck_assert_uint_eq(text->start, 0x400000);
    ck_assert_uint_eq(text->file_end, 0x401800);
    ck_assert_uint_eq(text->rights, ACCESS_READ | ACCESS_EXEC);
    ck_assert_uint_eq(data->start, FAKE_DATA & ~PAGE_MASK);
    ck_assert_uint_eq(data->file_offset, 0x2000);
    ck_assert_uint_eq(data->file_end, FAKE_DATA + 0x800);
    ck_assert_uint_eq(data->end, FAKE_END);
    ck_assert_uint_eq(data->rights, ACCESS_READ | ACCESS_WRITE);
}
END_TEST

START_TEST(a_position_independent_program_gets_a_place)
{
    start_machine();
    header()->e_type = ET_DYN;
    header()->e_entry = 0x1000;
    segment(0)->p_vaddr = 0;
    segment(1)->p_vaddr = 0x2010;
    ck_assert_int_eq(read_image(), 0);
    ck_assert_uint_eq(image.entry, PIE_BASE + 0x1000);
    ck_assert_uint_eq(image.segments[0].start, PIE_BASE);
    ck_assert_uint_eq(image.headers, PIE_BASE + sizeof(Elf64_Ehdr));
}
END_TEST

/* One field made wrong: where, how many bytes, the value; and what is said. */
struct broken {
    size_t at;
    unsigned bytes;
    uint64_t value;
    const char *why;
};

#define IN_HEADER(field, value, why)                                                                         \
    {                                                                                                        \
        offsetof(Elf64_Ehdr, field), sizeof((Elf64_Ehdr *)0)->field, value, why                              \
    }
#define IN_SEGMENT(i, field, value, why)                                                                     \
    {                                                                                                        \
        sizeof(Elf64_Ehdr) + (i) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field),                         \
            sizeof((Elf64_Phdr *)0)->field, value, why                                                       \
    }
#define OUTSIDE "a segment outside the space of programs"
#define BEYOND  "a segment beyond the end of the file"

static const struct broken broken[] = {
    { 0, 1, 0, "no ELF file" },
    { 3, 1, 'f', "no ELF file" },
    { EI_CLASS, 1, ELFCLASS32, "not a 64-bit program" },
    { EI_DATA, 1, ELFDATA2MSB, "not for x86-64" },
    { EI_VERSION, 1, 0, "unknown version of ELF" },
    IN_HEADER(e_version, 2, "unknown version of ELF"),
    IN_HEADER(e_machine, EM_AARCH64, "not for x86-64"),
    IN_HEADER(e_type, ET_REL, "not an executable"),
    IN_HEADER(e_type, ET_CORE, "not an executable"),
    IN_HEADER(e_phentsize, sizeof(Elf64_Phdr) - 1, "no program headers, or too many"),
    IN_HEADER(e_phnum, 0, "no program headers, or too many"),
    IN_HEADER(e_phnum, MAX_PROGRAM_HEADERS + 1, "no program headers, or too many"),
    IN_HEADER(e_phnum, 0xffff, "no program headers, or too many"),
    IN_HEADER(e_phoff, FAKE_IMAGE_BYTES, "program headers beyond the end of the file"),
    IN_HEADER(e_phoff, FAKE_IMAGE_BYTES - 3 * sizeof(Elf64_Phdr) + 1,
              "program headers beyond the end of the file"),
    IN_HEADER(e_phoff, ~0ull, "program headers beyond the end of the file"),
    IN_HEADER(e_entry, 0, "an entry that lies in no code"),
    IN_HEADER(e_entry, FAKE_DATA, "an entry that lies in no code"),
    IN_HEADER(e_entry, 0x402000, "an entry that lies in no code"),
    IN_HEADER(e_entry, 0xffff800000000000ull, "an entry that lies in no code"),
    IN_SEGMENT(0, p_type, PT_INTERP, "dynamically linked"),
    IN_SEGMENT(2, p_type, PT_INTERP, "dynamically linked"),
    IN_SEGMENT(0, p_type, PT_NOTE, "an entry that lies in no code"),
    IN_SEGMENT(0, p_filesz, 0x1801, "a segment with more bytes in the file than in memory"),
    IN_SEGMENT(1, p_offset, 0x3010, BEYOND),
    IN_SEGMENT(1, p_offset, 0x2020, "a segment that is not aligned as its bytes in the file"),
    IN_SEGMENT(1, p_offset, ~0xfefull, BEYOND),
    IN_SEGMENT(0, p_offset, 1, "a segment that is not aligned as its bytes in the file"),
    IN_SEGMENT(0, p_vaddr, 0x400001, "a segment that is not aligned as its bytes in the file"),
    IN_SEGMENT(0, p_vaddr, 0, OUTSIDE),
    IN_SEGMENT(0, p_vaddr, 0xf000, OUTSIDE),
    IN_SEGMENT(0, p_vaddr, USER_TOP, OUTSIDE),
    IN_SEGMENT(1, p_vaddr, 0xffff800000000010ull, OUTSIDE),
    IN_SEGMENT(1, p_vaddr, ~0xfefull, OUTSIDE),
    IN_SEGMENT(1, p_vaddr, STACK_TOP - STACK_LIMIT - PAGE_SIZE + 0x10, OUTSIDE), /* in the way of the stack */
    IN_SEGMENT(1, p_memsz, ~0ull, OUTSIDE),
    IN_SEGMENT(1, p_memsz, USER_TOP, OUTSIDE),
    IN_SEGMENT(1, p_memsz, 0, "a segment with more bytes in the file than in memory"),
    IN_SEGMENT(0, p_vaddr, 0x500000, "segments that overlap, or are not in order"),
    IN_SEGMENT(0, p_memsz, FAKE_DATA - 0x400000 + 1, "segments that overlap, or are not in order"),
    IN_SEGMENT(0, p_flags, PF_R, "an entry that lies in no code"),
};

START_TEST(a_broken_program_is_refused_with_the_reason)
{
    start_machine();
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        const struct broken *b = &broken[i];
        fake_make_image(on_disk);
        memcpy(on_disk + b->at, &b->value, b->bytes);
        ck_assert_msg(read_image() == -ENOEXEC, "case %zu: not \"%s\"", i, b->why);
        ck_assert_str_eq(why, b->why);
    }
}
END_TEST

START_TEST(a_file_cut_off_anywhere_is_refused)
{
    start_machine();
    for (uint64_t size = 0; size < 0x2810; size++) {
        file.size_bytes = size;
        ck_assert_int_eq(read_image(), -ENOEXEC);
        ck_assert_ptr_nonnull(why);
    }
    file.size_bytes = 0x2810; /* the last byte of the last segment */
    ck_assert_int_eq(read_image(), 0);
}
END_TEST

START_TEST(too_many_segments_are_refused)
{
    start_machine();
    header()->e_phnum = MAX_SEGMENTS + 2;
    for (unsigned i = 0; i < MAX_SEGMENTS + 1; i++)
        *segment(2 + i) =
            (Elf64_Phdr){ .p_type = PT_LOAD, .p_vaddr = FAKE_END + i * PAGE_SIZE, .p_memsz = 1 };
    ck_assert_int_eq(read_image(), -ENOEXEC);
    ck_assert_str_eq(why, "too many segments");
}
END_TEST

START_TEST(a_disk_that_fails_is_an_error_of_its_own)
{
    start_machine();
    fake_disks[0].error_percent = 100;
    ck_assert_int_eq(read_image(), -EIO);
}
END_TEST

static void check_bounds(void)
{
    gva_t last = 0;
    ck_assert_uint_le(image.nr_segments, MAX_SEGMENTS);
    for (unsigned i = 0; i < image.nr_segments; i++) {
        const struct elf_segment *s = &image.segments[i];
        ck_assert_uint_eq(page_offset(s->start) | page_offset(s->end) | page_offset(s->file_offset), 0);
        ck_assert_uint_lt(s->start, s->end);
        ck_assert_uint_ge(s->file_end, s->start);
        ck_assert_uint_le(s->file_end, s->end);
        ck_assert_uint_le(s->file_offset, file.size_bytes);
        ck_assert_uint_le(s->file_end - s->start, file.size_bytes - s->file_offset);
        ck_assert_uint_ge(s->start, last & ~PAGE_MASK);
        ck_assert_uint_le(s->end, STACK_TOP - STACK_LIMIT);
        last = s->end - 1;
    }
    ck_assert_uint_lt(image.entry, USER_TOP);
}

/* Bytes of the headers changed at random; about one image in ten is still accepted. */
START_TEST(what_is_accepted_lies_within_bounds)
{
    unsigned accepted = 0;
    start_machine();
    for (unsigned round = 0; round < 20000; round++) {
        fake_make_image(on_disk);
        for (unsigned n = 1 + fake_random() % 3; n > 0; n--) {
            unsigned at = (unsigned)(fake_random() % (sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr)));
            on_disk[at] = fake_random() % 2 ? 0xff : (unsigned char)fake_random();
        }
        int result = read_image();
        ck_assert(result == 0 || (result == -ENOEXEC && why));
        accepted += result == 0;
        if (result == 0)
            check_bounds();
    }
    ck_assert_uint_gt(accepted, 1000);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_elf");
    TCase *t = tcase_create("elf");
    tcase_add_test(t, a_sound_program_is_mapped_as_it_says);
    tcase_add_test(t, a_position_independent_program_gets_a_place);
    tcase_add_test(t, a_broken_program_is_refused_with_the_reason);
    tcase_add_test(t, a_file_cut_off_anywhere_is_refused);
    tcase_add_test(t, too_many_segments_are_refused);
    tcase_add_test(t, a_disk_that_fails_is_an_error_of_its_own);
    tcase_add_test(t, what_is_accepted_lies_within_bounds);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return run_suite(s);
}
