/* Many address spaces: loaded, changed while they are not, dropped, made anew in the same frames. */
#include "torture.h"

#define A        gva_at(16, 2, 2, 2)
#define NR_ROOTS 6

static gpa_t roots[NR_ROOTS], pages[NR_ROOTS];

static void make_roots(void)
{
    for (unsigned i = 0; i < NR_ROOTS; i++) {
        roots[i] = root_new();
        pages[i] = frame_gpa(take_frame());
        use_root(roots[i]);
        map(A, pages[i], ENTRY_DATA);
    }
}

static void each_has_its_own(void)
{
    for (unsigned n = 0; n < 3 * NR_ROOTS; n++) {
        unsigned i = (unsigned)random_below(&dice, NR_ROOTS);

        use_root(roots[i]);
        check_reads_as(A + 8, data_word(pages[i], 1));
        check_access(A, PF_ERR_USER | PF_ERR_WRITE, data_word(pages[i], 0));
    }
}

/* The tables of one, changed while another is loaded. */
static void changed_from_afar(void)
{
    for (unsigned i = 0; i < NR_ROOTS; i++) {
        use_root(roots[i]);
        uint64_t *entry = entry_of(A, 1);

        use_root(roots[(i + 1) % NR_ROOTS]);
        set_entry(entry, pages[(i + 2) % NR_ROOTS] | PTE_PRESENT);
        use_root(roots[i]);
        check_reads_as(A + 8, data_word(pages[(i + 2) % NR_ROOTS], 1));
        check_faults(A, PF_ERR_WRITE, PF_ERR_WRITE | PF_ERR_PRESENT);
        set_entry(entry, pages[i] | ENTRY_DATA);
    }
}

/* The lower half of one hangs in all others. */
static void shared(void)
{
    use_root(roots[0]);
    uint64_t tree = *entry_of(A, 4);

    for (unsigned i = 1; i < NR_ROOTS; i++) {
        use_root(roots[i]);
        set_entry(entry_of(A, 4), tree);
        flush_all();
        check_reads_as(A + 8, data_word(pages[0], 1));
    }
    map(A, pages[3], ENTRY_DATA);
    for (unsigned i = 0; i < NR_ROOTS; i++) {
        use_root(roots[i]);
        check_reads_as(A + 8, data_word(pages[3], 1));
    }
}

/* A root becomes a page of another space, then a table there, then a root again. */
static void changes_its_use(void)
{
    gva_t b = gva_at(17, 0, 0, 0);

    use_root(roots[1]);
    map(b, roots[2], ENTRY_DATA);
    fill_data(roots[2]);
    check_reads_as(b + 8, data_word(roots[2], 1));
    check_write(b, pages[1] | ENTRY_DATA);
    set_entry(entry_of(b, 2), roots[2] | ENTRY_TABLE);
    flush_all();
    check_reads_as(b + 8, data_word(pages[1], 1));
    set_entry(entry_of(b, 2), 0);
    flush_all();
    memset(phys(roots[2]), 0, PAGE_SIZE);
    memcpy(phys(roots[2]), phys(roots[1]), PAGE_SIZE);
    use_root(roots[2]);
    check_reads_as(A + 8, data_word(pages[3], 1));
    check_faults(b, 0, 0);
}

void group_roots(void)
{
    make_roots();
    each_has_its_own();
    changed_from_afar();
    each_has_its_own();
    shared();
    changes_its_use();
}
