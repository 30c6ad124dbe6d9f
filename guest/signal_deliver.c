/* Delivery of signals: a frame on the program's stack, and back from it.
 *
 *   1. the frame's content
 *   2. where it goes
 *   3. delivery
 *   4. return */
#include "kernel.h"
#include "process.h"
#include "signal_frame.h"
#include "x86_cpu.h"

#define USER_CS 0x33 /* what Linux's programs see */
#define USER_SS 0x2b

/* Flags of a context: ss was stored, and shall be as it is there (Linux's asm/ucontext.h). */
#define CONTEXT_SS        2u
#define CONTEXT_STRICT_SS 4u

#define RFLAGS_PROGRAM                                                                                       \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_DF | RFLAGS_OF |         \
     RFLAGS_RF | RFLAGS_AC)

/* 1. The frame's content. */
static void registers_to_context(struct signal_registers *to, const struct process *p)
{
    const struct cpu_regs *r = &p->frame.regs;
    *to = (struct signal_registers){
        .r8 = r->r8,
        .r9 = r->r9,
        .r10 = r->r10,
        .r11 = r->r11,
        .r12 = r->r12,
        .r13 = r->r13,
        .r14 = r->r14,
        .r15 = r->r15,
        .rdi = r->rdi,
        .rsi = r->rsi,
        .rbp = r->rbp,
        .rbx = r->rbx,
        .rdx = r->rdx,
        .rax = r->rax,
        .rcx = r->rcx,
        .rsp = r->rsp,
        .rip = r->rip,
        .rflags = r->rflags,
        .cs = USER_CS,
        .ss = USER_SS,
        .error_code = p->signals.fault.error_code,
        .vector = p->signals.fault.vector,
        .old_mask = p->signals.blocked,
        .fault_address = p->signals.fault.address,
    };
}

static void context_to_registers(struct cpu_regs *r, const struct signal_registers *from)
{
    uint64_t rflags = (from->rflags & RFLAGS_PROGRAM) | RFLAGS_IF | RFLAGS_FIXED;
    *r = (struct cpu_regs){
        .r8 = from->r8,
        .r9 = from->r9,
        .r10 = from->r10,
        .r11 = from->r11,
        .r12 = from->r12,
        .r13 = from->r13,
        .r14 = from->r14,
        .r15 = from->r15,
        .rdi = from->rdi,
        .rsi = from->rsi,
        .rbp = from->rbp,
        .rbx = from->rbx,
        .rdx = from->rdx,
        .rax = from->rax,
        .rcx = from->rcx,
        .rsp = from->rsp,
        .rip = from->rip,
        .rflags = rflags,
    };
}

static bool comes_from_cpu(int signal, int code)
{
    bool is_exception = signal == SIGNAL_SEGV || signal == SIGNAL_BUS || signal == SIGNAL_ILL ||
                        signal == SIGNAL_FPE || signal == SIGNAL_TRAP;
    return is_exception && code > 0;
}

static struct signal_info_block make_info(int signal, const struct signal_info *info)
{
    struct signal_info_block block;
    memset(&block, 0, sizeof block); /* all of the union: an initialiser need not, and a program sees it */
    block.signal = signal;
    block.code = info->code;
    if (comes_from_cpu(signal, info->code)) {
        block.address = info->address;
    } else {
        block.sender.pid = info->pid;
        block.sender.status = info->status;
    }
    return block;
}

/* What the mask will be once the handler is through: rt_sigsuspend's own is for its time only. */
static signal_set mask_after(struct signal_state *s)
{
    signal_set mask = s->suspended ? s->saved_blocked : s->blocked;
    s->suspended = false;
    return mask;
}

/* 2. Where it goes. */
bool signal_on_stack(const struct process *p)
{
    const struct signal_stack *k = &p->signals.stack;
    uint64_t rsp = p->frame.regs.rsp;
    return !(k->flags & SIGNAL_STACK_DISABLE) && rsp > k->base && rsp - k->base <= k->bytes;
}

static bool changes_stack(const struct process *p, const struct signal_action *a)
{
    bool wants_other = (a->flags & SIGNAL_FLAG_ONSTACK) && !(p->signals.stack.flags & SIGNAL_STACK_DISABLE);
    return wants_other && !signal_on_stack(p);
}

static gva_t frame_top(const struct process *p, const struct signal_action *a)
{
    const struct signal_stack *k = &p->signals.stack;
    return changes_stack(p, a) ? k->base + k->bytes : p->frame.regs.rsp - SIGNAL_RED_ZONE;
}

static bool frame_is_on_other_stack(const struct process *p, const struct signal_action *a)
{
    return changes_stack(p, a) || signal_on_stack(p);
}

