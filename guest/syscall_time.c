/* Time: one clock, nanoseconds since the start, whatever clock is asked for. */
#include <linux/time.h>
#include "kernel.h"
#include "syscall.h"

#define NS_PER_S  1000000000ull
#define NS_PER_US 1000ull

static int64_t write_pair(struct process *p, gva_t to, uint64_t seconds, uint64_t part)
{
    int64_t pair[2] = { (int64_t)seconds, (int64_t)part };
    return to && space_write(p->space, to, pair, sizeof pair) < 0 ? -EFAULT : 0;
}

static bool is_clock(uint64_t clock)
{
    return clock <= CLOCK_BOOTTIME;
}

int64_t sys_clock_gettime(struct process *p, const uint64_t args[])
{
    uint64_t now = platform->clock_ns();
    if (is_clock(args[0]) && !args[1])
        return -EFAULT;
    return is_clock(args[0]) ? write_pair(p, args[1], now / NS_PER_S, now % NS_PER_S) : -EINVAL;
}

int64_t sys_clock_getres(struct process *p, const uint64_t args[])
{
    return is_clock(args[0]) ? write_pair(p, args[1], 0, 1) : -EINVAL;
}

int64_t sys_gettimeofday(struct process *p, const uint64_t args[])
{
    uint64_t now = platform->clock_ns();
    const int32_t zone[2] = { 0, 0 };
    if (args[1] && space_write(p->space, args[1], zone, sizeof zone) < 0)
        return -EFAULT;
    return write_pair(p, args[0], now / NS_PER_S, now % NS_PER_S / NS_PER_US);
}

int64_t sys_time(struct process *p, const uint64_t args[])
{
    int64_t seconds = (int64_t)(platform->clock_ns() / NS_PER_S);
    if (args[0] && space_write(p->space, args[0], &seconds, sizeof seconds) < 0)
        return -EFAULT;
    return seconds;
}

/* Wait until a time of the clock; a signal that comes first writes what is left to remaining_at. */
static int64_t sleep_until(struct process *p, uint64_t wake_ns, gva_t remaining_at)
{
    if (wake_ns <= platform->clock_ns())
        return 0;
    p->state = PROCESS_SLEEPING;
    p->wake_ns = wake_ns;
    p->remaining_at = remaining_at;
    return 0;
}

/* A struct timespec; what is beyond five centuries is forever. 0, -EFAULT or -EINVAL. */
static int read_timespec(struct process *p, gva_t from, uint64_t *ns)
{
    int64_t pair[2];
    if (space_read(p->space, pair, from, sizeof pair) < 0)
        return -EFAULT;
    if (pair[0] < 0 || pair[1] < 0 || pair[1] >= (int64_t)NS_PER_S)
        return -EINVAL;
    const uint64_t forever = INT64_MAX / 2;
    bool fits = (uint64_t)pair[0] < forever / NS_PER_S;
    *ns = fits ? (uint64_t)pair[0] * NS_PER_S + (uint64_t)pair[1] : forever;
    return 0;
}

int64_t sys_nanosleep(struct process *p, const uint64_t args[])
{
    uint64_t ns;
    int error = read_timespec(p, args[0], &ns);
    return error ? error : ns ? sleep_until(p, platform->clock_ns() + ns, args[1]) : 0;
}

/* clock_nanosleep(clock, flags, time, remaining). */
int64_t sys_clock_nanosleep(struct process *p, const uint64_t args[])
{
    uint64_t ns;
    int error = is_clock(args[0]) ? read_timespec(p, args[2], &ns) : -EINVAL;
    if (error)
        return error;
    return args[1] & TIMER_ABSTIME ? sleep_until(p, ns, 0)
                                   : sleep_until(p, platform->clock_ns() + ns, args[3]);
}
