/* A PC's devices, for kernels that boot natively.
 *
 *   ports 0x3f8        16550: what programs print, to standard output; on line 4
 *         0x2f8        16550: programs' errors; and the kernel's log where there is no third one; on line 3
 *         0x3e8        16550: the kernel's log; on line 4, too
 *         0x20, 0xa0   two i8259
 *         0x40, 0x61   i8254, on line 0
 *         0xf4         the end: bits 0 to 7 exit status, bit 8 the kernel panicked
 *   0xfee00000         the CPU's local APIC, through which the i8259's interrupts come
 *   0xfeb00000         virtio-mmio, a place of 512 bytes for each device, without interrupts, as QEMU's
 *                      microvm has it: the disks, then three consoles, for the same as the three 16550
 *
 * At ports and places where nothing is, reads give ones and writes are lost. */
#pragma once
#include "vmm/device_apic.h"
#include "vmm/device_pic.h"
#include "vmm/device_pit.h"
#include "vmm/device_uart.h"
#include "vmm/device_virtio_console.h"
#include "vmm/device_virtio_mmio.h"
#include "vmm/vmm.h"

#define PC_MMIO_START 0xfeb00000ull
#define PC_NR_PLACES  24
#define PC_MMIO_BYTES (PC_NR_PLACES * VIRTIO_MMIO_BYTES)
#define PC_NR_STREAMS 3 /* what programs print, their errors, the kernel's log */
#define PC_NR_DEVICES (PV_MAX_DISKS + PC_NR_STREAMS)

struct pc {
    struct vmm *v;
    struct uart uarts[PC_NR_STREAMS];
    struct virtio_console consoles[PC_NR_STREAMS];
    struct pic pic;
    struct apic apic;
    struct pit pit;
    struct virtio_mmio devices[PC_NR_DEVICES]; /* disks first */
};

/* memory: of a guest, for devices. */
void pc_init(struct pc *pc, struct vmm *v, guest_memory_fn *memory, void *ctx);

/* Do the access to ports that kvm_run tells of, all of a string of them; what is read is left there. */
void pc_do_ports(struct pc *pc, struct kvm_run *run);

/* Is there a device in that page? */
bool pc_has_device(pfn_t f);

/* An access to gpa; *value is written or read. */
void pc_do_mmio(struct pc *pc, gpa_t a, bool is_write, unsigned size, uint64_t *value);

/* The vector of the interrupt that waits for the CPU, or -1; and: the CPU takes it. */
int pc_pending_vector(const struct pc *pc);
uint8_t pc_acknowledge(struct pc *pc);

/* What HLT does: wait for an interrupt that the CPU is to take, or for the end of the run. False: none can come. */
bool pc_wait(struct pc *pc);

/* The timer's line rises. */
void pc_tick(struct pc *pc);
