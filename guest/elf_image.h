/* What an ELF file asks for, checked before anything is mapped. The file comes from a disk that nobody
 * vouches for. System V ABI, "Object Files" and "Program Loading"; x86-64 psABI. */
#pragma once
#include <linux/elf.h>
#include "space.h"

#define MAX_SEGMENTS        16
#define MAX_PROGRAM_HEADERS 64 /* less than a page of them */

/* Programs' addresses: the stack below the top, position-independent programs where Linux would put them. */
#define STACK_TOP (USER_TOP - PAGE_SIZE)
#define PIE_BASE  0x0000555555554000ull

struct elf_segment {
    gva_t start, end;     /* page-aligned */
    gva_t file_end;       /* bytes from here on are zero */
    uint64_t file_offset; /* of start; page-aligned */
    unsigned rights;      /* ACCESS_* */
};

struct elf_image {
    gva_t entry;
    gva_t headers; /* where the program headers are in memory; 0: nowhere */
    unsigned nr_headers;
    gva_t end; /* of the highest segment, page-aligned: the heap starts there */
    unsigned nr_segments;
    struct elf_segment segments[MAX_SEGMENTS]; /* by address */
};

/* Read the file's headers, by way of a page in the linear map that is lost. 0; -ENOEXEC, with *why, for what
 * is no program that can run here; -EIO. */
int elf_image_read(struct elf_image *image, const struct file *f, void *page, const char **why);
