/* The end that both platforms give a kernel that trapped. */
#pragma once
#include "trap.h"

/* Say which trap and all registers, then panic. */
_Noreturn void panic_on_trap(const struct trap_frame *f);
