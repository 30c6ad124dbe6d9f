/* The fake machine: 1. memory, 2. page tables, 3. TLB and accesses, 4. disks, 5. the rest of the platform. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>
#include "guest_fake.h"
#include "kernel.h"

#define MAX_FRAMES (1u << 16)

struct fake_disk fake_disks[MAX_DISKS];
struct fake_counts fake_counts;
bool fake_quiet;
char fake_message[256];

static uint64_t random_state = 1;

uint64_t fake_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

void fake_random_seed(uint64_t seed)
{
    random_state = seed * 2654435761u + 1;
}

#define require(condition, ...) ((condition) ? (void)0 : panic(__VA_ARGS__))

/* 1. Memory. */

static uint64_t nr_frames;
static struct {
    uint8_t level;    /* of a table; 0: none */
    uint16_t parents; /* entries that point to it */
    uint32_t mapped;  /* entries of level 1 that map it */
    bool root_half;   /* a root's second frame */
} types[MAX_FRAMES];

static uint64_t *words(pfn_t f)
{
    require(f.n < nr_frames, "frame %lu is beyond the memory", f.n);
    return pfn_to_virt(f);
}

/* 2. Page tables. Machine frames are never the same as guest frames. */

static uint64_t to_machine(uint64_t n)
{
    return 0x10000 + (n ^ 0x155);
}

static uint64_t make_entry(pfn_t f, uint64_t bits)
{
    require(f.n < nr_frames && !(bits & PTE_FRAME_MASK), "make_entry(%lu, %lx)", f.n, bits);
    return to_machine(f.n) << PAGE_SHIFT | bits | PTE_PRESENT;
}

static pfn_t entry_frame(uint64_t entry)
{
    require(entry & PTE_PRESENT, "entry_frame(%lx): not present", entry);
    return pfn((pte_frame_number(entry) - 0x10000) ^ 0x155);
}

static uint64_t read_entry(pfn_t table, unsigned index)
{
    require(index < PT_ENTRIES && types[table.n].level, "read_entry(%lu, %u): no table", table.n, index);
    return words(table)[index];
}

static void count_reference(uint64_t entry, int level, int by)
{
    if (!(entry & PTE_PRESENT))
        return;
    uint64_t f = entry_frame(entry).n;
    require(f < nr_frames, "an entry maps frame %lu", f);
    if (level == 1) {
        require(!types[f].level, "frame %lu is mapped, and a table", f);
        types[f].mapped += (unsigned)by;
    } else {
        require(types[f].level == level - 1, "level %d points to a frame of level %d", level, types[f].level);
        types[f].parents = (uint16_t)(types[f].parents + by);
        require(types[f].parents <= 1, "table %lu is linked twice", f);
    }
}

static void store(pfn_t table, unsigned index, uint64_t entry, int level)
{
    const uint64_t known =
        PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY | PTE_NX | PTE_FRAME_MASK;
    require(index < PT_ENTRIES && types[table.n].level == level && level, "write_entry(%lu): no table",
            table.n);
    require(!(entry & PTE_PRESENT) || (!(entry & ~known) && (entry & PTE_USER)), "entry %lx", entry);
    uint64_t was = words(table)[index];
    words(table)[index] = entry;
    count_reference(was, level, -1);
    count_reference(entry, level, 1);
    fake_counts.updates++;
}

static void write_entry(pfn_t table, unsigned index, uint64_t entry)
{
    require(types[table.n].level != PT_LEVELS, "write_entry to a root");
    store(table, index, entry, types[table.n].level);
}

static void require_zeroed(pfn_t f)
{
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        require(!words(f)[i], "frame %lu is not zeroed", f.n);
    require(!types[f.n].level && !types[f.n].mapped && !types[f.n].root_half, "frame %lu is in use", f.n);
}

