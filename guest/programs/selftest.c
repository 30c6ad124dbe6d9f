/* selftest: asks the kernel for everything that programs may ask for, and checks each answer. One line a subject, "ok" or what was
 * wrong; status 1 if anything was. It runs on the host too, and prints the same. */
#include <alloca.h>
#include <cpuid.h>
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "program.h"

static const char *self;
static int wrong, wrong_here;

/* Every check is a line of its own if it fails. */
static void check(int holds, int line, const char *what)
{
    if (holds)
        return;
    wrong_here++;
    printf("  line %d: %s (errno %d)\n", line, what, errno);
}
#define CHECK(condition)        check((condition) != 0, __LINE__, #condition)
#define FAILS(call, error)      (errno = 0, (call) == -1 && errno == (error))

/* Files. */
static void test_files(void)
{
    struct stat by_name, by_number;
    unsigned char magic[4], again[4];
    int fd = open(self, O_RDONLY | O_CLOEXEC);

    CHECK(fd == 3);
    CHECK(fstat(fd, &by_number) == 0 && stat(self, &by_name) == 0);
    CHECK(S_ISREG(by_number.st_mode) && by_number.st_ino == by_name.st_ino && by_number.st_size == by_name.st_size);
    CHECK(lstat(self, &by_name) == 0 && by_name.st_size == by_number.st_size);
    CHECK(fstatat(AT_FDCWD, self, &by_name, 0) == 0 && by_name.st_size == by_number.st_size);
    CHECK(read(fd, magic, 4) == 4 && memcmp(magic, "\177ELF", 4) == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == 4 && lseek(fd, -2, SEEK_CUR) == 2);
    CHECK(lseek(fd, 0, SEEK_END) == by_number.st_size && read(fd, again, 4) == 0);
    CHECK(FAILS(lseek(fd, -1, SEEK_SET), EINVAL) && FAILS(lseek(fd, 0, 99), EINVAL));
    CHECK(pread(fd, again, 3, 1) == 3 && memcmp(again, "ELF", 3) == 0 && lseek(fd, 0, SEEK_CUR) == by_number.st_size);
    CHECK(FAILS(pread(fd, again, 1, -1), EINVAL));
    CHECK(FAILS(write(fd, magic, 4), EBADF));
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && FAILS(read(fd, NULL, 4), EFAULT) && lseek(fd, 0, SEEK_CUR) == 0);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_SETFD, 0) == 0 && fcntl(fd, F_GETFD) == 0);
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    CHECK(FAILS(ioctl(fd, TIOCGWINSZ, magic), ENOTTY) && FAILS(ioctl(77, TIOCGWINSZ, magic), EBADF));
    CHECK(close(fd) == 0 && FAILS(close(fd), EBADF) && FAILS(read(fd, magic, 1), EBADF));
    CHECK(access(self, R_OK | X_OK) == 0 && faccessat(AT_FDCWD, self, F_OK, 0) == 0);
    CHECK(FAILS(open("no/such/file", O_RDONLY), ENOENT) && FAILS(open("", O_RDONLY), ENOENT));
    CHECK(FAILS(access("no/such/file", F_OK), ENOENT) && FAILS(stat("no/such/file", &by_name), ENOENT));
    CHECK(FAILS(open((char *)1, O_RDONLY), EFAULT));
}

