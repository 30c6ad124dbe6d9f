/* The machine.
 *   1. opening: /dev/kvm, the VM, its memory, its CPU
 *   2. frames
 *   3. running */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "vmm/cpuid.h"
#include "vmm/error.h"
#include "vmm/machine.h"
#include "vmm/substrate.h"

/* Where KVM for Intel puts a TSS and a page table of its own; above all memory that we give. */
#define KVM_TSS_ADDRESS      0xfffbd000ul
#define KVM_IDENTITY_ADDRESS 0xfffbc000ull
#define MAX_MACHINE_BYTES    0xf0000000ull
/* Up to here memory comes in large pages of the host where it has some: else every frame that the guest touches first is a fault of the
 * host, too, in the middle of the guest's. Beyond, frames being scattered, a guest that uses little would take it all. */
#define MAX_HUGE_BYTES (64ull << 20)

/* 1. Opening. */

static int open_kvm(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    int error = errno;
    if (error == EACCES || error == EPERM)
        fail(0, "cannot open /dev/kvm: %s; to be let in: sudo usermod -aG kvm $USER, then log in again",
             strerror(error));
    else if (error == ENOENT || error == ENXIO || error == ENODEV)
        fail(0, "cannot open /dev/kvm: %s; load it with sudo modprobe kvm_intel or kvm_amd, or run in an emulated "
                "machine: scripts/nested -- faultvisor run ...", strerror(error));
    else
        fail(error, "cannot open /dev/kvm");
    return -ENODEV;
}

static int check_capabilities(int kvm_fd)
{
    int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
    if (version < 0) {
        fail(0, "/dev/kvm is not KVM's device (KVM_GET_API_VERSION: %s); run in an emulated machine: scripts/nested -- "
                "faultvisor run ...", strerror(errno));
        return -ENODEV;
    }
    if (version != KVM_API_VERSION) {
        fail(0, "/dev/kvm speaks API version %d, not %d", version, KVM_API_VERSION);
        return -ENODEV;
    }
    int synced = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
    int wanted = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    if (synced < 0 || (synced & wanted) != wanted) {
        fail(0, "this KVM has no synced registers (KVM_CAP_SYNC_REGS); Linux 4.17 or later has them");
        return -ENODEV;
    }
    return 0;
}

