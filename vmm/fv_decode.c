/* Which instruction trapped?
 *   1. fetch its bytes
 *   2. recognize it
 *   3. what it is, whatever the registers hold: kept, since decoding takes longer than all the rest
 *   4. its operands, in terms of registers and linear addresses */
#include <Zydis/Zydis.h>
#include <string.h>
#include "vmm/fv_emulate.h"

/* 1. The bytes. The CPU has fetched the instruction already, but perhaps not what follows it: a page boundary
 * may. */

static void fetch(struct fv_cpu *c, struct fv_insn *i)
{
    uint32_t access = PF_ERR_FETCH | (c->cpl == 3 ? PF_ERR_USER : 0);
    gva_t rip = c->regs->rip;
    uint64_t in_page = PAGE_SIZE - page_offset(rip);

    i->nr_bytes = FV_MAX_INSN_BYTES;
    if (shadow_copy_from_guest(c->shadow, access, i->bytes, rip, i->nr_bytes) == SHADOW_FIXED)
        return;
    i->nr_bytes = in_page < FV_MAX_INSN_BYTES ? (unsigned)in_page : 0;
    if (i->nr_bytes && shadow_copy_from_guest(c->shadow, access, i->bytes, rip, i->nr_bytes) != SHADOW_FIXED)
        i->nr_bytes = 0;
}

/* 2. The instruction. A row fits if its mnemonic does and, where it names one, the register of the first or
 * second operand. */

struct row {
    const char *name;
    ZydisMnemonic mnemonic;
    ZydisRegister first, second;
};

static const struct row rows[FV_NR_INSTRUCTIONS] = {
    [FV_MOV_FROM_CR0] = { "mov-from-cr0", ZYDIS_MNEMONIC_MOV, .second = ZYDIS_REGISTER_CR0 },
    [FV_MOV_FROM_CR2] = { "mov-from-cr2", ZYDIS_MNEMONIC_MOV, .second = ZYDIS_REGISTER_CR2 },
    [FV_MOV_FROM_CR3] = { "mov-from-cr3", ZYDIS_MNEMONIC_MOV, .second = ZYDIS_REGISTER_CR3 },
    [FV_MOV_FROM_CR4] = { "mov-from-cr4", ZYDIS_MNEMONIC_MOV, .second = ZYDIS_REGISTER_CR4 },
    [FV_MOV_FROM_CR8] = { "mov-from-cr8", ZYDIS_MNEMONIC_MOV, .second = ZYDIS_REGISTER_CR8 },
    [FV_MOV_TO_CR0] = { "mov-to-cr0", ZYDIS_MNEMONIC_MOV, .first = ZYDIS_REGISTER_CR0 },
    [FV_MOV_TO_CR2] = { "mov-to-cr2", ZYDIS_MNEMONIC_MOV, .first = ZYDIS_REGISTER_CR2 },
    [FV_MOV_TO_CR3] = { "mov-to-cr3", ZYDIS_MNEMONIC_MOV, .first = ZYDIS_REGISTER_CR3 },
    [FV_MOV_TO_CR4] = { "mov-to-cr4", ZYDIS_MNEMONIC_MOV, .first = ZYDIS_REGISTER_CR4 },
    [FV_MOV_TO_CR8] = { "mov-to-cr8", ZYDIS_MNEMONIC_MOV, .first = ZYDIS_REGISTER_CR8 },
    [FV_MOV_FROM_DR] = { .name = "mov-from-dr" }, /* by class of register, below */
    [FV_MOV_TO_DR] = { .name = "mov-to-dr" },
    [FV_CLTS] = { "clts", ZYDIS_MNEMONIC_CLTS },
    [FV_LMSW] = { "lmsw", ZYDIS_MNEMONIC_LMSW },
    [FV_SMSW] = { "smsw", ZYDIS_MNEMONIC_SMSW },
    [FV_CLI] = { "cli", ZYDIS_MNEMONIC_CLI },
    [FV_STI] = { "sti", ZYDIS_MNEMONIC_STI },
    [FV_HLT] = { "hlt", ZYDIS_MNEMONIC_HLT },
    [FV_LGDT] = { "lgdt", ZYDIS_MNEMONIC_LGDT },
    [FV_LIDT] = { "lidt", ZYDIS_MNEMONIC_LIDT },
    [FV_LLDT] = { "lldt", ZYDIS_MNEMONIC_LLDT },
    [FV_LTR] = { "ltr", ZYDIS_MNEMONIC_LTR },
    [FV_SGDT] = { "sgdt", ZYDIS_MNEMONIC_SGDT },
    [FV_SIDT] = { "sidt", ZYDIS_MNEMONIC_SIDT },
    [FV_SLDT] = { "sldt", ZYDIS_MNEMONIC_SLDT },
    [FV_STR] = { "str", ZYDIS_MNEMONIC_STR },
    [FV_RDMSR] = { "rdmsr", ZYDIS_MNEMONIC_RDMSR },
    [FV_WRMSR] = { "wrmsr", ZYDIS_MNEMONIC_WRMSR },
    [FV_RDPMC] = { "rdpmc", ZYDIS_MNEMONIC_RDPMC },
    [FV_INVLPG] = { "invlpg", ZYDIS_MNEMONIC_INVLPG },
    [FV_INVPCID] = { "invpcid", ZYDIS_MNEMONIC_INVPCID },
    [FV_INVD] = { "invd", ZYDIS_MNEMONIC_INVD },
    [FV_WBINVD] = { "wbinvd", ZYDIS_MNEMONIC_WBINVD },
    [FV_SWAPGS] = { "swapgs", ZYDIS_MNEMONIC_SWAPGS },
    [FV_SYSCALL] = { .name = "syscall" }, /* never decoded: it has its own way into the monitor */
    [FV_SYSRET] = { "sysret", ZYDIS_MNEMONIC_SYSRET },
    [FV_SYSEXIT] = { "sysexit", ZYDIS_MNEMONIC_SYSEXIT },
    [FV_IRET] = { .name = "iret" },             /* three mnemonics, by operand size */
    [FV_FAR_RETURN] = { .name = "far-return" }, /* mnemonics shared with near ones */
    [FV_FAR_JUMP] = { .name = "far-jump" },
    [FV_FAR_CALL] = { .name = "far-call" },
    [FV_INT] = { "int", ZYDIS_MNEMONIC_INT },
    [FV_MOV_TO_SEGMENT] = { .name = "mov-to-segment" },
    [FV_POP_SEGMENT] = { .name = "pop-segment" },
    [FV_LOAD_SEGMENT] = { .name = "load-segment" },
    [FV_PRIVILEGED] = { .name = "unknown" },
};

