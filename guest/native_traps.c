/* What is to be decided on the way in and out; the instructions are in native_traps.S. */
#include "kernel.h"
#include "native.h"
#include "native_insn.h"
#include "native_layout.h"
#include "panic_on_trap.h"
#include "x86_cpu.h"

/* What a program may have in its flags. */
#define RFLAGS_OF_PROGRAM                                                                                    \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_DF | RFLAGS_OF |         \
     RFLAGS_RF | RFLAGS_AC | RFLAGS_ID)

/* The entry code leaves the interrupted CS in mode. */
void native_trap(struct trap_frame *f)
{
    bool from_kernel = f->mode != SEL_USER_CODE;

    f->mode = from_kernel ? PV_MODE_KERNEL : PV_MODE_USER;
    if (f->vector == VEC_PF)
        f->fault_address = cr2_read();
    if (from_kernel)
        panic_on_trap(f);
    if (f->vector >= VECTOR_IRQ_BASE && f->vector != TRAP_SYSTEM_CALL) {
        if (!native_timer_acknowledge(f->vector))
            native_resume(f);
        f->vector = TRAP_TIMER;
    }
    kernel_handle_trap(f);
}

/* SYSRETQ loads rip from rcx and rflags from r11, so it serves where these hold them already: after a system
 * call whose caller did not ask for other registers. On a non-canonical rip it would fault in kernel mode
 * with the program's stack (Intel SDM vol. 2, SYSRET), so such an rip is left to IRETQ, as are the flags that
 * act on the next instruction. */
static bool sysretq_serves(const struct trap_frame *f)
{
    const struct cpu_regs *r = &f->regs;

    return f->vector == TRAP_SYSTEM_CALL && r->rcx == r->rip && r->r11 == r->rflags && r->rip < USER_TOP &&
           !(r->rflags & (RFLAGS_TF | RFLAGS_RF));
}

void native_resume(struct trap_frame *f)
{
    f->regs.rflags = (f->regs.rflags & RFLAGS_OF_PROGRAM) | RFLAGS_FIXED | RFLAGS_IF;
    if (sysretq_serves(f))
        native_return_sysretq(f);
    native_return_iretq(f);
}
