/* Guest kernels. The jobs, in this order: refusing, what each start needs, opening and closing. See
 * kernel_image.h. */
#include "vmm/kernel_image.h"
#include "vmm/error.h"
#include "vmm/kernel_elf.h"
#include "pv/abi.h"
#include "x86_paging.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1. Refusing. */

int kernel_refuse(const struct kernel_image *k, const char *format, ...)
{
    char reason[512];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return fail_as(ENOEXEC, "cannot use kernel %s: %s", k->name, reason);
}

/* 2. What each start needs. */

int kernel_image_require_pv(const struct kernel_image *k)
{
    if (!k->has_pv)
        return kernel_refuse(k, "it has no paravirtual entry: no PT_NOTE segment holds a note \"" PV_NOTE_NAME
                                "\" (see pv/abi.h); a native kernel runs with --mode fv or hw");
    for (unsigned i = 0; i < k->nr_segments; i++) {
        const struct kernel_segment *s = &k->segments[i];
        uint64_t bytes = page_round_up(s->mem_bytes);
        gva_t last = s->gva + bytes - 1;
        if (pt_index(s->gva, PT_LEVELS) <= PV_RESERVED_SLOT && pt_index(last, PT_LEVELS) >= PV_RESERVED_SLOT)
            return kernel_refuse(k, "a segment at gva 0x%" PRIx64 " lies in the monitor's slot", s->gva);
        if (s->gva < PV_LINEAR_BASE + k->memory_bytes && last >= PV_LINEAR_BASE)
            return kernel_refuse(k, "a segment at gva 0x%" PRIx64 " lies where all memory is mapped", s->gva);
        for (unsigned j = 0; j < i; j++)
            if (s->gva <= k->segments[j].gva + (page_round_up(k->segments[j].mem_bytes) - 1) &&
                k->segments[j].gva <= last)
                return kernel_refuse(k, "two segments lie at gva 0x%" PRIx64, s->gva);
    }
    return 0;
}

int kernel_image_require_native(const struct kernel_image *k)
{
    if (!k->has_native)
        return kernel_refuse(k,
                             "it has no native entry: its ELF entry, 0x%" PRIx64
                             ", is not the physical address of code; a "
                             "paravirtual kernel runs with --mode pv",
                             k->native_entry);
    return 0;
}

/* 3. Opening and closing. */

static int open_checked(struct kernel_image *k, const char *name, void *owned, const void *data, size_t size,
                        uint64_t memory_bytes)
{
    *k = (struct kernel_image){ .owned = owned, .data = data, .size = size, .memory_bytes = memory_bytes };
    k->name = strdup(name);

    int err = k->name ? kernel_elf_read(k) : fail(ENOMEM, "cannot read kernel %s", name);
    if (err)
        kernel_image_close(k);
    return err;
}

int kernel_image_open_memory(struct kernel_image *k, const char *name, const void *data, size_t size,
                             uint64_t memory_bytes)
{
    return open_checked(k, name, NULL, data, size, memory_bytes);
}

/* Read rather than mapped: a file that shrinks under a mapping would end us with SIGBUS. */
static int read_whole_file(int fd, const char *path, size_t size, void **content)
{
    uint8_t *buffer = malloc(size ? size : 1);
    size_t done = 0;

    if (!buffer)
        return fail(ENOMEM, "cannot read kernel %s", path);
    while (done < size) {
        ssize_t n = pread(fd, buffer + done, size - done, (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int err = n < 0 ? fail(errno, "cannot read kernel %s", path)
                            : fail_as(EIO, "cannot read kernel %s: it shrank meanwhile", path);
            free(buffer);
            return err;
        }
        done += (size_t)n;
    }
    *content = buffer;
    return 0;
}

static int read_file(const char *path, void **content, size_t *size)
{
    struct stat st;
    int err;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return fail(errno, "cannot open kernel %s", path);
    if (fstat(fd, &st))
        err = fail(errno, "cannot examine kernel %s", path);
    else if (!S_ISREG(st.st_mode))
        err = fail_as(ENOEXEC, "cannot use kernel %s: it is not a regular file", path);
    else if ((uint64_t)st.st_size > KERNEL_MAX_FILE_BYTES)
        err = fail_as(EFBIG, "cannot use kernel %s: it is larger than %llu MiB; strip it", path,
                      KERNEL_MAX_FILE_BYTES >> 20);
    else
        err = read_whole_file(fd, path, *size = (size_t)st.st_size, content);
    close(fd);
    return err;
}

int kernel_image_open(struct kernel_image *k, const char *path, uint64_t memory_bytes)
{
    void *content = NULL;
    size_t size = 0;

    *k = (struct kernel_image){ 0 };
    int err = read_file(path, &content, &size);
    return err ? err : open_checked(k, path, content, content, size, memory_bytes);
}

void kernel_image_close(struct kernel_image *k)
{
    free(k->name);
    free(k->owned);
    *k = (struct kernel_image){ 0 };
}
