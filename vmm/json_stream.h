/* A large JSON file value by value, so that memory does not grow with it: the caller walks the outer brackets
 * itself, and asks for the values between them. The file is not trusted. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define JSON_STREAM_MOST 65536 /* bytes of one value */

struct json_stream {
    FILE *file;
    const char *name;
    unsigned long line;
    char *text; /* of the value at hand */
    size_t used;
};

/* name is kept by reference; only regular files, as they may be read twice. 0 or a negative errno, said. */
int json_stream_open(struct json_stream *s, const char *name);
void json_stream_close(struct json_stream *s);

/* The next character that is no white space, which stays where it is; EOF at the end. */
int json_stream_peek(struct json_stream *s);
/* Take that character if it is c. */
bool json_stream_take(struct json_stream *s, char c);
/* The whole value that comes next: the caller owns it. NULL: it is none, or too large, said. */
json_t *json_stream_value(struct json_stream *s);

/* "cannot use NAME, line 17: REASON". -EINVAL. */
int json_stream_fail(const struct json_stream *s, const char *reason);
