/* bad-syscall: calls what no kernel has, twice, and bad pointers and descriptors; each must be refused, none
 * may hurt. */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "program.h"

static void tell(const char *what, long result)
{
    printf("%s: %s\n", what, result == -1 ? strerror(errno) : "went well");
}

int main(void)
{
    char byte;

    tell("unknown system call", syscall(9999));
    tell("once more", syscall(9999));
    tell("write from nowhere", syscall(SYS_write, STDOUT_FILENO, (void *)64, 10));
    tell("write from the kernel's half", syscall(SYS_write, STDOUT_FILENO, (void *)0xffff800000000000ul, 10));
    tell("open of a path at the end of memory", syscall(SYS_open, (void *)0xfffffffffffffffful, O_RDONLY));
    tell("read of a closed descriptor", syscall(SYS_read, 99, &byte, 1ul));
    tell("unmap of half a page", syscall(SYS_munmap, (void *)1, 1ul));
    tell("map of nothing", syscall(SYS_mmap, NULL, 0ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0ul));
    tell("exec of nothing", syscall(SYS_execve, "no/such/file", NULL, NULL));
    return 0;
}
