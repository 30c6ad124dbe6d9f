/* A new program's stack.
 *
 *     STACK_TOP   8 zero bytes
 *                 the path that exec was given
 *                 the strings of argv and envp
 *                 16 bytes for AT_RANDOM
 *                 auxiliary vector, envp, argv, argc     rsp, 16-byte aligned */
#include <linux/auxvec.h>
#include "exec.h"
#include "kernel.h"
#include "random.h"

#define RANDOM_BYTES 16
#define MAX_AUX      16

/* The words above rsp while they are put together: argc, two lists with their NULLs, the auxiliary vector. */
struct stack_words {
    unsigned count;
    uint64_t words[1 + MAX_EXEC_STRINGS + 2 + 2 * MAX_AUX];
};

static void add_word(struct stack_words *w, uint64_t word)
{
    kassert(w->count < sizeof w->words / sizeof w->words[0]);
    w->words[w->count++] = word;
}

static void add_aux(struct stack_words *w, uint64_t type, uint64_t value)
{
    add_word(w, type);
    add_word(w, value);
}

/* Addresses of the next n strings; *offset walks through them. */
static void add_list(struct stack_words *w, unsigned n, const struct exec_strings *s, uint64_t *offset,
                     gva_t strings_at)
{
    for (unsigned i = 0; i < n; i++) {
        add_word(w, strings_at + *offset);
        *offset += strlen(s->bytes + *offset) + 1;
    }
    add_word(w, 0);
}

static void add_aux_vector(struct stack_words *w, const struct elf_image *image, gva_t name_at,
                           gva_t random_at)
{
    add_aux(w, AT_PHDR, image->headers);
    add_aux(w, AT_PHENT, sizeof(Elf64_Phdr));
    add_aux(w, AT_PHNUM, image->headers ? image->nr_headers : 0);
    add_aux(w, AT_PAGESZ, PAGE_SIZE);
    add_aux(w, AT_BASE, 0);
    add_aux(w, AT_FLAGS, 0);
    add_aux(w, AT_ENTRY, image->entry);
    add_aux(w, AT_UID, 0);
    add_aux(w, AT_EUID, 0);
    add_aux(w, AT_GID, 0);
    add_aux(w, AT_EGID, 0);
    add_aux(w, AT_SECURE, 0);
    add_aux(w, AT_CLKTCK, 100);
    add_aux(w, AT_RANDOM, random_at);
    add_aux(w, AT_EXECFN, name_at);
    add_aux(w, AT_NULL, 0);
}

gva_t exec_build_stack(struct space *space, const struct elf_image *image, const char *name,
                       const struct exec_strings *strings)
{
    static struct stack_words w;
    uint8_t random[RANDOM_BYTES];
    uint64_t name_bytes = strlen(name) + 1;
    gva_t name_at = STACK_TOP - sizeof(uint64_t) - name_bytes;
    gva_t strings_at = name_at - strings->used;
    gva_t random_at = (strings_at - RANDOM_BYTES) & ~15ull;

    uint64_t offset = 0;
    w.count = 0;
    add_word(&w, strings->argc);
    add_list(&w, strings->argc, strings, &offset, strings_at);
    add_list(&w, strings->envc, strings, &offset, strings_at);
    add_aux_vector(&w, image, name_at, random_at);
    gva_t rsp = (random_at - w.count * sizeof(uint64_t)) & ~15ull;

    struct region stack = { .start = rsp & ~PAGE_MASK,
                            .end = STACK_TOP,
                            .kind = REGION_ANONYMOUS,
                            .rights = ACCESS_READ | ACCESS_WRITE,
                            .grows_down = true };
    random_fill(random, sizeof random);
    bool written = space_map(space, &stack) == 0 && space_write(space, name_at, name, name_bytes) == 0 &&
                   space_write(space, strings_at, strings->bytes, strings->used) == 0 &&
                   space_write(space, random_at, random, sizeof random) == 0 &&
                   space_write(space, rsp, w.words, w.count * sizeof(uint64_t)) == 0;
    return written ? rsp : 0;
}