static int make_memory(struct machine *m)
{
    uint64_t bytes = m->nr_mfns * PAGE_SIZE;
    if (bytes > MAX_MACHINE_BYTES)
        return fail(EINVAL, "cannot give a machine %u MiB of memory: the most is %u MiB", (unsigned)(bytes >> 20),
                    (unsigned)(MAX_MACHINE_BYTES >> 20));
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return fail(errno, "cannot map %u MiB of memory for the machine", (unsigned)(bytes >> 20));
    m->memory = memory;
    if (bytes <= MAX_HUGE_BYTES)
        madvise(memory, bytes, MADV_HUGEPAGE);
    struct kvm_userspace_memory_region slot = {
        .slot = 0,
        .guest_phys_addr = 0,
        .memory_size = bytes,
        .userspace_addr = (uintptr_t)memory,
    };
    if (ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
        return fail(errno, "cannot give the machine its memory (KVM_SET_USER_MEMORY_REGION)");
    return 0;
}

static int make_vm(struct machine *m)
{
    m->vm_fd = ioctl(m->kvm_fd, KVM_CREATE_VM, 0);
    if (m->vm_fd < 0) {
        fail(errno, "cannot make a virtual machine (KVM_CREATE_VM)");
        return -ENODEV;
    }
    uint64_t identity = KVM_IDENTITY_ADDRESS;
    if (ioctl(m->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
        ioctl(m->vm_fd, KVM_SET_TSS_ADDR, KVM_TSS_ADDRESS) < 0)
        return fail(errno, "cannot place KVM's own pages (KVM_SET_TSS_ADDR)");
    return 0;
}

static int make_cpu(struct machine *m, bool giant_pages)
{
    m->vcpu_fd = ioctl(m->vm_fd, KVM_CREATE_VCPU, 0);
    if (m->vcpu_fd < 0)
        return fail(errno, "cannot make a CPU (KVM_CREATE_VCPU)");
    int bytes = ioctl(m->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (bytes < (int)sizeof(struct kvm_run))
        return fail(bytes < 0 ? errno : EINVAL, "cannot learn the size of kvm_run");
    m->run_bytes = bytes;
    void *run = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu_fd, 0);
    if (run == MAP_FAILED)
        return fail(errno, "cannot map kvm_run");
    m->run = run;
    m->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    return cpuid_set_up(m->kvm_fd, m->vcpu_fd, giant_pages, &m->has_umip, &m->maxphyaddr);
}

/* A shuffle by a fixed linear congruential generator (Knuth, TAOCP vol. 2, 3.4.2: algorithm P). */
static int shuffle_frames(struct machine *m)
{
    m->order = malloc(m->nr_mfns * sizeof(m->order[0]));
    if (!m->order)
        return fail(ENOMEM, "cannot number %llu frames", (unsigned long long)m->nr_mfns);
    for (uint64_t i = 0; i < m->nr_mfns; i++)
        m->order[i] = i;
    uint64_t state = 0x6661756c74;
    for (uint64_t i = m->nr_mfns - 1; i > 0; i--) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        uint64_t j = (state >> 33) % (i + 1);
        uint32_t swapped = m->order[i];
        m->order[i] = m->order[j];
        m->order[j] = swapped;
    }
    return 0;
}

int machine_open(struct machine *m, uint64_t nr_mfns, bool giant_pages)
{
    *m = (struct machine){ .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1, .nr_mfns = nr_mfns, .nr_single = nr_mfns };
    m->kvm_fd = open_kvm();
    if (m->kvm_fd < 0)
        return m->kvm_fd;
    int err = check_capabilities(m->kvm_fd);
    if (!err)
        err = make_vm(m);
    if (!err)
        err = make_memory(m);
    if (!err)
        err = make_cpu(m, giant_pages);
    if (!err)
        err = shuffle_frames(m);
    return err;
}

void machine_close(struct machine *m)
{
    if (m->run)
        munmap(m->run, m->run_bytes);
    if (m->vcpu_fd >= 0)
        close(m->vcpu_fd);
    if (m->vm_fd >= 0)
        close(m->vm_fd);
    if (m->kvm_fd >= 0)
        close(m->kvm_fd);
    if (m->memory)
        munmap(m->memory, m->nr_mfns * PAGE_SIZE);
    free(m->order);
    *m = (struct machine){ .kvm_fd = -1, .vm_fd = -1, .vcpu_fd = -1 };
}

/* 2. Frames. */

mfn_t machine_take_frame(struct machine *m)
{
    if (m->nr_taken == m->nr_single)
        return mfn(NO_FRAME);
    return mfn(m->order[m->nr_taken++]);
}

void machine_keep_order(struct machine *m)
{
    assert(m->nr_taken == 0);
    for (uint64_t i = 0; i < m->nr_mfns; i++)
        m->order[i] = i;
}

mfn_t machine_take_range(struct machine *m, uint64_t n)
{
    assert(m->nr_taken == 0 && m->nr_single == m->nr_mfns && n < m->nr_mfns);
    uint64_t first = m->nr_mfns - n, kept = 0;
    for (uint64_t i = 0; i < m->nr_mfns; i++)
        if (m->order[i] < first)
            m->order[kept++] = m->order[i];
    m->nr_single = kept;
    return mfn(first);
}

int machine_add_window(struct machine *m, maddr_t at)
{
    struct kvm_userspace_memory_region slot = {
        .slot = 1,
        .flags = KVM_MEM_READONLY,
        .guest_phys_addr = at,
        .memory_size = m->nr_mfns * PAGE_SIZE,
        .userspace_addr = (uintptr_t)m->memory,
    };
    if (ioctl(m->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
        return fail(errno, "cannot map the machine's memory read-only (KVM_MEM_READONLY)");
    return 0;
}

/* 3. Running. */

int machine_run(struct machine *m)
{
    m->started = true;
    int result = ioctl(m->vcpu_fd, KVM_RUN, 0);
    m->nr_runs++;
    m->run->kvm_dirty_regs = 0;
    if (result == 0)
        return 0;
    int error = errno;
    if (error == EINTR || error == EAGAIN) {
        m->run->immediate_exit = 0;
        return -EINTR;
    }
    return fail(error, "the CPU does not run (KVM_RUN)");
}

int machine_tsc_khz(const struct machine *m)
{
    return ioctl(m->vcpu_fd, KVM_GET_TSC_KHZ);
}

int64_t machine_tsc_offset(const struct machine *m)
{
    int64_t offset = 0;
    struct kvm_device_attr attribute = {
        .group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)&offset
    };
    if (!substrate_offsets_tsc() || ioctl(m->vcpu_fd, KVM_GET_DEVICE_ATTR, &attribute) < 0)
        return 0;
    return offset;
}

int machine_set_msr(struct machine *m, uint32_t index, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msrs = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };
    return ioctl(m->vcpu_fd, KVM_SET_MSRS, &msrs) == 1 ? 0 : -EINVAL;
}
