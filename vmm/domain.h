/* A domain: what runs in the machine. Its memory, in its own numbering, and how it ended. */
#pragma once
#include "vmm/machine.h"

enum domain_state { DOMAIN_RUNNING, DOMAIN_EXITED, DOMAIN_CRASHED };

struct domain {
    struct machine *machine;
    uint16_t id;
    uint64_t nr_frames;
    mfn_t *p2m;            /* [nr_frames] */
    enum domain_state state;
    int exit_status;       /* DOMAIN_EXITED */
    char crash_reason[160]; /* DOMAIN_CRASHED: the first one */
};

/* Give the domain so many frames of the machine. 0 or -ENOMEM, said. */
int domain_init(struct domain *d, struct machine *m, uint16_t id, uint64_t nr_frames);
void domain_destroy(struct domain *d);

/* The one way for what a guest cannot survive: the first reason is kept, the run loop stops before the guest goes on. */
void domain_crash(struct domain *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void domain_exit(struct domain *d, int status);

/* hva of guest memory: the checked accessor for addresses that a guest gives. NULL unless all bytes lie in one frame of the domain. */
void *domain_memory(const struct domain *d, gpa_t a, uint64_t bytes);