/* Paths that lead nowhere, and the symbolic link that is in the sample's data. */
static void test_paths(void)
{
    char path[300], target[16] = "................";
    struct stat st;

    snprintf(path, sizeof path, "%s/", self);
    CHECK(FAILS(open(path, O_RDONLY), ENOTDIR) && FAILS(stat(path, &st), ENOTDIR));
    strcat(path, "x");
    CHECK(FAILS(open(path, O_RDONLY), ENOTDIR) && FAILS(execve(path, environ, environ), ENOTDIR));
    snprintf(path, sizeof path, "%s/..", self);
    CHECK(FAILS(chdir(path), ENOTDIR));
    snprintf(path, sizeof path, "no-such-folder/../%s", self);
    CHECK(FAILS(open(path, O_RDONLY), ENOENT));
    memset(path, 'x', 256), path[256] = 0;
    CHECK(FAILS(open(path, O_RDONLY), ENAMETOOLONG) && FAILS(access(self, 8), EINVAL));
    CHECK(FAILS(open("bin", O_RDONLY | O_CREAT, 0), EISDIR) && FAILS(open("bin", O_RDWR), EISDIR));
    CHECK(FAILS(fstatat(AT_FDCWD, self, &st, 0x80), EINVAL) && fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
    CHECK(lstat("data/link", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 5);
    CHECK(fstatat(AT_FDCWD, "data/link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
    CHECK(stat("data/link", &st) == 0 && S_ISREG(st.st_mode) && FAILS(lstat("data/link/", &st), ENOTDIR));
    CHECK(readlink("data/link", target, sizeof target) == 5 && memcmp(target, "small.", 6) == 0);
    CHECK(readlink("data/link", target, 2) == 2 && FAILS(readlink("data/small", target, 2), EINVAL));
    CHECK(FAILS(open("data/link", O_RDONLY | O_NOFOLLOW), ELOOP) && FAILS(syscall(SYS_readlink, "data/link", target, 0), EINVAL));
}

static void test_vectors(void)
{
    unsigned char a[3], b[6], all[9];
    struct iovec v[3] = { { a, sizeof a }, { NULL, 0 }, { b, sizeof b } };
    int fd = open(self, O_RDONLY);

    CHECK(readv(fd, v, 3) == 9 && pread(fd, all, 9, 0) == 9);
    CHECK(memcmp(a, all, 3) == 0 && memcmp(b, all + 3, 6) == 0);
    CHECK(FAILS(readv(fd, v, -1), EINVAL));
    struct iovec words[2] = { { "  written from ", 15 }, { "two places\n", 11 } };
    fflush(stdout);
    CHECK(writev(1, words, 2) == 26);
    CHECK(FAILS(writev(fd, words, 2), EBADF));
    close(fd);
}

static void test_descriptors(void)
{
    unsigned char first, second;
    int fd = open(self, O_RDONLY), copy = dup(fd);

    CHECK(copy == fd + 1 && dup2(fd, 20) == 20 && dup2(fd, fd) == fd && fcntl(fd, F_DUPFD, 10) == 10);
    CHECK(read(fd, &first, 1) == 1 && read(copy, &second, 1) == 1 && first == 0x7f && second == 'E');
    CHECK(lseek(20, 0, SEEK_CUR) == 2); /* one offset for all */
    CHECK(dup3(fd, 21, O_CLOEXEC) == 21 && fcntl(21, F_GETFD) == FD_CLOEXEC && FAILS(dup3(fd, fd, 0), EINVAL));
    CHECK(FAILS(dup(99), EBADF) && FAILS(dup2(99, 5), EBADF) && FAILS(fcntl(fd, 9999), EINVAL));
    close(fd), close(copy), close(10), close(20), close(21);
}

/* Upper halves of arguments that are ints mean nothing. */
static void test_ints(void)
{
    const long junk = 0x5a5a5a5al << 32;
    unsigned char byte = 0;
    struct stat st;
    int fd = open(self, O_RDONLY), pid = getpid();

    CHECK(syscall(SYS_lseek, fd | junk, 1, SEEK_SET | junk) == 1 && syscall(SYS_read, fd | junk, &byte, 1) == 1 && byte == 'E');
    CHECK(syscall(SYS_fstat, fd | junk, &st) == 0 && syscall(SYS_fcntl, fd | junk, F_GETFD | junk) == 0);
    CHECK(syscall(SYS_newfstatat, (AT_FDCWD & 0xffffffffl) | junk, self, &st, junk) == 0);
    CHECK(syscall(SYS_kill, pid | junk, junk) == 0 && syscall(SYS_tgkill, pid | junk, pid, junk) == 0);
    CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK | junk, NULL, NULL, 8) == 0);
    CHECK(FAILS(syscall(SYS_wait4, 0xffffffffl | junk, NULL, WNOHANG | junk, NULL), ECHILD));
    CHECK(syscall(SYS_dup2, fd | junk, 9 | junk) == 9 && syscall(SYS_close, 9 | junk) == 0 && close(fd) == 0);
}

/* A directory holds what we know is there, once. */
static void test_listing(const char *path, const char *name)
{
    DIR *directory = opendir(path);
    struct dirent *e;
    int found = 0, dots = 0, others = 0;

    CHECK(directory != NULL);
    while (directory && (e = readdir(directory))) {
        dots += strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        found += strcmp(e->d_name, name) == 0 && e->d_type == DT_REG;
        others++;
    }
    CHECK(found == 1 && dots == 2 && others > 3);
    if (directory)
        closedir(directory);
    CHECK(opendir(self) == NULL && errno == ENOTDIR);
}

static void test_directories(void)
{
    char here[256], path[300];
    struct stat st;
    const char *name = strrchr(self, '/') + 1;
    size_t length = (size_t)(name - self);

    CHECK(getcwd(here, sizeof here) == here && here[0] == '/');
    memcpy(path, self, length), path[length - 1] = 0;
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && FAILS(read(fd, path + 280, 1), EISDIR));
    CHECK(fstatat(fd, name, &st, 0) == 0 && S_ISREG(st.st_mode));
    CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
    CHECK(chdir(path) == 0 && access(name, X_OK) == 0 && chdir("..") == 0);
    CHECK(FAILS(open(self, O_RDONLY | O_DIRECTORY), ENOTDIR) && FAILS(chdir(self), ENOTDIR));
    CHECK(FAILS(syscall(SYS_getcwd, path, 1), ERANGE) && chdir(here) == 0);
    close(fd);
    test_listing(path, name);
}

/* Memory. */
static void test_memory(void)
{
    unsigned char *p = mmap(NULL, 4 * PROGRAM_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(p != MAP_FAILED && p[0] == 0 && p[4 * PROGRAM_PAGE - 1] == 0);
    p[0] = p[PROGRAM_PAGE] = p[2 * PROGRAM_PAGE] = 1;
    CHECK(madvise(p + PROGRAM_PAGE, PROGRAM_PAGE, MADV_DONTNEED) == 0 && p[0] == 1 && p[PROGRAM_PAGE] == 0);
    CHECK(madvise(p, PROGRAM_PAGE, MADV_WILLNEED) == 0 && FAILS(madvise(p + 1, PROGRAM_PAGE, MADV_DONTNEED), EINVAL));
    CHECK(mmap(p + PROGRAM_PAGE, PROGRAM_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + PROGRAM_PAGE);
    CHECK(munmap(p + 2 * PROGRAM_PAGE, PROGRAM_PAGE) == 0 && munmap(p + 2 * PROGRAM_PAGE, PROGRAM_PAGE) == 0);
    CHECK(FAILS(mprotect(p, 4 * PROGRAM_PAGE, PROT_READ), ENOMEM)); /* a hole */
    CHECK(FAILS(syscall(SYS_mprotect, p + 1, PROGRAM_PAGE, PROT_READ), EINVAL) && FAILS(munmap(p + 1, PROGRAM_PAGE), EINVAL));
    CHECK(mremap(p, PROGRAM_PAGE, PROGRAM_PAGE, 0) == p && msync(p, PROGRAM_PAGE, MS_SYNC) == 0);
    CHECK(munmap(p, 4 * PROGRAM_PAGE) == 0);
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, PROGRAM_PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, ~0ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    unsigned char *end = sbrk(0);
    CHECK(sbrk(0) == end && syscall(SYS_brk, end + 10000) == (long)(end + 10000) && end[9999] == 0);
    end[9999] = 7;
    CHECK(syscall(SYS_brk, 1) == (long)(end + 10000) && syscall(SYS_brk, end) == (long)end);
}

static void test_advice(void)
{
    unsigned char *p = map_pages(4), *stack = alloca(3 * PROGRAM_PAGE);
    unsigned char *page = stack + PROGRAM_PAGE - ((unsigned long)stack & (PROGRAM_PAGE - 1));

    p[0] = p[2 * PROGRAM_PAGE] = p[3 * PROGRAM_PAGE] = 1;
    munmap(p + PROGRAM_PAGE, PROGRAM_PAGE);
    CHECK(FAILS(madvise(p, 3 * PROGRAM_PAGE, MADV_DONTNEED), ENOMEM) && p[0] == 0 && p[2 * PROGRAM_PAGE] == 0);
    CHECK(p[3 * PROGRAM_PAGE] == 1 && FAILS(madvise(p + PROGRAM_PAGE, PROGRAM_PAGE, MADV_WILLNEED), ENOMEM));
    CHECK(FAILS(madvise(p, PROGRAM_PAGE, 9999), EINVAL) && FAILS(madvise(p, 0, 9999), EINVAL) && madvise(p, 0, MADV_DONTNEED) == 0);
    CHECK(FAILS(msync(p, 3 * PROGRAM_PAGE, MS_SYNC), ENOMEM) && FAILS(msync(p, PROGRAM_PAGE, MS_SYNC | MS_ASYNC), EINVAL));
    page[0] = page[PROGRAM_PAGE - 1] = 1;
    CHECK(madvise(page, PROGRAM_PAGE, MADV_DONTNEED) == 0 && *(volatile unsigned char *)page == 0);
    CHECK(FAILS(syscall(SYS_mremap, p, 0, PROGRAM_PAGE, 0), EINVAL));
    munmap(p, 4 * PROGRAM_PAGE);
}

static void test_mapped_files(void)
{
    struct stat st;
    int fd = open(self, O_RDONLY);

    fstat(fd, &st);
    unsigned char *p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p != MAP_FAILED && memcmp(p, "\177ELF", 4) == 0);
    p[1] = 'e';
    unsigned char *q = mmap(NULL, PROGRAM_PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(q != MAP_FAILED && q[1] == 'E' && p[1] == 'e'); /* private is private */
    CHECK(FAILS(mprotect(q, PROGRAM_PAGE, PROT_READ | PROT_WRITE), EACCES) && mprotect(q, PROGRAM_PAGE, PROT_NONE) == 0);
    CHECK(mprotect(q, PROGRAM_PAGE, PROT_READ) == 0 && q[1] == 'E');
    CHECK(mmap(NULL, PROGRAM_PAGE, PROT_READ, MAP_PRIVATE, fd, -(off_t)PROGRAM_PAGE) == MAP_FAILED && errno == EOVERFLOW);
    CHECK(mmap(NULL, PROGRAM_PAGE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
    CHECK(mmap(NULL, PROGRAM_PAGE, PROT_READ, MAP_PRIVATE, fd, 1) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, PROGRAM_PAGE, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
    close(fd);
    CHECK(q[2] == 'L' && munmap(q, PROGRAM_PAGE) == 0 && munmap(p, (size_t)st.st_size) == 0);
}

static int wait_for(pid_t pid)
{
    int status = -1;

    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

/* Signals. */
static sigjmp_buf back;
static volatile int caught, caught_code, caught_error, caught_trap;
static void *volatile caught_address;
static volatile unsigned long caught_cr2, caught_stack;

static void note_signal(int signal, siginfo_t *info, void *context)
{
    const ucontext_t *c = context;

    caught = signal;
    caught_code = info->si_code;
    caught_address = info->si_addr;
    caught_error = (int)c->uc_mcontext.gregs[REG_ERR];
    caught_trap = (int)c->uc_mcontext.gregs[REG_TRAPNO];
    caught_cr2 = (unsigned long)c->uc_mcontext.gregs[REG_CR2];
    caught_stack = (unsigned long)&c;
}

static void note_and_jump(int signal, siginfo_t *info, void *context)
{
    note_signal(signal, info, context);
    siglongjmp(back, 1);
}

static void on_signal(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction a = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

    sigemptyset(&a.sa_mask);
    CHECK(sigaction(signal, &a, NULL) == 0);
    caught = 0;
}

static void test_faults(void)
{
    unsigned char *p = map_pages(2);

    on_signal(SIGSEGV, note_and_jump, 0);
    CHECK(munmap(p + PROGRAM_PAGE, PROGRAM_PAGE) == 0 && mprotect(p, PROGRAM_PAGE, PROT_READ) == 0);
    if (!sigsetjmp(back, 1))
        *(volatile char *)(p + 5) = 1;
    CHECK(caught == SIGSEGV && caught_code == SEGV_ACCERR && caught_address == p + 5);
    CHECK(caught_trap == 14 && (caught_error & 6) == 6 && caught_cr2 == (unsigned long)p + 5);
    if (!sigsetjmp(back, 1))
        (void)*(volatile char *)(p + PROGRAM_PAGE + 9);
    CHECK(caught_code == SEGV_MAPERR && caught_address == p + PROGRAM_PAGE + 9 && (caught_error & 6) == 4);
    if (!sigsetjmp(back, 1))
        (void)*(volatile char *)0x8000000000000000ul; /* not canonical: no page fault */
    CHECK(caught_code == SI_KERNEL && caught_address == NULL && caught_trap == 13);
    if (!sigsetjmp(back, 1))
        ((void (*)(void))p)();
    CHECK(caught_code == SEGV_ACCERR && caught_address == p);
    on_signal(SIGFPE, note_and_jump, 0);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("xorl %%ecx, %%ecx; divl %%ecx" ::: "eax", "ecx", "edx");
    CHECK(caught == SIGFPE && caught_code == FPE_INTDIV && caught_trap == 0);
    on_signal(SIGILL, note_and_jump, 0);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("ud2");
    CHECK(caught == SIGILL && caught_code == ILL_ILLOPN && caught_trap == 6);
    on_signal(SIGTRAP, note_signal, 0);
    __asm__ volatile("int3");
    CHECK(caught == SIGTRAP && caught_code == SI_KERNEL && caught_trap == 3);
    munmap(p, PROGRAM_PAGE);
}

/* A handler that makes the page writable, and returns: the store happens after all. */
static unsigned char *guarded;

static void lift_guard(int signal, siginfo_t *info, void *context)
{
    note_signal(signal, info, context);
    mprotect(guarded, PROGRAM_PAGE, PROT_READ | PROT_WRITE);
}

static void test_return(void)
{
    double in = 1.5, out = 0;

    guarded = map_pages(1);
    mprotect(guarded, PROGRAM_PAGE, PROT_NONE);
    on_signal(SIGSEGV, lift_guard, 0);
    __asm__ volatile("movsd %[in], %%xmm9; movb $42, (%[guarded]); movsd %%xmm9, %[out]"
                     : [out] "=m"(out)
                     : [in] "m"(in), [guarded] "r"(guarded)
                     : "xmm9", "memory");
    CHECK(caught == SIGSEGV && *guarded == 42 && out == in);
    munmap(guarded, PROGRAM_PAGE);
}

static void spoil_floats(int signal)
{
    caught = signal;
    __asm__ volatile("xorps %%xmm9, %%xmm9; fninit" ::: "xmm9", "memory");
}

/* What a handler does to the SSE and x87 registers is gone when it returns. */
static void test_float_registers(void)
{
    double in = 2.25, out = 0;
    unsigned short control = 0x27f, control_after = 0;
    int pid = getpid();
    long result;

    signal(SIGUSR1, spoil_floats);
    __asm__ volatile("movsd %[in], %%xmm9\n\tfldcw %[control]\n\tsyscall\n\tmovsd %%xmm9, %[out]\n\tfnstcw %[after]\n\tfninit"
                     : [out] "=m"(out), [after] "=m"(control_after), "=a"(result)
                     : [in] "m"(in), [control] "m"(control), "a"(SYS_kill), "D"(pid), "S"(SIGUSR1)
                     : "rcx", "r11", "xmm9", "memory");
    CHECK(result == 0 && caught == SIGUSR1 && out == in && control_after == control);
}

/* The upper halves of AVX's registers, where a program finds that it may use them, through a system call. */
static int has_wide_registers(void)
{
    unsigned a, b, c, d, enabled, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(enabled), "=d"(high) : "c"(0));
    return (enabled & 6) == 6;
}

static int keeps_wide_register(uint64_t seed, long call, long first, long second)
{
    uint64_t in[4] = { seed, seed + 1, seed + 2, seed + 3 }, out[4] = { 0 };

    __asm__ volatile("vmovdqu %[in], %%ymm9\n\tsyscall\n\tvmovdqu %%ymm9, %[out]\n\tvzeroupper"
                     : [out] "=m"(out), "+a"(call)
                     : [in] "m"(in), "D"(first), "S"(second)
                     : "rcx", "r11", "xmm9", "memory");
    return memcmp(in, out, sizeof in) == 0;
}

static void spoil_wide_registers(int signal)
{
    caught = signal;
    __asm__ volatile("vzeroall" ::: "memory");
}

/* Two processes that give way to one another with the registers full. */
static int keeps_wide_registers(uint64_t seed)
{
    int kept = 0;

    for (uint64_t i = 0; i < 8; i++)
        kept += keeps_wide_register(seed + i, SYS_sched_yield, 0, 0);
    return kept == 8;
}

static void test_wide_registers(void)
{
    if (!has_wide_registers())
        return;
    signal(SIGUSR1, spoil_wide_registers);
    CHECK(keeps_wide_register(100, SYS_kill, getpid(), SIGUSR1) && caught == SIGUSR1);
    pid_t child = fork();
    if (child == 0)
        _exit(keeps_wide_registers(200) ? 9 : 10);
    CHECK(keeps_wide_registers(300) && WEXITSTATUS(wait_for(child)) == 9);
}

static volatile int depth, deepest, calls;

static void nest(int signal)
{
    if (++depth > deepest)
        deepest = depth;
    if (++calls < 3)
        raise(signal);
    depth--;
}

static void test_masks(void)
{
    struct sigaction a = { .sa_handler = nest, .sa_flags = SA_NODEFER }, old;
    sigset_t set, before, pending;

    sigemptyset(&a.sa_mask);
    CHECK(sigaction(SIGUSR1, &a, NULL) == 0 && raise(SIGUSR1) == 0 && deepest == 3); /* SA_NODEFER nests */
    calls = deepest = a.sa_flags = 0;
    CHECK(sigaction(SIGUSR1, &a, &old) == 0 && (old.sa_flags & SA_NODEFER) && old.sa_handler == nest);
    raise(SIGUSR1);
    CHECK(deepest == 1 && calls == 3); /* else they follow one another */
    on_signal(SIGUSR1, note_signal, SA_RESETHAND);
    sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGKILL);
    CHECK(sigprocmask(SIG_BLOCK, &set, &before) == 0 && raise(SIGUSR1) == 0 && caught == 0);
    CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) == 1);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &set) == 0 && sigismember(&set, SIGKILL) == 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && caught == SIGUSR1 && caught_code == SI_TKILL);
    CHECK(sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == SIG_DFL); /* SA_RESETHAND */
    CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL && raise(SIGUSR1) == 0);
    on_signal(SIGUSR2, note_signal, 0);
    CHECK(kill(getpid(), SIGUSR2) == 0 && caught == SIGUSR2 && caught_code == SI_USER);
    CHECK(FAILS(kill(getpid(), 65), EINVAL) && kill(getpid(), 0) == 0 && FAILS(kill(999999, 0), ESRCH));
    CHECK(FAILS(sigaction(SIGKILL, &a, NULL), EINVAL) && FAILS(sigaction(65, &a, NULL), EINVAL));
    sigprocmask(SIG_BLOCK, NULL, &before), sigemptyset(&set), sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL), raise(SIGUSR2), caught = 0;
    CHECK(FAILS(sigsuspend(&before), EINTR) && caught == SIGUSR2);
    CHECK(sigprocmask(SIG_SETMASK, &before, &set) == 0 && sigismember(&set, SIGUSR2) == 1);
}