const char *fv_instruction_name(enum fv_instruction what)
{
    return rows[what].name;
}

static ZydisRegisterClass register_class(const ZydisDecodedOperand *o)
{
    return o->type == ZYDIS_OPERAND_TYPE_REGISTER ? ZydisRegisterGetClass(o->reg.value)
                                                  : ZYDIS_REGCLASS_INVALID;
}

static bool has_register(const ZydisDecodedOperand *o, ZydisRegister wanted)
{
    return wanted == ZYDIS_REGISTER_NONE ||
           (o->type == ZYDIS_OPERAND_TYPE_REGISTER && o->reg.value == wanted);
}

static enum fv_instruction recognize_move(const ZydisDecodedOperand o[2])
{
    if (register_class(&o[0]) == ZYDIS_REGCLASS_SEGMENT)
        return FV_MOV_TO_SEGMENT;
    if (register_class(&o[0]) == ZYDIS_REGCLASS_DEBUG)
        return FV_MOV_TO_DR;
    return register_class(&o[1]) == ZYDIS_REGCLASS_DEBUG ? FV_MOV_FROM_DR : FV_NONE;
}

static bool is_far(const ZydisDecodedInstruction *d)
{
    return d->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
}

/* Those that need more than a mnemonic. */
static enum fv_instruction recognize_by_kind(const ZydisDecodedInstruction *d, const ZydisDecodedOperand o[2])
{
    switch (d->mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
        return recognize_move(o);
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
        return FV_IRET;
    case ZYDIS_MNEMONIC_RET:
        return is_far(d) ? FV_FAR_RETURN : FV_NONE;
    case ZYDIS_MNEMONIC_JMP:
        return is_far(d) ? FV_FAR_JUMP : FV_NONE;
    case ZYDIS_MNEMONIC_CALL:
        return is_far(d) ? FV_FAR_CALL : FV_NONE;
    case ZYDIS_MNEMONIC_POP:
        return register_class(&o[0]) == ZYDIS_REGCLASS_SEGMENT ? FV_POP_SEGMENT : FV_NONE;
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGS:
        return FV_LOAD_SEGMENT;
    default:
        return FV_NONE;
    }
}

static enum fv_instruction recognize(const ZydisDecodedInstruction *d, const ZydisDecodedOperand o[2])
{
    for (enum fv_instruction what = FV_NONE + 1; what < FV_NR_INSTRUCTIONS; what++) {
        const struct row *r = &rows[what];

        if (r->mnemonic && r->mnemonic == d->mnemonic && has_register(&o[0], r->first) &&
            has_register(&o[1], r->second))
            return what;
    }
    enum fv_instruction what = recognize_by_kind(d, o);

    return what == FV_NONE && (d->attributes & ZYDIS_ATTRIB_IS_PRIVILEGED) ? FV_PRIVILEGED : what;
}

/* 3. What it is, whatever the registers hold. Register numbers are as instructions have them. */

