/* The contract between a paravirtualized guest kernel and faultvisor, version 1.
 *
 * Everything here is shared by guest and host; nothing is a pointer: guest addresses are integers (gva), frames
 * are machine frames (mfn) in page tables and guest frames (pfn, gpa) in virtqueues. The manner is Xen's direct
 * paging (Barham et al., "Xen and the Art of Virtualization", SOSP 2003, 3.3.3).
 *
 *   1. the ELF note       how a kernel says that it has a paravirtual entry
 *   2. the start          what is mapped, and where, when that entry is called
 *   3. hypercalls         INT3 or SYSCALL from kernel mode
 *   4. upcalls            how a fault, a system call, an event reaches the guest
 *   5. the shared-info page
 *   6. errors
 *
 * Fields are marked IN (guest to host) or OUT (host to guest). */
#pragma once
#include <stdint.h>

#define PV_ABI_VERSION 1

/* 1. The ELF note: name "faultvisor", type PV_NOTE_ENTRY, descriptor struct pv_note. */
#define PV_NOTE_NAME  "faultvisor"
#define PV_NOTE_ENTRY 1

struct pv_note {
    uint64_t abi_version; /* IN: PV_ABI_VERSION */
    uint64_t entry;       /* IN: gva of the entry */
};

/* 2. The start. The kernel's segments lie in guest memory at their p_paddr (gpa), and are mapped at their p_vaddr
 * with their p_flags. All of the domain's memory is mapped at PV_LINEAR_BASE + gpa, writable and not executable,
 * except page tables, which are read-only. Page tables hold machine frames and are readable where they lie; their
 * root is pinned. The entry is called in kernel mode, on a small stack, with
 *     rdi = gva of struct pv_start_info      rsp = 16-byte aligned minus 8, as at a function's entry
 * Every guest mapping needs PTE_USER: guest kernel and programs both run at CPL 3. What keeps programs out of
 * the kernel is the second root: the kernel root maps all, the user root must lack what is the kernel's. */
#define PV_LINEAR_BASE   0xffff880000000000ull /* slot 272; PVM lets nobody at CPL 3 into slot 256 */
#define PV_RESERVED_SLOT 510 /* of each root: the monitor's; stays zero in what the guest writes */
#define PV_CMDLINE_SIZE  2048
#define PV_MAX_DISKS     2
#define PV_START_MAGIC   0x6670762d74726173ull

struct pv_start_info {
    uint64_t magic;           /* OUT: PV_START_MAGIC */
    uint64_t abi_version;     /* OUT */
    uint64_t nr_frames;       /* OUT: the domain's memory: pfn 0 to nr_frames - 1 */
    uint64_t p2m;             /* OUT: gva of uint64_t[nr_frames], the mfn of each pfn; the guest may overwrite it */
    uint64_t max_mfn;         /* OUT: the largest mfn in it */
    uint64_t root_pfn;        /* OUT: the initial kernel root */
    uint64_t first_free_pfn;  /* OUT: what the builder took (tables, p2m, this page, shared info, stack) is in */
    uint64_t end_free_pfn;    /*      [end_free_pfn, nr_frames); the kernel's image is where it was linked to be */
    uint64_t shared_info;     /* OUT: gva of the shared-info page, in the linear map */
    uint64_t nr_disks;        /* OUT: disk 0 is the archive, the next one swap (see disk_flags) */
    struct {
        uint64_t sectors; /* OUT: of 512 bytes */
        uint64_t flags;   /* OUT: PV_DISK_* */
    } disks[PV_MAX_DISKS];
    char cmdline[PV_CMDLINE_SIZE]; /* OUT: NUL-terminated */
};

#define PV_DISK_READ_ONLY (1u << 0)
#define PV_DISK_SWAP      (1u << 1)

/* 3. Hypercalls: INT3 or SYSCALL in kernel mode (both mean the same; where SYSCALL has to be emulated, INT3 takes a
 * quarter less time), number in rax, arguments in rdi, rsi, rdx, r10; result in rax (negative:
 * a PV_E* error); rcx and r11 are lost. A refused request changes nothing. What the guest cannot survive
 * (a return to a non-canonical address, no stack for an upcall, an unknown exception) ends the domain. */
