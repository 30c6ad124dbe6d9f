/* Steps: names and lanes, and their order in each mode. */
#include <string.h>
#include "vmm/trace_steps.h"

static const char *const lane_names[NR_TRACE_LANES] = {
    [LANE_PROGRAM] = "program", [LANE_KERNEL] = "guest kernel", [LANE_MONITOR] = "monitor",
    [LANE_VMM] = "VMM",         [LANE_DISK] = "disk",
};

static const struct {
    const char *name;
    enum trace_lane lane;
} steps_table[NR_TRACE_STEPS] = {
    [STEP_CAUGHT] = { "caught", LANE_VMM },
    [STEP_DOMAIN_FOUND] = { "domain-found", LANE_VMM },
    [STEP_FAULT_INFO_WRITTEN] = { "fault-info-written", LANE_VMM },
    [STEP_UPCALL] = { "upcall", LANE_VMM },
    [STEP_GUEST_WALKED] = { "guest-walked", LANE_VMM },
    [STEP_INJECTED] = { "injected", LANE_VMM },
    [STEP_ADDRESS_READ] = { "address-read", LANE_VMM },
    [STEP_FRAME_ALLOCATED] = { "frame-allocated", LANE_KERNEL },
    [STEP_VICTIM_OUT] = { "victim-out", LANE_KERNEL },
    [STEP_PAGE_IN] = { "page-in", LANE_KERNEL },
    [STEP_UPDATE_REQUESTED] = { "update-requested", LANE_VMM },
    [STEP_TABLE_UPDATED] = { "table-updated", LANE_VMM },
    [STEP_STORE_TRAPPED] = { "store-trapped", LANE_VMM },
    [STEP_SHADOW_UPDATED] = { "shadow-updated", LANE_VMM },
    [STEP_RETURN_TRAPPED] = { "return-trapped", LANE_VMM },
    [STEP_RESUMED] = { "resumed", LANE_PROGRAM },
};

static const char *const source_names[NR_TRACE_SOURCES] = {
    [SOURCE_SEEN] = "seen",
    [SOURCE_TOLD] = "told",
    [SOURCE_INFERRED] = "inferred",
};

const char *trace_instruction_name(int instruction)
{
    if (instruction < FV_NR_INSTRUCTIONS)
        return fv_instruction_name((enum fv_instruction)instruction);
    return instruction == TRACE_IN ? "in" : "out";
}

const char *trace_class_name(int class)
{
    return class == TRACE_CLASS_HIDDEN ? "hidden" : fault_class_name((enum fault_class) class);
}

const char *trace_lane_name(enum trace_lane lane)
{
    return lane_names[lane];
}

const char *trace_step_name(enum trace_step step)
{
    return steps_table[step].name;
}

enum trace_lane trace_step_lane(enum trace_step step)
{
    return steps_table[step].lane;
}

const char *trace_source_name(enum trace_source source)
{
    return source_names[source];
}

/* The order. */

#define BIT(step) (1u << (step))

static const enum trace_step pv_list[] = {
    STEP_CAUGHT,     STEP_DOMAIN_FOUND, STEP_FAULT_INFO_WRITTEN, STEP_UPCALL,        STEP_FRAME_ALLOCATED,
    STEP_VICTIM_OUT, STEP_PAGE_IN,      STEP_UPDATE_REQUESTED,   STEP_TABLE_UPDATED, STEP_RESUMED,
};
static const enum trace_step fv_list[] = {
    STEP_CAUGHT,          STEP_GUEST_WALKED,   STEP_INJECTED, STEP_ADDRESS_READ,
    STEP_FRAME_ALLOCATED, STEP_VICTIM_OUT,     STEP_PAGE_IN,  STEP_STORE_TRAPPED,
    STEP_SHADOW_UPDATED,  STEP_RETURN_TRAPPED, STEP_RESUMED,
};

