/* Recording.
 *   1. the buffer
 *   2. what is in progress: a fault, a system call, ...
 *   3. events of one exit, in the order in which they are called
 *   4. opening and closing */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <x86intrin.h>
#include "vmm/clock.h"
#include "vmm/error.h"
#include "vmm/trace.h"
#include "vmm/trace_write.h"

#define NR_RECORDS  16384
#define FLUSH_ABOVE (NR_RECORDS * 3 / 4)
#define FILE_BUFFER (1u << 20)
#define NOTHING     ACCOUNT_PROGRAM /* as what is in progress */

struct stamp {
    uint64_t ns, tsc;
};

struct trace {
    FILE *file;
    char *path;
    struct trace_about about;
    struct stamp resumed, returned; /* around the last KVM_RUN */
    struct trace_record exit;       /* the one that is being handled */
    bool exit_is_open;

    /* In progress. */
    enum account account;
    struct trace_record activity; /* its span, as far as it is known; for faults: RECORD_FAULT */
    bool over;                    /* its steps are: the program goes on after this exit */
    bool ended;                   /* with this exit, says the ledger */
    enum account next;
    uint32_t nr_faults;
    struct trace_record ending; /* of the program that this fault killed; exits 0: of none */
    bool has_frame;             /* a frame was allocated in this fault, as far as is inferred */

    unsigned nr_records;
    struct trace_record records[NR_RECORDS];
};

uint64_t trace_clock(void)
{
    return clock_now_ns();
}

static struct stamp stamp_now(void)
{
    return (struct stamp){ clock_now_ns(), __rdtsc() };
}

/* 1. The buffer. */

static void flush(struct trace *t)
{
    for (unsigned i = 0; i < t->nr_records; i++)
        trace_write_record(t->file, &t->records[i], t->about.start_ns);
    t->nr_records = 0;
}

static void put(struct trace *t, const struct trace_record *r)
{
    if (t->nr_records == NR_RECORDS)
        flush(t);
    t->records[t->nr_records++] = *r;
}

/* Between faults: nobody's time but the program's, and told. */
static void flush_with_pause(struct trace *t)
{
    struct trace_record pause = { .kind = RECORD_PAUSE, .ns = t->resumed.ns };
    flush(t);
    t->resumed = stamp_now();
    pause.duration_ns = t->resumed.ns - pause.ns;
    put(t, &pause);
}

/* 2. In progress. */

static uint32_t fault_in_progress(const struct trace *t)
{
    return t->account == ACCOUNT_FAULT ? t->nr_faults : 0;
}

static void put_step(struct trace *t, enum trace_step step, enum trace_source source, uint64_t ns)
{
    uint32_t fault = fault_in_progress(t);
    if (fault && !t->over)
        put(t, &(struct trace_record){
                   .kind = RECORD_STEP, .what = step, .from = source, .ns = ns, .fault = fault });
}

static void begin(struct trace *t, enum account account, uint64_t ns)
{
    t->account = account;
    t->over = false;
    t->activity = (struct trace_record){ .kind = RECORD_ACTIVITY, .what = account, .ns = ns };
}

/* The ledger charges a hidden fault to an account of its own, once it knows. */
static uint32_t fault_that_pays(const struct trace *t, enum account payer)
{
    return payer == ACCOUNT_FAULT || payer == ACCOUNT_HIDDEN ? t->nr_faults : 0;
}

static void charge(struct trace *t, enum account payer)
{
    if (payer == t->account || (payer == ACCOUNT_HIDDEN && t->account == ACCOUNT_FAULT))
        t->activity.exits++;
}

/* Of the exits that are kept, the last n are those of a program's end and not of the fault that killed it. When did it begin? */
static uint64_t hand_over_exits(struct trace *t, uint64_t n)
{
    uint64_t ns = t->exit.ns;
    for (unsigned i = t->nr_records; i-- > 0 && n > 0;) {
        struct trace_record *r = &t->records[i];
        if (r->kind != RECORD_EXIT || r->payer != ACCOUNT_FAULT)
            continue;
        r->payer = ACCOUNT_ENDING;
        ns = r->ns;
        n--;
    }
    return ns;
}

