/* The table of --stats. */
#include <string.h>
#include "vmm/report.h"
#include "vmm/substrate.h"
#include "vmm/wrap.h"

#define HISTOGRAM_COLUMN 56
#define MOST_SHOWN       6

static void print_histogram(const struct tally *t, FILE *to)
{
    struct wrap w = { to, HISTOGRAM_COLUMN, HISTOGRAM_COLUMN };
    unsigned left = 0, shown = 0;
    for (unsigned i = 0; i < LEDGER_HISTOGRAM; i++)
        left += t->histogram[i] != 0;
    for (unsigned i = 0; i < LEDGER_HISTOGRAM && shown < MOST_SHOWN; i++)
        if (t->histogram[i]) {
            shown++;
            wrap_item(&w, "%u with %u%s%s", t->histogram[i], i, i + 1 < LEDGER_HISTOGRAM ? "" : "+", --left ? "," : "");
        }
    if (left)
        wrap_item(&w, "...");
    fputc('\n', to);
}

static void print_tally(const char *name, const struct tally *t, FILE *to)
{
    if (!t->count)
        return;
    fprintf(to, "  %-12s %9llu %9llu %7.2f %10.1f   ", name, (unsigned long long)t->count,
            (unsigned long long)t->exits, (double)t->exits / (double)t->count,
            (double)time_histogram_quantile(&t->times, 500) / 1000);
    print_histogram(t, to);
}

struct named_count {
    const char *name;
    uint64_t count;
};

static void print_kvm_stat(void *arg, const char *name, uint64_t value)
{
    static const char *const wanted[] = { "exits",         "pf_taken",      "pf_fixed", "pf_emulate", "pf_guest",
                                          "mmu_pte_write", "invlpg",        "tlb_flush", "nested_run", "mmio_exits",
                                          "io_exits",      "insn_emulation" };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!strcmp(wanted[i], name))
            wrap_item(arg, "%s %llu", name, (unsigned long long)value);
}

/* What was done about faults by others than us. */
static void print_kvm(struct vmm *v, FILE *to)
{
    struct wrap w = { to, 0, 4 };
    wrap_item(&w, "  page faults make no exits in this mode; KVM's own counters:");
    machine_kvm_stats(&v->machine, print_kvm_stat, &w);
    fputc('\n', to);
}

static void print_tallies(const struct ledger *l, FILE *to)
{
    uint64_t count = l->system_calls.count + l->timers.count;
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        count += l->faults[i].count;
    if (!count)
        return;
    fputs("  faults           count     exits    mean  median us   exits per fault\n", to);
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        print_tally(fault_class_name(i), &l->faults[i], to);
    print_tally("system call", &l->system_calls, to);
    print_tally("timer", &l->timers, to);
    fputc('\n', to);
}

/* "  title: name number, name number", of those that are not zero. The title ends with its colon. */
static void print_counts(const char *title, const struct named_count *counts, unsigned nr, FILE *to)
{
    struct wrap w = { to, 2 + (int)strlen(title), 4 };
    unsigned left = 0;
    for (unsigned i = 0; i < nr; i++)
        left += counts[i].count != 0;
    fprintf(to, "  %s", title);
    for (unsigned i = 0; i < nr; i++)
        if (counts[i].count)
            wrap_item(&w, "%s %llu%s", counts[i].name, (unsigned long long)counts[i].count, --left ? "," : "");
    fputc('\n', to);
}

static void print_accounts(const struct ledger *l, FILE *to)
{
    static const enum account others[] = { ACCOUNT_BOOT, ACCOUNT_DISK,   ACCOUNT_CONSOLE, ACCOUNT_EXCEPTION, ACCOUNT_IDLE,
                                           ACCOUNT_HIDDEN, ACCOUNT_ENDING, ACCOUNT_GUEST,   ACCOUNT_PROGRAM };
    struct named_count counts[sizeof(others) / sizeof(others[0])];
    const unsigned nr = sizeof(others) / sizeof(others[0]);
    for (unsigned i = 0; i < nr; i++)
        counts[i] = (struct named_count){ account_name(others[i]), l->accounts[others[i]] };
    print_counts("other exits:", counts, nr, to);
}

static void print_causes(const struct ledger *l, FILE *to)
{
    struct named_count counts[NR_EXIT_CAUSES];
    for (int i = 0; i < NR_EXIT_CAUSES; i++)
        counts[i] = (struct named_count){ exit_cause_name(i), l->causes[i] };
    print_counts("exits by cause:", counts, NR_EXIT_CAUSES, to);
}

void report_print(struct vmm *v, FILE *to)
{
    const struct ledger *l = &v->ledger;
    fprintf(to, "\nfaultvisor: mode %s on %s, %llu exit%s\n\n", v->mode->name, substrate_name(),
            (unsigned long long)l->exits, l->exits == 1 ? "" : "s");
    print_tallies(l, to);
    print_accounts(l, to);
    print_causes(l, to);
    if (v->mode->is_bare)
        print_kvm(v, to);
}
