/* The layout of the monitor's region and what its code is called: between monitor_build.c, which makes it, and monitor.c, which
 * works with it. */
#pragma once
#include "vmm/monitor.h"
#include "vmm/monitor/monitor_ports.h"
#include "x86_paging.h"

extern const uint8_t monitor_code[], monitor_code_end[], monitor_code_traps[], monitor_code_syscall[];
extern const uint8_t monitor_code_resume[], monitor_code_resume_root[], monitor_code_resume_stores[];
extern const uint8_t monitor_code_resume_pages[], monitor_code_resume_leave[], monitor_code_drain[], monitor_code_start[];
extern const uint8_t monitor_code_control[];

/* TS is added for a guest that set it (monitor_set_ts). */
#define MONITOR_CR0 (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)

/* Pages of the region at base. */
enum {
    PAGE_CODE = 0,
    PAGE_TABLES = 1,    /* GDT at 0, TSS at 256, its bitmap running over the next two pages */
    NR_TABLES = 3,
    PAGE_IDT = PAGE_TABLES + NR_TABLES,
    PAGE_STACK = PAGE_IDT + 1,  /* one for traps, and one each for the vectors that may strike at any time */
    NR_STACKS = 4,
    PAGE_WORK = PAGE_STACK + NR_STACKS,
    NR_WORK = 5,
    NR_PAGES = PAGE_WORK + NR_WORK,
};

#define TSS_OFFSET     256
#define IO_BITMAP      sizeof(struct x86_tss)
#define IO_BITMAP_SIZE (65536 / 8 + 1)

#define SEL_KERNEL_CODE 0x10
#define SEL_KERNEL_DATA 0x18
#define SEL_USER_DATA   0x2b /* the two that SYSRET's layout wants, and that PVM shows whatever we choose */
#define SEL_USER_CODE   0x33
#define SEL_TSS         0x40


/* monitor.c: machine_run() until the monitor makes its exit, whatever signals come. The returns that these caused are drains, and
 * the next machine_run() tells of a signal at once. */
int monitor_run_on(struct monitor *mon);

#define DIRECT_MAP (1ull << 38) /* above base */

/* The work list: pairs of address and entry, then addresses to flush. */
#define MAX_STORES  1024
#define MAX_FLUSHES 32
#define MANY_STORES (MAX_STORES * 3 / 4)
_Static_assert(MAX_STORES * 16 + MAX_FLUSHES * 8 <= NR_WORK * PAGE_SIZE, "the work list fits its pages");

/* What IRETQ pops. */
struct iret_frame {
    uint64_t rip, cs, rflags, rsp, ss;
};

static inline uint8_t *monitor_page(const struct monitor *mon, unsigned page)
{
    return machine_frame(mon->machine, mon->frames[page]);
}

static inline gva_t page_gva(const struct monitor *mon, unsigned page)
{
    return mon->base + page * PAGE_SIZE;
}

static inline gva_t code_gva(const struct monitor *mon, const uint8_t *label)
{
    return mon->base + (uint64_t)(label - monitor_code);
}

static inline gva_t stack_top(const struct monitor *mon, unsigned stack)
{
    return page_gva(mon, PAGE_STACK + stack) + PAGE_SIZE;
}
