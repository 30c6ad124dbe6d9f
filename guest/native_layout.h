/* Numbers that the native platform's C and assembly agree on. */
#pragma once

/* The GDT. SYSCALL and SYSRET fix the order of neighbours (AMD64 APM vol. 2, 6.1.1): SYSCALL takes CS from
 * STAR[47:32] and SS from there + 8; SYSRET takes SS from STAR[63:48] + 8 and CS from there + 16. So programs
 * run with CS 0x3b. */
#define SEL_KERNEL_CODE 0x08
#define SEL_KERNEL_DATA 0x10
#define SEL_TSS         0x18 /* two slots */
#define SEL_SYSRET_BASE 0x2b /* 0x28, with the privilege level that SYSRET passes on; the slot is empty */
#define SEL_USER_DATA   0x33
#define SEL_USER_CODE   0x3b
#define GDT_SLOTS       8

/* Vectors: exceptions, then the i8259's lines. A stub for each, TRAP_STUB_BYTES apart. */
#define VECTOR_IRQ_BASE 32
#define VECTOR_TIMER    VECTOR_IRQ_BASE
#define NR_VECTORS      48
#define TRAP_STUB_BYTES 16

/* Offsets in struct trap_frame; platform_native.c asserts them. */
#define FRAME_RAX    0
#define FRAME_RBX    8
#define FRAME_RCX    16
#define FRAME_RDX    24
#define FRAME_RSI    32
#define FRAME_RDI    40
#define FRAME_RSP    48
#define FRAME_RBP    56
#define FRAME_R8     64
#define FRAME_R9     72
#define FRAME_R10    80
#define FRAME_R11    88
#define FRAME_R12    96
#define FRAME_R13    104
#define FRAME_R14    112
#define FRAME_R15    120
#define FRAME_RIP    128
#define FRAME_RFLAGS 136
#define FRAME_MODE   144
#define FRAME_VECTOR 152
#define FRAME_ERROR  160
#define FRAME_BYTES  176
