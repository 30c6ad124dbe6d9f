/* The groups. torture SEED ROUNDS WITHOUT...: seed and rounds are of the random group, the others groups to leave
 * out. */
#include "torture.h"

struct random dice;
unsigned nr_rounds = 600;

#define MEMORY_NEEDED (FRAMES_END + (1ull << 20)) /* the initial tables may be at the end */

static const struct {
    const char *name;
    void (*run)(void);
} groups[] = {
    { "rights", group_rights },
    { "accessed and dirty", group_bits },
    { "remapping", group_remap },
    { "aliases", group_alias },
    { "stores to tables", group_stores },
    { "frames change their use", group_reuse },
    { "one frame at several levels", group_levels },
    { "large pages", group_large },
    { "flushes", group_flush },
    { "faults", group_faults },
    { "roots", group_roots },
    { "random", group_random },
};

static bool is_left_out(const char *name, int argc, const char *const *argv)
{
    for (int i = 3; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

int test_main(int argc, const char *const *argv)
{
    dice.state = argc > 1 ? parse_number(argv[1]) : 1;
    if (argc > 2)
        nr_rounds = (unsigned)parse_number(argv[2]);
    if (memory_end < MEMORY_NEEDED || gpa_of(image_end) > FRAMES_START)
        panic("torture: it needs 13 MiB of memory");
    model_init();
    user_aids_init();
    for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (is_left_out(groups[i].name, argc, argv))
            continue;
        leave_roots();
        use_root(root_new());
        group_begin(groups[i].name);
        groups[i].run();
        group_end();
    }
    return nr_failures() ? 1 : 0;
}