enum pv_hypercall {
    /* multicall(gva of struct pv_call[n], n): runs them in order; stops at the first that fails, and returns how
     * many succeeded. An iret, as the last one, does not return. */
    PV_MULTICALL = 0,
    /* mmu_update(gva of struct pv_update[n], n): stores all n page-table entries in order, or none. */
    PV_MMU_UPDATE = 1,
    /* update_va_mapping(gva, entry): stores the level 1 entry that maps gva in the kernel root, flushes gva. */
    PV_UPDATE_VA = 2,
    /* set_roots(kernel mfn, user mfn or PV_NO_ROOT): new base pointers; both become (and count as) l4 tables. */
    PV_SET_ROOTS = 3,
    /* pin(mfn, level 1 to 4), unpin(mfn): validate a table once and keep it a table. */
    PV_PIN = 4,
    PV_UNPIN = 5,
    /* flush(gva or PV_FLUSH_ALL): INVLPG, or the whole TLB. A change of root flushes by itself. */
    PV_FLUSH = 6,
    /* set_traps(gva of struct pv_trap[n], n): handlers by vector. */
    PV_SET_TRAPS = 7,
    /* set_stack(gva): top of the stack for upcalls from user mode. */
    PV_SET_STACK = 8,
    /* iret(gva of struct pv_frame): load all registers, go on in the frame's mode. Delivers a pending event. */
    PV_IRET = 9,
    /* set_fs_base(address): for programs' thread-local storage; canonical, or refused. */
    PV_SET_FS_BASE = 10,
    /* console_write(stream, gva, bytes): PV_CONSOLE_*. At most PV_CONSOLE_MAX bytes. */
    PV_CONSOLE_WRITE = 11,
    /* disk_setup(disk, gva of struct pv_disk_queue): where the virtqueue of that disk lies. */
    PV_DISK_SETUP = 12,
    /* disk_notify(mask of disks): all that is available in their queues is done, disk by disk from the highest
     * number down, in the order of the queue, and in the used rings, when the call returns. */
    PV_DISK_NOTIFY = 13,
    /* yield(): gives up the CPU for an instant; block(): until an event is pending. */
    PV_YIELD = 14,
    PV_BLOCK = 15,
    /* set_timer(nanoseconds, 0 for never): periodic, raises PV_EVENT_TIMER. */
    PV_SET_TIMER = 16,
    /* shutdown(reason, status): PV_SHUTDOWN_*; does not return. */
    PV_SHUTDOWN = 17,
    NR_PV_HYPERCALLS
};

#define PV_MAX_CALLS   128
#define PV_MAX_UPDATES 512 /* in all mmu_updates of one exit together */
#define PV_MAX_TABLES  65536 /* frames that become tables, or cease to be, in one exit; the store, pin, unpin or set_roots that
                                passes it is done, the next one refused */
#define PV_NO_ROOT     (~0ull)
#define PV_FLUSH_ALL   (~0ull)
#define PV_CONSOLE_MAX 65536

struct pv_call {
    uint64_t op;      /* IN: enum pv_hypercall; no PV_MULTICALL */
    int64_t result;   /* OUT: for those that ran */
    uint64_t args[4]; /* IN */
};

/* An entry of a page table, by its machine address. */
struct pv_update {
    uint64_t at;    /* IN: maddr of the entry, 8-byte aligned, in a frame that is a table */
    uint64_t entry; /* IN: with machine frame. Allowed if present: P, W, U, PWT, PCD, A, D, soft bits, NX */
};

enum pv_console_stream { PV_CONSOLE_OUT = 1, PV_CONSOLE_ERR = 2, PV_CONSOLE_LOG = 3 };
enum pv_shutdown_reason { PV_SHUTDOWN_EXIT = 0, PV_SHUTDOWN_PANIC = 1 };

/* A split virtqueue of virtio 1.x (<linux/virtio_ring.h>), requests as in <linux/virtio_blk.h>; every address in
 * it is a gpa. */
