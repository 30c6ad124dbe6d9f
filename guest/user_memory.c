/* The kernel's hands in a program's memory: always through a touch, so that rights are checked and pages come
 * in, then through the linear map. */
#include "kernel.h"
#include "pages.h"
#include "tables.h"

void *space_reach(struct space *s, gva_t address, unsigned access, enum touch *why)
{
    *why = space_touch(s, address, access);
    if (*why == TOUCH_NO_MEMORY)
        s->starved = true;
    if (*why != TOUCH_OK)
        return NULL;
    struct slot at;
    kassert(tables_find(s, address, &at));
    return (char *)pfn_to_virt(entry_page(slot_read(at))) + page_offset(address);
}

bool space_is_starved(const struct space *s)
{
    return s->starved;
}

static uint64_t up_to_page_end(gva_t a, uint64_t bytes)
{
    uint64_t left = PAGE_SIZE - page_offset(a);
    return bytes < left ? bytes : left;
}

int space_read(struct space *s, void *to, gva_t from, uint64_t bytes)
{
    char *out = to;
    while (bytes) {
        uint64_t n = up_to_page_end(from, bytes);
        enum touch why;
        const void *p = space_reach(s, from, ACCESS_READ, &why);
        if (!p)
            return -EFAULT;
        memcpy(out, p, n);
        out += n;
        from += n;
        bytes -= n;
    }
    return 0;
}

int space_write(struct space *s, gva_t to, const void *from, uint64_t bytes)
{
    const char *in = from;
    while (bytes) {
        uint64_t n = up_to_page_end(to, bytes);
        enum touch why;
        void *p = space_reach(s, to, ACCESS_WRITE, &why);
        if (!p)
            return -EFAULT;
        memcpy(p, in, n);
        in += n;
        to += n;
        bytes -= n;
    }
    return 0;
}

int space_read_string(struct space *s, char *to, gva_t from, uint64_t size)
{
    uint64_t length = 0;
    while (length < size) {
        enum touch why;
        const char *p = space_reach(s, from + length, ACCESS_READ, &why);
        if (!p)
            return -EFAULT;
        for (uint64_t n = up_to_page_end(from + length, size - length); n > 0; n--, p++, length++)
            if ((to[length] = *p) == 0)
                return (int)length;
    }
    return -ENAMETOOLONG;
}
