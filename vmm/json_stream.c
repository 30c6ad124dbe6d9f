/* Values are found by their brackets and quotes, and then parsed by jansson, which judges what is between. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "vmm/error.h"
#include "vmm/json_stream.h"

int json_stream_open(struct json_stream *s, const char *name)
{
    struct stat st;
    *s = (struct json_stream){ .name = name, .line = 1 };
    s->file = fopen(name, "re");
    if (!s->file)
        return fail(errno, "cannot open %s", name);
    if (fstat(fileno(s->file), &st) == 0 && !S_ISREG(st.st_mode)) {
        json_stream_close(s);
        return fail(0, "cannot use %s: it is not a regular file", name);
    }
    s->text = malloc(JSON_STREAM_MOST);
    if (s->text)
        return 0;
    json_stream_close(s);
    return fail(ENOMEM, "cannot read %s", name);
}

void json_stream_close(struct json_stream *s)
{
    if (s->file)
        fclose(s->file);
    free(s->text);
    *s = (struct json_stream){ 0 };
}

int json_stream_fail(const struct json_stream *s, const char *reason)
{
    return fail(0, "cannot use %s, line %lu: %s", s->name, s->line, reason);
}

static int next(struct json_stream *s)
{
    int c = getc_unlocked(s->file);
    s->line += c == '\n';
    return c;
}

static void put_back(struct json_stream *s, int c)
{
    s->line -= c == '\n';
    ungetc(c, s->file);
}

int json_stream_peek(struct json_stream *s)
{
    int c;
    do
        c = next(s);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r');
    if (c != EOF)
        put_back(s, c);
    return c;
}

bool json_stream_take(struct json_stream *s, char c)
{
    if (json_stream_peek(s) != c)
        return false;
    next(s);
    return true;
}

/* Where in a value are we? */
struct place {
    int depth;
    bool in_string, escaped;
};

/* Is the value complete with this character? */
static bool ends_with(struct place *p, int c)
{
    if (p->in_string) {
        bool closes = c == '"' && !p->escaped;
        p->escaped = c == '\\' && !p->escaped;
        p->in_string = !closes;
        return closes && p->depth == 0;
    }
    if (c == '"')
        p->in_string = true;
    else if (c == '{' || c == '[')
        p->depth++;
    else if (c == '}' || c == ']')
        p->depth--;
    return (c == '}' || c == ']') && p->depth <= 0;
}

/* A number or a word ends before what cannot be in it. */
static bool ends_before(const struct place *p, int c)
{
    return p->depth == 0 && !p->in_string && (c == ',' || c == ':' || c == '}' || c == ']' || c <= ' ');
}

static const char *collect(struct json_stream *s)
{
    struct place p = { 0 };
    s->used = 0;
    for (;;) {
        int c = next(s);
        if (c == EOF)
            return "it ends in the middle, as if the run had been killed";
        if (ends_before(&p, c)) {
            put_back(s, c);
            return s->used ? NULL : "a value is missing";
        }
        if (s->used == JSON_STREAM_MOST)
            return "a value is larger than 64 KiB";
        s->text[s->used++] = (char)c;
        if (ends_with(&p, c))
            return NULL;
    }
}

json_t *json_stream_value(struct json_stream *s)
{
    json_error_t error;
    json_stream_peek(s);
    const char *problem = collect(s);
    json_t *value = NULL;
    if (!problem) {
        value = json_loadb(s->text, s->used, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
        problem = error.text;
    }
    if (!value)
        json_stream_fail(s, problem);
    return value;
}
