/* What a kernel is told at a PVH boot: ebx, or rbx at our 64-bit entry, holds the gpa of struct
 * hvm_start_info. From Xen's public interface (arch-x86/hvm/start_info.h, docs/misc/pvh). All addresses are
 * gpas. */
#pragma once
#include <stdint.h>

#define HVM_START_INFO_MAGIC   0x336ec578u
#define HVM_START_INFO_VERSION 1u
#define HVM_MEMMAP_RAM         1u

struct hvm_start_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modules, cmdline, rsdp, memmap;
    uint32_t nr_memmap, reserved;
};

struct hvm_memmap_entry {
    uint64_t start, bytes;
    uint32_t type, reserved;
};

_Static_assert(sizeof(struct hvm_start_info) == 56, "start info of version 1");
_Static_assert(sizeof(struct hvm_memmap_entry) == 24, "entry of the memory map");
