/* The ports by which the monitor tells the VMM what happened; for C and assembler. A guest that may use ports itself
 * can write to the same ones: the VMM goes by where rip was, and at which privilege level, which a guest cannot fake. */
#pragma once

#define MONITOR_NR_VECTORS   33 /* the exceptions, and one interrupt */
#define MONITOR_STUB_BYTES   16
#define MONITOR_PORT_TRAP    0xc0 /* + vector */
#define MONITOR_PORT_SYSCALL 0xe2
#define MONITOR_PORT_START   0xe3
#define MONITOR_PORT_DRAINED 0xe4

/* The vector that KVM_INTERRUPT raises for the timer. */
#define MONITOR_VEC_TIMER 32
