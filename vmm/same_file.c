#include "vmm/same_file.h"

#include <string.h>
#include <sys/stat.h>

#include "vmm/error.h"

bool same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    if (!a || !b)
        return false;
    bool is_a = stat(a, &of_a) == 0, is_b = stat(b, &of_b) == 0;
    if (!is_a || !is_b)
        return is_a == is_b && !strcmp(a, b);
    return (S_ISREG(of_a.st_mode) || S_ISBLK(of_a.st_mode)) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

int same_file_refuse(const char *option, const char *path, const char *other, const char *what)
{
    if (!same_file(path, other))
        return 0;
    return fail(0, "%s %s would overwrite %s; name another file", option, path, what);
}
