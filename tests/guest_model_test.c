/* Random streams of what programs and the kernel do to address spaces, against a model that knows nothing of
 * frames.
 *
 * The model keeps, for each space and page of a small arena, whether it is mapped, its rights, and two words
 * that every page holds at its start and at its end: what was written last, or what the file has there. After
 * each stream everything is counted again, and when all spaces are gone nothing may be left. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include "evict.h"
#include "guest_audit.h"
#include "guest_fake.h"
#include "kernel.h"
#include "swap.h"
#include "tests/run_suite.h"

#define ZONES      4
#define ZONE_PAGES 100
#define PAGES      (ZONES * ZONE_PAGES)
#define FILE_PAGES 150 /* the file is longer than a zone */
#define END_WORD   (PAGE_SIZE - 8)

/* Far apart, and across the edges of tables of each level. */
static const gva_t zones[ZONES] = { 0x1000, 0x40000000ull - 50 * PAGE_SIZE, 0x8000000000ull - 30 * PAGE_SIZE,
                                    USER_TOP - ZONE_PAGES *PAGE_SIZE };

struct model_page {
    bool mapped;
    bool from_file; /* not written yet */
    unsigned rights;
    uint64_t file_page;
    uint64_t value; /* if not from_file */
};

struct model {
    struct space *space;
    struct model_page pages[PAGES];
};

static struct model models[MAX_SPACES];
static bool faulty; /* disks fail now and then */
static bool tight;  /* swap may run out */
static const char *const policies[] = { "clock", "fifo", "lru", "random" };
static struct file file = { .path = "f", .start_sector = 0, .size_bytes = FILE_PAGES * PAGE_SIZE };

static uint64_t file_word(uint64_t page, uint64_t offset)
{
    return (page + 1) * 0x9e3779b97f4a7c15ull ^ offset;
}

static gva_t page_address(unsigned page)
{
    return zones[page / ZONE_PAGES] + page % ZONE_PAGES * PAGE_SIZE;
}

static uint64_t expected(const struct model_page *p, uint64_t offset)
{
    return p->from_file ? file_word(p->file_page, offset) : p->value;
}

static enum touch allowed(const struct model_page *p, unsigned access)
{
    if (!p->mapped)
        return TOUCH_UNMAPPED;
    return !p->rights || ((access & ACCESS_WRITE) && !(p->rights & ACCESS_WRITE)) ? TOUCH_FORBIDDEN
                                                                                  : TOUCH_OK;
}

static void check_cost(void)
{
    ck_assert_uint_eq(fake_counts.commits, 0);
    ck_assert_uint_le(fake_counts.faults, 1);
    ck_assert_uint_lt(fake_counts.updates, 200);
    if (!faulty && !tight)
        ck_assert_uint_eq(fake_counts.notifies, fake_counts.page_ins || fake_counts.writes ? 1 : 0);
}

/* One access by the program; false if it failed in a way that this machine allows. */
static bool access_page(struct model *m, unsigned page, unsigned access, unsigned char **p)
{
    enum touch t = fake_access(m->space, page_address(page), access, p),
               wanted = allowed(&m->pages[page], access);
    check_cost();
    if (t == wanted)
        return t == TOUCH_OK;
    ck_assert_int_eq(wanted, TOUCH_OK);
    ck_assert((t == TOUCH_IO_ERROR && faulty) || (t == TOUCH_NO_MEMORY && (faulty || tight)));
    return false;
}

static void check_word(const struct model_page *p, uint64_t offset, const void *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    ck_assert_uint_eq(v, expected(p, offset));
}

static void do_read(struct model *m, unsigned page)
{
    unsigned char *p;
    if (!access_page(m, page, ACCESS_READ, &p))
        return;
    check_word(&m->pages[page], 0, p);
    check_word(&m->pages[page], END_WORD, p + END_WORD);
}

static void note_written(struct model_page *p, uint64_t v)
{
    p->from_file = false;
    p->value = v;
}

static void do_write(struct model *m, unsigned page)
{
    unsigned char *p;
    uint64_t v = fake_random();
    if (!access_page(m, page, ACCESS_WRITE, &p))
        return;
    check_word(&m->pages[page], 0, p);
    memcpy(p, &v, sizeof v);
    memcpy(p + END_WORD, &v, sizeof v);
    note_written(&m->pages[page], v);
}

