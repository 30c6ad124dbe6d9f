/* KVM's own statistics. Linux Documentation/virt/kvm/api.rst, 4.133 KVM_GET_STATS_FD: a header, descriptors, values. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "vmm/machine.h"

#define MAX_STATS      512
#define MAX_NAME_BYTES 256

typedef void each_fn(void *arg, const char *name, uint64_t value);

static void read_one(int fd, const struct kvm_stats_header *h, unsigned i, each_fn *each, void *arg)
{
    struct {
        struct kvm_stats_desc d;
        char name[MAX_NAME_BYTES];
    } desc = { 0 };
    size_t bytes = sizeof(desc.d) + h->name_size;
    uint64_t value = 0;
    if (pread(fd, &desc, bytes, h->desc_offset + (off_t)(i * bytes)) != (ssize_t)bytes || desc.d.size != 1)
        return;
    if (pread(fd, &value, sizeof(value), h->data_offset + (off_t)desc.d.offset) != sizeof(value))
        return;
    if (value)
        each(arg, ((const char *)&desc) + sizeof(desc.d), value);
}

static void read_all(int from_fd, each_fn *each, void *arg)
{
    int fd = ioctl(from_fd, KVM_GET_STATS_FD, NULL);
    struct kvm_stats_header h;
    if (fd < 0)
        return;
    if (pread(fd, &h, sizeof(h), 0) == sizeof(h) && h.num_desc <= MAX_STATS && h.name_size < MAX_NAME_BYTES)
        for (unsigned i = 0; i < h.num_desc; i++)
            read_one(fd, &h, i, each, arg);
    close(fd);
}

void machine_kvm_stats(struct machine *m, void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
    read_all(m->vcpu_fd, each, arg);
    read_all(m->vm_fd, each, arg);
}
