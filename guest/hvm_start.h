/* What a PVH boot tells the kernel: ebx (or rbx at the 64-bit entry) holds the gpa of struct hvm_start_info.
 * Source: the public Xen ABI, docs/misc/pvh and arch-x86/hvm/start_info. All addresses are gpas. */
#pragma once
#include <stdint.h>

#define HVM_START_MAGIC 0x336ec578u
#define HVM_MEMORY_RAM  1u /* types are those of E820 */

struct hvm_start_info {
    uint32_t magic;
    uint32_t version; /* 1 and up have the memory map */
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modules;
    uint64_t cmdline; /* NUL-terminated, or 0 */
    uint64_t rsdp;
    uint64_t memory_map; /* struct hvm_memory_entry[nr_memory_entries] */
    uint32_t nr_memory_entries;
    uint32_t reserved;
};

struct hvm_memory_entry {
    uint64_t start;
    uint64_t bytes;
    uint32_t type;
    uint32_t reserved;
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "layout of version 1");
_Static_assert(sizeof(struct hvm_memory_entry) == 24, "layout of version 1");
