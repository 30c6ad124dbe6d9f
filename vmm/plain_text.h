/* Text that goes to a terminal, though files and arguments are named in it that may hold anything. */
#pragma once

/* Each byte of a control character (C0, DEL, and C1 in UTF-8, U+0080 to U+009F, which to a terminal are as good as ESC and another
 * character) becomes `instead`: what is left is one line. */
void plain_text(char *text, char instead);
