/* What the files of the paravirtual platform promise each other. The contract with the host is pv/abi.h.
 *
 *   pv_entry.S, pv_start.c   the entry, struct boot_info
 *   pv_batch.c               requests that are kept back, and sent together
 *   pv_frames.c              p2m and m2p, where the linear map's entries lie
 *   pv_paging.c              entries, tables, roots
 *   pv_traps.c               upcalls, and the way back
 *   pv_devices.c             console, disks, timer, power
 *   platform_pv.c            the table of all that
 *
 * An exit costs more than anything that the kernel does, so one that can be saved is: between an upcall and
 * the return nothing is sent, but to a disk; then all goes in one multicall, with the return as its last
 * call. */
#pragma once
#include "platform.h"

/* pv_batch.c. Requests are carried out in the order in which they were made, flushes after all others. What
 * an argument points to stays unchanged until they are sent. A request that is refused is a bug of the
 * kernel: panic. pv_batch_update: stores an entry of a table. pv_batch_find: the entry that is about to be
 * there, if there is one. pv_batch_send: sends all, then this last request, in one exit. pv_batch_commit:
 * sends all, if there is any. */
void pv_batch_update(maddr_t at, uint64_t entry);
bool pv_batch_find(maddr_t at, uint64_t *entry);
void pv_batch_call(enum pv_hypercall op, uint64_t a0, uint64_t a1, uint64_t a2);
void pv_batch_flush(gva_t address); /* or PV_FLUSH_ALL */
void pv_batch_send(enum pv_hypercall op, uint64_t a0, uint64_t a1);
void pv_batch_commit(void);
bool pv_batch_is_empty(void);

/* pv_frames.c. pv_frames_init makes m2p in the frames from the given one on: four bytes for each mfn up to
 * max_mfn. */
void pv_frames_init(const struct pv_start_info *start, pfn_t first);
mfn_t pv_pfn_to_mfn(pfn_t f);
pfn_t pv_mfn_to_pfn(mfn_t m);
maddr_t pv_linear_entry(pfn_t f); /* where the level 1 entry lies that maps f in the linear map */

/* pv_paging.c */
void pv_paging_init(pfn_t initial_root);
uint64_t pv_make_entry(pfn_t frame, uint64_t bits);
pfn_t pv_entry_frame(uint64_t entry);
uint64_t pv_read_entry(pfn_t table, unsigned index);
void pv_write_entry(pfn_t table, unsigned index, uint64_t entry);
void pv_table_created(pfn_t table, int level);
void pv_table_retired(pfn_t table, int level);
struct address_root pv_root_create(const pfn_t *frames);
void pv_root_destroy(const struct address_root *root);
void pv_write_root_entry(const struct address_root *root, unsigned index, uint64_t entry);
void pv_root_load(const struct address_root *root);

/* pv_traps.c */
extern struct pv_shared_info *pv_shared;
void pv_traps_init(void);
_Noreturn void pv_resume(struct trap_frame *frame);
void pv_set_fs_base(uint64_t base);

/* pv_devices.c */
void pv_console_write(enum pv_console_stream stream, const void *data, uint64_t bytes);
void pv_disk_setup(unsigned disk, const struct pv_disk_queue *q);
void pv_disk_notify(uint64_t mask);
void pv_set_timer(uint64_t period_ns);
void pv_idle(void);
uint64_t pv_clock_ns(void);
void pv_note_step(enum pv_step step);
_Noreturn void pv_shutdown(enum pv_shutdown_reason reason, int status);

/* platform_pv.c */
extern const struct platform pv_platform;

/* pv_start.c, called by pv_entry.S */
_Noreturn void pv_start(const struct pv_start_info *start);
