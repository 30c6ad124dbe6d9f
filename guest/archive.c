/* The archive: 1. reading its blocks, 2. the index in memory, 3. the walk along its headers, 4. reading
 * files. */
#include "archive.h"
#include "archive_index.h"
#include "blk.h"
#include "kernel.h"
#include "space.h"
#include "tar_header.h"

#define MAX_FILES 4096

/* 1. Blocks. A window of a few frames holds what was read last: members are often small, so that one request
 * brings several headers. The first frame of it serves archive_read later. */

#define WINDOW_FRAMES   4
#define SECTORS_A_FRAME (PAGE_SIZE / TAR_BLOCK)

static struct {
    unsigned disk;
    uint64_t sectors;
    char *frames[WINDOW_FRAMES];
    uint64_t window, window_end; /* sectors that it holds */
} archive;

static bool fill_window(uint64_t sector)
{
    struct blk_request reads[WINDOW_FRAMES];
    unsigned n = 0;
    uint64_t at = sector;
    archive.window = archive.window_end = 0;
    for (; n < WINDOW_FRAMES && at < archive.sectors; n++) {
        uint64_t sectors = archive.sectors - at < SECTORS_A_FRAME ? archive.sectors - at : SECTORS_A_FRAME;
        reads[n] = (struct blk_request){ .disk = archive.disk,
                                         .sector = at,
                                         .data = archive.frames[n],
                                         .bytes = (uint32_t)(sectors * TAR_BLOCK) };
        blk_submit(&reads[n]);
        at += sectors;
    }
    blk_run();
    if (reads[0].result != BLK_DONE) { /* the sector itself may be good */
        n = 1;
        reads[0].bytes = TAR_BLOCK;
        blk_submit(&reads[0]);
        blk_run();
    }
    for (unsigned i = 0; i < n && reads[i].result == BLK_DONE; i++)
        archive.window_end = reads[i].sector + reads[i].bytes / TAR_BLOCK;
    archive.window = sector;
    return archive.window_end > sector;
}

/* The block at a sector, good until the next call; NULL: it cannot be read. */
static const unsigned char *read_block(uint64_t sector)
{
    if (sector >= archive.sectors)
        return NULL;
    if ((sector < archive.window || sector >= archive.window_end) && !fill_window(sector))
        return NULL;
    uint64_t i = sector - archive.window;
    return (unsigned char *)archive.frames[i / SECTORS_A_FRAME] + i % SECTORS_A_FRAME * TAR_BLOCK;
}

/* 2. The index: entries and their names, packed into frames. */

struct archive_entry *archive_entries;
static unsigned nr_entries;
static char *room;
static uint64_t room_left;

static void *take_room(uint64_t bytes)
{
    bytes = (bytes + 7) & ~7ull;
    if (bytes > room_left) {
        pfn_t f = memory_take_frame();
        if (!pfn_is_valid(f))
            return NULL;
        room = pfn_to_virt(f);
        room_left = PAGE_SIZE;
    }
    void *p = room;
    room += bytes;
    room_left -= bytes;
    return p;
}

_Static_assert(sizeof(struct archive_entry) + 2 * PATH_SIZE <= PAGE_SIZE, "an entry fits a frame");

/* Add a file of that name, with what f says but its path. link: of symbolic links, or NULL. */
static bool add_entry(const char *name, const struct file *f, const char *link)
{
    uint64_t name_bytes = strlen(name) + 1, link_bytes = link ? strlen(link) + 1 : 0;
    if (nr_entries == MAX_FILES)
        return false;
    struct archive_entry *e = take_room(sizeof *e + name_bytes + link_bytes);
    if (!e)
        return false;
    char *names = (char *)(e + 1);
    memcpy(names, name, name_bytes);
    if (link)
        memcpy(names + name_bytes, link, link_bytes);
    *e = (struct archive_entry){ .file = *f,
                                 .link = link ? names + name_bytes : NULL,
                                 .next = archive_entries };
    struct archive_entry *former = archive_entry_find(name);
    if (former)
        former->replaced = true;
    e->file.path = names;
    e->file.inode = f->inode ? f->inode : 2 + nr_entries; /* the root directory is 1 */
    archive_entries = e;
    nr_entries++;
    return true;
}

/* 3. The walk. */

struct walk {
    uint64_t sector; /* of the next header */
    struct tar_header header;
    char long_name[PATH_SIZE], long_link[PATH_SIZE]; /* of the next member, if not empty */
};

/* GNU's long names: a member whose content is the name of the next. One that is too long for us is cut, and
 * so never found. */
static bool read_long_name(char *to, uint64_t sector, uint64_t bytes)
{
    uint64_t n = 0;
    for (; n < bytes && n < PATH_SIZE - 1; n++) {
        const unsigned char *block = read_block(sector + n / TAR_BLOCK);
        if (!block)
            return false;
        to[n] = (char)block[n % TAR_BLOCK];
    }
    to[n] = 0;
    return true;
}

static bool add_hard_link(const char *name, const char *target)
{
    char path[PATH_SIZE];
    const struct archive_entry *e =
        path_normalize(path, sizeof path, target) ? archive_entry_find(path) : NULL;
    return !e || add_entry(name, &e->file, e->link); /* a link to nothing is left out */
}