static void test_signal_stack(void)
{
    stack_t new = { .ss_sp = map_pages(4), .ss_size = 4 * PROGRAM_PAGE }, old;
    unsigned long from = (unsigned long)new.ss_sp, to = from + new.ss_size;

    CHECK(sigaltstack(&new, &old) == 0 && (old.ss_flags & SS_DISABLE));
    on_signal(SIGUSR2, note_signal, SA_ONSTACK);
    raise(SIGUSR2);
    CHECK(caught_stack > from && caught_stack < to);
    on_signal(SIGUSR2, note_signal, 0);
    raise(SIGUSR2);
    CHECK(caught_stack < from || caught_stack >= to);
    /* A stack that points nowhere: only the other one can take the signal. */
    on_signal(SIGSEGV, note_and_jump, SA_ONSTACK);
    if (!sigsetjmp(back, 1))
        __asm__ volatile("xorl %%esp, %%esp; pushq %%rax" ::: "memory");
    CHECK(caught == SIGSEGV && caught_stack > from && caught_stack < to);
    new.ss_size = 100;
    CHECK(FAILS(sigaltstack(&new, NULL), ENOMEM));
    new.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&new, NULL) == 0 && sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE));
    munmap((void *)from, 4 * PROGRAM_PAGE);
}

/* A handler that leaves too little of its stack for the next one's frame. */
static unsigned char *bottom_of_stack;

