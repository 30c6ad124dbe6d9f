/* Reading a guest kernel's ELF file: private to kernel_image.c, which opens it. */
#pragma once
#include "vmm/kernel_image.h"

/* Fill k's segments and entries from k->data, all checked. 0, or -ENOEXEC and the reason was told. */
int kernel_elf_read(struct kernel_image *k);

/* Tell why k cannot be used, with its name; returns -ENOEXEC. */
int kernel_refuse(const struct kernel_image *k, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
