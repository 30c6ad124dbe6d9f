/* Lists on the command line: words with commas between. */
#pragma once
#include <stdbool.h>

#define MAX_LIST_WORDS 32

struct word_list {
    unsigned count;
    char *words[MAX_LIST_WORDS]; /* owned */
};

/* Parse text, the value of --option. allowed: the words that may be there, ending with NULL; NULL: any. A
 * word that is empty, not allowed, or there twice is refused. False: told; what the list held before is gone.
 */
bool word_list_parse(struct word_list *l, const char *option, const char *text, const char *const *allowed);

/* Make it a copy of words, which ends with NULL. False: no memory, told. */
bool word_list_set(struct word_list *l, const char *const *words);

void word_list_free(struct word_list *l);