struct order {
    const enum trace_step *list;
    unsigned count;
    unsigned always; /* BIT()s of the steps that each fault has; the last, resumed, unless the run stopped */
    unsigned solved; /* and those of one that let the program go on */
};
static const struct order pv_order = {
    pv_list,
    sizeof(pv_list) / sizeof(pv_list[0]),
    BIT(STEP_CAUGHT) | BIT(STEP_DOMAIN_FOUND) | BIT(STEP_FAULT_INFO_WRITTEN) | BIT(STEP_UPCALL),
    BIT(STEP_UPDATE_REQUESTED) | BIT(STEP_TABLE_UPDATED),
};
static const struct order fv_order = {
    fv_list,
    sizeof(fv_list) / sizeof(fv_list[0]),
    BIT(STEP_CAUGHT) | BIT(STEP_GUEST_WALKED) | BIT(STEP_INJECTED) | BIT(STEP_ADDRESS_READ),
    BIT(STEP_STORE_TRAPPED) | BIT(STEP_SHADOW_UPDATED) | BIT(STEP_RETURN_TRAPPED),
};
static const struct order hidden_order = {
    fv_list,
    sizeof(fv_list) / sizeof(fv_list[0]),
    BIT(STEP_CAUGHT) | BIT(STEP_GUEST_WALKED) | BIT(STEP_SHADOW_UPDATED),
    0,
};

static const struct order *order_of(const char *mode, int class)
{
    if (!strcmp(mode, "pv"))
        return &pv_order;
    if (!strcmp(mode, "fv"))
        return class == TRACE_CLASS_HIDDEN ? &hidden_order : &fv_order;
    return NULL;
}

/* Which steps are there, and where each was for the last time. */
struct seen {
    unsigned steps;
    unsigned first[NR_TRACE_STEPS], last[NR_TRACE_STEPS];
};

static struct seen look_through(const enum trace_step *steps, unsigned count)
{
    struct seen s = { 0 };
    for (unsigned i = 0; i < count; i++) {
        if (!(s.steps & BIT(steps[i])))
            s.first[steps[i]] = i;
        s.last[steps[i]] = i;
        s.steps |= BIT(steps[i]);
    }
    return s;
}

static const char *missing_step(const struct order *o, int class, bool stopped, const struct seen *s)
{
    unsigned needed =
        o->always | (stopped ? 0 : BIT(STEP_RESUMED)) | (class == FAULT_PROTECTION ? 0 : o->solved);
    if (needed & ~s->steps)
        return "a step that each such fault has is missing";
    if (class == FAULT_MAJOR && !(s->steps & (BIT(STEP_PAGE_IN) | BIT(STEP_VICTIM_OUT))))
        return "a major fault without page-in or victim-out";
    return NULL;
}

/* A page may go out before a frame is there, too: when there was none left. */
static bool is_bound(enum trace_step step)
{
    return step != STEP_VICTIM_OUT;
}

static const char *wrong_order(const struct order *o, const struct seen *s)
{
    unsigned known = 0, end = 0;
    for (unsigned i = 0; i < o->count; i++) {
        enum trace_step step = o->list[i];
        known |= BIT(step);
        if (!(s->steps & BIT(step)) || !is_bound(step))
            continue;
        if (s->last[step] < end)
            return "a step comes after one that it should come before";
        end = s->last[step];
    }
    return s->steps & ~known ? "a step of another mode" : NULL;
}

const char *trace_order_problem(const char *mode, int class, bool stopped, const enum trace_step *steps,
                                unsigned count)
{
    const struct order *o = order_of(mode, class);
    if (!o)
        return "no list of steps for this mode";
    if (count == 0 || steps[0] != STEP_CAUGHT)
        return "it does not begin with caught";
    struct seen s = look_through(steps, count);
    if (s.last[STEP_CAUGHT] != 0)
        return "caught twice";
    const char *problem = missing_step(o, class, stopped, &s);
    if (problem)
        return problem;
    problem = wrong_order(o, &s);
    if (!problem && (s.steps & BIT(STEP_RESUMED)) && s.first[STEP_RESUMED] != count - 1)
        problem = "a step after resumed";
    return problem;
}