/* 3. Delivery. */
static bool push_frame(struct process *p, int signal, const struct signal_action *a)
{
    static struct signal_frame f; /* half a page: not for the kernel's one stack */
    uint64_t fpu_bytes;
    const void *fpu = fpu_image(&p->fpu, &fpu_bytes);
    gva_t fpu_at = (frame_top(p, a) - fpu_bytes) & ~(uint64_t)(SIGNAL_FPU_ALIGN - 1);
    gva_t at = ((fpu_at - sizeof f) & ~15ull) - 8;
    struct cpu_regs *r = &p->frame.regs;
    if (frame_is_on_other_stack(p, a) && (at <= p->signals.stack.base || at > fpu_at))
        return false; /* what lies below that stack is none of it */

    memset(&f, 0, sizeof f);
    f.restorer = a->restorer;
    f.context.flags = CONTEXT_SS | CONTEXT_STRICT_SS;
    f.context.stack = p->signals.stack;
    registers_to_context(&f.context.registers, p);
    f.context.registers.fpu_at = fpu_at;
    f.context.mask = mask_after(&p->signals);
    f.info = make_info(signal, &p->signals.infos[signal - 1]);
    if (!(a->flags & SIGNAL_FLAG_RESTORER) || space_write(p->space, fpu_at, fpu, fpu_bytes) < 0 ||
        space_write(p->space, at, &f, sizeof f) < 0)
        return false;

    r->rip = a->handler;
    r->rsp = at;
    r->rax = 0;
    r->rdi = (uint64_t)signal;
    r->rsi = at + offsetof(struct signal_frame, info);
    r->rdx = at + offsetof(struct signal_frame, context);
    r->rflags &= ~(RFLAGS_DF | RFLAGS_TF | RFLAGS_RF);
    return true;
}

/* A handler takes over. */
static void handle(struct process *p, int signal)
{
    struct signal_state *s = &p->signals;
    struct signal_action a = *signal_action_of(s, signal);
    if (!fpu_store(&p->fpu)) {
        process_kill_for_memory(p);
        return;
    }
    if (p->restart_call && (a.flags & SIGNAL_FLAG_RESTART)) {
        p->frame.regs.rax = p->call_number;
        p->frame.regs.rip -= 2; /* SYSCALL */
    }
    p->restart_call = false;
    /* A handler of SIGSEGV that would raise it again, before its first instruction, is none. */
    bool is_hopeless = signal == SIGNAL_SEGV && a.handler >= USER_TOP;
    if (is_hopeless || !push_frame(p, signal, &a)) {
        if (process_kill_if_starved(p))
            return;
        if (signal == SIGNAL_SEGV)
            signal_action_of(s, signal)->handler = SIGNAL_DEFAULT;
        trap_refuse(p, SIGNAL_CODE_KERNEL, p->frame.regs.rsp, "no room for a signal's frame, or no handler");
        return;
    }
    if (a.flags & SIGNAL_FLAG_RESETHAND)
        signal_action_of(s, signal)->handler = SIGNAL_DEFAULT;
    signal_set_blocked(s, s->blocked | a.mask | (a.flags & SIGNAL_FLAG_NODEFER ? 0 : signal_bit(signal)));
}

/* As on Linux, those of exceptions come first: the frame of one is to tell of the instruction that raised it,
 * not of another's handler. */
static int first_of(signal_set waiting)
{
    const signal_set exceptions = signal_bit(SIGNAL_ILL) | signal_bit(SIGNAL_TRAP) | signal_bit(SIGNAL_BUS) |
                                  signal_bit(SIGNAL_FPE) | signal_bit(SIGNAL_SEGV);
    return __builtin_ctzll(waiting & exceptions ? waiting & exceptions : waiting) + 1;
}

void signal_deliver(struct process *p)
{
    struct signal_state *s = &p->signals;
    signal_set waiting;
    while ((waiting = signal_deliverable(s))) {
        int signal = first_of(waiting);
        s->pending &= ~signal_bit(signal);
        if (signal_is_ignored(s, signal))
            continue;
        if (signal_action_of(s, signal)->handler != SIGNAL_DEFAULT) {
            handle(p, signal);
        } else {
            process_end(p, signal);
        }
        if (p->state != PROCESS_READY)
            return;
    }
    if (p->restart_call) { /* nobody handled what interrupted it */
        p->frame.regs.rax = p->call_number;
        p->frame.regs.rip -= 2;
        p->restart_call = false;
    }
    if (s->suspended)
        s->blocked = mask_after(s);
}

/* 4. Return. */

/* Programs have one code segment and one for the stack. As on Linux, the privilege level need not be theirs.
 */
static bool has_our_segments(const struct signal_context *c)
{
    const struct signal_registers *r = &c->registers;
    return (r->cs | 3) == USER_CS && (!(c->flags & CONTEXT_STRICT_SS) || (r->ss | 3) == USER_SS);
}

static bool read_fpu(struct process *p, gva_t at)
{
    static uint8_t image[FPU_STATE_SIZE];
    if (space_read(p->space, image, at, sizeof image) < 0)
        return false;
    uint64_t more = fpu_set(&p->fpu, image);
    if (!more)
        return true;
    uint8_t *to = fpu_extend(&p->fpu);
    if (!to)
        return false;
    bool read = space_read(p->space, to, at + sizeof image, more) == 0;
    fpu_check_extended(&p->fpu);
    return read;
}

bool signal_return(struct process *p)
{
    static struct signal_context c;
    gva_t at = p->frame.regs.rsp - sizeof(uint64_t); /* the handler's RET took the restorer's address */
    if (space_read(p->space, &c, at + offsetof(struct signal_frame, context), sizeof c) < 0)
        return false;
    if (c.registers.fpu_at) {
        if (!read_fpu(p, c.registers.fpu_at))
            return false;
    } else {
        fpu_reset(&p->fpu);
    }
    context_to_registers(&p->frame.regs, &c.registers);
    if (!has_our_segments(&c))
        trap_refuse(p, SIGNAL_CODE_KERNEL, 0, "a signal's frame with other segments");
    signal_set_blocked(&p->signals, c.mask);
    c.stack.flags &= SIGNAL_STACK_DISABLE;
    p->signals.stack = c.stack;
    return true;
}
