/* What programs ask of their memory: the checks that are Linux's; the rest is space.c's. */
#include <linux/fcntl.h>
#include <linux/mman.h>
#include "file_mode.h"
#include "kernel.h"
#include "syscall.h"

static unsigned rights_of(uint64_t protection)
{
    return (protection & PROT_READ ? ACCESS_READ : 0) | (protection & PROT_EXEC ? ACCESS_EXEC : 0) |
           (protection & PROT_WRITE ? ACCESS_READ | ACCESS_WRITE : 0);
}

static bool is_known_protection(uint64_t protection)
{
    return !(protection & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC));
}

/* A range of whole pages below USER_TOP, from a start and a length that a program gave. 0, -EINVAL or
 * -ENOMEM. */
static int make_range(gva_t start, uint64_t bytes, gva_t *end)
{
    if (page_offset(start))
        return -EINVAL;
    if (bytes > USER_TOP || start > USER_TOP || page_round_up(bytes) > USER_TOP - start)
        return -ENOMEM;
    *end = start + page_round_up(bytes);
    return 0;
}

/* The mapping of a file. Shared ones can only be read: nothing can be written back. */
static int use_file(struct process *p, struct region *r, const uint64_t args[])
{
    struct open_file *o = descriptor_get(&p->files, args[4]);
    if (!o)
        return -EBADF;
    if (o->kind != OPEN_FILE || !file_is_regular(o->file))
        return -ENODEV;
    if ((args[3] & MAP_TYPE) != MAP_PRIVATE && (args[2] & PROT_WRITE))
        return -EACCES;
    if (page_offset(args[5]))
        return -EINVAL;
    r->kind = REGION_FILE;
    r->file = o->file;
    r->file_offset = args[5];
    r->file_bytes = page_round_up(args[1]);
    r->stays_read_only = (args[3] & MAP_TYPE) != MAP_PRIVATE;
    return args[5] > INT64_MAX - r->file_bytes ? -EOVERFLOW : 0;
}

static bool is_known_sharing(uint64_t flags)
{
    bool shared = (flags & MAP_TYPE) == MAP_SHARED || (flags & MAP_TYPE) == MAP_SHARED_VALIDATE;
    return (flags & MAP_TYPE) == MAP_PRIVATE || (shared && !(flags & MAP_ANONYMOUS));
}

/* mmap(address, bytes, protection, flags, fd, offset). An address that need not be is not tried. Memory that
 * is shared between processes is not there: -EINVAL. */
int64_t sys_mmap(struct process *p, const uint64_t args[])
{
    gva_t end;
    struct region r = { .kind = REGION_ANONYMOUS, .rights = rights_of(args[2]) };
    bool fixed = args[3] & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (args[1] == 0 || !is_known_sharing(args[3]) || !is_known_protection(args[2]))
        return -EINVAL;
    int error = make_range(fixed ? args[0] : 0, args[1], &end);
    if (!error && !(args[3] & MAP_ANONYMOUS))
        error = use_file(p, &r, args);
    if (error)
        return error;
    r.start = fixed ? args[0] : space_find_gap(p->space, end);
    if (!fixed && !r.start)
        return -ENOMEM;
    r.end = r.start + page_round_up(args[1]);
    if ((args[3] & MAP_FIXED_NOREPLACE) && !space_is_free(p->space, r.start, r.end))
        return -EEXIST;
    error = space_map(p->space, &r);
    return error ? error : (int64_t)r.start;
}

int64_t sys_munmap(struct process *p, const uint64_t args[])
{
    gva_t end;
    if (args[1] == 0 || make_range(args[0], args[1], &end) < 0)
        return -EINVAL;
    return space_unmap(p->space, args[0], end);
}

int64_t sys_mprotect(struct process *p, const uint64_t args[])
{
    gva_t end;
    int error = make_range(args[0], args[1], &end);
    if (error || end == args[0])
        return error;
    if (!is_known_protection(args[2]))
        return -EINVAL;
    return space_protect(p->space, args[0], end, rights_of(args[2]));
}

int64_t sys_brk(struct process *p, const uint64_t args[])
{
    return (int64_t)space_brk(p->space, args[0]);
}

/* What is known, and need not do anything that programs could see. */
static bool is_mere_advice(uint64_t advice)
{
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_FREE:
    case MADV_DONTFORK: /* it only saves the fork work */
    case MADV_DOFORK:
    case MADV_KEEPONFORK:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return true;
    default:
        return false;
    }
}

/* Of all advice only MADV_DONTNEED has an effect that programs can see; the rest of that kind is not there.
 */
int64_t sys_madvise(struct process *p, const uint64_t args[])
{
    gva_t end;
    if (args[2] != MADV_DONTNEED && !is_mere_advice(args[2]))
        return -EINVAL;
    if (make_range(args[0], args[1], &end) < 0)
        return -EINVAL;
    if (end == args[0])
        return 0;
    if (args[2] == MADV_DONTNEED)
        return space_discard(p->space, args[0], end);
    return space_has_hole(p->space, args[0], end) ? -ENOMEM : 0;
}

/* Mappings are private, or only read: nothing is ever out of date. */
int64_t sys_msync(struct process *p, const uint64_t args[])
{
    gva_t end;
    if ((args[2] & ~(uint64_t)(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) ||
        ((args[2] & MS_ASYNC) && (args[2] & MS_SYNC)))
        return -EINVAL;
    int error = make_range(args[0], args[1], &end);
    if (error)
        return error;
    return space_has_hole(p->space, args[0], end) ? -ENOMEM : 0;
}

/* A mapping can shrink where it is; one that wants to grow is refused, and C libraries copy then. */
int64_t sys_mremap(struct process *p, const uint64_t args[])
{
    gva_t old_end, new_end;
    if (args[1] == 0 || args[2] == 0 || make_range(args[0], args[1], &old_end) < 0 ||
        make_range(args[0], args[2], &new_end) < 0 || (args[3] & ~(uint64_t)MREMAP_MAYMOVE))
        return -EINVAL;
    if (!space_region(p->space, args[0]))
        return -EFAULT;
    if (new_end > old_end)
        return -ENOMEM;
    int error = new_end < old_end ? space_unmap(p->space, new_end, old_end) : 0;
    return error ? error : (int64_t)args[0];
}
