#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "vmm/domain.h"
#include "vmm/error.h"

int domain_init(struct domain *d, struct machine *m, uint16_t id, uint64_t nr_frames)
{
    *d = (struct domain){ .machine = m, .id = id, .nr_frames = nr_frames };
    d->p2m = malloc(nr_frames * sizeof(d->p2m[0]));
    if (!d->p2m)
        return fail(ENOMEM, "cannot map %llu frames of a domain", (unsigned long long)nr_frames);
    for (uint64_t i = 0; i < nr_frames; i++) {
        d->p2m[i] = machine_take_frame(m);
        if (!mfn_is_valid(d->p2m[i]))
            return fail(ENOMEM, "cannot give a domain %llu frames", (unsigned long long)nr_frames);
    }
    return 0;
}

void domain_destroy(struct domain *d)
{
    free(d->p2m);
    d->p2m = NULL;
}

void domain_crash(struct domain *d, const char *format, ...)
{
    if (d->state != DOMAIN_RUNNING)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(d->crash_reason, sizeof(d->crash_reason), format, args);
    va_end(args);
    d->state = DOMAIN_CRASHED;
}

void domain_exit(struct domain *d, int status)
{
    if (d->state != DOMAIN_RUNNING)
        return;
    d->state = DOMAIN_EXITED;
    d->exit_status = status;
}

void *domain_memory(const struct domain *d, gpa_t a, uint64_t bytes)
{
    uint64_t frame = gpa_to_pfn(a).n;
    if (frame >= d->nr_frames || bytes > PAGE_SIZE - page_offset(a))
        return NULL;
    return (uint8_t *)machine_frame(d->machine, d->p2m[frame]) + page_offset(a);
}
