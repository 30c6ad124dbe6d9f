/* What a kernel's ELF file says, checked. The jobs, in this order: the ELF header, the segments, the notes,
 * all of it. See kernel_elf.h. */
#include "vmm/kernel_elf.h"
#include "pv/abi.h"
#include "x86_paging.h"

#include <gelf.h>
#include <inttypes.h>
#include <string.h>

#define PVH_NOTE_NAME  "Xen"
#define PVH_NOTE_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define MAX_PHDRS      64

/* Is [offset, offset + bytes) inside the file? */
static bool file_holds(const struct kernel_image *k, uint64_t offset, uint64_t bytes)
{
    return offset <= k->size && bytes <= k->size - offset;
}

/* 1. The ELF header. libelf reads fields; it forgives some truncations, so places in the file are checked
 * here. */

static int check_ident(const struct kernel_image *k)
{
    if (k->size == 0)
        return kernel_refuse(k, "the file is empty");
    if (k->size < SELFMAG || memcmp(k->data, ELFMAG, SELFMAG))
        return kernel_refuse(
            k, "it is not an ELF file (a compressed or bzImage kernel does not serve; give the vmlinux)");
    if (k->size < sizeof(Elf64_Ehdr))
        return kernel_refuse(k, "the file is cut short inside its ELF header");
    if (k->data[EI_CLASS] != ELFCLASS64)
        return kernel_refuse(k, "it is not a 64-bit ELF file; compile it with -m64");
    if (k->data[EI_DATA] != ELFDATA2LSB)
        return kernel_refuse(k, "it is not a little-endian ELF file; compile it for x86-64");
    return 0;
}

static int check_header(const struct kernel_image *k, const GElf_Ehdr *h)
{
    if (h->e_machine != EM_X86_64)
        return kernel_refuse(k, "it is for another machine (ELF machine number %u); compile it for x86-64",
                             h->e_machine);
    if (h->e_type != ET_EXEC)
        return kernel_refuse(
            k, "it is not an executable at fixed addresses (ELF type %u); link it with -static -no-pie",
            h->e_type);
    if (h->e_phnum == 0)
        return kernel_refuse(k, "it has no program headers, so nothing to load; link it");
    if (h->e_phnum > MAX_PHDRS)
        return kernel_refuse(k, "it has %u program headers; at most %u are allowed", h->e_phnum, MAX_PHDRS);
    if (h->e_phentsize != sizeof(Elf64_Phdr))
        return kernel_refuse(k, "its program headers have %u bytes each instead of %zu", h->e_phentsize,
                             sizeof(Elf64_Phdr));
    if (!file_holds(k, h->e_phoff, (uint64_t)h->e_phnum * h->e_phentsize))
        return kernel_refuse(k, "the file is cut short inside its program headers");
    return 0;
}

/* 2. The segments. */

static bool segments_overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a < b + b_bytes && b < a + a_bytes;
}

static int check_addresses(const struct kernel_image *k, unsigned i, const GElf_Phdr *p)
{
    uint64_t gpa_end, gva_last;

    if (p->p_paddr % PAGE_SIZE || p->p_vaddr % PAGE_SIZE)
        return kernel_refuse(k,
                             "segment %u at gpa 0x%" PRIx64 ", gva 0x%" PRIx64
                             " does not begin at a page; align it to 4096, as tests/kernels/kernel.ld does",
                             i, p->p_paddr, p->p_vaddr);
    if (__builtin_add_overflow(p->p_paddr, p->p_memsz, &gpa_end) ||
        __builtin_add_overflow(p->p_vaddr, p->p_memsz - 1, &gva_last))
        return kernel_refuse(k, "the addresses of segment %u overflow", i);
    if (gpa_end > k->memory_bytes)
        return kernel_refuse(k,
                             "segment %u ends at gpa 0x%" PRIx64 ", but memory ends at 0x%" PRIx64
                             "; give more memory or link it lower",
                             i, gpa_end, k->memory_bytes);
    if (!gva_is_canonical(p->p_vaddr) || !gva_is_canonical(gva_last) || p->p_vaddr >> 63 != gva_last >> 63)
        return kernel_refuse(k, "segment %u at gva 0x%" PRIx64 " is not in canonical addresses", i,
                             p->p_vaddr);
    return 0;
}

