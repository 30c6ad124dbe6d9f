/* The audit finds what is wrong: each disagreement is made by hand, one at a time, and must be reported by
 * its name. */
#include "pv_machine.h"

enum { ROOT = PFN_FREE, SPARE };

static struct {
    unsigned count;
    char texts[4096];
} said;

static void remember(void *arg, const char *text, uint64_t m)
{
    (void)arg;
    (void)m;
    said.count++;
    strncat(said.texts, text, sizeof(said.texts) - strlen(said.texts) - 2);
    strcat(said.texts, "\n");
}

static void assert_reported(struct machine *m, const char *text)
{
    memset(&said, 0, sizeof(said));
    unsigned n = pv_audit(&m->d, remember, NULL);
    ck_assert_uint_gt(n, 0);
    ck_assert_uint_eq(n, said.count);
    ck_assert_msg(strstr(said.texts, text), "wanted: %s\nsaid:\n%s", text, said.texts);
}

static struct machine *machine_with_user_root(void)
{
    struct machine *m = machine_new();
    ck_assert_int_eq(hypercall(m, PV_SET_ROOTS, p2m(PFN_L4).n, p2m(ROOT).n, 0), 0);
    assert_sound(m);
    return m;
}

START_TEST(an_audit_of_a_sound_domain_says_nothing_and_changes_nothing)
{
    struct machine *m = machine_with_user_root();
    struct snapshot *before = snapshot_take(m);
    for (unsigned i = 0; i < 3; i++)
        assert_sound(m);
    ck_assert(snapshot_matches(before, m));
}
END_TEST

START_TEST(a_wrong_count_of_any_frame_is_found)
{
    struct machine *m = machine_with_user_root();
    for (uint64_t f = 0; f < NR_PFNS; f++)
        for (int by = -1; by <= 1; by += 2) {
            info_of(m, f)->ref_count += (uint32_t)by;
            assert_reported(m, "the reference count is wrong");
            info_of(m, f)->ref_count -= (uint32_t)by;
            info_of(m, f)->type_count += (uint32_t)by;
            assert_reported(m, "the type count is wrong");
            info_of(m, f)->type_count -= (uint32_t)by;
            assert_sound(m);
        }
}
END_TEST

START_TEST(a_wrong_type_of_any_frame_is_found)
{
    struct machine *m = machine_with_user_root();
    for (uint64_t f = 0; f < NR_PFNS; f++) {
        uint8_t type = info_of(m, f)->type;
        for (uint8_t wrong = 0; wrong < 8; wrong++)
            if (wrong != type) {
                info_of(m, f)->type = wrong;
                ck_assert_uint_gt(pv_audit(&m->d, NULL, NULL), 0);
            }
        info_of(m, f)->type = type;
    }
    info_of(m, SPARE)->type = 200;
    assert_reported(m, "the type is unknown");
}
END_TEST

START_TEST(a_wrong_pin_is_found)
{
    struct machine *m = machine_with_user_root();
    info_of(m, PFN_STACK)->pinned = 1;
    assert_reported(m, "a pinned frame is no table");
    info_of(m, PFN_STACK)->pinned = 0;
    info_of(m, PFN_L4)->pinned = 0;
    assert_reported(m, "the type count is wrong");
}
END_TEST

