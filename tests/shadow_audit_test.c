/* The audit of the shadow MMU: what is put wrong behind its back, it finds. */
#include <check.h>
#include "shadow/page.h"
#include "shadow_linear.h"
#include "tests/run_suite.h"

static void ignore(void *arg, const char *text, uint64_t number)
{
    (void)arg;
    (void)text;
    (void)number;
}

START_TEST(the_audit_finds_what_is_put_wrong)
{
    create(64, 16);
    boot_linear();
    machine_resume(m);
    for (unsigned page = 0; page < 64; page++) {
        for (unsigned i = 0; i < PT_ENTRIES; i += 7) {
            uint64_t *spte = &m->seen[page][i], was = *spte;

            *spte = was ^ (was ? PTE_WRITE : (POOL_MFN << PAGE_SHIFT | ALL_BITS));
            ck_assert_uint_gt(shadow_audit(&m->s, ignore, NULL), 0);
            *spte = was;
        }
    }
    m->ram[4][5] &= ~PTE_PRESENT; /* a store that nobody trapped */
    ck_assert_uint_gt(shadow_audit(&m->s, ignore, NULL), 0);
    m->ram[4][5] |= PTE_PRESENT;
    destroy();
}
END_TEST

static void expect_found(void)
{
    ck_assert_uint_gt(shadow_audit(&m->s, ignore, NULL), 0);
}

/* Large, global, cache attributes, what the CPU ignores, what is reserved. */
START_TEST(the_audit_finds_every_bit_that_no_spte_has)
{
    const uint64_t wrong = PTE_PWT | PTE_PCD | PTE_LARGE | PTE_GLOBAL | PTE_SOFT | 0x7ffull << 52;

    create(64, 16);
    boot_linear();
    for (unsigned page = 0; page < 64; page++) {
        for (unsigned i = 0; i < PT_ENTRIES; i++) {
            uint64_t *spte = &m->seen[page][i];

            for (unsigned bit = 0; bit < 64 && *spte; bit++) {
                if (!(wrong >> bit & 1) || i == MONITOR_SLOT)
                    continue;
                *spte ^= 1ull << bit;
                expect_found();
                *spte ^= 1ull << bit;
            }
            i += 60 * !*spte;
        }
    }
    destroy();
}
END_TEST

/* A link that is not in its table's list stays when the table is freed: it then leads to a frame that is
 * another's. */
START_TEST(the_audit_finds_books_that_are_wrong)
{
    create(64, 16);
    m->ram[2][1] = entry_of(3); /* a second parent of table 3 */
    boot_linear();
    for (uint32_t slot = 0; slot < 64 * PT_ENTRIES; slot++) {
        struct shadow_link was = m->s.links[slot];
        bool is_link = m->s.pages[slot / PT_ENTRIES].level > 1;

        if (was.prev == NONE || !is_link)
            continue;
        shadow_link_remove(&m->s, slot);
        expect_found();
        shadow_link_add(&m->s, slot,
                        head_of_page(&m->s, spte_page(&m->s, m->seen[slot / PT_ENTRIES][slot % PT_ENTRIES])));
        ck_assert_uint_eq(machine_audit(m), 0);
    }
    uint32_t loaded = m->s.loaded, head = m->s.free_head, older = m->s.pages[m->s.newest].older;

    m->s.loaded = head;
    expect_found();
    m->s.loaded = loaded;
    m->s.free_head = m->s.pages[head].hash_next;
    expect_found();
    m->s.free_head = head;
    m->s.pages[m->s.newest].older = NONE;
    expect_found();
    m->s.pages[m->s.newest].older = older;
    destroy();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("shadow_audit");
    TCase *t = tcase_create("audit");

    tcase_add_test(t, the_audit_finds_what_is_put_wrong);
    tcase_add_test(t, the_audit_finds_every_bit_that_no_spte_has);
    tcase_add_test(t, the_audit_finds_books_that_are_wrong);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    return run_suite(s);
}
