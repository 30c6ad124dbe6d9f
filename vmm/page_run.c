/* The JSON of one run, checked. */
#include <stdio.h>
#include <string.h>
#include "vmm/page_data.h"
#include "vmm/size.h"

/* Copy as much as there is room for, up to the end of a UTF-8 character. */
static void copy_text(char *to, size_t room, const char *text)
{
    size_t len = strlen(text);
    if (len >= room) {
        len = room - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(to, text, len);
    to[len] = '\0';
}

static bool take_text(const json_t *o, const char *key, char *to, size_t room)
{
    const char *text = json_string_value(json_object_get(o, key));
    if (text)
        copy_text(to, room, text);
    return text != NULL;
}

static bool take_count(const json_t *o, const char *key, uint64_t *count)
{
    const json_t *value = json_object_get(o, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *count = (uint64_t)json_integer_value(value);
    return true;
}

static bool take_time(const json_t *o, const char *key, double *ns)
{
    uint64_t whole;
    if (!take_count(o, key, &whole))
        return false;
    *ns = (double)whole;
    return true;
}

/* The words with blanks between. */
static bool take_program(const json_t *words, char *to, size_t room)
{
    char all[4096] = "";
    size_t used = 0;
    if (!json_is_array(words) || json_array_size(words) == 0)
        return false;
    for (size_t i = 0; i < json_array_size(words) && used < sizeof(all); i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (!word)
            return false;
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", i ? " " : "", word);
    }
    copy_text(to, room, all);
    return true;
}

static bool take_tally(const json_t *o, struct page_tally *t)
{
    const struct {
        const char *key;
        uint64_t *number;
    } numbers[] = { { "count", &t->count },
                    { "exits", &t->exits },
                    { "min", &t->min },
                    { "max", &t->max },
                    { "ns", &t->ns } };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!take_count(o, numbers[i].key, numbers[i].number))
            return false;
    return take_time(o, "p10_ns", &t->p10_ns) && take_time(o, "median_ns", &t->median_ns) &&
           take_time(o, "p90_ns", &t->p90_ns);
}

static const char *take_faults(struct page_run *r, const json_t *faults)
{
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        if (!take_tally(json_object_get(faults, fault_class_name(i)), &r->faults[i]))
            return "the numbers of \"faults\" are not there, or not numbers";
    return NULL;
}

static void take_point(struct page_run *r, const json_t *o)
{
    r->point = json_object_get(o, "sweep");
    r->of_sweep = json_is_object(r->point);
    if (!r->of_sweep)
        return;
    take_text(r->point, "swap", r->swap, sizeof(r->swap));
    take_text(r->point, "policy", r->policy, sizeof(r->policy));
    take_text(r->point, "mode", r->mode, sizeof(r->mode));
    const char *memory = json_string_value(json_object_get(r->point, "memory"));
    if (memory)
        size_parse(memory, &r->memory_bytes); /* or it stays 0; if the run has counts, they tell */
}

const char *page_run_from_json(struct page_run *r, const json_t *o)
{
    *r = (struct page_run){ 0 };
    if (!json_is_object(o) || !json_is_string(json_object_get(o, "faultvisor")))
        return "it has no \"faultvisor\"";
    if (!json_is_integer(json_object_get(o, "exit_status")))
        return "\"exit_status\" is not a number";
    r->status = json_integer_value(json_object_get(o, "exit_status"));
    take_text(o, "failure", r->failure, sizeof(r->failure));
    take_text(o, "policy", r->policy, sizeof(r->policy));
    take_point(r, o);
    if (r->failure[0] && !json_object_get(o, "faults")) {
        take_program(json_object_get(r->point, "program"), r->program, sizeof(r->program));
        return NULL;
    }
    if (!take_text(o, "mode", r->mode, sizeof(r->mode)) ||
        !take_text(o, "substrate", r->substrate, sizeof(r->substrate)))
        return "\"mode\" or \"substrate\" is not there";
    if (!take_program(json_object_get(o, "program"), r->program, sizeof(r->program)))
        return "\"program\" is not a list of words";
    if (!take_count(o, "memory_bytes", &r->memory_bytes) || !take_count(o, "wall_ns", &r->wall_ns) ||
        !take_count(o, "start_ns", &r->start_ns) ||
        !take_count(json_object_get(o, "exits"), "total", &r->exits))
        return "\"memory_bytes\", \"exits\", \"start_ns\" or \"wall_ns\" is not a number";
    if (!take_tally(json_object_get(o, "system_calls"), &r->system_calls) ||
        !take_tally(json_object_get(o, "timer"), &r->timer))
        return "the numbers of \"system_calls\" or \"timer\" are not there, or not numbers";
    return take_faults(r, json_object_get(o, "faults"));
}

void page_run_from_failed(struct page_run *r, const json_t *result, const json_t *like)
{
    struct page_run other;
    *r = (struct page_run){ .status = json_integer_value(json_object_get(result, "status")) };
    if (!page_run_from_json(&other, like)) {
        memcpy(r->program, other.program, sizeof(r->program));
        memcpy(r->policy, other.policy, sizeof(r->policy));
        r->memory_bytes = other.memory_bytes;
    }
    if (!take_text(result, "mode", r->mode, sizeof(r->mode)))
        strcpy(r->mode, "?");
    if (!take_text(result, "failure", r->failure, sizeof(r->failure)) || !r->failure[0])
        strcpy(r->failure, "no reason is told");
}

bool page_run_is_done(const struct page_run *r)
{
    return !r->failure[0];
}

const char *page_run_policy(const struct page_run *r)
{
    return r->policy[0] ? r->policy : "default";
}

uint64_t page_run_faults(const struct page_run *r)
{
    uint64_t sum = 0;
    for (int i = 0; i < NR_FAULT_CLASSES; i++)
        sum += r->faults[i].count;
    return sum;
}
