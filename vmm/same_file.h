/* Would writing one file destroy another? */
#pragma once
#include <stdbool.h>

/* Do both names lead to one regular file or block device, or, where nothing is there yet, will they? NULL is no file. */
bool same_file(const char *a, const char *b);

/* Fail if option's file is other, which is what the message calls it ("the disk"). 0, or -EINVAL, said. */
int same_file_refuse(const char *option, const char *path, const char *other, const char *what);