static int8_t number_of(ZydisRegister r)
{
    if (r == ZYDIS_REGISTER_NONE)
        return FV_NO_REGISTER;
    if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP)
        return FV_REGISTER_RIP;
    return ZydisRegisterGetId(r);
}

static struct fv_operand_form form_of_memory(const ZydisDecodedInstruction *d, const ZydisDecodedOperand *o)
{
    return (struct fv_operand_form){
        .kind = FV_OPERAND_MEMORY,
        .width = o->size,
        .number = number_of(o->mem.base),
        .index = number_of(o->mem.index),
        .scale = o->mem.scale,
        .value = (uint64_t)o->mem.disp.value,
        .is_32 = d->address_width == 32,
        .on_stack = o->mem.segment == ZYDIS_REGISTER_SS,
        .has_base = o->mem.segment == ZYDIS_REGISTER_FS || o->mem.segment == ZYDIS_REGISTER_GS,
        .segment = o->mem.segment == ZYDIS_REGISTER_FS ? FV_FS : FV_GS,
    };
}

static struct fv_operand_form form_of(const ZydisDecodedInstruction *d, const ZydisDecodedOperand *o)
{
    switch (o->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
        return (struct fv_operand_form){ .kind = FV_OPERAND_REGISTER, .width = o->size, .number = number_of(o->reg.value) };
    case ZYDIS_OPERAND_TYPE_MEMORY:
        return form_of_memory(d, o);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        return (struct fv_operand_form){ .kind = FV_OPERAND_IMMEDIATE, .width = o->size, .value = o->imm.value.u };
    default:
        return (struct fv_operand_form){ .kind = FV_OPERAND_NONE };
    }
}

/* what stays FV_NONE if the bytes are none of ours. */
static void decode_form(struct fv_form *f)
{
    ZydisDecoder decoder;
    ZydisDecodedInstruction d;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT] = { 0 };

    f->what = FV_NONE;
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) ||
        !ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, f->bytes, f->nr_bytes, &d, operands)))
        return;
    f->what = recognize(&d, operands);
    f->length = d.length;
    f->width = d.operand_width;
    for (unsigned n = 0; n < 2; n++)
        f->operand[n] = n < d.operand_count_visible ? form_of(&d, &operands[n])
                                                    : (struct fv_operand_form){ .kind = FV_OPERAND_NONE };
}

/* A kernel has few places that trap, and is there again and again: the same bytes at the same address are what they were. */
static const struct fv_form *find_form(struct fv_cpu *c, const struct fv_insn *i)
{
    struct fv_form *f = &c->forms[c->regs->rip % FV_NR_FORMS];

    if (f->nr_bytes != i->nr_bytes || memcmp(f->bytes, i->bytes, i->nr_bytes) != 0) {
        memcpy(f->bytes, i->bytes, i->nr_bytes);
        f->nr_bytes = (uint8_t)i->nr_bytes;
        decode_form(f);
    }
    return f;
}

/* 4. Its operands now. */

static uint64_t register_value(struct fv_cpu *c, const struct fv_insn *i, int number)
{
    switch (number) {
    case FV_NO_REGISTER:
        return 0;
    case FV_REGISTER_RIP:
        return c->regs->rip + i->length;
    default:
        return *fv_register(c, (unsigned)number);
    }
}

static gva_t effective_address(struct fv_cpu *c, const struct fv_insn *i, const struct fv_operand_form *f)
{
    uint64_t a = register_value(c, i, f->number) + register_value(c, i, f->index) * f->scale + f->value;

    if (f->is_32)
        a = (uint32_t)a;
    return f->has_base ? a + c->ops->segment_base(c->ctx, f->segment) : a;
}

static struct fv_operand operand(struct fv_cpu *c, const struct fv_insn *i, const struct fv_operand_form *f)
{
    switch (f->kind) {
    case FV_OPERAND_REGISTER:
        return (struct fv_operand){ f->kind, f->width, .number = (unsigned)f->number };
    case FV_OPERAND_MEMORY:
        return (struct fv_operand){ f->kind, f->width, .address = effective_address(c, i, f), .on_stack = f->on_stack };
    case FV_OPERAND_IMMEDIATE:
        return (struct fv_operand){ f->kind, f->width, .value = f->value };
    default:
        return (struct fv_operand){ .kind = FV_OPERAND_NONE };
    }
}

bool fv_decode(struct fv_cpu *c, struct fv_insn *i)
{
    *i = (struct fv_insn){ .what = FV_NONE };
    fetch(c, i);
    if (!i->nr_bytes)
        return false;
    const struct fv_form *f = find_form(c, i);
    if (f->what == FV_NONE)
        return false;
    i->what = f->what;
    i->length = f->length;
    i->width = f->width;
    for (unsigned n = 0; n < 2; n++)
        i->operand[n] = operand(c, i, &f->operand[n]);
    return true;
}
