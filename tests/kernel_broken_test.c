/* Guest kernels that cannot be used: each way to be broken is refused with its reason, and no damage leads
 * past the end of the file. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "tests/kernel_file.h"

/* One way each to be broken, and words of the reason that must be told. */
static void no_magic(void)
{
    file.h.e_ident[0] = 'M';
}
static void empty(void)
{
    file_bytes = 0;
}
static void one_byte(void)
{
    file_bytes = 1;
}
static void cut_in_header(void)
{
    file_bytes = sizeof(Elf64_Ehdr) - 1;
}
static void cut_in_phdrs(void)
{
    file_bytes = offsetof(struct file, note) - 1;
}
static void cut_in_notes(void)
{
    file.text.p_offset = file.data.p_offset = 0;
    file_bytes = offsetof(struct file, text_bytes) - 1;
}
static void cut_in_data(void)
{
    file_bytes = sizeof(file) - 1;
}
static void phdrs_elsewhere(void)
{
    file.h.e_phoff = UINT64_MAX - 8;
}
static void is_32_bit(void)
{
    file.h.e_ident[EI_CLASS] = ELFCLASS32;
}
static void big_endian(void)
{
    file.h.e_ident[EI_DATA] = ELFDATA2MSB;
}
static void aarch64(void)
{
    file.h.e_machine = EM_AARCH64;
}
static void relocatable(void)
{
    file.h.e_type = ET_REL;
}
static void pie(void)
{
    file.h.e_type = ET_DYN;
}
static void no_phdrs(void)
{
    file.h.e_phnum = 0;
}
static void many_phdrs(void)
{
    file.h.e_phnum = PN_XNUM;
}
static void odd_phdrs(void)
{
    file.h.e_phentsize = 32;
}
static void interpreter(void)
{
    file.other.p_type = PT_INTERP;
}
static void nothing_to_load(void)
{
    file.text.p_type = file.data.p_type = PT_NULL;
}
static void overlap(void)
{
    file.data.p_paddr = TEXT_GPA + 0x1000;
}
static void same_place(void)
{
    file.data.p_paddr = TEXT_GPA;
}
static void gpa_overflow(void)
{
    file.data.p_paddr = -0x1000ull;
}
static void gva_overflow(void)
{
    file.data.p_vaddr = -0x1000ull;
}
static void size_overflow(void)
{
    file.data.p_memsz = UINT64_MAX;
}
static void not_canonical(void)
{
    file.data.p_vaddr = 0x1000000000000ull;
}
static void end_not_canonical(void)
{
    file.data.p_vaddr = 0x7ffffffff000ull;
}
static void beyond_memory(void)
{
    file.data.p_paddr = MEMORY - 0x4000;
}
static void far_beyond_memory(void)
{
    file.data.p_paddr = 1ull << 40;
}
static void file_larger_than_memory(void)
{
    file.data.p_memsz = 200;
}
static void only_in_file(void)
{
    file.data.p_memsz = 0;
}
static void offset_overflow(void)
{
    file.data.p_offset = UINT64_MAX - 100;
}
static void unaligned_gpa(void)
{
    file.data.p_paddr += 8;
}
static void unaligned_gva(void)
{
    file.data.p_vaddr += 2048;
}
static void short_pv_note(void)
{
    file.note.header.n_descsz = 8;
    file.notes.p_filesz = sizeof(struct note) - 8;
}
static void future_pv_note(void)
{
    file.note.pv.abi_version = 2;
}
static void pv_entry_in_data(void)
{
    file.note.pv.entry = KERNEL_GVA + DATA_GPA;
}
static void pv_entry_is_gpa(void)
{
    file.note.pv.entry = TEXT_GPA;
}
static void pv_entry_after_text(void)
{
    file.note.pv.entry = KERNEL_GVA + TEXT_GPA + sizeof(file.text_bytes);
}
static void two_pv_notes(void)
{
    file.other = file.notes;
}
static void pvh_entry_outside(void)
{
    file.pvh.entry = 12;
}
static void pvh_note_of_5_bytes(void)
{
    file.pvh.header.n_descsz = 5;
    file.notes.p_filesz += 4;
}
static void note_longer_than_segment(void)
{
    file.pvh.header.n_descsz = 400;
}
static void note_of_maximal_size(void)
{
    file.note.header.n_namesz = file.note.header.n_descsz = UINT32_MAX;
}
static void notes_outside(void)
{
    file.notes.p_offset = UINT64_MAX - 4;
}