/* The same, by the kernel. */
static void do_kernel_access(struct model *m, unsigned page)
{
    static uint64_t content[PAGE_SIZE / 8];
    gva_t a = page_address(page);
    if (space_read(m->space, content, a, PAGE_SIZE) < 0) {
        ck_assert(faulty || tight || allowed(&m->pages[page], ACCESS_READ) != TOUCH_OK);
        return;
    }
    ck_assert_int_eq(allowed(&m->pages[page], ACCESS_READ), TOUCH_OK);
    check_word(&m->pages[page], 0, content);
    check_word(&m->pages[page], END_WORD, &content[END_WORD / 8]);
    content[0] = content[END_WORD / 8] = fake_random();
    if (space_write(m->space, a, content, PAGE_SIZE) == 0)
        note_written(&m->pages[page], content[0]);
    else
        ck_assert(faulty || tight || allowed(&m->pages[page], ACCESS_WRITE) != TOUCH_OK);
}

/* A run of pages within a zone. */
static unsigned random_run(unsigned *first)
{
    unsigned in_zone = (unsigned)(fake_random() % ZONE_PAGES);
    unsigned length = 1 + (unsigned)(fake_random() % (fake_random() % 2 ? 8 : ZONE_PAGES));
    *first = (unsigned)(fake_random() % ZONES) * ZONE_PAGES + in_zone;
    return length <= ZONE_PAGES - in_zone ? length : ZONE_PAGES - in_zone;
}

static unsigned random_rights(void)
{
    static const unsigned rights[] = { ACCESS_READ | ACCESS_WRITE, ACCESS_READ | ACCESS_WRITE, ACCESS_READ,
                                       0 };
    return rights[fake_random() % 4];
}