/* Enter one member into the index. False: no room. Devices, fifos and extended headers are passed over. */
static bool add_member(const struct walk *w, uint64_t content)
{
    const struct tar_header *h = &w->header;
    char name[PATH_SIZE];
    const char *link = w->long_link[0] ? w->long_link : h->link;
    const char *given = w->long_name[0] ? w->long_name : h->name;
    size_t length = strlen(given);
    if (!path_normalize(name, sizeof name, given) || !name[0])
        return true;

    struct file f = {
        .start_sector = content, .size_bytes = h->size, .mode = h->mode, .mtime_s = h->mtime_s
    };
    switch (h->type) {
    case '0':
    case '7':
        f.mode |= given[length - 1] == '/' ? S_IFDIR : S_IFREG; /* as before ustar had directories */
        return add_entry(name, &f, NULL);
    case '1':
        return add_hard_link(name, link);
    case '2':
        f.mode |= S_IFLNK;
        return add_entry(name, &f, link);
    case '5':
        f.mode |= S_IFDIR;
        return add_entry(name, &f, NULL);
    default:
        return true;
    }
}

/* Deal with the header at w->sector, and move on. Returns NULL to go on, "" at the end, or what is wrong. */
static const char *take_header(struct walk *w)
{
    static const char *const faults[] = {
        [TAR_ZERO_BLOCK] = "",
        [TAR_NOT_USTAR] = "no ustar header",
        [TAR_BAD_CHECKSUM] = "wrong checksum",
        [TAR_BAD_NUMBER] = "size is no number",
    };
    if (w->sector >= archive.sectors)
        return "the disk ends before the archive does";
    const unsigned char *block = read_block(w->sector);
    if (!block)
        return "cannot be read";
    enum tar_header_kind kind = tar_header_parse(&w->header, block);
    if (kind != TAR_MEMBER)
        return faults[kind];

    uint64_t content = w->sector + 1, left = archive.sectors - content, size = w->header.size;
    if (size > left * TAR_BLOCK)
        return "a member goes on beyond the end of the disk";
    char type = w->header.type;
    if (type == 'L' || type == 'K') {
        if (!read_long_name(type == 'L' ? w->long_name : w->long_link, content, size))
            return "cannot be read";
    } else {
        if (!add_member(w, content))
            return "too many files";
        if (type != 'x' && type != 'g')
            w->long_name[0] = w->long_link[0] = 0;
    }
    w->sector = content + (size + TAR_BLOCK - 1) / TAR_BLOCK;
    return NULL;
}

bool archive_open(unsigned disk)
{
    static struct walk w;
    archive_entries = NULL;
    nr_entries = 0;
    room_left = 0;
    w.sector = 0;
    w.long_name[0] = w.long_link[0] = 0;
    archive.disk = disk;
    archive.sectors = blk_sectors(disk);
    archive.window = archive.window_end = 0;
    const char *fault = NULL;
    for (unsigned i = 0; i < WINDOW_FRAMES; i++) {
        pfn_t f = memory_take_frame();
        if (!pfn_is_valid(f)) {
            kprintf("archive: no memory\n");
            return false;
        }
        archive.frames[i] = pfn_to_virt(f);
    }
    while (!fault)
        fault = take_header(&w);
    for (unsigned i = 1; i < WINDOW_FRAMES; i++)
        memory_give_frame(gpa_to_pfn(virt_to_gpa(archive.frames[i])));
    archive.window = archive.window_end = 0;
    if (!fault[0])
        return true;
    kprintf("archive: disk %u, sector %lu: %s\n", disk, w.sector, fault);
    return false;
}

unsigned archive_disk(void)
{
    return archive.disk;
}

/* 4. Reading files. Whole sectors go straight to where they are wanted; the rest through the one frame that
 * was kept. */

#define READ_MAX (64u << 10)

static bool read_sectors(uint64_t sector, void *to, uint64_t bytes)
{
    struct blk_request r = { .disk = archive.disk, .sector = sector, .data = to, .bytes = (uint32_t)bytes };
    blk_submit(&r);
    blk_run();
    return r.result == BLK_DONE;
}

/* Read some bytes from offset on, at least one and at most `bytes`. 0: the disk failed. */
static uint64_t read_piece(const struct file *f, uint64_t offset, char *to, uint64_t bytes)
{
    uint64_t sector = f->start_sector + offset / TAR_BLOCK, skip = offset % TAR_BLOCK;
    if (!skip && bytes >= TAR_BLOCK) {
        uint64_t whole = (bytes < READ_MAX ? bytes : READ_MAX) & ~(uint64_t)(TAR_BLOCK - 1);
        return read_sectors(sector, to, whole) ? whole : 0;
    }
    if (!read_sectors(sector, archive.frames[0], TAR_BLOCK))
        return 0;
    uint64_t n = bytes < TAR_BLOCK - skip ? bytes : TAR_BLOCK - skip;
    memcpy(to, archive.frames[0] + skip, n);
    return n;
}

int64_t archive_read(const struct file *f, uint64_t offset, void *to, uint64_t bytes)
{
    if (offset >= f->size_bytes)
        return 0;
    if (bytes > f->size_bytes - offset)
        bytes = f->size_bytes - offset;
    uint64_t done = 0;
    while (done < bytes) {
        uint64_t n = read_piece(f, offset + done, (char *)to + done, bytes - done);
        if (!n)
            return -EIO;
        done += n;
    }
    return (int64_t)bytes;
}
