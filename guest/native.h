/* What the files of the native platform promise each other. An ordinary PC of one CPU:
 *
 *   native_boot.S, native_boot.c   entries, the memory map, struct boot_info
 *   native_paging.c                the kernel's own tables, the page-table operations
 *   native_cpu.c                   descriptors, control registers, MSRs
 *   native_traps.S, native_traps.c from a trap to kernel_handle_trap, and back to a program
 *   native_uart.c                  16550 at COM1, COM2, COM3
 *   native_virtio_mmio.c           virtio devices: finding them, their registers
 *   native_console.c               console: virtio, or 16550
 *   native_disks.c                 disks: virtio
 *   native_timer.c                 i8254 through i8259, idling, the clock
 *   native_power.c                 the end
 *   platform_native.c              the table of all that
 *
 * A privileged instruction may cost much where it is emulated, so they are kept rare, above all between a
 * fault and the return from it: one read of CR2, one IRETQ. */
#pragma once
#include "native_virtio.h"
#include "platform.h"

/* native_paging.c. native_paging_init: builds the final tables in frames from *next_free up, which it
 * advances, maps all RAM at LINEAR_BASE, and loads them. native_map_device: uncached; device memory of at
 * most one 2 MiB place, page-aligned.*/
void native_paging_init(const struct frame_range *ram, unsigned nr_ram, pfn_t *next_free);
volatile void *native_map_device(gpa_t start, uint64_t bytes);
uint64_t native_make_entry(pfn_t frame, uint64_t bits);
pfn_t native_entry_frame(uint64_t entry);
uint64_t native_read_entry(pfn_t table, unsigned index);
void native_write_entry(pfn_t table, unsigned index, uint64_t entry);
void native_flush_page(gva_t address);
void native_flush_all(void);
struct address_root native_root_create(const pfn_t *frames);
void native_root_destroy(const struct address_root *root);
void native_write_root_entry(const struct address_root *root, unsigned index, uint64_t entry);
void native_root_load(const struct address_root *root);

/* native_cpu.c. After native_cpu_init traps reach native_traps.S, and interrupts are off. */
void native_cpu_init(void);
void native_set_fs_base(uint64_t base);

/* native_traps.S, native_traps.c. native_wait_for_interrupt: HLT until an interrupt was handled. */
extern char native_trap_stubs[];
void native_system_call_entry(void);
_Noreturn void native_trap(struct trap_frame *frame);
_Noreturn void native_return_iretq(const struct trap_frame *frame);
_Noreturn void native_return_sysretq(const struct trap_frame *frame);
_Noreturn void native_resume(struct trap_frame *frame);
void native_load_segments(void); /* CS and SS from the GDT */
void native_wait_for_interrupt(void);

/* native_uart.c */
void native_uart_init(void);
void native_uart_write(enum pv_console_stream stream, const void *data, uint64_t bytes);

/* native_virtio_mmio.c. Finds all devices, and fills boot's nr_disks and disks. */
void native_virtio_probe(struct boot_info *boot);

/* native_console.c. To be written: less than 4 GiB of the linear map or the image. */
void native_console_found(virtio_t device);
void native_console_write(enum pv_console_stream stream, const void *data, uint64_t bytes);

/* native_disks.c. native_disks_tell: when all are found. */
void native_disk_found(virtio_t device);
void native_disks_tell(struct boot_info *boot);
void native_disk_setup(unsigned disk, const struct pv_disk_queue *q);
void native_disk_notify(uint64_t mask);

/* native_timer.c. native_timer_acknowledge: false if the interrupt of that vector was none of the timer's. */
void native_timer_init(uint64_t tsc_khz);
void native_set_timer(uint64_t period_ns);
bool native_timer_acknowledge(uint64_t vector);
void native_idle(void);
uint64_t native_clock_ns(void);

/* native_power.c */
_Noreturn void native_shutdown(enum pv_shutdown_reason reason, int status);

/* platform_native.c, called by native_boot.S */
_Noreturn void native_start(gpa_t start_info);
extern const struct platform native_platform;
