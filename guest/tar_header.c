/* Decoding of a tar header. Nothing in it is trusted: fields may lack their NUL, numbers may be none. */
#include "tar_header.h"
#include "kernel.h"

/* Where the fields are. */
struct field {
    unsigned at, size;
};
static const struct field NAME = { 0, 100 }, MODE = { 100, 8 }, SIZE = { 124, 12 }, MTIME = { 136, 12 },
                          CHECKSUM = { 148, 8 }, LINK = { 157, 100 }, MAGIC = { 257, 5 },
                          PREFIX = { 345, 155 };
#define TYPE_AT 156

/* Octal digits between spaces or NULs, as wide as the field; or base-256, most significant byte first, if the
 * first bit is set. */
static bool parse_number(const unsigned char *block, struct field f, uint64_t *value)
{
    const unsigned char *p = block + f.at, *end = p + f.size;
    *value = 0;
    if (*p & 0x80) {
        if (*p & 0x40)
            return false; /* negative */
        uint64_t v = *p++ & 0x3f;
        for (; p < end; p++) {
            if (v >> 56)
                return false;
            v = v << 8 | *p;
        }
        *value = v;
        return true;
    }
    while (p < end && *p == ' ')
        p++;
    for (; p < end && *p >= '0' && *p <= '7'; p++) /* twelve digits are 36 bits at the most */
        *value = *value << 3 | (*p - '0');
    while (p < end && (*p == ' ' || *p == 0))
        p++;
    return p == end;
}

static unsigned copy_text(char *to, const unsigned char *block, struct field f)
{
    unsigned n = 0;
    while (n < f.size && block[f.at + n]) {
        to[n] = (char)block[f.at + n];
        n++;
    }
    to[n] = 0;
    return n;
}

/* The sum of all bytes, with the checksum itself as spaces. Some old writers took bytes as signed. */
static bool checksum_is_right(const unsigned char *block)
{
    uint64_t stored, sum = 0;
    int64_t signed_sum = 0;
    for (unsigned i = 0; i < TAR_BLOCK; i++) {
        bool own = i - CHECKSUM.at < CHECKSUM.size;
        sum += own ? ' ' : block[i];
        signed_sum += own ? ' ' : (signed char)block[i];
    }
    return parse_number(block, CHECKSUM, &stored) && (stored == sum || (int64_t)stored == signed_sum);
}

static bool is_zero(const unsigned char *block)
{
    for (unsigned i = 0; i < TAR_BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

static bool has_content(char type)
{
    return strchr("123456", type) == NULL; /* links, devices, directories, fifos: the size means nothing */
}

enum tar_header_kind tar_header_parse(struct tar_header *h, const unsigned char block[TAR_BLOCK])
{
    if (is_zero(block))
        return TAR_ZERO_BLOCK;
    if (memcmp(block + MAGIC.at, "ustar", MAGIC.size))
        return TAR_NOT_USTAR;
    if (!checksum_is_right(block))
        return TAR_BAD_CHECKSUM;

    h->type = block[TYPE_AT] ? (char)block[TYPE_AT] : '0';
    if (!parse_number(block, SIZE, &h->size))
        return TAR_BAD_NUMBER;
    if (!has_content(h->type))
        h->size = 0;
    uint64_t mode;
    h->mode = parse_number(block, MODE, &mode) ? mode & 07777 : 0644;
    if (!parse_number(block, MTIME, &h->mtime_s))
        h->mtime_s = 0;

    /* GNU's own format has other things where ustar has the prefix. */
    unsigned n = block[MAGIC.at + MAGIC.size] == 0 ? copy_text(h->name, block, PREFIX) : 0;
    if (n)
        h->name[n++] = '/';
    copy_text(h->name + n, block, NAME);
    copy_text(h->link, block, LINK);
    return TAR_MEMBER;
}
