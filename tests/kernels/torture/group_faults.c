/* Faults that need more than one plain access: in the middle of an instruction, on the stack, by wrong
 * addresses. */
#include "torture.h"

#define A     gva_at(18, 0, 0, 7) /* a page; the next one is absent */
#define END   (A + PAGE_SIZE)
#define WRONG (1ull << 47) /* not canonical */

static gpa_t page;

static void expect_trap(const struct trap *t, uint64_t vector, uint64_t error, const char *what)
{
    note(t->vector);
    note(t->error);
    check(t->vector == vector && t->error == error, "%s: trap %lu, error %lx, address 0x%lx", what, t->vector,
          t->error, t->address);
}

static void expect_fault(const struct trap *t, uint64_t error, gva_t address, const char *what)
{
    expect_trap(t, VEC_PF, error, what);
    note(t->address);
    check(t->address == address, "%s: address 0x%lx, not 0x%lx", what, t->address, address);
}

/* Eight bytes, of which some lie in the page and some behind it. */
static void across_the_end(void)
{
    struct trap t;

    for (unsigned inside = 1; inside < 8; inside += 2) {
        t = attempt(access_read, END - inside, 0);
        expect_fault(&t, 0, END, "a read across the end");
        t = attempt(access_write, END - inside, 0);
        expect_fault(&t, PF_ERR_WRITE, END, "a write across the end");
        t = attempt(access_read, A - inside, 0);
        expect_fault(&t, 0, A - inside, "a read across the start");
    }
    check_reads_as(END - 8, data_word(page, PT_ENTRIES - 1));
}

__asm__(".pushsection .text\n"
        "copy_bytes: mov $32, %ecx\n"
        "rep movsb\n"
        "ret\n"
        "push_there: mov %rdi, %rsp\n"
        "push %rsi\n"
        "ud2\n"
        ".popsection\n");
extern char copy_bytes[], push_there[];

/* A string instruction goes as far as it can, and its registers say how far. */
static void within_a_string(void)
{
    static char from[32] = "thirty-one bytes, and one more.";
    struct trap t = attempt(copy_bytes, END - 10, (uint64_t)from);

    expect_fault(&t, PF_ERR_WRITE, END, "REP MOVSB");
    check(t.regs.rcx == 22 && t.regs.rdi == END && t.regs.rsi == (uint64_t)from + 10,
          "REP MOVSB stopped at rcx %lu, rdi 0x%lx", t.regs.rcx, t.regs.rdi);
    check(!memcmp((void *)(END - 10), from, 10), "REP MOVSB did not copy what comes before the fault");
    fill_data(page);
}

/* The kernel's own stack, where there is none: traps have another. */
static void on_the_stack(void)
{
    struct trap t = attempt(push_there, END + 64, 0);

    expect_fault(&t, PF_ERR_WRITE, END + 56, "PUSH");
    check(t.regs.rsp == END + 64, "rsp was 0x%lx", t.regs.rsp);
    t = attempt(push_there, WRONG + 64, 0);
    check((t.vector == VEC_SS || t.vector == VEC_GP) && t.error == 0, /* QEMU's own CPU: #GP */
          "PUSH at a wrong address: trap %lu, error %lx", t.vector, t.error);
    t = attempt_user(&(struct cpu_regs){
        .rip = user_code_at(user_fetch), .rsp = END + 8, .rdi = A, .rflags = RFLAGS_FIXED });
    expect_fault(&t, PF_ERR_WRITE | PF_ERR_USER, END, "CALL in user mode");
    check(t.regs.rip == user_code_at(user_fetch) && t.regs.rsp == END + 8, "rip 0x%lx, rsp 0x%lx", t.regs.rip,
          t.regs.rsp);
}

static void at_wrong_addresses(void)
{
    struct trap t = attempt(access_read, WRONG, 0);

    expect_trap(&t, VEC_GP, 0, "a read at a wrong address");
    t = attempt(access_write, WRONG - 4, 0);
    check(t.vector == VEC_GP || t.vector == VEC_PF, "a write across the hole: trap %lu", t.vector);
    t = attempt_user(&(struct cpu_regs){
        .rip = user_code_at(user_read), .rsp = USER_STACK_TOP, .rdi = ~WRONG, .rflags = RFLAGS_FIXED });
    expect_trap(&t, VEC_GP, 0, "a read in user mode at a wrong address");
}

/* What is the kernel's. */
static void by_user(void)
{
    check_faults((gva_t)phys(0), PF_ERR_USER, PF_ERR_USER | PF_ERR_PRESENT);
    check_faults((gva_t)phys(page), PF_ERR_USER | PF_ERR_WRITE, PF_ERR_USER | PF_ERR_WRITE | PF_ERR_PRESENT);
    check_faults((gva_t)access_fetch, PF_ERR_USER | PF_ERR_FETCH,
                 PF_ERR_USER | PF_ERR_FETCH | PF_ERR_PRESENT);
    check_faults(END, PF_ERR_USER | PF_ERR_FETCH, PF_ERR_USER | PF_ERR_FETCH);
}

__asm__(".pushsection .text\n"
        ".balign 64\n"
        "forbidden:\n"
        "hlt; .balign 8\n"
        "cli; .balign 8\n"
        "mov %cr3, %rax; .balign 8\n"
        "mov %rax, %cr3; .balign 8\n"
        "mov %cr2, %rax; .balign 8\n"
        "invlpg (%rdi); .balign 8\n"
        "wrmsr; .balign 8\n"
        "lidt (%rdi); .balign 8\n"
        ".popsection\n");
extern char forbidden[];

/* Copied to the page of A: the stack and the code of user mode are any pages. */
static void privileged_in_user_mode(void)
{
    memcpy(phys(page), forbidden, 64);
    for (unsigned i = 0; i < 8; i++) {
        struct trap t = attempt_user(
            &(struct cpu_regs){ .rip = A + i * 8, .rsp = USER_STACK_TOP, .rdi = A, .rflags = RFLAGS_FIXED });

        expect_trap(&t, VEC_GP, 0, "a privileged instruction in user mode");
        check(t.regs.rip == A + i * 8 && (t.cs & 3) == 3, "instruction %u: at 0x%lx, cs %lx", i, t.regs.rip,
              t.cs);
    }
    fill_data(page);
}

void group_faults(void)
{
    page = frame_gpa(take_frame());
    map(A, page, ENTRY_DATA);
    across_the_end();
    within_a_string();
    on_the_stack();
    at_wrong_addresses();
    by_user();
    privileged_in_user_mode();
}
