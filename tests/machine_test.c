/* The machine: what it makes of KVM's answers, which are given here, and so is the substrate. */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include "vmm/machine.h"
#include "vmm/substrate.h"
#include "tests/run_suite.h"

#define OFFSET (-1234567890123)

static struct machine m;
static bool offsets_tsc, tells_offset;

/* Before the C library's. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    const struct kvm_device_attr *attribute = va_arg(args, const struct kvm_device_attr *);
    va_end(args);
    (void)fd;
    ck_assert_uint_eq(request, KVM_GET_DEVICE_ATTR);
    if (!tells_offset) {
        errno = ENXIO;
        return -1;
    }
    *(int64_t *)(uintptr_t)attribute->addr = OFFSET;
    return 0;
}

/* In place of vmm/substrate.c. */
bool substrate_offsets_tsc(void)
{
    return offsets_tsc;
}

START_TEST(the_time_stamp_counter_has_the_offset_that_kvm_tells_of)
{
    offsets_tsc = tells_offset = true;
    ck_assert_int_eq(machine_tsc_offset(&m), OFFSET);
}
END_TEST

START_TEST(the_time_stamp_counter_has_no_offset_where_kvm_tells_none)
{
    offsets_tsc = true;
    tells_offset = false;
    ck_assert_int_eq(machine_tsc_offset(&m), 0);
}
END_TEST

START_TEST(the_time_stamp_counter_has_no_offset_on_pvm_though_kvm_tells_of_one)
{
    offsets_tsc = false;
    tells_offset = true;
    ck_assert_int_eq(machine_tsc_offset(&m), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("machine");
    TCase *t = tcase_create("tsc");
    tcase_add_test(t, the_time_stamp_counter_has_the_offset_that_kvm_tells_of);
    tcase_add_test(t, the_time_stamp_counter_has_no_offset_where_kvm_tells_none);
    tcase_add_test(t, the_time_stamp_counter_has_no_offset_on_pvm_though_kvm_tells_of_one);
    suite_add_tcase(s, t);
    return run_suite(s);
}
