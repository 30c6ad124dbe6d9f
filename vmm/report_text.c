/* The table of --stats. */
#include <string.h>
#include "vmm/report.h"
#include "vmm/substrate.h"

static void print_histogram(const struct tally *t, FILE *to)
{
    const char *separator = "";
    unsigned shown = 0;
    for (unsigned i = 0; i < LEDGER_HISTOGRAM; i++) {
        if (!t->histogram[i])
            continue;
        if (++shown > 6) {
            fputs(" ...", to);
            break;
        }
        fprintf(to, "%s%u with %u", separator, t->histogram[i], i);
        separator = ", ";
    }
    fputc('\n', to);
}

static void print_tally(const char *name, const struct tally *t, FILE *to)
{
    if (!t->count)
        return;
    fprintf(to, "  %-12s %9llu %9llu %7.2f %9.1f   ", name, (unsigned long long)t->count, (unsigned long long)t->exits,
            (double)t->exits / (double)t->count, (double)time_histogram_quantile(&t->times, 500) / 1000);
    print_histogram(t, to);
}

static void print_kvm_stat(void *arg, const char *name, uint64_t value)
{
    static const char *const wanted[] = { "exits",         "pf_taken",      "pf_fixed", "pf_emulate", "pf_guest",
                                          "mmu_pte_write", "invlpg",        "tlb_flush", "nested_run", "mmio_exits",
                                          "io_exits",      "insn_emulation" };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!strcmp(wanted[i], name))
            fprintf(arg, " %s %llu", name, (unsigned long long)value);
}

/* What was done about faults by others than us. */
static void print_kvm(struct vmm *v, FILE *to)
{
    fputs("  page faults make no exits in this mode; KVM's own counters:", to);
    machine_kvm_stats(&v->machine, print_kvm_stat, to);
    fputc('\n', to);
}

void report_print(struct vmm *v, FILE *to)
{
    const struct ledger *l = &v->ledger;
    fprintf(to, "\nfaultvisor: mode %s on %s, %llu exits\n\n", v->mode->name, substrate_name(),
            (unsigned long long)l->exits);
    fputs("  faults           count     exits    mean  us each   exits per fault (us: median)\n", to);
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        print_tally(fault_class_name(i), &l->faults[i], to);
    print_tally("system call", &l->system_calls, to);
    print_tally("timer", &l->timers, to);
    fputs("\n  exits charged to nothing above: ", to);
    const char *separator = "";
    const enum account others[] = { ACCOUNT_BOOT, ACCOUNT_DISK,   ACCOUNT_CONSOLE, ACCOUNT_EXCEPTION, ACCOUNT_IDLE,
                                    ACCOUNT_HIDDEN, ACCOUNT_ENDING, ACCOUNT_GUEST,   ACCOUNT_PROGRAM };
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (!l->accounts[others[i]])
            continue;
        fprintf(to, "%s%s %llu", separator, account_name(others[i]), (unsigned long long)l->accounts[others[i]]);
        separator = ", ";
    }
    fputs("\n  exits by cause: ", to);
    separator = "";
    for (int i = 0; i < NR_EXIT_CAUSES; i++) {
        if (!l->causes[i])
            continue;
        fprintf(to, "%s%s %llu", separator, exit_cause_name(i), (unsigned long long)l->causes[i]);
        separator = ", ";
    }
    fputs("\n", to);
    if (v->mode->is_bare)
        print_kvm(v, to);
}
