/* The builder of paravirtual domains: where the kernel's image comes to lie, and that it never lies on what is built around it. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/pv_host.h"
#include "x86_paging.h"
#include "tests/run_suite.h"

#define NR_FRAMES  512 /* 2 MiB, the least there is */
#define KERNEL_GVA 0xffffffff80000000ull

static struct vmm v;
static struct options options;
static struct kernel_image kernel;
static struct pv_layout layout;
static uint8_t image[NR_FRAMES * PAGE_SIZE];
static char said[256];

static void keep(const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

static void setup(void)
{
    v = (struct vmm){ .options = &options, .machine = { .nr_mfns = NR_FRAMES, .nr_single = NR_FRAMES } };
    v.machine.memory = aligned_alloc(PAGE_SIZE, sizeof(image));
    memset(v.machine.memory, 0, sizeof(image));
    v.machine.order = calloc(NR_FRAMES, sizeof(v.machine.order[0]));
    for (unsigned i = 0; i < NR_FRAMES; i++)
        v.machine.order[i] = (i + 7) % NR_FRAMES;
    ck_assert_int_eq(domain_init(&v.domain, &v.machine, 1, NR_FRAMES), 0);
    memset(image, 0xff, sizeof(image)); /* as a table it would be full of entries */
    said[0] = '\0';
    error_sink = keep;
}

static void teardown(void)
{
    domain_destroy(&v.domain);
    free(v.machine.order);
    free(v.machine.memory);
}

/* A kernel of one segment, from first to the frame before end. */
static int build(uint64_t first, uint64_t end)
{
    uint64_t bytes = (end - first) * PAGE_SIZE;
    kernel = (struct kernel_image){
        .nr_segments = 1,
        .segments = { { .gpa = first * PAGE_SIZE, .gva = KERNEL_GVA, .data = image, .file_bytes = bytes,
                        .mem_bytes = bytes, .executable = true } },
        .has_pv = true,
        .pv_entry = KERNEL_GVA,
        .memory_bytes = sizeof(image),
    };
    return pv_build_domain(&v, &kernel, &layout);
}

static uint64_t entry_of(gva_t a)
{
    maddr_t table = mfn_to_maddr(v.domain.p2m[layout.root.n]);
    uint64_t entry = 0;
    for (int level = PT_LEVELS; level > 0; level--) {
        entry = ((const uint64_t *)machine_at(&v.machine, table))[pt_index(a, level)];
        ck_assert(entry & PTE_PRESENT);
        table = entry & PTE_FRAME_MASK;
    }
    return entry;
}

START_TEST(the_image_lies_where_it_was_linked_to_be_and_is_mapped)
{
    ck_assert_int_eq(build(256, 260), 0);
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t n = pte_frame_number(entry_of(KERNEL_GVA + i * PAGE_SIZE));
        ck_assert_uint_eq(n, v.domain.p2m[256 + i].n);
        ck_assert_mem_eq(machine_frame(&v.machine, mfn(n)), image, PAGE_SIZE);
    }
}
END_TEST

START_TEST(an_image_that_lies_where_the_tables_go_is_refused)
{
    ck_assert_int_eq(build(256, NR_FRAMES - _i), -ENOMEM);
    ck_assert_msg(strstr(said, "too small for its kernel"), "said: %s", said);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_builder");
    TCase *t = tcase_create("image");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, the_image_lies_where_it_was_linked_to_be_and_is_mapped);
    tcase_add_loop_test(t, an_image_that_lies_where_the_tables_go_is_refused, 0, 13);
    suite_add_tcase(s, t);
    return run_suite(s);
}
