/* The native platform: what platform.h asks for, on an ordinary PC (native.h lists where). */
#include "native.h"
#include "native_layout.h"
#include <stddef.h>

#define FRAME_HAS(field, offset)                                                                             \
    _Static_assert(offsetof(struct trap_frame, field) == (offset), "offset of " #field)
FRAME_HAS(regs.rax, FRAME_RAX);
FRAME_HAS(regs.rbx, FRAME_RBX);
FRAME_HAS(regs.rcx, FRAME_RCX);
FRAME_HAS(regs.rdx, FRAME_RDX);
FRAME_HAS(regs.rsi, FRAME_RSI);
FRAME_HAS(regs.rdi, FRAME_RDI);
FRAME_HAS(regs.rsp, FRAME_RSP);
FRAME_HAS(regs.rbp, FRAME_RBP);
FRAME_HAS(regs.r8, FRAME_R8);
FRAME_HAS(regs.r15, FRAME_R15);
FRAME_HAS(regs.rip, FRAME_RIP);
FRAME_HAS(regs.rflags, FRAME_RFLAGS);
FRAME_HAS(mode, FRAME_MODE);
FRAME_HAS(vector, FRAME_VECTOR);
FRAME_HAS(error_code, FRAME_ERROR);
_Static_assert(sizeof(struct trap_frame) == FRAME_BYTES, "size of a frame");

/* The CPU needs no telling that a frame is a table, and nothing is kept back. */
static void ignore_table(pfn_t table, int level)
{
    (void)table;
    (void)level;
}

static void commit_nothing(void)
{
}

static void ignore_step(enum pv_step step)
{
    (void)step;
}

const struct platform native_platform = {
    .name = "native",
    .make_entry = native_make_entry,
    .entry_frame = native_entry_frame,
    .read_entry = native_read_entry,
    .write_entry = native_write_entry,
    .table_created = ignore_table,
    .table_retired = ignore_table,
    .flush_page = native_flush_page,
    .flush_all = native_flush_all,
    .commit = commit_nothing,
    .nr_root_frames = 1,
    .root_create = native_root_create,
    .root_destroy = native_root_destroy,
    .write_root_entry = native_write_root_entry,
    .root_load = native_root_load,
    .resume = native_resume,
    .set_fs_base = native_set_fs_base,
    .console_write = native_console_write,
    .disk_setup = native_disk_setup,
    .disk_notify = native_disk_notify,
    .set_timer = native_set_timer,
    .idle = native_idle,
    .clock_ns = native_clock_ns,
    .note_step = ignore_step,
    .shutdown = native_shutdown,
};
