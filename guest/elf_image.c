/* Checks of an ELF file: its header, then each program header, against the file's size and the space programs
 * have. Nothing is believed that was not compared with a bound first. */
#include "elf_image.h"
#include "kernel.h"

#define LOWEST_ADDRESS 0x10000ull /* below: null pointers with an offset */
#define HIGHEST_END    (STACK_TOP - STACK_LIMIT - PAGE_SIZE)

static const char *header_fault(const Elf64_Ehdr *h, uint64_t file_size)
{
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        return "no ELF file";
    if (h->e_ident[EI_CLASS] != ELFCLASS64)
        return "not a 64-bit program";
    if (h->e_ident[EI_DATA] != ELFDATA2LSB || h->e_machine != EM_X86_64)
        return "not for x86-64";
    if (h->e_ident[EI_VERSION] != EV_CURRENT || h->e_version != EV_CURRENT)
        return "unknown version of ELF";
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
        return "not an executable";
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > MAX_PROGRAM_HEADERS)
        return "no program headers, or too many";
    if (h->e_phoff > file_size || file_size - h->e_phoff < h->e_phnum * sizeof(Elf64_Phdr))
        return "program headers beyond the end of the file";
    return NULL;
}

static const char *segment_fault(const Elf64_Phdr *p, uint64_t file_size, gva_t base)
{
    if (p->p_filesz > p->p_memsz)
        return "a segment with more bytes in the file than in memory";
    if (p->p_offset > file_size || file_size - p->p_offset < p->p_filesz)
        return "a segment beyond the end of the file";
    if (p->p_filesz && page_offset(p->p_vaddr) != page_offset(p->p_offset))
        return "a segment that is not aligned as its bytes in the file";
    if (p->p_vaddr >= HIGHEST_END - base || HIGHEST_END - base - p->p_vaddr < p->p_memsz ||
        p->p_vaddr + base < LOWEST_ADDRESS)
        return "a segment outside the space of programs";
    return NULL;
}

static unsigned rights_of(const Elf64_Phdr *p)
{
    return (p->p_flags & PF_R ? ACCESS_READ : 0) | (p->p_flags & PF_W ? ACCESS_WRITE : 0) |
           (p->p_flags & PF_X ? ACCESS_EXEC : 0);
}

static const char *add_segment(struct elf_image *image, const Elf64_Phdr *p, gva_t base, gva_t *last_byte)
{
    gva_t at = base + p->p_vaddr;
    if (image->nr_segments == MAX_SEGMENTS)
        return "too many segments";
    if (at < *last_byte)
        return "segments that overlap, or are not in order";
    *last_byte = at + p->p_memsz;
    image->end = page_round_up(*last_byte);
    image->segments[image->nr_segments++] = (struct elf_segment){
        .start = at & ~PAGE_MASK,
        .end = image->end,
        .file_end = p->p_filesz ? at + p->p_filesz : at & ~PAGE_MASK,
        .file_offset = p->p_offset & ~PAGE_MASK,
        .rights = rights_of(p),
    };
    return NULL;
}

/* Where the bytes of the program headers are in memory, if a segment brings them along. */
static gva_t find_headers(const Elf64_Ehdr *h, const Elf64_Phdr *p, gva_t base)
{
    uint64_t bytes = h->e_phnum * sizeof(Elf64_Phdr);
    bool holds_them = h->e_phoff >= p->p_offset && h->e_phoff - p->p_offset <= p->p_filesz &&
                      p->p_filesz - (h->e_phoff - p->p_offset) >= bytes;
    return holds_them ? base + p->p_vaddr + (h->e_phoff - p->p_offset) : 0;
}

static bool entry_is_code(const struct elf_image *image)
{
    for (unsigned i = 0; i < image->nr_segments; i++) {
        const struct elf_segment *s = &image->segments[i];
        if ((s->rights & ACCESS_EXEC) && image->entry >= s->start && image->entry < s->end)
            return true;
    }
    return false;
}

static const char *read_segments(struct elf_image *image, const Elf64_Ehdr *h, const Elf64_Phdr *headers,
                                 uint64_t file_size)
{
    gva_t base = h->e_type == ET_DYN ? PIE_BASE : 0;
    gva_t last_byte = 0;
    for (unsigned i = 0; i < h->e_phnum; i++) {
        const Elf64_Phdr *p = &headers[i];
        if (p->p_type == PT_INTERP)
            return "dynamically linked";
        if (p->p_type != PT_LOAD || (p->p_memsz == 0 && p->p_filesz == 0))
            continue;
        const char *fault = segment_fault(p, file_size, base);
        if (!fault)
            fault = add_segment(image, p, base, &last_byte);
        if (fault)
            return fault;
        if (!image->headers)
            image->headers = find_headers(h, p, base);
    }
    image->nr_headers = h->e_phnum;
    image->entry = base + h->e_entry;
    return entry_is_code(image) ? NULL : "an entry that lies in no code";
}

int elf_image_read(struct elf_image *image, const struct file *f, void *page, const char **why)
{
    Elf64_Ehdr h;
    memset(image, 0, sizeof *image);
    int64_t got = archive_read(f, 0, page, sizeof h);
    if (got < 0)
        return (int)got;
    memcpy(&h, page, sizeof h);
    *why = got == sizeof h ? header_fault(&h, f->size_bytes) : "no ELF file";
    if (*why)
        return -ENOEXEC;
    int64_t wanted = (int64_t)(h.e_phnum * sizeof(Elf64_Phdr));
    got = archive_read(f, h.e_phoff, page, (uint64_t)wanted);
    if (got < 0)
        return (int)got;
    *why = got == wanted ? read_segments(image, &h, page, f->size_bytes)
                         : "program headers beyond the end of the file";
    return *why ? -ENOEXEC : 0;
}

_Static_assert(MAX_PROGRAM_HEADERS * sizeof(Elf64_Phdr) <= PAGE_SIZE,
               "all headers fit the page they are read into");
