/* Starts, and makes one step after the other.
 *   1. the ELF note, what is shared
 *   2. attempts and hypercalls
 *   3. the command line, the start */
#include "hostile_pv.h"

__attribute__((noreturn, used)) void start(const struct pv_start_info *start_info);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
extern char trap_enters[];

/* 1. */

static const struct {
    uint32_t name_size, desc_size, type;
    char name[12];
    struct pv_note desc;
} note
    __attribute__((section(".note.faultvisor"), used, aligned(4))) = { sizeof(PV_NOTE_NAME),
                                                                       sizeof(struct pv_note),
                                                                       PV_NOTE_ENTRY,
                                                                       PV_NOTE_NAME,
                                                                       { PV_ABI_VERSION, (uint64_t)start } };

const struct pv_start_info *info;
uint64_t dice;
uint64_t pool[POOL];
uint64_t root;
bool has_user_root;
static uint8_t upcall_stack[8192] __attribute__((aligned(4096)));
struct pv_call calls[PV_MAX_CALLS + 1];
struct pv_update updates[PV_MAX_UPDATES + 8];

/* 2. A trap, of the kernel or of user mode, ends the attempt: no IRET is needed to stay in the kernel. */
__asm__(".pushsection .text\n"
        ".globl attempt, read_word, write_word\n"
        "attempt: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, resume_stack\n"
        "mov %rdi, %rax; mov %rsi, %rdi; mov %rdx, %rsi\n"
        "sub $8, %rsp\n"
        "call *%rax\n"
        "trap_enters: mov resume_stack, %rsp\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        "read_word: mov (%rdi), %rax; ret\n"
        "write_word: mov %rsi, (%rdi); ret\n"
        ".popsection\n"
        ".pushsection .data; .balign 8; resume_stack: .quad 0; .popsection\n");

void *memcpy(void *to, const void *from, size_t n)
{
    void *d = to;

    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    void *d = to;

    __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(byte) : "memory");
    return to;
}

int64_t hypercall4(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    register uint64_t r10 __asm__("r10") = d;
    int64_t result;

    if (op & 1)
        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(op), "D"(a), "S"(b), "d"(c), "r"(r10)
                         : "rcx", "r11", "memory");
    else
        __asm__ volatile("int3"
                         : "=a"(result)
                         : "a"(op), "D"(a), "S"(b), "d"(c), "r"(r10)
                         : "rcx", "r11", "memory");
    return result;
}

int64_t hypercall(uint64_t op, uint64_t a, uint64_t b)
{
    return hypercall4(op, a, b, 0, 0);
}

uint64_t store_word(uint64_t at, uint64_t value)
{
    return attempt(write_word, at, value);
}

/* 3. */

static uint64_t number_at(const char **text)
{
    uint64_t n = 0;

    while (**text == ' ')
        ++*text;
    while (**text >= '0' && **text <= '9')
        n = n * 10 + (uint64_t)(*(*text)++ - '0');
    return n;
}

static uint64_t read_words(void)
{
    const char *text = info->cmdline;

    while (*text && !(text[0] == '-' && text[1] == '-' && text[2] == ' '))
        text++;
    for (text += *text ? 3 : 0; *text && *text != ' '; text++)
        ;
    dice = number_at(&text);
    return number_at(&text);
}

static void set_traps(void)
{
    static struct pv_trap traps[PV_NR_TRAPS];
    uint64_t n = 0;

    for (uint64_t v = 0; v < PV_NR_TRAPS; v++)
        if (v < 32 || v >= PV_TRAP_SYSTEM_CALL)
            traps[n++] = (struct pv_trap){ v, (uint64_t)trap_enters };
    hypercall(PV_SET_TRAPS, (uint64_t)traps, n);
    hypercall(PV_SET_STACK, (uint64_t)upcall_stack + sizeof(upcall_stack), 0);
}

void start(const struct pv_start_info *start_info)
{
    static void (*const steps[])(
        void) = { become_table,  become_table,    cease_to_be_table, become_root,   back_to_first_root,
                  update_tables, update_tables,   update_tables,     call_anything, call_many,
                  enter_user,    store_somewhere, store_somewhere,   drive_disk,    say_something };
    uint64_t nr_steps;

    info = start_info;
    nr_steps = read_words();
    root = mfn_of(info->root_pfn);
    for (unsigned i = 0; i < POOL; i++)
        pool[i] = info->first_free_pfn + i;
    set_traps();
    for (uint64_t i = 0; i < nr_steps; i++)
        steps[any(sizeof(steps) / sizeof(steps[0]))]();
    hypercall(PV_SHUTDOWN, PV_SHUTDOWN_EXIT, 0);
    for (;;)
        ;
}
