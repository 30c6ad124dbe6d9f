/* Guest kernels: a good one is read as it is, and each way to be broken is refused with its reason. The files
 * are made here, and lie right before a page that cannot be touched, so that reading past their end is seen.
 */
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/kernel_image.h"
#include "pv/abi.h"
#include "tests/run_suite.h"

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
static char said[2048];
static unsigned nr_said;

static void keep(const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
    nr_said++;
}

static Elf64_Phdr load(uint64_t offset, uint64_t gpa, uint64_t bytes, uint64_t mem_bytes, uint32_t flags)
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

static void make_good_file(void)
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
    nr_said = 0;
    said[0] = 0;
}

/* The first size bytes of the file, right before a page that cannot be touched. */
#define GUARDED_BYTES (4 * PAGE_SIZE)
static const uint8_t *guarded(const void *bytes, size_t size)
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

static int open_file(void)
{
    return kernel_image_open_memory(&k, "test.elf", guarded(&file, file_bytes), file_bytes, MEMORY);
}

/* Everything that the image promises holds, and can be read. */
static unsigned check_promises(void)
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

START_TEST(a_good_kernel_is_read_as_it_is)
{
    make_good_file();
    ck_assert_int_eq(open_file(), 0);
    ck_assert_uint_eq(k.nr_segments, 2);
    check_promises();
    ck_assert_uint_eq(k.segments[0].gpa, TEXT_GPA);
    ck_assert_uint_eq(k.segments[0].gva, KERNEL_GVA + TEXT_GPA);
    ck_assert_uint_eq(k.segments[0].file_bytes, sizeof(file.text_bytes));
    ck_assert_uint_eq(k.segments[0].mem_bytes, 0x1800);
    ck_assert(k.segments[0].executable && !k.segments[0].writable);
    ck_assert(!k.segments[1].executable && k.segments[1].writable);
    ck_assert_mem_eq(k.segments[1].data, file.data_bytes, sizeof(file.data_bytes));
    ck_assert(k.has_pv && k.has_native && k.has_pvh);
    ck_assert_uint_eq(k.pv_entry, KERNEL_GVA + TEXT_GPA + 8);
    ck_assert_uint_eq(k.native_entry, TEXT_GPA + 16);
    ck_assert_uint_eq(k.pvh_entry, TEXT_GPA + 32);
    ck_assert_int_eq(kernel_image_require_pv(&k), 0);
    ck_assert_int_eq(kernel_image_require_native(&k), 0);
    ck_assert_uint_eq(nr_said, 0);
    kernel_image_close(&k);
    kernel_image_close(&k);
}
END_TEST

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

START_TEST(segments_of_no_bytes_are_left_out)
{
    make_good_file();
    file.other = load(7, 13, 0, 0, PF_R);
    ck_assert_int_eq(open_file(), 0);
    ck_assert_uint_eq(k.nr_segments, 2);
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_segment_may_end_with_memory_and_with_addresses)
{
    make_good_file();
    file.data.p_paddr = MEMORY - 0x5000;
    file.data.p_vaddr = -0x5000ull;
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), 0);
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_kernel_without_pv_note_runs_only_natively)
{
    make_good_file();
    file.note.header.n_type = 99;
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_native(&k), 0);
    ck_assert_uint_eq(nr_said, 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(said, "no paravirtual entry"));
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_note_of_another_name_is_not_ours)
{
    make_good_file();
    file.note.name[3] = 'x';
    file.pvh.name[0] = 'K';
    ck_assert_int_eq(open_file(), 0);
    ck_assert(!k.has_pv && !k.has_pvh);
    kernel_image_close(&k);
}
END_TEST

START_TEST(a_kernel_whose_elf_entry_is_not_code_runs_only_paravirtualized)
{
    static const uint64_t entries[] = { 0, DATA_GPA, KERNEL_GVA + TEXT_GPA,
                                        TEXT_GPA + sizeof(file.text_bytes), TEXT_GPA - 1 };

    make_good_file();
    file.h.e_entry = entries[_i];
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), 0);
    ck_assert_int_eq(kernel_image_require_native(&k), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(said, "no native entry"));
    kernel_image_close(&k);
}
END_TEST

