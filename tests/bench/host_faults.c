/* host_faults [COUNT]: what a page fault costs a program on the host itself, each way that Linux has of
 * handling one. JSON on standard output; a way that is not to be had here is there with the reason.
 *
 *   1. measuring
 *   2. the kernel's own: a first touch of fresh memory
 *   3. SIGSEGV and mprotect
 *   4. userfaultfd, with a handler in another thread, on the same CPU and on another, and in the same thread
 * by SIGBUS
 *   5. asking whether a page was written to (PAGEMAP_SCAN, Linux 6.7) */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul

/* 1. Measuring. */

struct series {
    uint64_t *ns;
    size_t count;
    const char *failed; /* what could not be done, and why; or NULL */
    int error;
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ul + (uint64_t)t.tv_nsec;
}

static bool failed(struct series *s, const char *what)
{
    s->failed = what;
    s->error = errno;
    return false;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static unsigned char *map(size_t pages)
{
    unsigned char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
    return p;
}

/* Store to each page, and time each store. */
static void touch(unsigned char *p, struct series *s)
{
    for (size_t i = 0; i < s->count; i++) {
        uint64_t before = now_ns();
        *(volatile unsigned char *)(p + i * PAGE) = 1;
        s->ns[i] = now_ns() - before;
    }
}

/* 2. The kernel's own. */

static bool measure_minor(struct series *s)
{
    unsigned char *p = map(s->count);
    if (!p)
        return failed(s, "mmap");
    touch(p, s);
    munmap(p, s->count * PAGE);
    return true;
}

/* 3. SIGSEGV and mprotect. */

static void open_page(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    if (mprotect((void *)((uintptr_t)info->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE))
        _exit(1);
}

static void handle_by(int signal, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

static bool measure_sigsegv(struct series *s)
{
    unsigned char *p = map(s->count);
    if (!p || mprotect(p, s->count * PAGE, PROT_NONE))
        return failed(s, "mmap");
    handle_by(SIGSEGV, open_page);
    touch(p, s);
    signal(SIGSEGV, SIG_DFL);
    munmap(p, s->count * PAGE);
    return true;
}

/* 4. userfaultfd. */

static int uffd = -1;
static unsigned char source[PAGE] __attribute__((aligned(4096)));

static bool fill_page(uint64_t address)
{
    struct uffdio_copy copy = { .dst = address & ~(PAGE - 1), .src = (uintptr_t)source, .len = PAGE };
    return ioctl(uffd, UFFDIO_COPY, &copy) == 0;
}

static void *serve(void *unused)
{
    (void)unused;
    struct uffd_msg m;
    while (read(uffd, &m, sizeof(m)) == sizeof(m) && m.event == UFFD_EVENT_PAGEFAULT)
        if (!fill_page(m.arg.pagefault.address))
            exit(1);
    return NULL;
}

static void serve_sigbus(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    if (!fill_page((uintptr_t)info->si_addr))
        _exit(1);
}

static bool open_uffd(struct series *s, uint64_t features)
{
    struct uffdio_api api = { .api = UFFD_API, .features = features };
    uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
    if (uffd < 0)
        return failed(s, "userfaultfd");
    return ioctl(uffd, UFFDIO_API, &api) == 0 || failed(s, "UFFDIO_API");
}

static bool watch(struct series *s, unsigned char *p, uint64_t mode)
{
    struct uffdio_register all = { .range = { (uintptr_t)p, s->count * PAGE }, .mode = mode };
    return ioctl(uffd, UFFDIO_REGISTER, &all) == 0 || failed(s, "UFFDIO_REGISTER");
}

/* The n-th CPU that we may use, or -1. */
static int nth_cpu(const cpu_set_t *all, int n)
{
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, all) && n-- == 0)
            return cpu;
    return -1;
}

static bool pin(pthread_t thread, int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return (errno = pthread_setaffinity_np(thread, sizeof(one), &one)) == 0;
}

/* The handler waits in read(). Whether its CPU is that of the fault, or another that must be woken, makes all
 * the difference. */
static bool touch_served(struct series *s, unsigned char *p, bool same_cpu)
{
    pthread_t server;
    cpu_set_t all;
    CPU_ZERO(&all);
    sched_getaffinity(0, sizeof(all), &all);
    int here = nth_cpu(&all, 0), there = nth_cpu(&all, same_cpu ? 0 : 1);
    errno = ENODEV;
    if (there < 0)
        return failed(s, "a second CPU");
    if ((errno = pthread_create(&server, NULL, serve, NULL)) != 0)
        return failed(s, "pthread_create");
    bool pinned = pin(server, there) && pin(pthread_self(), here);
    if (pinned)
        touch(p, s);
    else
        failed(s, "pthread_setaffinity_np");
    pthread_cancel(server);
    pthread_join(server, NULL);
    sched_setaffinity(0, sizeof(all), &all);
    return pinned;
}

static bool measure_uffd_thread(struct series *s, bool same_cpu)
{
    unsigned char *p = map(s->count);
    if (!p)
        return failed(s, "mmap");
    if (!open_uffd(s, 0) || !watch(s, p, UFFDIO_REGISTER_MODE_MISSING) || !touch_served(s, p, same_cpu))
        return false;
    munmap(p, s->count * PAGE);
    return true;
}

static bool measure_uffd_same_cpu(struct series *s)
{
    return measure_uffd_thread(s, true);
}

static bool measure_uffd_other_cpu(struct series *s)
{
    return measure_uffd_thread(s, false);
}

static bool measure_uffd_sigbus(struct series *s)
{
    unsigned char *p = map(s->count);
    if (!p)
        return failed(s, "mmap");
    if (!open_uffd(s, UFFD_FEATURE_SIGBUS) || !watch(s, p, UFFDIO_REGISTER_MODE_MISSING))
        return false;
    handle_by(SIGBUS, serve_sigbus);
    touch(p, s);
    signal(SIGBUS, SIG_DFL);
    munmap(p, s->count * PAGE);
    return true;
}

/* 5. Was it written to? The interface is younger than the headers that we build with: linux/fs.h has it as
 * struct pm_scan_arg. */

struct scan {
    uint64_t bytes, flags, start, end, walk_end, regions, nr_regions, most_pages, inverted, all_of, any_of,
        told;
};
#define SCAN       _IOWR('f', 16, struct scan)
#define IS_WRITTEN (1ull << 1)
#define WP_ASYNC   (1ull << 15)

static bool measure_dirty(struct series *s)
{
    unsigned char *p = map(s->count);
    int pages = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (!p || pages < 0)
        return failed(s, "/proc/self/pagemap");
    if (!open_uffd(s, WP_ASYNC) || !watch(s, p, UFFDIO_REGISTER_MODE_WP))
        return false;
    memset(p, 1, s->count * PAGE);
    for (size_t i = 0; i < s->count; i++) {
        uint64_t region[3], before = now_ns();
        struct scan one = { .bytes = sizeof(one),
                            .start = (uintptr_t)p + i * PAGE,
                            .end = (uintptr_t)p + (i + 1) * PAGE,
                            .regions = (uintptr_t)region,
                            .nr_regions = 1,
                            .all_of = IS_WRITTEN,
                            .told = IS_WRITTEN };
        if (ioctl(pages, SCAN, &one) != 1)
            return failed(s, "PAGEMAP_SCAN");
        s->ns[i] = now_ns() - before;
    }
    close(pages);
    munmap(p, s->count * PAGE);
    return true;
}

static const struct way {
    const char *name;
    bool (*measure)(struct series *);
} ways[] = {
    { "minor", measure_minor },
    { "sigsegv-mprotect", measure_sigsegv },
    { "userfaultfd-same-cpu", measure_uffd_same_cpu },
    { "userfaultfd-other-cpu", measure_uffd_other_cpu },
    { "userfaultfd-sigbus", measure_uffd_sigbus },
    { "dirty", measure_dirty },
};
#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

static void print(const struct way *w, struct series *s, bool last)
{
    printf("  \"%s\": ", w->name);
    if (s->failed) {
        printf("{ \"reason\": \"%s: %s\" }", s->failed, strerror(s->error));
    } else {
        qsort(s->ns, s->count, sizeof(s->ns[0]), compare);
        printf("{ \"count\": %zu, \"p10_ns\": %lu, \"median_ns\": %lu, \"p90_ns\": %lu }", s->count,
               (unsigned long)s->ns[s->count / 10], (unsigned long)s->ns[s->count / 2],
               (unsigned long)s->ns[s->count * 9 / 10]);
    }
    printf(last ? "\n}\n" : ",\n");
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    uint64_t *ns = count ? calloc(count, sizeof(ns[0])) : NULL;
    if (!ns || argc > 2) {
        fprintf(stderr, "usage: host_faults [COUNT]\n");
        return 2;
    }
    printf("{\n");
    for (size_t i = 0; i < NR_WAYS; i++) {
        struct series s = { .ns = ns, .count = count };
        ways[i].measure(&s);
        print(&ways[i], &s, i + 1 == NR_WAYS);
        if (uffd >= 0)
            close(uffd);
        uffd = -1;
    }
    free(ns);
    return 0;
}
