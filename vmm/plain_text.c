#include <stdbool.h>
#include "vmm/plain_text.h"

static bool is_late_control(const char *text)
{
    return (unsigned char)text[0] == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0;
}

void plain_text(char *text, char instead)
{
    for (; *text; text++) {
        if (is_late_control(text))
            *text++ = instead;
        else if ((unsigned char)*text >= ' ' && *text != 0x7f)
            continue;
        *text = instead;
    }
}