/* The ledger found so for n exits. The one that is being handled is among them; it is not kept yet. */
static void cut_off_ending(struct trace *t, uint64_t n)
{
    t->activity.exits -= (uint32_t)n - 1;
    t->ending = (struct trace_record){ .kind = RECORD_ACTIVITY,
                                       .what = ACCOUNT_ENDING,
                                       .exits = (uint32_t)n,
                                       .ns = hand_over_exits(t, n - 1) };
    for (unsigned i = 0; i < t->nr_records; i++)
        if (t->records[i].fault == t->nr_faults && t->records[i].ns >= t->ending.ns)
            t->records[i].fault = 0;
}

static void end(struct trace *t, bool goes_on)
{
    bool killed = t->ending.exits != 0;
    if (t->account == ACCOUNT_FAULT && goes_on && !killed)
        put(t, &(struct trace_record){
                   .kind = RECORD_STEP, .what = STEP_RESUMED, .ns = t->resumed.ns, .fault = t->nr_faults });
    t->activity.from = t->account == ACCOUNT_FAULT && (!goes_on || killed);
    t->activity.duration_ns = (killed ? t->ending.ns : t->resumed.ns) - t->activity.ns;
    if (t->account != NOTHING)
        put(t, &t->activity);
    if (killed) {
        t->ending.duration_ns = t->resumed.ns - t->ending.ns;
        put(t, &t->ending);
        t->ending.exits = 0;
    }
    begin(t, t->next, t->resumed.ns);
    t->ended = false;
}

/* 3. One exit. */

void trace_add_return(struct trace *t, enum trace_lane from)
{
    t->returned = stamp_now();
    t->exit = (struct trace_record){ .kind = RECORD_EXIT, .from = from, .ns = t->returned.ns };
    t->exit_is_open = true;
    if (from == LANE_KERNEL)
        put(t, &(struct trace_record){ .kind = RECORD_RUN,
                                       .fault = fault_in_progress(t),
                                       .ns = t->resumed.ns,
                                       .duration_ns = t->returned.ns - t->resumed.ns });
}

void trace_add_fault(struct trace *t, gva_t address, uint32_t error, gva_t rip)
{
    begin(t, ACCOUNT_FAULT, t->returned.ns);
    t->nr_faults++;
    t->has_frame = false;
    t->activity.kind = RECORD_FAULT;
    t->activity.fault = t->nr_faults;
    t->activity.address = address;
    t->activity.error = error;
    t->activity.rip = rip;
    put_step(t, STEP_CAUGHT, SOURCE_SEEN, t->returned.ns);
}

void trace_add_instruction(struct trace *t, int instruction, unsigned port)
{
    t->exit.instruction = (uint8_t)instruction;
    t->exit.port = (uint16_t)port;
}

void trace_add_hypercall(struct trace *t, unsigned op)
{
    t->exit.hypercalls |= 1u << op;
}

void trace_add_step(struct trace *t, enum trace_step step)
{
    put_step(t, step, SOURCE_SEEN, clock_now_ns());
}

void trace_add_inferred(struct trace *t, enum trace_step step)
{
    if (step == STEP_FRAME_ALLOCATED && t->has_frame)
        return;
    t->has_frame |= step == STEP_FRAME_ALLOCATED;
    put_step(t, step, SOURCE_INFERRED, t->resumed.ns + (t->returned.ns - t->resumed.ns) / 2);
}

void trace_add_end(struct trace *t)
{
    t->over = true;
}

/* The guest's counter is ours and the offset; or ours alone, on a PVM that is not known to be one: whichever lies in between. */
static uint64_t ns_of_guest_tsc(const struct trace *t, uint64_t tsc)
{
    uint64_t length = t->returned.tsc - t->resumed.tsc;
    uint64_t since = tsc - (uint64_t)t->about.tsc_offset - t->resumed.tsc;
    if (since > length)
        since = tsc - t->resumed.tsc;
    if (since > length || !length)
        return t->returned.ns;
    double part = (double)since / (double)length;
    return t->resumed.ns + (uint64_t)(part * (double)(t->returned.ns - t->resumed.ns));
}

