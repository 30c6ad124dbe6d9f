/* Time, limits, random numbers, names. */
#include <sched.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include "selftest.h"

void test_time(void)
{
    struct timespec a, b, pause = { 0, 30000000 }, until;
    struct timeval day;

    CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0 && nanosleep(&pause, NULL) == 0 && clock_gettime(CLOCK_MONOTONIC, &b) == 0);
    CHECK((b.tv_sec - a.tv_sec) * 1000000000l + b.tv_nsec - a.tv_nsec >= pause.tv_nsec);
    until = b, until.tv_nsec += 5000000, until.tv_sec += until.tv_nsec / 1000000000, until.tv_nsec %= 1000000000;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0 && clock_gettime(CLOCK_MONOTONIC, &b) == 0);
    CHECK(b.tv_sec > until.tv_sec || (b.tv_sec == until.tv_sec && b.tv_nsec >= until.tv_nsec));
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, NULL) == 0);
    CHECK(gettimeofday(&day, NULL) == 0 && day.tv_usec < 1000000 && clock_getres(CLOCK_REALTIME, &a) == 0);
    pause.tv_nsec = 1000000000;
    CHECK(FAILS(nanosleep(&pause, NULL), EINVAL) && FAILS(clock_gettime(1000, &a), EINVAL));
}

void test_system(void)
{
    struct utsname name;
    struct rlimit limit;
    unsigned char bytes[16] = { 0 }, none[16] = { 0 };

    CHECK(uname(&name) == 0 && strcmp(name.sysname, "Linux") == 0 && strcmp(name.machine, "x86_64") == 0);
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur >= 1 << 20);
    CHECK(getrandom(bytes, sizeof bytes, 0) == sizeof bytes && memcmp(bytes, none, sizeof none) != 0);
    static unsigned char many[1000];
    CHECK(syscall(SYS_getrandom, many, sizeof many, 0) == sizeof many && FAILS(syscall(SYS_getrandom, 1, 1, 0), EFAULT));
    CHECK(FAILS(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, NULL), EFAULT) && FAILS(syscall(SYS_getrlimit, RLIMIT_STACK, NULL), EFAULT));
    CHECK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL) == 0);
    CHECK(getuid() == geteuid() && getgid() == getegid() && sched_yield() == 0);
    CHECK(syscall(SYS_set_tid_address, 0) == getpid() && getpid() > 0);
    unsigned long fs = 0;
    CHECK(syscall(SYS_arch_prctl, 0x1003, &fs) == 0 && fs != 0 && FAILS(syscall(SYS_arch_prctl, 0x1002, ~0ul), EPERM));
    CHECK(read(0, bytes, 0) == 0);
}
