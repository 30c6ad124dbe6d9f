/* The command line of `faultvisor run`, by getopt_long. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "address.h"
#include "vmm/disk.h"
#include "vmm/error.h"
#include "vmm/options.h"
#include "vmm/same_file.h"
#include "vmm/size.h"

#define DEFAULT_MEMORY (16ull << 20)
#define LEAST_MEMORY   (2ull << 20)
#define MOST_MEMORY    (2ull << 30)

#define DEFAULT_SHADOW (4ull << 20)
#define LEAST_SHADOW   (128ull << 10)
#define DEFAULT_AUDIT  509 /* a prime, so that no rhythm of a guest's hides from it */
#define MOST_SHADOW    (256ull << 20)

enum { OPT_SEED = 256, OPT_STATS, OPT_STATS_JSON, OPT_AUDIT, OPT_DISK_ERROR, OPT_TRACE, OPT_SHADOW_MEMORY };

const struct option options_long[] = {
    { "mode", required_argument, NULL, 'M' },
    { "memory", required_argument, NULL, 'm' },
    { "kernel", required_argument, NULL, 'k' },
    { "disk", required_argument, NULL, 'd' },
    { "swap", required_argument, NULL, 's' },
    { "policy", required_argument, NULL, 'p' },
    { "seed", required_argument, NULL, OPT_SEED },
    { "stats", no_argument, NULL, OPT_STATS },
    { "stats-json", required_argument, NULL, OPT_STATS_JSON },
    { "trace", required_argument, NULL, OPT_TRACE },
    { "shadow-memory", required_argument, NULL, OPT_SHADOW_MEMORY },
    { "audit", optional_argument, NULL, OPT_AUDIT },
    { "timeout", required_argument, NULL, 't' },
    { "disk-error", required_argument, NULL, OPT_DISK_ERROR },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};
const char options_short[] = "+M:m:k:d:s:p:t:qh";

void options_print_help(void)
{
    fputs(
        "Usage: faultvisor run [OPTION]... -- PROGRAM [ARGUMENT]...\n"
        "Run PROGRAM of the disk in a tiny guest, and count what each page fault costs.\n"
        "\n"
        "The guest:\n"
        "  -M, --mode MODE      how its memory is virtualized (default pv):\n"
        "                         pv  paravirtualized: page tables change by hypercall\n"
        "                         fv  fully virtualized: shadow page tables, an\n"
        "                             unmodified kernel\n"
        "                         hw  that kernel on what KVM itself gives: its faults\n"
        "                             make no exits\n"
        "  -m, --memory SIZE    its memory, 2M to 2G (default 16M)\n"
        "  -d, --disk FILE      the disk with its programs and data: a tar archive made\n"
        "                       with --format=ustar\n"
        "  -s, --swap SIZE|FILE\n"
        "                       where pages go when memory runs out: a private temporary\n"
        "                       file of SIZE, or FILE, whose content is lost\n"
        "  -p, --policy POLICY  which page goes: clock (default), fifo, lru, random\n"
        "      --seed NUMBER    for the random policy (default 1)\n"
        "  -k, --kernel ELF     a guest kernel of your own instead of the built-in one\n"
        "      --shadow-memory SIZE\n"
        "                       fv: at most so much memory for shadow tables, 128K to\n"
        "                       256M (default 4M)\n"
        "\n"
        "What is told:\n"
        "      --stats          print exits per fault to standard error at the end\n"
        "      --stats-json FILE\n"
        "                       write all counts to FILE (- for standard output)\n"
        "      --trace FILE     record every exit and every step of every fault, for\n"
        "                       'faultvisor trace' and https://ui.perfetto.dev (not -,\n"
        "                       as standard output is the program's)\n"
        "  -q, --quiet          do not pass on the guest kernel's messages\n"
        "\n"
        "For tests:\n"
        "      --audit[=EXITS]  recount the guest's page tables at the end, and every so\n"
        "                       many exits (509); a difference is status 70\n"
        "      --disk-error A-B\n"
        "                       reading sectors A to B of the disk fails\n"
        "  -t, --timeout SECONDS\n"
        "                       end the guest after so long, with status 124\n"
        "\n"
        "Sizes take K, M or G. An exit is one return of KVM_RUN to faultvisor. What the\n"
        "program writes, faultvisor writes, and its exit status is faultvisor's (128 + N\n"
        "if signal N ended it). Statuses of faultvisor itself:\n"
        "   64 wrong usage               65 bad kernel, disk or swap\n"
        "   69 /dev/kvm cannot be used   70 a bug of faultvisor\n"
        "   71 the host failed           120 the guest crashed\n"
        "  124 timeout                   130, 143 Ctrl-C, SIGTERM\n"
        "  141 nobody reads standard output any more\n"
        "and of the guest kernel, as of a shell:\n"
        "  126 PROGRAM cannot be run     127 it is not on the disk\n"
        "\n"
        "Example:\n"
        "  faultvisor run --memory 4M --disk sample.tar --stats -- /bin/sha256 /data/big\n",
        stdout);
}

