/* What every part of the kernel may use: messages, memory and string functions, panic. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message of the kernel on the log stream: %s %c %d %u %x %lu %ld %lx %p %%, with width and 0. Goes
 * out with the next request that does; a panic sends it. */
void kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A bug of the kernel: says why and ends the machine. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define kassert(condition) ((condition) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #condition))

int ksnprintf(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int kvsnprintf(char *to, size_t size, const char *format, va_list args);

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/* Linux's error numbers that the kernel answers with. */
enum {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, E2BIG = 7, ENOEXEC = 8, EBADF = 9, ECHILD = 10, EAGAIN = 11,
    ENOMEM = 12, EACCES = 13, EFAULT = 14, EBUSY = 16, EEXIST = 17, ENODEV = 19, ENOTDIR = 20, EISDIR = 21, EINVAL = 22,
    EMFILE = 24, ENOTTY = 25, ESPIPE = 29, EROFS = 30, ERANGE = 34, ENAMETOOLONG = 36, ENOSYS = 38, ELOOP = 40, EOVERFLOW = 75,
};
