#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/word_list.h"

void word_list_free(struct word_list *l)
{
    while (l->count)
        free(l->words[--l->count]);
}

static bool add(struct word_list *l, const char *word, size_t len)
{
    char *copy = strndup(word, len);
    if (!copy) {
        fail(ENOMEM, "cannot keep the word %s", word);
        return false;
    }
    l->words[l->count++] = copy;
    return true;
}

bool word_list_set(struct word_list *l, const char *const *words)
{
    word_list_free(l);
    for (; *words && l->count < MAX_LIST_WORDS; words++)
        if (!add(l, *words, strlen(*words)))
            return false;
    return true;
}

static bool is_in(const char *word, size_t len, const char *const *words, unsigned count)
{
    for (unsigned i = 0; i < count && words[i]; i++)
        if (strlen(words[i]) == len && !strncmp(word, words[i], len))
            return true;
    return false;
}

static void refuse(const char *option, const char *text, const char *const *allowed)
{
    char list[256] = "";
    for (; *allowed; allowed++)
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", list[0] ? ", " : "", *allowed);
    fail(0, "--%s %s: expected some of %s, with commas between", option, text, list);
}

bool word_list_parse(struct word_list *l, const char *option, const char *text, const char *const *allowed)
{
    word_list_free(l);
    for (const char *word = text;; word++) {
        size_t len = strcspn(word, ",");
        if (len == 0 || (allowed && !is_in(word, len, allowed, MAX_LIST_WORDS))) {
            if (allowed)
                refuse(option, text, allowed);
            else
                fail(0, "--%s %s: expected words with commas between", option, text);
            return false;
        }
        if (is_in(word, len, (const char *const *)l->words, l->count) || l->count == MAX_LIST_WORDS) {
            fail(0, "--%s %s: %.*s %s", option, text, (int)len, word,
                 l->count == MAX_LIST_WORDS ? "is one word too many" : "is there twice");
            return false;
        }
        if (!add(l, word, len))
            return false;
        word += len;
        if (!*word)
            return true;
    }
}
