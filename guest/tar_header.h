/* One header of a ustar archive, decoded and checked. POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar
 * manual, "Basic Tar Format", for base-256 numbers and long names. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define TAR_BLOCK    512
#define TAR_NAME_MAX 256 /* prefix, "/", name, without a NUL: 155 + 1 + 100 */
#define TAR_LINK_MAX 100

enum tar_header_kind {
    TAR_MEMBER,
    TAR_ZERO_BLOCK, /* the end mark */
    TAR_NOT_USTAR,  /* no magic */
    TAR_BAD_CHECKSUM,
    TAR_BAD_NUMBER, /* a size that is no number, negative, or too large */
};

struct tar_header {
    char type;     /* '0', '5', ...; '\0' is given as '0' */
    uint64_t size; /* of the content, in bytes; zero for types that have none */
    uint32_t mode; /* permission bits */
    uint64_t mtime_s;
    char name[TAR_NAME_MAX + 1];
    char link[TAR_LINK_MAX + 1];
};

enum tar_header_kind tar_header_parse(struct tar_header *h, const unsigned char block[TAR_BLOCK]);