static const struct {
    uint64_t gva;
    const char *reason;
} clashes[] = {
    { KERNEL_GVA + TEXT_GPA + 0x1000, "two segments" },
    { 0xffffff0000000000ull, "monitor's slot" },
    { 0xffffff8000000000ull - 0x1000, "monitor's slot" },
    { 0xffffff0000000000ull - 0x1000, "monitor's slot" },
    { PV_LINEAR_BASE, "all memory is mapped" },
    { PV_LINEAR_BASE + MEMORY - 0x1000, "all memory is mapped" },
    { PV_LINEAR_BASE + MEMORY, NULL },
    { 0xffffff8000000000ull, NULL },
    { 0x400000, NULL },
};

START_TEST(what_the_pv_start_maps_must_not_clash)
{
    make_good_file();
    file.data.p_vaddr = clashes[_i].gva;
    ck_assert_int_eq(open_file(), 0);
    ck_assert_int_eq(kernel_image_require_pv(&k), clashes[_i].reason ? -ENOEXEC : 0);
    if (clashes[_i].reason)
        ck_assert_msg(strstr(said, clashes[_i].reason), "said: %s", said);
    kernel_image_close(&k);
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

    printf("kernel_image: SEED=%u\n", seed);
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

static char path[] = "/tmp/kernel_image_test.XXXXXX";

static void write_file(void)
{
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, &file, file_bytes), file_bytes);
    close(fd);
}

START_TEST(a_kernel_is_read_from_a_file)
{
    make_good_file();
    write_file();
    ck_assert_int_eq(kernel_image_open(&k, path, MEMORY), 0);
    unlink(path);
    check_promises();
    ck_assert_uint_eq(k.pv_entry, KERNEL_GVA + TEXT_GPA + 8);
    kernel_image_close(&k);
}
END_TEST

START_TEST(an_empty_file_is_refused)
{
    make_good_file();
    file_bytes = 0;
    write_file();
    ck_assert_int_eq(kernel_image_open(&k, path, MEMORY), -ENOEXEC);
    unlink(path);
    ck_assert_ptr_nonnull(strstr(said, "empty"));
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    ck_assert_int_eq(kernel_image_open(&k, "/nonexistent/kernel.elf", MEMORY), -ENOENT);
    ck_assert_str_eq(said, "cannot open kernel /nonexistent/kernel.elf: No such file or directory");
}
END_TEST

START_TEST(a_file_without_permission_is_named)
{
    make_good_file();
    write_file();
    ck_assert_int_eq(chmod(path, 0), 0);
    bool root = geteuid() == 0; /* who may read everything: be nobody for a while */
    if (root && seteuid(65534))
        ck_abort_msg("cannot become nobody");
    int err = kernel_image_open(&k, path, MEMORY);
    if (root)
        ck_assert_int_eq(seteuid(0), 0);
    unlink(path);
    ck_assert_int_eq(err, -EACCES);
    ck_assert_ptr_nonnull(strstr(said, "Permission denied"));
}
END_TEST

START_TEST(a_directory_or_device_is_not_a_kernel)
{
    static const char *const paths[] = { "/tmp", "/dev/null" };

    ck_assert_int_eq(kernel_image_open(&k, paths[_i], MEMORY), -ENOEXEC);
    ck_assert_ptr_nonnull(strstr(said, "not a regular file"));
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("kernel_image");
    TCase *t = tcase_create("kernel_image");

    error_sink = keep;
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_good_kernel_is_read_as_it_is);
    tcase_add_loop_test(t, a_broken_kernel_is_refused_with_its_reason, 0, COUNT(broken));
    tcase_add_test(t, too_many_segments_are_refused);
    tcase_add_test(t, segments_of_no_bytes_are_left_out);
    tcase_add_test(t, a_segment_may_end_with_memory_and_with_addresses);
    tcase_add_test(t, a_kernel_without_pv_note_runs_only_natively);
    tcase_add_test(t, a_note_of_another_name_is_not_ours);
    tcase_add_loop_test(t, a_kernel_whose_elf_entry_is_not_code_runs_only_paravirtualized, 0, 5);
    tcase_add_loop_test(t, what_the_pv_start_maps_must_not_clash, 0, COUNT(clashes));
    tcase_add_test(t, every_truncation_is_refused);
    tcase_add_test(t, a_file_with_random_damage_is_refused_or_keeps_all_promises);
    tcase_add_test(t, a_kernel_is_read_from_a_file);
    tcase_add_test(t, an_empty_file_is_refused);
    tcase_add_test(t, a_missing_file_is_named);
    tcase_add_test(t, a_file_without_permission_is_named);
    tcase_add_loop_test(t, a_directory_or_device_is_not_a_kernel, 0, 2);
    suite_add_tcase(s, t);

    return run_suite(s);
}
