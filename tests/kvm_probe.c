/* The smallest proof that KVM works: a guest in real mode multiplies 6 by 7 and sends the product to a port.
 * Prints 42. Linked statically, so that it runs wherever there is a kernel; tests/nested-test runs it on
 * each substrate. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define LOAD_ADDRESS 0x1000

static const uint8_t code[] = {
    0xb0, 6,    /* mov al, 6 */
    0xb3, 7,    /* mov bl, 7 */
    0xf6, 0xe3, /* mul bl */
    0xe6, 0x10, /* out 0x10, al */
    0xf4,       /* hlt */
};

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int run_guest(int vcpu, struct kvm_run *run)
{
    struct kvm_regs regs = { .rip = LOAD_ADDRESS, .rflags = 2 };
    struct kvm_sregs sregs;

    if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
        return fail("KVM_GET_SREGS");
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
        return fail("setting the registers");
    if (ioctl(vcpu, KVM_RUN, 0) < 0)
        return fail("KVM_RUN");
    if (run->exit_reason != KVM_EXIT_IO) {
        fprintf(stderr, "exit %u where an OUT was expected\n", run->exit_reason);
        return 1;
    }
    printf("%u\n", ((uint8_t *)run)[run->io.data_offset]);
    return 0;
}

int main(void)
{
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, vcpu, run_bytes;
    struct kvm_userspace_memory_region region = { .guest_phys_addr = LOAD_ADDRESS, .memory_size = 4096 };
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct kvm_run *run;

    if (kvm < 0)
        return fail("/dev/kvm");
    if (memory == MAP_FAILED)
        return fail("memory");
    memcpy(memory, code, sizeof(code));
    region.userspace_addr = (uintptr_t)memory;
    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
        return fail("making the VM");
    vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    run_bytes = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (vcpu < 0 || run_bytes < 0)
        return fail("making the vCPU");
    run = mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    if (run == MAP_FAILED)
        return fail("mapping the vCPU");
    return run_guest(vcpu, run);
}