static void use_up_stack(int signal)
{
    if (++depth > 1)
        _exit(3);
    volatile unsigned char *here = alloca(64);
    volatile unsigned char *low = alloca((size_t)(here - bottom_of_stack) - 700);

    *low = 1;
    syscall(SYS_kill, getpid(), signal);
    _exit(4);
}

static void test_signal_stack_overflow(void)
{
    pid_t child = fork();

    if (child == 0) {
        bottom_of_stack = map_pages(24) + 16 * PROGRAM_PAGE;
        stack_t other = { .ss_sp = bottom_of_stack, .ss_size = 8 * PROGRAM_PAGE };
        struct sigaction a = { .sa_handler = use_up_stack, .sa_flags = SA_ONSTACK | SA_NODEFER };

        depth = 0;
        sigaltstack(&other, NULL);
        sigaction(SIGUSR1, &a, NULL);
        raise(SIGUSR1);
    }
    int status = wait_for(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

/* Processes. */
static void test_fork(void)
{
    static volatile int shared = 1;
    pid_t parent = getpid(), child = fork();

    if (child == 0) {
        shared = 2;
        _exit(getppid() == parent && getpid() != parent && syscall(SYS_gettid) == getpid() ? 5 : 6);
    }
    int status = wait_for(child);
    CHECK(child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 5 && shared == 1);
    CHECK(FAILS(wait(NULL), ECHILD) && FAILS(waitpid(-1, NULL, 0x40), EINVAL));
    if ((child = vfork()) == 0)
        _exit(7);
    CHECK(WEXITSTATUS(wait_for(child)) == 7);
    child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(8);
    CHECK(WEXITSTATUS(wait_for(child)) == 8);
}

static void test_ends(void)
{
    static const int ends[] = { SIGTERM, SIGKILL, SIGSEGV, SIGABRT };
    struct rlimit no_core = { 0, 0 };

    setrlimit(RLIMIT_CORE, &no_core);
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        pid_t child = fork();
        if (child == 0) {
            signal(ends[i], SIG_DFL);
            kill(getpid(), ends[i]);
            _exit(1);
        }
        int status = wait_for(child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == ends[i]);
    }
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    int status = 77;
    CHECK(waitpid(child, &status, WNOHANG) == 0 && status == 77);
    CHECK(kill(child, SIGTERM) == 0);
    status = wait_for(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM && FAILS(kill(child, 0), ESRCH));
}

static volatile int children_ended, ended_code, ended_status;

static void note_child(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)context;
    children_ended++;
    ended_code = info->si_code;
    ended_status = info->si_status;
}