static void do_map(struct model *m)
{
    unsigned first, n = random_run(&first);
    struct region r = { .start = page_address(first),
                        .end = page_address(first) + n * PAGE_SIZE,
                        .rights = random_rights(),
                        .kind = fake_random() % 2 ? REGION_FILE : REGION_ANONYMOUS };
    if (r.kind == REGION_FILE) {
        r.file = &file;
        r.file_offset = fake_random() % (FILE_PAGES - n) * PAGE_SIZE;
        r.file_bytes = fake_random() % 2 ? n * PAGE_SIZE : fake_random() % (n + 1) * PAGE_SIZE;
    }
    int result = space_map(m->space, &r);
    if (result < 0) {
        ck_assert_int_eq(result, -ENOMEM);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        m->pages[first + i] = (struct model_page){ .mapped = true,
                                                   .rights = r.rights,
                                                   .from_file = i * PAGE_SIZE < r.file_bytes,
                                                   .file_page = r.file_offset / PAGE_SIZE + i };
}

static void do_unmap(struct model *m)
{
    unsigned first, n = random_run(&first);
    if (space_unmap(m->space, page_address(first), page_address(first) + n * PAGE_SIZE) < 0)
        return;
    for (unsigned i = 0; i < n; i++)
        m->pages[first + i].mapped = false;
}

static void do_protect(struct model *m)
{
    unsigned first, n = random_run(&first), rights = random_rights();
    bool whole = true;
    for (unsigned i = 0; i < n; i++)
        whole &= m->pages[first + i].mapped;
    int result = space_protect(m->space, page_address(first), page_address(first) + n * PAGE_SIZE, rights);
    ck_assert(whole ? result == 0 || tight || faulty : result == -ENOMEM);
    for (unsigned i = 0; result == 0 && i < n; i++)
        m->pages[first + i].rights = rights;
}

static struct model *free_model(void)
{
    for (unsigned i = 0; i < MAX_SPACES; i++)
        if (!models[i].space)
            return &models[i];
    return NULL;
}

static void do_fork(struct model *m)
{
    struct model *child = free_model();
    if (!child)
        return;
    struct space *s = space_fork(m->space);
    ck_assert(s || tight || faulty);
    if (!s)
        return;
    *child = *m;
    child->space = s;
}

static void do_destroy(struct model *m)
{
    space_destroy(m->space);
    m->space = NULL;
    if (free_model() == models) { /* perhaps none is left */
        models[0] = (struct model){ .space = space_create() };
        ck_assert_ptr_nonnull(models[0].space);
    }
}

static void do_something(struct model *m)
{
    unsigned page = (unsigned)(fake_random() % PAGES), dice = (unsigned)(fake_random() % 1000);
    if (dice < 450)
        do_read(m, page);
    else if (dice < 850)
        do_write(m, page);
    else if (dice < 900)
        do_kernel_access(m, page);
    else if (dice < 945)
        do_map(m);
    else if (dice < 960)
        do_unmap(m);
    else if (dice < 985)
        do_protect(m);
    else if (dice < 993)
        do_fork(m);
    else
        do_destroy(m);
}

static struct model *random_model(void)
{
    struct model *m;
    do
        m = &models[fake_random() % MAX_SPACES];
    while (!m->space);
    return m;
}

static void start_stream(const char *policy, uint64_t seed, uint64_t frames, uint64_t swap_pages,
                         unsigned errors)
{
    fake_quiet = true;
    faulty = errors > 0;
    tight = swap_pages < MAX_SPACES * PAGES;
    fake_random_seed(seed);
    fake_disks[0] =
        (struct fake_disk){ .bytes = fake_disks[0].bytes, .read_only = true, .error_percent = errors };
    fake_disks[1] = (struct fake_disk){ .bytes = fake_disks[1].bytes, .swap = true, .error_percent = errors };
    fake_disk_resize(0, FILE_PAGES * 8);
    fake_disk_resize(1, swap_pages * 8);
    for (uint64_t i = 0; i < FILE_PAGES * 512; i++)
        ((uint64_t *)fake_disks[0].bytes)[i] = file_word(i / 512, i % 512 * 8);
    fake_start(frames, policy, seed);
    memset(models, 0, sizeof models);
    models[0].space = space_create();
}

/* SEED=N in the environment gives other streams. */
static void run_stream(const char *policy, uint64_t seed, uint64_t frames, uint64_t swap_pages,
                       unsigned errors)
{
    const char *more = getenv("SEED");
    seed += more ? strtoull(more, NULL, 0) : 0;
    printf("policy %s, seed %lu, %lu frames, %lu places, %u %% errors\n", policy, seed, frames, swap_pages,
           errors);
    fflush(stdout);
    start_stream(policy, seed, frames, swap_pages, errors);
    for (unsigned i = 0; i < 12000; i++) {
        do_something(random_model());
        if (i % 1000 == 999)
            ck_assert_uint_eq(guest_audit(), 0);
    }
    for (unsigned i = 0; i < MAX_SPACES; i++)
        for (unsigned page = 0; models[i].space && page < PAGES; page++)
            do_read(&models[i], page);
    ck_assert_uint_eq(guest_audit(), 0);

    for (unsigned i = 0; i < MAX_SPACES; i++)
        if (models[i].space)
            space_destroy(models[i].space);
    ck_assert_uint_eq(guest_audit(), 0);
    struct memory_state left = memory_state();
    ck_assert_uint_eq(left.resident, 0);
    ck_assert_uint_eq(left.swap_free, left.swap);
    /* Queues, the idle root, nodes of regions. */
    ck_assert_uint_le(left.frames - left.free, 2 + 2 + (MAX_SPACES * MAX_REGIONS + 63) / 64);
}

START_TEST(ample_swap_costs_one_notification_a_fault)
{
    run_stream(policies[_i % 4], 100 + (uint64_t)_i, 400, MAX_SPACES * PAGES, 0);
}
END_TEST

START_TEST(scarce_swap_loses_nothing)
{
    run_stream(policies[_i % 4], 200 + (uint64_t)_i, 400, 300, 0);
}
END_TEST

START_TEST(no_swap_loses_nothing)
{
    run_stream(policies[_i % 4], 300 + (uint64_t)_i, 500, 0, 0);
}
END_TEST

START_TEST(failing_disks_lose_nothing)
{
    run_stream(policies[_i % 4], 400 + (uint64_t)_i, 400, MAX_SPACES * PAGES, _i < 4 ? 2 : 20);
}
END_TEST

START_TEST(large_memory_never_evicts)
{
    run_stream(policies[_i % 4], 500 + (uint64_t)_i, 20000, MAX_SPACES * PAGES, 0);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("model");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, ample_swap_costs_one_notification_a_fault, 0, 8);
    tcase_add_loop_test(t, scarce_swap_loses_nothing, 0, 8);
    tcase_add_loop_test(t, no_swap_loses_nothing, 0, 4);
    tcase_add_loop_test(t, failing_disks_lose_nothing, 0, 8);
    tcase_add_loop_test(t, large_memory_never_evicts, 0, 2);

    Suite *s = suite_create("guest memory, random streams");
    suite_add_tcase(s, t);
    return run_suite(s);
}