static void table_created(pfn_t table, int level)
{
    require(level >= 1 && level <= 3, "level %d", level);
    require(!types[table.n].level && !types[table.n].mapped && !types[table.n].root_half,
            "frame %lu is in use", table.n);
    types[table.n].level = (uint8_t)level;
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        count_reference(words(table)[i], level, 1);
    fake_counts.updates++;
}

static void table_retired(pfn_t table, int level)
{
    require(types[table.n].level == level && !types[table.n].parents, "table %lu is still linked", table.n);
    for (unsigned i = 0; i < PT_ENTRIES; i++)
        count_reference(words(table)[i], level, -1);
    types[table.n].level = 0;
    fake_counts.updates++;
}

static struct address_root root_create(const pfn_t *f)
{
    require_zeroed(f[0]);
    require_zeroed(f[1]);
    types[f[0].n].level = PT_LEVELS;
    types[f[1].n].root_half = true;
    return (struct address_root){ .kernel = f[0], .user = f[1] };
}

static pfn_t loaded;

static void root_destroy(const struct address_root *root)
{
    require(loaded.n != root->kernel.n, "the root is loaded");
    for (unsigned i = 0; i < PT_ENTRIES / 2; i++)
        require(!words(root->kernel)[i], "the root is not empty");
    types[root->kernel.n].level = 0;
    types[root->user.n].root_half = false;
}

static void write_root_entry(const struct address_root *root, unsigned index, uint64_t entry)
{
    require(index < PT_ENTRIES / 2, "the kernel's half");
    store(root->kernel, index, entry, PT_LEVELS);
}

/* 3. The TLB: what the CPU remembers of each page. */

#define TLB_SIZE 4096

static struct {
    gva_t page;
    uint64_t entry; /* 0: empty */
} tlb[TLB_SIZE];

static unsigned tlb_slot(gva_t a)
{
    return (unsigned)((a >> PAGE_SHIFT) * 0x9e3779b97f4a7c15ull >> 52) % TLB_SIZE;
}

static void flush_page(gva_t a)
{
    unsigned i = tlb_slot(a);
    if (tlb[i].page == (a & ~PAGE_MASK))
        tlb[i].entry = 0;
    fake_counts.flushes++;
}

static void flush_all(void)
{
    memset(tlb, 0, sizeof tlb);
    fake_counts.flushes++;
}

static void root_load(const struct address_root *root)
{
    require(types[root->kernel.n].level == PT_LEVELS, "root_load: no root");
    loaded = root->kernel;
    memset(tlb, 0, sizeof tlb);
}

/* The entry of level 1 for an address, as the CPU finds it; NULL if there is none. */
static uint64_t *walk(gva_t a)
{
    pfn_t table = loaded;
    for (int level = PT_LEVELS; level > 1; level--) {
        uint64_t entry = words(table)[pt_index(a, level)];
        if (!(entry & PTE_PRESENT))
            return NULL;
        table = entry_frame(entry);
    }
    return &words(table)[pt_index(a, 1)];
}

static bool permits(uint64_t entry, unsigned access)
{
    return (entry & PTE_PRESENT) && !((access & ACCESS_WRITE) && !(entry & PTE_WRITE)) &&
           !((access & ACCESS_EXEC) && (entry & PTE_NX));
}

/* One try of the CPU; false: a page fault. */
static bool cpu_access(gva_t a, unsigned access, unsigned char **p)
{
    unsigned i = tlb_slot(a);
    uint64_t *entry = walk(a);
    if (tlb[i].entry && tlb[i].page == (a & ~PAGE_MASK)) {
        const uint64_t matters = PTE_FRAME_MASK | PTE_PRESENT;
        require(entry && (*entry & matters) == (tlb[i].entry & matters), "stale translation of %lx", a);
        require(!permits(tlb[i].entry, access) || permits(*entry, access), "stale rights of %lx", a);
    } else if (entry) {
        tlb[i].page = a & ~PAGE_MASK;
        tlb[i].entry = *entry & PTE_PRESENT ? *entry : 0;
        if (permits(*entry, access))
            *entry |= PTE_ACCESSED;
    }
    if (!entry || !permits(*entry, access)) {
        tlb[i].entry = 0; /* as a page fault does */
        return false;
    }
    if (access & ACCESS_WRITE) {
        require((*entry & PTE_DIRTY) || !(tlb[i].entry & PTE_DIRTY),
                "dirty bit of %lx cleared behind the TLB", a);
        *entry |= PTE_DIRTY;
        tlb[i].entry |= PTE_DIRTY;
    }
    *p = (unsigned char *)words(entry_frame(*entry)) + page_offset(a);
    return true;
}

