/* The hypercall itself: pv/abi.h, section 3. */
#pragma once
#include "pv/abi.h"

/* Two arguments are enough: what takes more goes in a multicall. */
int64_t pv_hypercall(enum pv_hypercall op, uint64_t a0, uint64_t a1);
