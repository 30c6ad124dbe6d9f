/* Accesses, each an attempt: most of them fault. */
#include "hostile.h"

void access_memory(void)
{
    char *const kinds[] = { access_read, access_write };

    attempt(kinds[any(2)], once_in(16) ? some_number() : some_address(), some_entry());
}

__asm__(".pushsection .text\n"
        "hostile_snippets:\n"
        "mov (%rdi), %rax\n"
        "mov %rsi, (%rdi)\n"
        "lock xchg %rsi, (%rdi)\n"
        "push %rsi\n"
        "call *%rdi\n"
        "int3\n"
        "copy_words: mov $64, %ecx\n"
        "rep movsq\n"
        "ret\n"
        ".popsection\n");
extern char hostile_snippets[], copy_words[];

/* User mode's code and stack lie where the tables say, if they say so: else that is one more fault. */
static void enter_user(gva_t rip)
{
    struct cpu_regs regs = {
        .rip = rip, .rsp = some_address(), .rdi = some_address(), .rsi = some_entry(), .rflags = RFLAGS_FIXED
    };

    if (once_in(8))
        regs.rflags |= random_next(&dice) & (RFLAGS_TF | RFLAGS_DF | RFLAGS_AC | RFLAGS_RF);
    attempt_user(&regs);
}

void access_by_user(void)
{
    gpa_t code = pool_frame();
    gva_t a = (some_address() & ~PAGE_MASK) | page_offset((gva_t)hostile_snippets);

    memcpy((char *)phys(code) + page_offset((gva_t)hostile_snippets) % (PAGE_SIZE - 64), hostile_snippets,
           32);
    enter_user(a);
}

/* Whatever is there, as instructions. Endless loops are for the one who set the time limit. */
void run_data_by_user(void)
{
    enter_user(some_address());
}

void run_data(void)
{
    if (is_tame)
        return;
    attempt(access_fetch, some_address(), 0);
}

void copy_between_tables(void)
{
    attempt(copy_words, some_address(), (uint64_t)phys(pool_frame()));
}

/* One fault after the other, for ever, but that it counts: each is taken on a stack in a page that the next
 * one maps elsewhere. */
void loop_in_faults(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        link_path();
        access_memory();
        change_root();
    }
}