static int usage_error(void)
{
    fputs("Try 'faultvisor run --help'.\n", stderr);
    return STATUS_USAGE + 1;
}

static bool parse_memory(const char *text, uint64_t *bytes)
{
    if (size_parse(text, bytes) == 0 && *bytes >= LEAST_MEMORY && *bytes <= MOST_MEMORY && *bytes % PAGE_SIZE == 0)
        return true;
    fail(0, "--memory %s: expected a size from 2M to 2G, a multiple of 4K", text);
    return false;
}

static bool parse_shadow_memory(const char *text, uint64_t *bytes)
{
    if (size_parse(text, bytes) == 0 && *bytes >= LEAST_SHADOW && *bytes <= MOST_SHADOW && *bytes % PAGE_SIZE == 0)
        return true;
    fail(0, "--shadow-memory %s: expected a size from 128K to 256M, a multiple of 4K", text);
    return false;
}

static bool parse_number(const char *option, const char *text, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && n <= most) {
        *value = n;
        return true;
    }
    fail(0, "--%s %s: expected a whole number up to %llu", option, text, (unsigned long long)most);
    return false;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(word, *words))
            return true;
    return false;
}

static bool parse_word(const char *option, const char *text, const char *const *words, const char **value)
{
    *value = text;
    if (is_one_of(text, words))
        return true;
    char list[128] = "";
    for (; *words; words++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", list[0] ? ", " : "", *words);
    fail(0, "--%s %s: expected one of %s", option, text, list);
    return false;
}

static bool parse_sectors(const char *text)
{
    uint64_t first, last;
    return disk_parse_sectors(text, &first, &last) ||
           fail(0, "--disk-error %s: expected a sector, or FIRST-LAST", text) == 0;
}

const char *const options_modes[] = { "pv", "fv", "hw", NULL };
const char *const options_policies[] = { "clock", "fifo", "lru", "random", NULL };

/* One option. False: it was wrong, and that was told. */
static bool take_option(struct options *o, int option, const char *value)
{
    uint64_t number;
    switch (option) {
    case 'M':
        return parse_word("mode", value, options_modes, &o->mode);
    case 'm':
        return parse_memory(value, &o->memory_bytes);
    case 'k':
        o->kernel = value;
        return true;
    case 'd':
        o->disk = value;
        return true;
    case 's':
        o->swap = value;
        return true;
    case 'p':
        return parse_word("policy", value, options_policies, &o->policy);
    case OPT_SEED:
        return parse_number("seed", value, UINT64_MAX, &o->seed);
    case OPT_STATS:
        o->stats = true;
        return true;
    case OPT_STATS_JSON:
        o->stats_json = value;
        return true;
    case OPT_TRACE:
        o->trace = value;
        if (strcmp(value, "-"))
            return true;
        fail(0, "--trace -: events are written while the program runs, and standard output is the program's; name a file");
        return false;
    case OPT_SHADOW_MEMORY:
        return parse_shadow_memory(value, &o->shadow_bytes);
    case OPT_AUDIT:
        if (value && !parse_number("audit", value, UINT32_MAX, &number))
            return false;
        o->audit_exits = value ? number : DEFAULT_AUDIT;
        if (o->audit_exits)
            return true;
        fail(0, "--audit=0: expected after how many exits, from 1 on; without --audit there is none");
        return false;
    case OPT_DISK_ERROR:
        o->disk_error = value;
        return parse_sectors(value);
    case 'q':
        o->quiet = true;
        return true;
    case 't':
        if (!parse_number("timeout", value, 1000000, &number))
            return false;
        o->timeout_s = number;
        return true;
    default:
        return false; /* getopt has told */
    }
}

/* What is written must not be what is read, or what is written as well. */
static bool files_differ(const struct options *o)
{
    const struct {
        const char *option, *path, *what;
    } written[] = { { "--swap", o->swap, "the swap" },
                    { "--stats-json", o->stats_json, "the counts of --stats-json" },
                    { "--trace", o->trace, NULL } };
    for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
        if (same_file_refuse(written[i].option, written[i].path, o->disk, "the disk") < 0 ||
            same_file_refuse(written[i].option, written[i].path, o->kernel, "the kernel") < 0)
            return false;
        for (size_t j = 0; j < i; j++)
            if (same_file_refuse(written[i].option, written[i].path, written[j].path, written[j].what) < 0)
                return false;
    }
    return true;
}

int options_parse(struct options *o, int argc, char **argv)
{
    *o = (struct options){ .mode = "pv", .memory_bytes = DEFAULT_MEMORY, .shadow_bytes = DEFAULT_SHADOW,
                             .seed = 1 };
    optind = 1;
    int option;
    while ((option = getopt_long(argc, argv, options_short, options_long, NULL)) != -1) {
        if (option == 'h') {
            options_print_help();
            return 1;
        }
        if (!take_option(o, option, optarg))
            return usage_error();
    }
    o->argc = argc - optind;
    o->argv = argv + optind;
    if (o->argc > 0)
        return files_differ(o) ? 0 : usage_error();
    fail(0, "no program to run: say which one after --, for example: -- /bin/sha256 /data/big");
    return usage_error();
}