void trace_add_told(struct trace *t, const struct trace_told_step *told, unsigned count)
{
    uint64_t last = t->resumed.ns;
    for (unsigned i = 0; i < count; i++) {
        uint64_t ns = ns_of_guest_tsc(t, told[i].tsc);
        last = ns > last ? ns : last;
        put_step(t, told[i].step, SOURCE_TOLD, last);
    }
}

void trace_add_disk(struct trace *t, uint64_t began_ns, unsigned requests)
{
    put(t, &(struct trace_record){ .kind = RECORD_DISK,
                                   .fault = fault_in_progress(t),
                                   .exits = requests,
                                   .ns = began_ns,
                                   .duration_ns = clock_now_ns() - began_ns });
}

void trace_add_charge(struct trace *t, enum exit_cause cause, enum account payer, const struct ledger *after)
{
    if (after->ended ? t->account == NOTHING : after->account != t->account)
        begin(t, after->ended ? payer : after->account, t->returned.ns); /* and may end at once */
    t->exit.what = cause;
    t->exit.payer = payer;
    t->exit.fault = fault_that_pays(t, payer);
    charge(t, payer);
    t->ended = after->ended;
    t->next = after->account;
    if (after->moved)
        cut_off_ending(t, after->moved);
    if (after->ended && t->account == ACCOUNT_FAULT)
        t->activity.what = payer == ACCOUNT_HIDDEN ? TRACE_CLASS_HIDDEN : (int)after->fault_class;
}

void trace_add_drain(struct trace *t, enum account payer)
{
    uint32_t fault = fault_that_pays(t, payer);
    if (!t->ended)
        charge(t, payer);
    put(t, &(struct trace_record){ .kind = RECORD_EXIT,
                                   .what = EXIT_DRAIN,
                                   .from = LANE_MONITOR,
                                   .to = LANE_MONITOR,
                                   .payer = payer,
                                   .fault = fault,
                                   .ns = clock_now_ns() });
}

void trace_add_work(struct trace *t, unsigned stores, unsigned flushes, bool root)
{
    if (!stores && !flushes && !root)
        return;
    put(t, &(struct trace_record){ .kind = RECORD_WORK,
                                   .from = root,
                                   .fault = fault_in_progress(t),
                                   .exits = stores,
                                   .error = flushes,
                                   .ns = clock_now_ns() });
}

void trace_add_resume(struct trace *t, enum trace_lane to)
{
    t->resumed = stamp_now();
    t->exit.to = to;
    t->exit.duration_ns = t->resumed.ns - t->exit.ns;
    if (t->exit_is_open)
        put(t, &t->exit);
    t->exit_is_open = false;
    if (t->ended)
        end(t, to != LANE_VMM);
    if (t->nr_records > FLUSH_ABOVE && t->account != ACCOUNT_FAULT)
        flush_with_pause(t);
}

/* 4. Opening and closing. */

static void destroy(struct trace *t)
{
    if (t->file)
        fclose(t->file);
    free(t->path);
    free(t);
}

struct trace *trace_open(const char *path, const struct trace_about *about)
{
    struct trace *t = calloc(1, sizeof(*t));
    char *name = t ? strdup(path) : NULL;
    if (!name) {
        fail(ENOMEM, "cannot record a trace");
        free(t);
        return NULL;
    }
    t->path = name;
    t->about = *about;
    t->file = fopen(path, "we");
    if (!t->file) {
        fail(errno, "cannot write the trace to %s", path);
        destroy(t);
        return NULL;
    }
    setvbuf(t->file, NULL, _IOFBF, FILE_BUFFER);
    t->resumed = t->returned = stamp_now();
    begin(t, ACCOUNT_BOOT, about->start_ns);
    trace_write_head(t->file, about);
    return t;
}

int trace_close(struct trace *t)
{
    if (!t)
        return 0;
    flush(t);
    trace_write_tail(t->file);
    bool bad = ferror(t->file);
    errno = 0;
    int err = 0;
    if (fclose(t->file) == EOF || bad)
        err = fail(errno ? errno : EIO, "cannot write the trace to %s", t->path);
    t->file = NULL;
    destroy(t);
    return err;
}