enum touch fake_access(struct space *s, gva_t a, unsigned access, unsigned char **p)
{
    space_load(s);
    fake_counts = (struct fake_counts){ 0 };
    for (unsigned tries = 0; tries < 3; tries++) {
        if (cpu_access(a, access, p))
            return TOUCH_OK;
        fake_counts.faults++;
        enum touch t = space_touch(s, a, access);
        if (t != TOUCH_OK)
            return t;
    }
    panic("a fault at %lx that does not end", a);
}

/* 4. Disks. */

static struct pv_disk_queue queues[MAX_DISKS];
static uint16_t seen[MAX_DISKS];

void fake_disk_resize(unsigned disk, uint64_t sectors)
{
    free(fake_disks[disk].bytes);
    fake_disks[disk].bytes = sectors ? calloc(sectors, 512) : NULL;
    fake_disks[disk].sectors = sectors;
}

static void disk_setup(unsigned disk, const struct pv_disk_queue *q)
{
    require(disk < MAX_DISKS && q->size && q->size <= PV_DISK_QUEUE_MAX && !(q->size & (q->size - 1)),
            "queue");
    require(!(q->desc % 16) && !(q->avail % 2) && !(q->used % 4), "alignment of a queue");
    queues[disk] = *q;
    seen[disk] = 0;
}

static void *guest(gpa_t a, uint64_t bytes)
{
    require(bytes && a + bytes <= nr_frames * PAGE_SIZE, "the disk is told of address %lx", a);
    return (void *)(LINEAR_BASE + a);
}

static uint8_t transfer(struct fake_disk *d, const struct virtio_blk_outhdr *h, const struct vring_desc *data)
{
    void *memory = guest(data->addr, data->len);
    require(data->len % 512 == 0 && h->sector + data->len / 512 <= d->sectors, "sector %lu",
            (uint64_t)h->sector);
    if (fake_random() % 100 < d->error_percent)
        return VIRTIO_BLK_S_IOERR;
    unsigned char *bytes = d->bytes + h->sector * 512;
    if (h->type == VIRTIO_BLK_T_IN) {
        require(data->flags & VRING_DESC_F_WRITE, "a read into memory that is not writable");
        require(!types[data->addr >> PAGE_SHIFT].mapped, "a read into a page that is mapped");
        memcpy(memory, bytes, data->len);
        fake_counts.reads++;
    } else {
        require(h->type == VIRTIO_BLK_T_OUT && !(data->flags & VRING_DESC_F_WRITE) && !d->read_only,
                "a write");
        memcpy(bytes, memory, data->len);
        fake_counts.writes++;
    }
    return VIRTIO_BLK_S_OK;
}

struct pending {
    unsigned disk;
    uint16_t head;
};

static void answer(const struct pending *r)
{
    struct fake_disk *d = &fake_disks[r->disk];
    const struct pv_disk_queue *q = &queues[r->disk];
    struct vring_desc *desc = guest(q->desc, q->size * sizeof *desc);
    struct vring_used *used = guest(q->used, 6 + 8 * q->size);

    require(r->head < q->size, "descriptor %u", r->head);
    const struct vring_desc *header = &desc[r->head], *data = &desc[header->next % q->size],
                            *status = &desc[data->next % q->size];
    require((header->flags & VRING_DESC_F_NEXT) && (data->flags & VRING_DESC_F_NEXT) &&
                !(status->flags & VRING_DESC_F_NEXT),
            "a chain of three");
    *(uint8_t *)guest(status->addr, status->len) = transfer(d, guest(header->addr, header->len), data);
    used->ring[used->idx % q->size].id = d->senseless ? 0x7fffff01u : r->head;
    used->idx++;
}

