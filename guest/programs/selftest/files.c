/* Files, paths, descriptors, directories; and arguments that are ints. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "selftest.h"

void test_files(void)
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
void test_paths(void)
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

void test_vectors(void)
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

void test_descriptors(void)
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
void test_ints(void)
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

void test_directories(void)
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