struct pv_disk_queue {
    uint64_t size;  /* IN: descriptors, a power of two, at most PV_DISK_QUEUE_MAX */
    uint64_t desc;  /* IN: gpa, 16-byte aligned */
    uint64_t avail; /* IN: gpa, 2-byte aligned */
    uint64_t used;  /* IN: gpa, 4-byte aligned */
};
#define PV_DISK_QUEUE_MAX 256

/* 4. Upcalls. The host saves all registers in a struct pv_frame on the guest's stack (from user mode: the one
 * that set_stack named; from kernel mode: below the current one, less 128 bytes), and calls the handler in kernel mode as a
 * function handler(struct pv_frame *) that never returns: it ends with iret. Events are masked (event_mask set to all ones) when it starts;
 * iret to user mode unmasks them. */
#define PV_TRAP_SYSTEM_CALL 0x80 /* SYSCALL in user mode */
#define PV_TRAP_EVENT       0x81 /* an event is pending and not masked */
#define PV_NR_TRAPS         0x82

struct pv_trap {
    uint64_t vector;  /* IN: of the CPU's exceptions, 0 to 31, or PV_TRAP_* */
    uint64_t handler; /* IN: gva; 0 for none */
};

enum pv_cpu_mode { PV_MODE_KERNEL = 0, PV_MODE_USER = 1 };

struct pv_frame {
    uint64_t rax, rbx, rcx, rdx;
    uint64_t rsi, rdi, rsp, rbp;
    uint64_t r8, r9, r10, r11;
    uint64_t r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t mode;       /* enum pv_cpu_mode */
    uint64_t vector;     /* OUT: what it was: 0 to 31 or PV_TRAP_* */
    uint64_t error_code; /* OUT: as the CPU gives it, else 0 */
    uint64_t reserved;   /* keeps the size a multiple of 16 */
};

/* 5. The shared-info page: in the domain's memory, mapped writable. */
#define PV_EVENT_TIMER (1u << 0)
#define PV_MAX_STEPS   30

struct pv_shared_info {
    uint64_t fault_address; /* OUT: of the last page fault */
    uint64_t fault_error;   /* OUT: its error code, PF_ERR_* */
    uint32_t event_pending; /* OUT, guest clears: bits PV_EVENT_* */
    uint32_t event_mask;    /* INOUT: a set bit holds the event back */
    uint64_t clock_ns;      /* OUT: nanoseconds since the start, as of the last upcall or event */
    /* Steps of a fault that happen inside the guest kernel, told for traces; no call is made for them.
     * The guest appends enum pv_step with a time stamp and counts, as far as there is room; a host that traces reads and resets at the next exit. */
    uint32_t nr_steps; /* INOUT */
    uint32_t reserved;
    struct {
        uint64_t step; /* IN */
        uint64_t tsc;  /* IN: RDTSC */
    } steps[PV_MAX_STEPS];
};

enum pv_step { PV_STEP_FRAME_ALLOCATED = 1, PV_STEP_VICTIM_OUT = 2, PV_STEP_PAGE_IN = 3 };

/* 6. Errors, with Linux's numbers. */
#define PV_EPERM  1  /* the frame is nobody's, another domain's, or the reserved slot is the monitor's */
#define PV_E2BIG  7  /* more than a PV_MAX_* */
#define PV_EFAULT 14 /* a gva that is not mapped as the request needs */
#define PV_EBUSY  16 /* the frame is in use as another type */
#define PV_EINVAL 22 /* malformed: alignment, level, reserved bits, unknown flag */
#define PV_ENOSYS 38 /* no such hypercall */
#define PV_ELOOP  40 /* the table would contain itself */

_Static_assert(sizeof(struct pv_frame) == 22 * 8 && sizeof(struct pv_frame) % 16 == 0, "frame keeps the stack aligned");
_Static_assert(sizeof(struct pv_shared_info) <= 4096, "shared info is one page");
_Static_assert(sizeof(struct pv_start_info) <= 4096, "start info is one page");
