/* The ledger: counting in one place. */
#include <stddef.h>
#include "vmm/ledger.h"

static const char *const account_names[NR_ACCOUNTS] = {
    [ACCOUNT_BOOT] = "boot",           [ACCOUNT_FAULT] = "fault",        [ACCOUNT_SYSTEM_CALL] = "system-call",
    [ACCOUNT_DISK] = "disk",           [ACCOUNT_CONSOLE] = "console",    [ACCOUNT_TIMER] = "timer",
    [ACCOUNT_EXCEPTION] = "exception", [ACCOUNT_IDLE] = "idle",          [ACCOUNT_HIDDEN] = "hidden-fault",
    [ACCOUNT_GUEST] = "guest",         [ACCOUNT_ENDING] = "process-end", [ACCOUNT_PROGRAM] = "program",
};

static const char *const class_names[NR_FAULT_CLASSES] = {
    [FAULT_MINOR] = "minor",
    [FAULT_MAJOR] = "major",
    [FAULT_COW] = "cow",
    [FAULT_PROTECTION] = "protection",
};

const char *account_name(enum account a)
{
    return account_names[a];
}

const char *fault_class_name(enum fault_class c)
{
    return class_names[c];
}

void ledger_exit(struct ledger *l, enum exit_cause cause)
{
    l->exits++;
    l->causes[cause]++;
    l->disk = l->console = l->idle = l->tick = l->ended = false;
    l->next = ACCOUNT_PROGRAM;
    l->row = cause;
    l->moved = 0;
}

static void start_afresh(struct ledger *l)
{
    l->spent = (struct ledger_spent){ 0 };
    l->fault_disk = l->turned = false;
}

void ledger_begin(struct ledger *l, enum account account, uint64_t now_ns)
{
    if (l->ended) { /* as a timer's tick does that was held back: this exit still belongs to what ended */
        l->next = account;
        l->next_began_ns = now_ns;
        return;
    }
    l->account = account;
    l->began_ns = now_ns;
    start_afresh(l);
}

void ledger_note_disk(struct ledger *l)
{
    l->disk = true;
    l->disk_notifies++;
    l->fault_disk = true;
    l->row = ROW_DISK_NOTIFY;
}

void ledger_note_console(struct ledger *l)
{
    l->console = true;
    l->row = ROW_CONSOLE_NOTIFY;
}

void ledger_note_tick(struct ledger *l)
{
    l->tick = true;
}

void ledger_note_idle(struct ledger *l)
{
    l->idle = true;
}

void ledger_note_instruction(struct ledger *l, unsigned number)
{
    l->row = ROW_INSTRUCTION + number;
}

void ledger_note_hidden(struct ledger *l)
{
    l->row = ROW_HIDDEN_FAULT;
}

void ledger_note_turn(struct ledger *l, uint64_t now_ns)
{
    if (l->turned || l->account != ACCOUNT_FAULT)
        return;
    l->turned = true;
    l->turned_ns = now_ns;
    l->delivered = l->spent;
}

void ledger_end(struct ledger *l, enum goes_on goes_on, bool write_to_present)
{
    l->ended = true;
    l->goes_on = goes_on;
    if (goes_on != GOES_ON_THERE)
        l->fault_class = FAULT_PROTECTION;
    else if (l->fault_disk)
        l->fault_class = FAULT_MAJOR;
    else
        l->fault_class = write_to_present ? FAULT_COW : FAULT_MINOR;
}

static void tally_add(struct tally *t, const struct ledger_spent *spent, uint64_t ns)
{
    uint64_t exits = spent->exits;
    for (int i = 0; i < NR_LEDGER_ROWS; i++)
        t->rows[i] += spent->rows[i];
    t->min = t->count == 0 || exits < t->min ? exits : t->min;
    t->max = exits > t->max ? exits : t->max;
    t->count++;
    t->exits += exits;
    t->ns += ns;
    time_histogram_add(&t->times, ns);
    t->histogram[exits < LEDGER_HISTOGRAM ? exits : LEDGER_HISTOGRAM - 1]++;
}

static struct tally *tally_of(struct ledger *l)
{
    switch (l->account) {
    case ACCOUNT_FAULT:
        return &l->faults[l->fault_class];
    case ACCOUNT_SYSTEM_CALL:
        return &l->system_calls;
    case ACCOUNT_TIMER:
        return &l->timers;
    default:
        return NULL;
    }
}

/* Which account pays for this exit? */
static enum account payer(const struct ledger *l)
{
    if (l->tick)
        return ACCOUNT_TIMER;
    if (l->idle)
        return ACCOUNT_IDLE;
    if (l->disk && l->account != ACCOUNT_FAULT)
        return ACCOUNT_DISK;
    if (l->console && l->account != ACCOUNT_FAULT)
        return ACCOUNT_CONSOLE;
    return l->account;
}

/* A fault killed its program: what came after the kernel turned from it is not the fault's. */
static void cut_off_ending(struct ledger *l)
{
    l->moved = l->spent.exits - l->delivered.exits;
    l->accounts[ACCOUNT_FAULT] -= l->moved;
    l->accounts[ACCOUNT_ENDING] += l->moved;
    l->spent = l->delivered;
}

enum account ledger_charge(struct ledger *l, uint64_t now_ns)
{
    enum account account = payer(l);
    l->accounts[account]++;
    if (account == l->account) {
        l->spent.exits++;
        l->spent.rows[l->row]++;
    }
    if (!l->ended)
        return account;
    bool killed = l->turned && l->goes_on == GOES_ON_NOWHERE;
    if (killed)
        cut_off_ending(l);
    struct tally *t = tally_of(l);
    if (t)
        tally_add(t, &l->spent, (killed ? l->turned_ns : now_ns) - l->began_ns);
    l->account = l->next;
    l->began_ns = l->next_began_ns;
    start_afresh(l);
    return killed && account == ACCOUNT_FAULT ? ACCOUNT_ENDING : account;
}

uint64_t ledger_unfinished(const struct ledger *l)
{
    uint64_t rest = l->accounts[ACCOUNT_FAULT];
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        rest -= l->faults[i].exits;
    return rest;
}

bool ledger_is_closed(const struct ledger *l, uint64_t runs)
{
    uint64_t by_cause = 0, by_account = 0;
    for (int i = 0; i < NR_EXIT_CAUSES; i++)
        by_cause += l->causes[i];
    for (int i = 0; i < NR_ACCOUNTS; i++)
        by_account += l->accounts[i];
    return by_cause == l->exits && by_account == l->exits && l->exits == runs;
}