static const struct {
    void (*make)(void);
    const char *reason;
} broken[] = {
    { no_magic, "not an ELF file" },
    { empty, "empty" },
    { one_byte, "not an ELF file" },
    { cut_in_header, "cut short inside its ELF header" },
    { cut_in_phdrs, "cut short inside its program headers" },
    { cut_in_notes, "cut short" },
    { cut_in_data, "cut short: the data of segment 1" },
    { phdrs_elsewhere, "cut short inside its program headers" },
    { is_32_bit, "not a 64-bit ELF file" },
    { big_endian, "not a little-endian" },
    { aarch64, "another machine (ELF machine number 183)" },
    { relocatable, "not an executable" },
    { pie, "-no-pie" },
    { no_phdrs, "no program headers" },
    { many_phdrs, "65535 program headers" },
    { odd_phdrs, "32 bytes each instead of 56" },
    { interpreter, "dynamic linker" },
    { nothing_to_load, "no segments to load" },
    { overlap, "segment 1 at gpa 0x101000 overlaps" },
    { same_place, "overlaps" },
    { gpa_overflow, "overflow" },
    { gva_overflow, "overflow" },
    { size_overflow, "overflow" },
    { not_canonical, "canonical" },
    { end_not_canonical, "canonical" },
    { beyond_memory, "ends at gpa 0x1001000, but memory ends at 0x1000000" },
    { far_beyond_memory, "memory ends at" },
    { file_larger_than_memory, "more bytes in the file than in memory" },
    { only_in_file, "more bytes in the file than in memory" },
    { offset_overflow, "cut short" },
    { unaligned_gpa, "align it to 4096" },
    { unaligned_gva, "align it to 4096" },
    { short_pv_note, "note has 8 bytes instead of 16" },
    { future_pv_note, "version 2 of the pv interface, this is version 1" },
    { pv_entry_in_data, "pv entry, gva 0xffffffff80103000, is not in an executable segment" },
    { pv_entry_is_gpa, "is not in an executable segment" },
    { pv_entry_after_text, "is not in an executable segment" },
    { two_pv_notes, "two \"faultvisor\" notes" },
    { pvh_entry_outside, "PVH entry, gpa 0xc" },
    { pvh_note_of_5_bytes, "PVH note has 5 bytes" },
    { note_longer_than_segment, "longer than the segment" },
    { note_of_maximal_size, "longer than the segment" },
    { notes_outside, "cut short" },
};

START_TEST(a_broken_kernel_is_refused_with_its_reason)
{
    make_good_file();
    broken[_i].make();
    ck_assert_int_eq(open_file(), -ENOEXEC);
    ck_assert_uint_eq(nr_said, 1);
    ck_assert_msg(strstr(said, broken[_i].reason), "said: %s, not: %s", said, broken[_i].reason);
    ck_assert_ptr_eq(strstr(said, "cannot use kernel test.elf: "), said);
    ck_assert_ptr_null(k.name);
}
END_TEST

START_TEST(too_many_segments_are_refused)
{
    struct {
        Elf64_Ehdr h;
        Elf64_Phdr p[KERNEL_MAX_SEGMENTS + 1];
    } many;

    make_good_file();
    many.h = file.h;
    many.h.e_phoff = sizeof(Elf64_Ehdr);
    for (unsigned i = 0; i <= KERNEL_MAX_SEGMENTS; i++)
        many.p[i] = load(0, TEXT_GPA + i * PAGE_SIZE, 64, PAGE_SIZE, PF_R);
    many.h.e_phnum = KERNEL_MAX_SEGMENTS;
    ck_assert_int_eq(kernel_image_open_memory(&k, "many", guarded(&many, sizeof(many)), sizeof(many), MEMORY),
                     0);
    kernel_image_close(&k);
    many.h.e_phnum = KERNEL_MAX_SEGMENTS + 1;
    ck_assert_int_eq(kernel_image_open_memory(&k, "many", guarded(&many, sizeof(many)), sizeof(many), MEMORY),
                     -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(said, "more than 16 segments"));
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    make_good_file();
    for (file_bytes = 0; file_bytes < sizeof(file); file_bytes++) {
        nr_said = 0;
        ck_assert_int_eq(open_file(), -ENOEXEC);
        ck_assert_uint_eq(nr_said, 1);
    }
}
END_TEST

START_TEST(a_file_with_random_damage_is_refused_or_keeps_all_promises)
{
    unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : (unsigned)time(NULL);
    unsigned loaded = 0;

    printf("kernel_broken: SEED=%u\n", seed);
    fflush(stdout); /* before a crash */
    srand(seed);
    for (unsigned round = 0; round < 20000; round++) {
        make_good_file();
        for (unsigned n = 1 + (unsigned)rand() % 4; n; n--)
            ((uint8_t *)&file)[(unsigned)rand() % offsetof(struct file, text_bytes)] = (uint8_t)rand();
        if (open_file())
            continue;
        check_promises();
        kernel_image_require_pv(&k);
        kernel_image_close(&k);
        loaded++;
    }
    ck_assert_uint_gt(loaded, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("kernel_broken");
    TCase *t = tcase_create("kernel_broken");

    error_sink = keep;
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, a_broken_kernel_is_refused_with_its_reason, 0, COUNT(broken));
    tcase_add_test(t, too_many_segments_are_refused);
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, a_file_with_random_damage_is_refused_or_keeps_all_promises);
    suite_add_tcase(s, t);

    return run_suite(s);
}
