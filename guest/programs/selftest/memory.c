/* Mappings, of nothing and of files, and the heap. */
#include <alloca.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "selftest.h"

void test_memory(void)
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

void test_advice(void)
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

void test_mapped_files(void)
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
