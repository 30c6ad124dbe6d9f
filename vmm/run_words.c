#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/run_words.h"

#define MAX_OPTIONS 64

static unsigned count_options(const struct option *table)
{
    unsigned n = 0;
    while (table[n].name)
        n++;
    return n;
}

static const struct option *find_option(const struct option *table, int value)
{
    for (; table->name; table++)
        if (table->val == value)
            return table;
    return NULL;
}

/* The command's own come first: of two with one name, getopt_long takes the first. */
static bool join_tables(struct option joined[MAX_OPTIONS], const struct option *own)
{
    unsigned nr_own = count_options(own), nr_run = count_options(options_long);
    if (nr_own + nr_run >= MAX_OPTIONS)
        return false;
    memcpy(joined, own, nr_own * sizeof(*own));
    memcpy(joined + nr_own, options_long, (nr_run + 1) * sizeof(*own));
    return true;
}

/* run's short options, and the command's own that have a letter (run's are there already). */
static void join_letters(char letters[2 * MAX_OPTIONS], const struct option *own)
{
    size_t n = (size_t)sprintf(letters, "%.*s", MAX_OPTIONS, options_short);
    for (; own->name && n + 2 < 2 * MAX_OPTIONS; own++)
        if (own->val < 128 && !strchr(options_short, own->val))
            n += (size_t)sprintf(letters + n, own->has_arg ? "%c:" : "%c", own->val);
}

bool run_words_add(struct run_words *w, const char *name, const char *value)
{
    char *word;
    if (w->nr_words == MAX_RUN_WORDS) {
        fail(0, "too many options: %d are allowed", MAX_RUN_WORDS);
        return false;
    }
    if (asprintf(&word, value ? "--%s=%s" : "--%s", name, value) < 0) {
        fail(ENOMEM, "cannot keep the option --%s", name);
        return false;
    }
    w->words[w->nr_words++] = word;
    return true;
}

bool run_words_have(const struct run_words *w, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < w->nr_words; i++) {
        const char *word = w->words[i] + 2;
        if (!strncmp(word, name, len) && (word[len] == '=' || word[len] == '\0'))
            return true;
    }
    return false;
}

static int usage_error(const char *command)
{
    fprintf(stderr, "Try '%s --help'.\n", command);
    return STATUS_USAGE + 1;
}

int run_words_parse(struct run_words *w, int argc, char **argv, const struct option *own,
                    take_option_fn *take, void *arg)
{
    *w = (struct run_words){ 0 };
    struct option joined[MAX_OPTIONS];
    if (!join_tables(joined, own))
        return STATUS_INTERNAL + 1;
    char letters[2 * MAX_OPTIONS];
    join_letters(letters, own);
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, letters, joined, NULL)) != -1) {
        if (option == 'h')
            return 1;
        const struct option *of_run = find_option(options_long, option);
        bool good = find_option(own, option) ? take(arg, option, optarg)
                    : of_run                 ? run_words_add(w, of_run->name, optarg)
                                             : false;
        if (!good)
            return usage_error(argv[0]);
    }
    w->nr_program = argc - optind;
    w->program = argv + optind;
    if (w->nr_program > 0)
        return 0;
    fail(0, "no program to run: say which one after --, for example: -- /bin/sha256 /data/big");
    return usage_error(argv[0]);
}

int run_words_check(const struct run_words *w, struct options *o)
{
    char *argv[MAX_RUN_WORDS + 4] = { "faultvisor run" };
    int argc = 1;
    for (unsigned i = 0; i < w->nr_words; i++)
        argv[argc++] = w->words[i];
    argv[argc++] = "--";
    argv[argc++] = w->program[0];
    int end = options_parse(o, argc, argv);
    o->argc = w->nr_program;
    o->argv = w->program;
    return end;
}

void run_words_free(struct run_words *w)
{
    for (unsigned i = 0; i < w->nr_words; i++)
        free(w->words[i]);
    w->nr_words = 0;
}
