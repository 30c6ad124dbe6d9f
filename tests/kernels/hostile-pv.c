/* The hostile paravirtual guest: hypercalls of all kinds with arguments that no kernel would pass, and stores
 * into its own memory, at random. What becomes of it does not matter, but the host and its audit.
 *
 *     hostile-pv SEED STEPS
 *
 *   1. the start, hypercalls, attempts
 *   2. values that are worth trying
 *   3. steps that make sense: without them nothing is ever granted
 *   4. steps that do not */
#include <stdbool.h>
#include <stddef.h>
#include "pv/abi.h"
#include "x86_paging.h"

#define POOL 24

__attribute__((noreturn, used)) void start(const struct pv_start_info *info);
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
uint64_t attempt(void *function, uint64_t a, uint64_t b);
extern char trap_enters[], read_word[], write_word[];

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

static const struct pv_start_info *info;
static uint64_t dice;
static uint64_t pool[POOL]; /* pfns */
static uint64_t root;       /* mfn of the kernel root in use */
static bool has_user_root;
static uint8_t upcall_stack[8192] __attribute__((aligned(4096)));
static struct pv_call calls[PV_MAX_CALLS + 1];
static struct pv_update updates[PV_MAX_UPDATES + 8];

/* A trap, of the kernel or of user mode, ends the attempt: no IRET is needed to stay in the kernel. */
__asm__("attempt: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "mov %rsp, resume_stack\n"
        "mov %rdi, %rax; mov %rsi, %rdi; mov %rdx, %rsi\n"
        "sub $8, %rsp\n"
        "call *%rax\n"
        "trap_enters: mov resume_stack, %rsp\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        "read_word: mov (%rdi), %rax; ret\n"
        "write_word: mov %rsi, (%rdi); ret\n"
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

static int64_t hypercall4(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
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

static int64_t hypercall(uint64_t op, uint64_t a, uint64_t b)
{
    return hypercall4(op, a, b, 0, 0);
}

/* 2. */

static uint64_t next(void)
{
    uint64_t z = dice += 0x9e3779b97f4a7c15ull; /* splitmix64 */

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint64_t any(uint64_t n)
{
    return next() % n;
}

static bool once_in(uint64_t n)
{
    return any(n) == 0;
}

static uint64_t mfn_of(uint64_t frame)
{
    return ((const uint64_t *)info->p2m)[frame];
}

static uint64_t *frame_at(uint64_t frame)
{
    return (uint64_t *)(PV_LINEAR_BASE + frame * PAGE_SIZE);
}

static uint64_t pool_frame(void)
{
    return pool[any(POOL)];
}

/* Own ones, of any use; foreign ones (the monitor's); ones that do not exist. */
static uint64_t some_mfn(void)
{
    switch (any(16)) {
    case 0:
        return any(info->max_mfn + 64);
    case 1:
        return next() & (PTE_FRAME_MASK >> PAGE_SHIFT);
    case 2:
        return mfn_of(any(info->nr_frames));
    case 3:
        return root;
    case 4:
        return mfn_of(info->root_pfn + any(4));
    default:
        return mfn_of(pool_frame());
    }
}

static uint64_t some_entry(void)
{
    uint64_t rights = PTE_PRESENT | PTE_USER | (once_in(2) ? PTE_WRITE : 0);

    switch (any(8)) {
    case 0:
        return next();
    case 1:
        return some_mfn() << PAGE_SHIFT | (next() & (PAGE_MASK | PTE_NX));
    case 2:
        return 0;
    default:
        return some_mfn() << PAGE_SHIFT | rights;
    }
}

static uint64_t some_number(void)
{
    switch (any(6)) {
    case 0:
        return any(1024);
    case 1:
        return 1ull << any(64);
    case 2:
        return (uint64_t)frame_at(pool_frame()) + any(PAGE_SIZE);
    case 3:
        return ~any(PAGE_SIZE);
    case 4:
        return any(2) ? (uint64_t)updates : (uint64_t)calls + any(64);
    default:
        return next();
    }
}

static unsigned some_index(void)
{
    static const unsigned few[] = { 0, 1, 2, 255, 256, 272, 510, 511 };

    return once_in(8) ? (unsigned)any(PT_ENTRIES) : few[any(8)];
}

/* 3. */

static void make_read_only(uint64_t frame)
{
    hypercall(PV_UPDATE_VA, (uint64_t)frame_at(frame),
              mfn_of(frame) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_NX);
}

static void make_writable(uint64_t frame)
{
    hypercall(PV_UPDATE_VA, (uint64_t)frame_at(frame),
              mfn_of(frame) << PAGE_SHIFT | PTE_PRESENT | PTE_USER | PTE_WRITE | PTE_NX);
}

static uint64_t store_word(uint64_t at, uint64_t value)
{
    return attempt(write_word, at, value);
}

static void become_table(void)
{
    uint64_t frame = pool_frame();

    for (unsigned i = (unsigned)any(16); i > 0; i--)
        store_word((uint64_t)&frame_at(frame)[some_index()], some_entry());
    make_read_only(frame);
    hypercall(PV_PIN, mfn_of(frame), 1 + any(4));
}

static void cease_to_be_table(void)
{
    uint64_t frame = pool_frame();

    hypercall(PV_UNPIN, mfn_of(frame), 0);
    make_writable(frame);
    if (attempt(read_word, (uint64_t)frame_at(frame), 0))
        for (unsigned i = 0; i < PT_ENTRIES; i += 1 + (unsigned)any(64))
            store_word((uint64_t)&frame_at(frame)[i], once_in(4) ? some_entry() : 0);
}

static void use_roots(uint64_t kernel, uint64_t user)
{
    if (hypercall(PV_SET_ROOTS, kernel, user) < 0)
        return;
    root = kernel;
    has_user_root = user != PV_NO_ROOT;
}

/* The kernel's half as it is, so that it can be loaded. */
static void become_root(void)
{
    uint64_t frame = pool_frame();

    hypercall(PV_UNPIN, mfn_of(frame), 0);
    make_writable(frame);
    for (unsigned i = 0; i < PT_ENTRIES; i++) {
        uint64_t entry = i >= 256 && i != PV_RESERVED_SLOT ? frame_at(info->root_pfn)[i] : 0;

        store_word((uint64_t)&frame_at(frame)[i], once_in(200) ? some_entry() : entry);
    }
    make_read_only(frame);
    hypercall(PV_PIN, mfn_of(frame), 4);
    if (frame_at(frame)[511] == frame_at(info->root_pfn)[511] &&
        frame_at(frame)[272] == frame_at(info->root_pfn)[272])
        use_roots(mfn_of(frame), once_in(2) ? mfn_of(frame) : once_in(2) ? some_mfn() : PV_NO_ROOT);
}

static void back_to_first_root(void)
{
    use_roots(mfn_of(info->root_pfn), once_in(2) ? mfn_of(pool_frame()) : PV_NO_ROOT);
}

static void update_tables(void)
{
    uint64_t n = once_in(16) ? any(PV_MAX_UPDATES + 8) : 1 + any(4);

    for (uint64_t i = 0; i < n; i++) {
        uint64_t table = once_in(32) ? some_mfn() : mfn_of(pool_frame());

        updates[i].at = once_in(32) ? some_number() : table << PAGE_SHIFT | some_index() * sizeof(uint64_t);
        updates[i].entry = some_entry();
    }
    hypercall(PV_MMU_UPDATE, once_in(32) ? some_number() : (uint64_t)updates,
              once_in(32) ? some_number() : n);
}

/* 4. */

static uint64_t some_op(void)
{
    uint64_t op = once_in(16) ? some_number() : any(NR_PV_HYPERCALLS + 1);

    return op == PV_SHUTDOWN || op == PV_BLOCK || op == PV_CONSOLE_WRITE || op == PV_IRET ? PV_FLUSH : op;
}

static uint64_t some_argument(void)
{
    return once_in(2) ? some_mfn() : once_in(2) ? some_number() : any(8);
}

/* Traps, stacks and roots of some_op would be the end: seldom. */
static void call_anything(void)
{
    uint64_t op = some_op();

    if ((op == PV_SET_TRAPS || op == PV_SET_STACK || op == PV_SET_ROOTS) && !once_in(64))
        return;
    if (op == PV_UPDATE_VA && !once_in(16))
        hypercall(op, (uint64_t)frame_at(pool_frame()), some_entry());
    else
        hypercall4(op, some_argument(), some_argument(), some_argument(), some_argument());
}

static void call_many(void)
{
    uint64_t n = once_in(16) ? any(PV_MAX_CALLS + 2) : 1 + any(6);

    for (uint64_t i = 0; i < n && i <= PV_MAX_CALLS; i++) {
        uint64_t op = some_op();

        if (op == PV_SET_TRAPS || op == PV_SET_STACK || op == PV_SET_ROOTS)
            op = PV_PIN;
        calls[i].op = op;
        for (unsigned k = 0; k < 4; k++)
            calls[i].args[k] = some_argument();
        if (op == PV_UPDATE_VA)
            calls[i].args[0] = (uint64_t)frame_at(pool_frame());
    }
    hypercall(PV_MULTICALL, once_in(16) ? some_number() : (uint64_t)calls, once_in(16) ? some_number() : n);
}

static uint64_t go_to_user(uint64_t frame, uint64_t b)
{
    (void)b;
    return (uint64_t)hypercall(PV_IRET, frame, 0);
}

static void enter_user(void)
{
    static struct pv_frame frame;

    if (!has_user_root)
        return;
    frame = (struct pv_frame){
        .rip = any(8) << 12, .rsp = some_number(), .rflags = next(), .mode = PV_MODE_USER
    };
    frame.rip = once_in(4) ? some_number() & ~(1ull << 47) >> 1 : frame.rip;
    if (!gva_is_canonical(frame.rip))
        frame.rip = 0;
    attempt(go_to_user, (uint64_t)&frame, 0);
}

static void store_somewhere(void)
{
    attempt(once_in(2) ? read_word : write_word, (uint64_t)frame_at(pool_frame()) + any(PAGE_SIZE - 8),
            some_entry());
    if (once_in(16))
        attempt(write_word, some_number(), next());
}

static void drive_disk(void)
{
    static struct pv_disk_queue queue;
    uint64_t ring = pool_frame() * PAGE_SIZE;

    queue = (struct pv_disk_queue){ .size = 1ull << any(10),
                                    .desc = ring,
                                    .avail = ring + 2048,
                                    .used = once_in(2) ? ring + 3072 : pool_frame() * PAGE_SIZE };
    for (uint64_t i = 0; i < 3; i++) {
        uint64_t flags = (i < 2) | (i > 0 ? 2 : 0);

        store_word(PV_LINEAR_BASE + ring + i * 16, once_in(8) ? some_number() : pool_frame() * PAGE_SIZE);
        store_word(PV_LINEAR_BASE + ring + i * 16 + 8, (i == 0   ? 16
                                                        : i == 2 ? 1
                                                                 : (1 + any(8)) * 512) |
                                                           flags << 32 | (i + 1) << 48);
    }
    store_word(PV_LINEAR_BASE + ring + 2048, (1 + any(3)) << 16);
    hypercall(PV_DISK_SETUP, once_in(8) ? some_number() : 0, once_in(8) ? some_number() : (uint64_t)&queue);
    hypercall(PV_DISK_NOTIFY, once_in(8) ? some_number() : 1, 0);
}

static void say_something(void)
{
    hypercall4(PV_CONSOLE_WRITE, any(5), some_number(), once_in(2) ? any(4) : some_number() | 1ull << 17, 0);
}

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