static void test_interrupted_waits(void)
{
    struct timespec long_time = { 1000, 0 }, left = { 0, 0 };
    pid_t parent = getpid();

    on_signal(SIGCHLD, note_child, SA_RESTART);
    pid_t child = fork();
    if (child == 0)
        _exit(3);
    CHECK(WEXITSTATUS(wait_for(child)) == 3);
    CHECK(children_ended == 1 && ended_code == CLD_EXITED && ended_status == 3);
    signal(SIGCHLD, SIG_DFL);
    /* A sleep ends early with EINTR, and says what was left. */
    on_signal(SIGUSR2, note_signal, SA_RESTART);
    child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        kill(parent, SIGUSR2);
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        kill(parent, SIGUSR2);
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        _exit(4);
    }
    CHECK(FAILS(nanosleep(&long_time, &left), EINTR) && left.tv_sec >= 900 && left.tv_sec < 1000);
    CHECK(WEXITSTATUS(wait_for(child)) == 4 && caught == SIGUSR2); /* wait4 starts again by itself */
    /* Children of a parent that ignores SIGCHLD leave nothing behind. */
    signal(SIGCHLD, SIG_IGN);
    child = fork();
    if (child == 0)
        _exit(0);
    CHECK(FAILS(waitpid(child, NULL, 0), ECHILD));
    /* One that wants none may have a handler. */
    on_signal(SIGCHLD, note_child, SA_RESTART | SA_NOCLDWAIT);
    children_ended = 0;
    child = fork();
    if (child == 0)
        _exit(0);
    CHECK(FAILS(waitpid(child, NULL, 0), ECHILD) && children_ended == 1);
    signal(SIGCHLD, SIG_DFL);
}