static int check_segment(const struct kernel_image *k, unsigned i, const GElf_Phdr *p)
{
    if (p->p_filesz > p->p_memsz)
        return kernel_refuse(k, "segment %u has more bytes in the file than in memory", i);
    if (!file_holds(k, p->p_offset, p->p_filesz))
        return kernel_refuse(k, "the file is cut short: the data of segment %u is missing", i);

    int err = check_addresses(k, i, p);
    if (err)
        return err;
    for (unsigned j = 0; j < k->nr_segments; j++)
        if (segments_overlap(p->p_paddr, page_round_up(p->p_memsz), k->segments[j].gpa,
                             page_round_up(k->segments[j].mem_bytes)))
            return kernel_refuse(k, "segment %u at gpa 0x%" PRIx64 " overlaps another in guest memory", i,
                                 p->p_paddr);
    return 0;
}

static int add_segment(struct kernel_image *k, unsigned i, const GElf_Phdr *p)
{
    if (p->p_memsz == 0 && p->p_filesz == 0)
        return 0;

    int err = check_segment(k, i, p);
    if (err)
        return err;
    if (k->nr_segments == KERNEL_MAX_SEGMENTS)
        return kernel_refuse(k, "it has more than %u segments to load", KERNEL_MAX_SEGMENTS);
    k->segments[k->nr_segments++] = (struct kernel_segment){
        .gpa = p->p_paddr,
        .gva = p->p_vaddr,
        .data = k->data + p->p_offset,
        .file_bytes = p->p_filesz,
        .mem_bytes = p->p_memsz,
        .writable = p->p_flags & PF_W,
        .executable = p->p_flags & PF_X,
    };
    return 0;
}

/* 3. The notes. */

static bool holds_code_at_gpa(const struct kernel_image *k, gpa_t a)
{
    for (unsigned i = 0; i < k->nr_segments; i++)
        if (k->segments[i].executable && a - k->segments[i].gpa < k->segments[i].file_bytes)
            return true;
    return false;
}

static bool holds_code_at_gva(const struct kernel_image *k, gva_t a)
{
    for (unsigned i = 0; i < k->nr_segments; i++)
        if (k->segments[i].executable && a - k->segments[i].gva < k->segments[i].file_bytes)
            return true;
    return false;
}

static int take_pv_note(struct kernel_image *k, const void *desc, size_t bytes)
{
    struct pv_note note;

    if (k->has_pv)
        return kernel_refuse(k, "it has two \"" PV_NOTE_NAME "\" notes");
    if (bytes != sizeof(note))
        return kernel_refuse(k, "its \"" PV_NOTE_NAME "\" note has %zu bytes instead of %zu", bytes,
                             sizeof(note));
    memcpy(&note, desc, sizeof(note));
    if (note.abi_version != PV_ABI_VERSION)
        return kernel_refuse(k,
                             "it wants version %" PRIu64
                             " of the pv interface, this is version %u; rebuild it against pv/abi.h",
                             note.abi_version, PV_ABI_VERSION);
    if (!holds_code_at_gva(k, note.entry))
        return kernel_refuse(k, "its pv entry, gva 0x%" PRIx64 ", is not in an executable segment",
                             note.entry);
    k->has_pv = true;
    k->pv_entry = note.entry;
    return 0;
}