static void disk_notify(uint64_t mask)
{
    struct pending all[2 * PV_DISK_QUEUE_MAX];
    unsigned n = 0;
    fake_counts.notifies++;
    for (unsigned i = 0; i < MAX_DISKS; i++) {
        if (!(mask >> i & 1) || fake_disks[i].silent)
            continue;
        struct vring_avail *avail = guest(queues[i].avail, 6 + 2 * queues[i].size);
        for (; seen[i] != avail->idx; seen[i]++)
            all[n++] = (struct pending){ i, avail->ring[seen[i] % queues[i].size] };
    }
    for (; n > 0; n--) {
        unsigned k = (unsigned)(fake_random() % n);
        answer(&all[k]);
        all[k] = all[n - 1];
    }
}

/* 5. The rest. */

static void commit(void)
{
    fake_counts.commits++;
}

static uint64_t clock_ns(void)
{
    static uint64_t now;
    return now += 1000 * 1000 * 1000; /* impatient */
}

static void note_step(enum pv_step step)
{
    fake_counts.frames_taken += step == PV_STEP_FRAME_ALLOCATED;
    fake_counts.victims += step == PV_STEP_VICTIM_OUT;
    fake_counts.page_ins += step == PV_STEP_PAGE_IN;
}

static const struct platform fake = {
    .name = "fake",
    .make_entry = make_entry,
    .entry_frame = entry_frame,
    .read_entry = read_entry,
    .write_entry = write_entry,
    .table_created = table_created,
    .table_retired = table_retired,
    .flush_page = flush_page,
    .flush_all = flush_all,
    .commit = commit,
    .nr_root_frames = 2,
    .root_create = root_create,
    .root_destroy = root_destroy,
    .write_root_entry = write_root_entry,
    .root_load = root_load,
    .disk_setup = disk_setup,
    .disk_notify = disk_notify,
    .clock_ns = clock_ns,
    .note_step = note_step,
};
const struct platform *platform = &fake;

void kprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(fake_message, sizeof fake_message, format, args);
    va_end(args);
    if (!fake_quiet)
        fputs(fake_message, stderr);
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

void fake_power_on(uint64_t frames, struct boot_info *boot)
{
    void *memory = (void *)LINEAR_BASE;
    munmap(memory, (uint64_t)MAX_FRAMES * PAGE_SIZE);
    void *got = mmap(memory, frames * PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    require(got == memory && frames <= MAX_FRAMES, "no memory at the address for tests");
    nr_frames = frames;
    memset(types, 0, sizeof types);
    memset(tlb, 0, sizeof tlb);
    fake_counts = (struct fake_counts){ 0 };

    /* As a boot leaves it: the kernel's image in the middle of what is free. */
    *boot = (struct boot_info){ .nr_frames = frames, .nr_free = 2, .cmdline = "" };
    boot->free[0] = (struct frame_range){ pfn(1), frames / 2 - 1 };
    boot->free[1] = (struct frame_range){ pfn(frames / 2 + 3), frames - frames / 2 - 3 };
    for (unsigned i = 0; i < MAX_DISKS && fake_disks[i].sectors; i++) {
        boot->disks[i].sectors = fake_disks[i].sectors;
        boot->disks[i].read_only = fake_disks[i].read_only;
        boot->disks[i].swap = fake_disks[i].swap;
        boot->nr_disks = i + 1;
    }
}

void fake_start(uint64_t frames, const char *policy, uint64_t seed)
{
    struct boot_info boot;
    fake_power_on(frames, &boot);
    require(memory_init(&boot, policy, seed), "no such policy");
}