/* Entries that no hypercall would store. */
START_TEST(a_wrong_entry_is_found)
{
    struct machine *m = machine_with_user_root();
    uint64_t foreign = 0, nobodys = 0;
    for (uint64_t i = 0; i < NR_MFNS; i++)
        if (m->frames[i].owner != DOMAIN)
            *(m->frames[i].owner == OTHER_DOMAIN ? &foreign : &nobodys) = i << PAGE_SHIFT;
    const struct {
        uint64_t table;
        unsigned index;
        uint64_t entry;
        const char *text;
    } wrong[] = {
        { PFN_L1, PFN_L1, entry_for(PFN_L1, RW), "a frame that is no data is mapped writable" },
        { PFN_L1, PFN_L4, entry_for(ROOT, RW), "a frame that is no data is mapped writable" },
        { PFN_L1, 100, entry_for(SPARE, RW), "a frame that is no data is mapped writable" },
        { PFN_L1, 100, entry_for(PFN_STACK, RO), "the reference count is wrong" },
        { PFN_L1, PFN_STACK, entry_for(PFN_STACK, RO), "the type count is wrong" },
        { PFN_L1, PFN_STACK, 0, "the reference count is wrong" },
        { PFN_L1, 100, foreign | RO, "an entry names a frame that is not the domain's" },
        { PFN_L2, 100, nobodys | RO, "an entry names a frame that is not the domain's" },
        { PFN_L3, 100, NR_MFNS << PAGE_SHIFT | RO, "an entry names a frame that is not the domain's" },
        { PFN_L1, PFN_STACK, entry_for(PFN_STACK, RW | PTE_GLOBAL), "an entry has a reserved bit" },
        { PFN_L2, 0, entry_for(PFN_L1, RW | PTE_LARGE), "an entry has a reserved bit" },
        { PFN_L1, PFN_STACK, entry_for(PFN_STACK, RW | 1ull << 62), "an entry has a reserved bit" },
        { PFN_L3, 5, entry_for(PFN_L1, RW), "a table is in use at a level that is not its own" },
        { PFN_L4, 5, entry_for(PFN_L4, RW), "a table is in use at a level that is not its own" },
        { PFN_L2, 5, entry_for(PFN_STACK, RW), "a table is in use at a level that is not its own" },
        { PFN_L2, 5, entry_for(PFN_L1, RW), "the type count is wrong" },
        { PFN_L4, PV_RESERVED_SLOT, 0, "the monitor's slot of a root is not the monitor's" },
        { ROOT, PV_RESERVED_SLOT, entry_for(PFN_L3, RW),
          "the monitor's slot of a root is not the monitor's" },
    };
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        uint64_t *entry = &table_of(m, wrong[i].table)[wrong[i].index], was = *entry;
        *entry = wrong[i].entry;
        assert_reported(m, wrong[i].text);
        *entry = was;
        assert_sound(m);
    }
}
END_TEST

START_TEST(a_wrong_root_is_found)
{
    struct machine *m = machine_with_user_root();
    m->d.user_root = p2m(PFN_L3);
    assert_reported(m, "a root is no level 4 table");
    m->d.user_root = mfn(NR_MFNS + 1);
    assert_reported(m, "a root is not the domain's");
    m->d.user_root = mfn(NO_FRAME);
    assert_reported(m, "the type count is wrong");
}
END_TEST

START_TEST(a_tree_that_nothing_refers_to_is_found)
{
    struct machine *m = machine_with_user_root();
    ck_assert_int_eq(hypercall(m, PV_PIN, p2m(SPARE).n, 3, 0), 0);
    assert_sound(m);
    info_of(m, SPARE)->pinned = 0;
    assert_reported(m, "the type count is wrong");
}
END_TEST

START_TEST(a_frame_of_nobody_in_use_is_found)
{
    struct machine *m = machine_with_user_root();
    for (uint64_t i = 0; i < NR_MFNS; i++)
        if (m->frames[i].owner == PV_DOMAIN_NONE) {
            m->frames[i].ref_count = 1;
            assert_reported(m, "a frame of nobody is in use");
            m->frames[i].ref_count = 0;
        }
    assert_sound(m);
}
END_TEST

START_TEST(a_lost_hold_on_the_shared_info_page_is_found)
{
    struct machine *m = machine_with_user_root();
    m->d.shared_info_mfn = p2m(PFN_L2);
    assert_reported(m, "the shared-info page is no data");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("pv_audit");
    TCase *c = tcase_create("audit");
    tcase_add_test(c, an_audit_of_a_sound_domain_says_nothing_and_changes_nothing);
    tcase_add_test(c, a_wrong_count_of_any_frame_is_found);
    tcase_add_test(c, a_wrong_type_of_any_frame_is_found);
    tcase_add_test(c, a_wrong_pin_is_found);
    tcase_add_test(c, a_wrong_entry_is_found);
    tcase_add_test(c, a_wrong_root_is_found);
    tcase_add_test(c, a_tree_that_nothing_refers_to_is_found);
    tcase_add_test(c, a_frame_of_nobody_in_use_is_found);
    tcase_add_test(c, a_lost_hold_on_the_shared_info_page_is_found);
    suite_add_tcase(s, c);
    return run_suite(s);
}
