/* The results of a sweep: JSON Lines, one object for each run. A run that is there is not done again, so
 * that a sweep goes on after an interruption. Several processes may append to one file at the same time; each
 * claims the runs that it does. */
#pragma once
#include <jansson.h>
#include <stdbool.h>

struct sweep_file {
    int fd;           /* -1: not open */
    bool is_regular;  /* else lines are only written: to a terminal, a pipe */
    const char *path; /* for messages */
    json_t *done;     /* set of the runs that are there */
};

/* Open, or make, the file; "-" is standard output. A last line that was torn is taken away; any other line
 * that is no JSON object with a "sweep" refuses the file, which then is left as it is. again: lines of failed runs do not count. 0 or a
 * negative errno, said. */
int sweep_file_open(struct sweep_file *f, const char *path, bool again);

/* What others have appended since. */
int sweep_file_read(struct sweep_file *f, bool again);

/* Is the run of this "sweep" object there? */
bool sweep_file_has(const struct sweep_file *f, const json_t *sweep);

/* Claim it until the file is closed. False: somebody else has claimed it. What was done between the last reading and a claim is
 * there at the next reading. */
bool sweep_file_claim(const struct sweep_file *f, const json_t *sweep);

/* Append one line, whole or not at all. 0 or a negative errno, said. */
int sweep_file_append(struct sweep_file *f, const json_t *line);

void sweep_file_close(struct sweep_file *f);