/* A signal that was blocked and does nothing does not end rt_sigsuspend. */
static void test_suspend(void)
{
    sigset_t block, before;
    pid_t parent = getpid(), child;

    sigemptyset(&block), sigaddset(&block, SIGCHLD), sigaddset(&block, SIGUSR2);
    on_signal(SIGUSR2, note_signal, 0);
    sigprocmask(SIG_BLOCK, &block, &before);
    child = fork();
    if (child == 0)
        _exit(0);
    wait_for(child); /* SIGCHLD pends */
    child = fork();
    if (child == 0) {
        nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
        kill(parent, SIGUSR2);
        _exit(0);
    }
    CHECK(FAILS(sigsuspend(&before), EINTR) && caught == SIGUSR2);
    sigprocmask(SIG_SETMASK, &before, NULL);
    wait_for(child);
}

static void test_exec(char *mode)
{
    char *arguments[] = { (char *)self, mode, "three words here", "", NULL };
    char *environment[] = { "COLOUR=green", NULL };
    int kept = open(self, O_RDONLY), closed = open(self, O_RDONLY | O_CLOEXEC);
    char *wrong_arguments[] = { "x", (char *)8, NULL };

    signal(SIGUSR1, SIG_IGN), on_signal(SIGUSR2, note_signal, 0);
    CHECK(FAILS(execve("no/such/program", arguments, environment), ENOENT));
    CHECK(FAILS(execve(self, wrong_arguments, environment), EFAULT));
    pid_t child = vfork();
    if (child == 0) {
        execve(self, arguments, environment);
        _exit(99);
    }
    CHECK(WEXITSTATUS(wait_for(child)) == 11);
    child = vfork();
    if (child == 0) {
        syscall(SYS_execve, self, NULL, environment);
        _exit(99);
    }
    CHECK(WEXITSTATUS(wait_for(child)) == 13);
    close(kept), close(closed);
    signal(SIGUSR1, SIG_DFL), signal(SIGUSR2, SIG_DFL);
}

