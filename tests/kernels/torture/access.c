/* An access, compared with the model.
 *   1. what memory should hold afterwards: the walk's entries with their bits, and what was written
 *   2. the access itself, by the kernel or by a few instructions in user mode
 *   3. all of it */
#include "torture.h"

/* 1. An entry may serve at several levels of one walk, and be what is read or written, too. */
struct memory {
    unsigned nr;
    struct {
        gpa_t at;
        uint64_t value;
    } words[PT_LEVELS + 1];
};

static uint64_t *word_at(struct memory *m, gpa_t at)
{
    for (unsigned i = 0; i < m->nr; i++)
        if (m->words[i].at == at)
            return &m->words[i].value;
    m->words[m->nr].at = at;
    m->words[m->nr].value = *(volatile uint64_t *)phys(at);
    return &m->words[m->nr++].value;
}

static void expect_bits(struct memory *m, const struct walk *k, uint32_t access)
{
    for (int level = PT_LEVELS; level >= k->leaf; level--)
        *word_at(m, k->entry_at[level]) |= PTE_ACCESSED;
    if (access & PF_ERR_WRITE)
        *word_at(m, k->entry_at[k->leaf]) |= PTE_DIRTY;
}

static void check_memory(const struct memory *m, gva_t a)
{
    for (unsigned i = 0; i < m->nr; i++) {
        uint64_t is = *(volatile uint64_t *)phys(m->words[i].at);

        note(is);
        check(is == m->words[i].value, "0x%lx: the word at gpa 0x%lx is 0x%lx, not 0x%lx", a, m->words[i].at,
              is, m->words[i].value);
    }
}

/* 2. */

#define USER_CODE gva_at(USER_SLOT, 0, 0, 0)

extern char user_snippets[];

/* In a page of their own: offset in the page as in the image. */
__asm__(".pushsection .text\n"
        ".balign 4096\n"
        ".globl user_read, user_write, user_fetch\n"
        "user_snippets:\n"
        "user_read: mov (%rdi), %rax\n"
        "int3\n"
        "user_write: mov %rsi, (%rdi)\n"
        "int3\n"
        "user_fetch: call *%rdi\n"
        "int3\n"
        ".balign 4096\n"
        ".popsection\n");

gva_t user_code_at(const char *snippet)
{
    return USER_CODE + page_offset((gva_t)snippet);
}

/* Their tables hang in each root, by the boot root's entry. */
void user_aids_init(void)
{
    static uint64_t tables[3][PT_ENTRIES] __attribute__((aligned(4096)));
    static char stack[PAGE_SIZE] __attribute__((aligned(4096)));

    for (unsigned i = 0; i + 1 < 3; i++)
        tables[i][0] = gpa_of(tables[i + 1]) | ENTRY_TABLE | ENTRY_USED;
    tables[2][0] = gpa_of(user_snippets) | PTE_USER | ENTRY_USED;
    tables[2][1] = gpa_of(stack) | PTE_USER | PTE_WRITE | ENTRY_USED;
    boot_root[USER_SLOT] = gpa_of(tables[0]) | ENTRY_TABLE | ENTRY_USED;
}

static struct trap access_by_user(gva_t a, uint32_t access, uint64_t value)
{
    const char *snippet = access & PF_ERR_FETCH ? user_fetch : access & PF_ERR_WRITE ? user_write : user_read;
    struct cpu_regs regs = {
        .rip = user_code_at(snippet), .rsp = USER_STACK_TOP, .rdi = a, .rsi = value, .rflags = RFLAGS_FIXED
    };
    struct trap t = attempt_user(&regs);

    if (t.vector == VEC_BP)
        t.vector = NO_TRAP;
    t.result = t.regs.rax;
    return t;
}

static struct trap access_by_kernel(gva_t a, uint32_t access, uint64_t value)
{
    char *snippet = access & PF_ERR_FETCH ? access_fetch : access & PF_ERR_WRITE ? access_write : access_read;

    return attempt(snippet, a, value);
}

/* 3. */

static void check_success(const struct trap *t, const struct walk *k, gva_t a, uint32_t access,
                          uint64_t value)
{
    check(t->vector == NO_TRAP, "0x%lx, access %x: trap %lu, error %lx, address 0x%lx, where none is due", a,
          access, t->vector, t->error, t->address);
    if (t->vector != NO_TRAP || (access & (PF_ERR_WRITE | PF_ERR_FETCH)))
        return;
    note(t->result);
    check(t->result == value, "0x%lx (gpa 0x%lx) reads as 0x%lx, not 0x%lx", a, k->to, t->result, value);
}

/* A reserved bit is found in an entry that is present, and the manual has P set then; QEMU's own CPU leaves
 * it clear. */
static uint64_t error_by_manual(const struct trap *t)
{
    return t->error & PF_ERR_RESERVED ? t->error | PF_ERR_PRESENT : t->error;
}

static void check_fault(const struct trap *t, gva_t a, uint32_t access, uint32_t error)
{
    note(t->vector);
    note(error_by_manual(t));
    check(t->vector == VEC_PF && error_by_manual(t) == error && t->address == a,
          "0x%lx, access %x: trap %lu, error %lx, address 0x%lx, where a page fault with error %x is due", a,
          access, t->vector, t->error, t->address, error);
}

uint64_t check_access(gva_t a, uint32_t access, uint64_t value)
{
    struct walk k = walk_tables(root, a, access);
    struct memory after = { 0 };
    struct trap t;

    if (k.works && (access & PF_ERR_FETCH) && *(volatile uint16_t *)phys(k.to) != CODE_OF_DATA)
        return check_access(a, access & ~PF_ERR_FETCH, 0);
    if (k.works) {
        expect_bits(&after, &k, access);
        if (access & PF_ERR_WRITE)
            *word_at(&after, k.to) = value;
        else
            value = *word_at(&after, k.to);
    }
    t = access & PF_ERR_USER ? access_by_user(a, access, value) : access_by_kernel(a, access, value);
    if (!k.works) {
        check_fault(&t, a, access, k.error);
        return 0;
    }
    check_success(&t, &k, a, access, value);
    check_memory(&after, a);
    return t.result;
}

uint64_t check_read(gva_t a)
{
    return check_access(a, 0, 0);
}

void check_write(gva_t a, uint64_t value)
{
    check_access(a, PF_ERR_WRITE, value);
}

void check_reads_as(gva_t a, uint64_t value)
{
    uint64_t is = check_read(a);

    check(is == value, "0x%lx reads as 0x%lx, not 0x%lx", a, is, value);
}

void check_faults(gva_t a, uint32_t access, uint32_t error)
{
    struct walk k = walk_tables(root, a, access);

    check(!k.works && k.error == error, "0x%lx, access %x: the model has error %x, not %x", a, access,
          k.error, error);
    check_access(a, access, 0);
}
