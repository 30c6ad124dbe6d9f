#include <stdio.h>
#include "vmm/json_text.h"

json_t *json_text(const char *text)
{
    json_t *s = json_string(text);
    if (s)
        return s;
    char clean[4096];
    size_t used = 0;
    for (const char *c = text; *c && used + 4 < sizeof(clean); c++) {
        if ((unsigned char)*c < 0x80)
            clean[used++] = *c;
        else
            used += (size_t)sprintf(clean + used, "\xef\xbf\xbd");
    }
    return json_stringn(clean, used);
}
