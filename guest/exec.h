/* exec: a program takes a process over.
 *
 *   1. arguments     strings of the command line or of the old program, kept while the spaces change
 *   2. the program   a new space with the file's segments, the heap's start, and the stack
 *   3. the change    from the old space to the new one, once nothing can fail any more */
#pragma once
#include "elf_image.h"
#include "process.h"

/* 1. Arguments: all strings, one after the other, each with its NUL; first argv's, then envp's. */
#define EXEC_STRINGS_SIZE (32u << 10)
#define MAX_EXEC_STRINGS  256

struct exec_strings {
    unsigned argc, envc;
    uint64_t used;
    char bytes[EXEC_STRINGS_SIZE];
};

/* The one such record, emptied: exec is never in two processes at a time. */
struct exec_strings *exec_strings_begin(void);
/* One more. 0 or -E2BIG. */
int exec_strings_add(struct exec_strings *s, const char *string);
/* All that a NULL-terminated list in a program's memory points to; *count is argc or envc. at 0: an empty
 * list. 0, -E2BIG or -EFAULT. */
int exec_strings_copy(struct exec_strings *s, unsigned *count, struct space *from, gva_t at);

/* 2 and 3. path as archive_lookup takes it, name as the program shall know it. 0: p will start the program
 * when it runs next. -EACCES, -ENOEXEC, -ENOMEM, -EIO, -E2BIG, or as archive_lookup(): p is what it was, *why
 * says more. */
int exec_run(struct process *p, const char *path, const char *name, const struct exec_strings *strings,
             const char **why);

/* The stack of a new program (exec_stack.c): the strings, and below them argc, argv, envp and the auxiliary
 * vector (psABI, 3.4.1). Returns its rsp, or 0 if there is no memory. */
gva_t exec_build_stack(struct space *space, const struct elf_image *image, const char *name,
                       const struct exec_strings *strings);
