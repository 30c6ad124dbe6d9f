/* An instruction as its bytes tell it, whatever the registers hold. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FV_MAX_INSN_BYTES 15

enum fv_segment { FV_ES, FV_CS, FV_SS, FV_DS, FV_FS, FV_GS, FV_NR_SEGMENTS };

enum fv_operand_kind { FV_OPERAND_NONE, FV_OPERAND_REGISTER, FV_OPERAND_MEMORY, FV_OPERAND_IMMEDIATE };

/* Numbers of registers, beside those that instructions have. */
#define FV_NO_REGISTER  (-1)
#define FV_REGISTER_RIP (-2)

struct fv_operand_form {
    enum fv_operand_kind kind;
    unsigned width;          /* bits */
    int8_t number;           /* the register; of memory: its base */
    int8_t index;            /* of memory, like all that follows */
    uint8_t scale;
    bool is_32;              /* the address is cut to 32 bits */
    bool on_stack;           /* by way of SS */
    bool has_base;           /* by way of a segment that has one: FS or GS */
    enum fv_segment segment; /* which */
    uint64_t value;          /* the immediate; of memory: the displacement */
};

struct fv_form {
    uint8_t bytes[FV_MAX_INSN_BYTES];
    uint8_t nr_bytes;
    int what; /* enum fv_instruction */
    unsigned length;
    unsigned width; /* operand size in bits */
    struct fv_operand_form operand[2];
};
