/* Hypercalls: number, name and handler in one row; multicall; and SYSCALL, from which they come. */
#include "hypercall.h"
#include "domain.h"
#include "guest_access.h"
#include "memory_functions.h"
#include "upcall.h"
#include "x86_paging.h"

static pv_handler call_multicall;

static const struct {
    const char *name;
    pv_handler *handler;
} calls[NR_PV_HYPERCALLS] = {
    [PV_MULTICALL] = { "multicall", call_multicall },
    [PV_MMU_UPDATE] = { "mmu-update", pv_call_mmu_update },
    [PV_UPDATE_VA] = { "update-va", pv_call_update_va },
    [PV_SET_ROOTS] = { "set-roots", pv_call_set_roots },
    [PV_PIN] = { "pin", pv_call_pin },
    [PV_UNPIN] = { "unpin", pv_call_unpin },
    [PV_FLUSH] = { "flush", pv_call_flush },
    [PV_SET_TRAPS] = { "set-traps", pv_call_set_traps },
    [PV_SET_STACK] = { "set-stack", pv_call_set_stack },
    [PV_IRET] = { "iret", pv_call_iret },
    [PV_SET_FS_BASE] = { "set-fs-base", pv_call_set_fs_base },
    [PV_CONSOLE_WRITE] = { "console-write", pv_call_console_write },
    [PV_DISK_SETUP] = { "disk-setup", pv_call_disk_setup },
    [PV_DISK_NOTIFY] = { "disk-notify", pv_call_disk_notify },
    [PV_YIELD] = { "yield", pv_call_yield },
    [PV_BLOCK] = { "block", pv_call_block },
    [PV_SET_TIMER] = { "set-timer", pv_call_set_timer },
    [PV_SHUTDOWN] = { "shutdown", pv_call_shutdown },
};

const char *pv_hypercall_name(unsigned op)
{
    return op < NR_PV_HYPERCALLS ? calls[op].name : "unknown";
}

static int64_t run_call(struct pv_domain *d, struct cpu_regs *regs, uint64_t op, const uint64_t args[4])
{
    if (op >= NR_PV_HYPERCALLS)
        return -PV_ENOSYS;
    d->ops->note_hypercall(d->ctx, (unsigned)op);
    return calls[op].handler(d, regs, args);
}

/* One call of a multicall: none inside another, and iret only as the last. */
static int64_t run_listed_call(struct pv_domain *d, struct cpu_regs *regs, const struct pv_call *c, bool last)
{
    if (c->op == PV_MULTICALL || (c->op == PV_IRET && !last))
        return -PV_EINVAL;
    return run_call(d, regs, c->op, c->args);
}

/* The list is copied before the first call runs, so that no call can change those after it. A call that
 * unmaps the list loses its result, which is the guest's own doing. */
static int64_t call_multicall(struct pv_domain *d, struct cpu_regs *regs, const uint64_t args[4])
{
    gva_t list = args[0];
    uint64_t count = args[1];
    if (count > PV_MAX_CALLS)
        return -PV_E2BIG;
    if (!pv_range_is_mapped(d, list, count * sizeof(d->calls[0]), true))
        return -PV_EFAULT;
    pv_copy_from_guest(d, d->calls, list, count * sizeof(d->calls[0]));
    for (uint64_t i = 0; i < count; i++) {
        int64_t result = run_listed_call(d, regs, &d->calls[i], i + 1 == count);
        if (result == PV_NO_RETURN || d->dead)
            return PV_NO_RETURN;
        gva_t at = list + i * sizeof(d->calls[0]) + offsetof(struct pv_call, result);
        (void)pv_copy_to_guest(d, at, &result, sizeof(result));
        if (result < 0)
            return (int64_t)i;
    }
    return (int64_t)count;
}

static void handle_hypercall(struct pv_domain *d, struct cpu_regs *regs)
{
    const uint64_t args[4] = { regs->rdi, regs->rsi, regs->rdx, regs->r10 };
    d->updates_in_exit = d->tables_in_exit = 0;
    int64_t result = run_call(d, regs, regs->rax, args);
    if (result == PV_NO_RETURN)
        return;
    regs->rax = (uint64_t)result;
    if (!gva_is_canonical(regs->rip)) /* SYSCALL in the last bytes below the hole */
        pv_crash(d, "return to a non-canonical address");
}

void pv_handle_syscall(struct pv_domain *d, struct cpu_regs *regs)
{
    if (d->dead)
        return;
    regs->rip = regs->rcx;
    regs->rflags = pv_allowed_rflags(regs->r11);
    if (d->mode == PV_MODE_USER)
        pv_upcall(d, regs, PV_TRAP_SYSTEM_CALL, 0);
    else
        handle_hypercall(d, regs);
    pv_settle(d);
}
