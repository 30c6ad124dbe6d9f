/* What is the same for all programs: the system's name, who the user is, limits, random bytes. */
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/utsname.h>
#include "kernel.h"
#include "random.h"
#include "syscall.h"

#define FOREVER    (~0ull)
#define RANDOM_MAX ((32u << 20) - 1) /* at a time, as on Linux */

/* The release is that of the Linux whose system calls these are; C libraries refuse to start on old ones. */
int64_t sys_uname(struct process *p, const uint64_t args[])
{
    static const struct new_utsname name = { .sysname = "Linux",
                                             .nodename = "guest",
                                             .release = "6.1.0",
                                             .version = "faultvisor",
                                             .machine = "x86_64",
                                             .domainname = "(none)" };
    return space_write(p->space, args[0], &name, sizeof name) < 0 ? -EFAULT : 0;
}

int64_t sys_getuid(struct process *p, const uint64_t args[])
{
    (void)p, (void)args;
    return 0;
}

int64_t sys_geteuid(struct process *p, const uint64_t args[])
{
    return sys_getuid(p, args);
}

int64_t sys_getgid(struct process *p, const uint64_t args[])
{
    return sys_getuid(p, args);
}

int64_t sys_getegid(struct process *p, const uint64_t args[])
{
    return sys_getuid(p, args);
}

/* getrandom(to, bytes, flags). */
int64_t sys_getrandom(struct process *p, const uint64_t args[])
{
    uint64_t bytes = args[1] < RANDOM_MAX ? args[1] : RANDOM_MAX, done = 0;
    if (args[2] & ~(uint64_t)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    while (done < bytes) {
        uint8_t piece[256];
        uint64_t n = bytes - done < sizeof piece ? bytes - done : sizeof piece;
        random_fill(piece, n);
        if (space_write(p->space, args[0] + done, piece, n) < 0)
            return done ? (int64_t)done : -EFAULT;
        done += n;
    }
    return (int64_t)done;
}

static uint64_t limit_of(uint64_t resource)
{
    switch (resource) {
    case RLIMIT_STACK:
        return STACK_LIMIT;
    case RLIMIT_NOFILE:
        return MAX_DESCRIPTORS;
    case RLIMIT_NPROC:
        return MAX_PROCESSES;
    case RLIMIT_CORE:
        return 0;
    default:
        return FOREVER;
    }
}

static int64_t tell_limit(struct process *p, uint64_t resource, gva_t to)
{
    if (resource >= RLIM_NLIMITS)
        return -EINVAL;
    uint64_t pair[2] = { limit_of(resource), limit_of(resource) };
    return to && space_write(p->space, to, pair, sizeof pair) < 0 ? -EFAULT : 0;
}

int64_t sys_getrlimit(struct process *p, const uint64_t args[])
{
    int64_t error = tell_limit(p, args[0], args[1]);
    return error || args[1] ? error : -EFAULT;
}

/* prlimit64(pid, resource, new, old). The limits are the kernel's own: they can be asked for, not changed. */
int64_t sys_prlimit64(struct process *p, const uint64_t args[])
{
    if (args[0] && (int)args[0] != p->pid)
        return -ESRCH;
    return args[2] ? -EPERM : tell_limit(p, args[1], args[3]);
}

/* There are no threads, so nobody to wake. */
int64_t sys_set_robust_list(struct process *p, const uint64_t args[])
{
    (void)p, (void)args;
    return 0;
}