/* What the program finds that test_exec started. */
static int after_exec(int argc, char **argv)
{
    struct sigaction one, two;
    const char *colour = getenv("COLOUR");

    CHECK(argc == 4 && strcmp(argv[2], "three words here") == 0 && argv[3][0] == 0 && argv[4] == NULL);
    CHECK(colour && strcmp(colour, "green") == 0 && environ[1] == NULL);
    CHECK(fcntl(3, F_GETFD) == 0 && FAILS(fcntl(4, F_GETFD), EBADF));
    CHECK(sigaction(SIGUSR1, NULL, &one) == 0 && one.sa_handler == SIG_IGN);
    CHECK(sigaction(SIGUSR2, NULL, &two) == 0 && two.sa_handler == SIG_DFL);
    CHECK(getauxval(AT_PAGESZ) == PROGRAM_PAGE && getauxval(AT_PHNUM) > 0 && getauxval(AT_RANDOM) != 0);
    CHECK(strcmp((char *)getauxval(AT_EXECFN), argv[0]) == 0 && getauxval(AT_SECURE) == 0);
    fflush(stdout);
    return wrong_here ? 12 : 11;
}

/* The rest. */
static void test_time(void)
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

static void test_system(void)
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

static void run(const char *name, void (*test)(void))
{
    wrong_here = 0;
    test();
    wrong += wrong_here;
    printf("%s: %s\n", name, wrong_here ? "WRONG" : "ok");
    fflush(stdout);
}

static void test_exec_here(void)
{
    test_exec("after-exec");
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 1 && !self[0])
        return 13; /* test_exec gave no arguments */
    if (argc > 1 && strcmp(argv[1], "after-exec") == 0)
        return after_exec(argc, argv);
    for (int fd = 3; fd < 32; fd++) /* what a shell may have left open */
        close(fd);
    run("files", test_files);
    run("paths", test_paths);
    run("vectors", test_vectors);
    run("descriptors", test_descriptors);
    run("ints", test_ints);
    run("directories", test_directories);
    run("memory", test_memory);
    run("advice", test_advice);
    run("mapped files", test_mapped_files);
    run("faults", test_faults);
    run("return from a handler", test_return);
    run("float registers", test_float_registers);
    run("wide registers", test_wide_registers);
    run("masks", test_masks);
    run("signal stack", test_signal_stack);
    run("signal stack overflow", test_signal_stack_overflow);
    run("fork", test_fork);
    run("ends", test_ends);
    run("interrupted waits", test_interrupted_waits);
    run("suspend", test_suspend);
    run("exec", test_exec_here);
    run("time", test_time);
    run("system", test_system);
    return wrong != 0;
}
