/* Text of any bytes as a JSON string. */
#pragma once
#include <jansson.h>

/* What is no UTF-8 (a program's argument may hold anything) becomes U+FFFD, a byte each, as JSON cannot hold
 * it. NULL if there is no memory; the caller owns it. */
json_t *json_text(const char *text);
