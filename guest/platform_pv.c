/* The paravirtual platform: what platform.h asks for, by hypercalls (pv_platform.h lists where). */
#include "pv_platform.h"

static void flush_all(void)
{
    pv_batch_flush(PV_FLUSH_ALL);
}

const struct platform pv_platform = {
    .name = "pv",
    .make_entry = pv_make_entry,
    .entry_frame = pv_entry_frame,
    .read_entry = pv_read_entry,
    .write_entry = pv_write_entry,
    .table_created = pv_table_created,
    .table_retired = pv_table_retired,
    .flush_page = pv_batch_flush,
    .flush_all = flush_all,
    .commit = pv_batch_commit,
    .nr_root_frames = 2,
    .root_create = pv_root_create,
    .root_destroy = pv_root_destroy,
    .write_root_entry = pv_write_root_entry,
    .root_load = pv_root_load,
    .resume = pv_resume,
    .set_fs_base = pv_set_fs_base,
    .console_write = pv_console_write,
    .disk_setup = pv_disk_setup,
    .disk_notify = pv_disk_notify,
    .set_timer = pv_set_timer,
    .idle = pv_idle,
    .clock_ns = pv_clock_ns,
    .note_step = pv_note_step,
    .shutdown = pv_shutdown,
};
