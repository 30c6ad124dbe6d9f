/* Text in HTML and SVG. */
#pragma once
#include <stdio.h>

/* Text as text: what means something in HTML is escaped (in attributes too, between double quotes), control
 * characters become U+FFFD. */
void html_text(FILE *to, const char *text);