/* Four bytes, or eight as Linux makes it. */
static int take_pvh_note(struct kernel_image *k, const void *desc, size_t bytes)
{
    uint64_t entry = 0;

    if (bytes != 4 && bytes != 8)
        return kernel_refuse(k, "its PVH note has %zu bytes instead of 4 or 8", bytes);
    memcpy(&entry, desc, bytes);
    if (entry > UINT32_MAX || !holds_code_at_gpa(k, entry))
        return kernel_refuse(k, "its PVH entry, gpa 0x%" PRIx64 ", is not in an executable segment", entry);
    k->has_pvh = true;
    k->pvh_entry = (uint32_t)entry;
    return 0;
}

static bool note_is(const GElf_Nhdr *n, const char *name_in_file, const char *name, uint32_t type)
{
    return n->n_type == type && n->n_namesz == strlen(name) + 1 && !memcmp(name_in_file, name, n->n_namesz);
}

static int read_notes(struct kernel_image *k, Elf *elf, unsigned i, const GElf_Phdr *p)
{
    if (!file_holds(k, p->p_offset, p->p_filesz))
        return kernel_refuse(k, "the file is cut short: the notes of segment %u are missing", i);
    if (p->p_filesz == 0)
        return 0;

    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)p->p_offset, p->p_filesz,
                                          p->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
    if (!data)
        return kernel_refuse(k, "its notes cannot be read: %s", elf_errmsg(-1));

    size_t at = 0, next, name, desc;
    GElf_Nhdr note;
    for (; (next = gelf_getnote(data, at, &note, &name, &desc)) > 0; at = next) {
        const char *bytes = data->d_buf;
        int err = 0;
        if (note_is(&note, bytes + name, PV_NOTE_NAME, PV_NOTE_ENTRY))
            err = take_pv_note(k, bytes + desc, note.n_descsz);
        else if (note_is(&note, bytes + name, PVH_NOTE_NAME, PVH_NOTE_ENTRY))
            err = take_pvh_note(k, bytes + desc, note.n_descsz);
        if (err)
            return err;
    }
    if (data->d_size - at >= sizeof(GElf_Nhdr))
        return kernel_refuse(k, "the note at byte %zu of segment %u is longer than the segment", at, i);
    return 0;
}

/* Segments first: the notes' entries are looked up in them. */
static int read_program_headers(struct kernel_image *k, Elf *elf, const GElf_Ehdr *h)
{
    GElf_Phdr p;
    int err = 0;

    for (unsigned i = 0; i < h->e_phnum && !err; i++) {
        if (!gelf_getphdr(elf, (int)i, &p))
            return kernel_refuse(k, "program header %u cannot be read: %s", i, elf_errmsg(-1));
        if (p.p_type == PT_LOAD)
            err = add_segment(k, i, &p);
        else if (p.p_type == PT_INTERP)
            err = kernel_refuse(k, "it asks for a dynamic linker; link it with -static");
    }
    if (!err && k->nr_segments == 0)
        err = kernel_refuse(k, "it has no segments to load");
    for (unsigned i = 0; i < h->e_phnum && !err; i++)
        if (gelf_getphdr(elf, (int)i, &p) && p.p_type == PT_NOTE)
            err = read_notes(k, elf, i, &p);
    return err;
}

/* 4. All of it. */

static int read_elf(struct kernel_image *k, Elf *elf)
{
    GElf_Ehdr h;

    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &h))
        return kernel_refuse(k, "its ELF header cannot be read: %s", elf_errmsg(-1));

    int err = check_header(k, &h);
    if (!err)
        err = read_program_headers(k, elf, &h);
    k->has_native = !err && holds_code_at_gpa(k, h.e_entry);
    k->native_entry = h.e_entry;
    return err;
}

int kernel_elf_read(struct kernel_image *k)
{
    int err = check_ident(k);
    if (err)
        return err;

    elf_version(EV_CURRENT);
    Elf *elf = elf_memory((char *)k->data, k->size); /* opened for reading: nothing is written */
    if (!elf)
        return kernel_refuse(k, "its ELF header cannot be read: %s", elf_errmsg(-1));
    err = read_elf(k, elf);
    elf_end(elf);
    return err;
}
