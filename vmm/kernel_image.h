/* A guest kernel's ELF file: what to load where, and where each way to start it begins.
 *
 * Accepted: 64-bit x86-64 ET_EXEC files, whose PT_LOAD segments are page-aligned, lie in guest memory by
 * p_paddr and do not overlap there. Entries: of the note in pv/abi.h (paravirtual), e_entry as a gpa (native,
 * 64-bit), and the PVH note (32-bit; Xen's docs/misc/pvh.pandoc). All that a file says is checked before it
 * is believed; the first thing wrong is told by fail() in one sentence. ELF: System V ABI, chapters 4 and 5.
 */
#pragma once
#include "address.h"

#include <stddef.h>

#define KERNEL_MAX_SEGMENTS   16
#define KERNEL_MAX_FILE_BYTES (256ull << 20)

struct kernel_segment {
    gpa_t gpa;           /* page-aligned; gpa + mem_bytes fits in memory */
    gva_t gva;           /* page-aligned, canonical, and so is its last byte */
    const void *data;    /* file_bytes of it; borrowed from the image */
    uint64_t file_bytes; /* at most mem_bytes; zeroes follow */
    uint64_t mem_bytes;  /* not zero */
    bool writable;
    bool executable;
};

struct kernel_image {
    unsigned nr_segments; /* at least 1; in the file's order */
    struct kernel_segment segments[KERNEL_MAX_SEGMENTS];
    bool has_pv, has_native, has_pvh;
    gva_t pv_entry; /* each entry lies in the file's part of an executable segment */
    gpa_t native_entry;
    uint32_t pvh_entry; /* gpa */
    uint64_t memory_bytes;

    /* private */
    char *name;
    void *owned; /* the file's content, or NULL if it was lent */
    const uint8_t *data;
    size_t size;
};

/* Read and check a file; memory_bytes is the guest's memory, a multiple of 4096. 0: k is filled, and to be
 * given back with kernel_image_close. Negative errno: the reason was told, k holds nothing. */
int kernel_image_open(struct kernel_image *k, const char *path, uint64_t memory_bytes);

/* The same for a file in memory, which must stay as long as k. name is for messages. */
int kernel_image_open_memory(struct kernel_image *k, const char *name, const void *data, size_t size,
                             uint64_t memory_bytes);

/* Can it be started this way? 0, or -ENOEXEC and the reason was told. pv also needs what its start maps not
 * to clash: with itself, the linear map of all memory, or the monitor's slot. */
int kernel_image_require_pv(const struct kernel_image *k);
int kernel_image_require_native(const struct kernel_image *k);

/* Does nothing to one that is closed, or all zero. */
void kernel_image_close(struct kernel_image *k);
