/* exec: strings, then a new space, then the change. The old space stays whole until nothing can fail. */
#include "exec.h"
#include "file_mode.h"
#include "kernel.h"
#include "schedule.h"
#include "x86_cpu.h"

/* 1. Arguments. */
struct exec_strings *exec_strings_begin(void)
{
    static struct exec_strings the_strings;
    the_strings.argc = the_strings.envc = 0;
    the_strings.used = 0;
    return &the_strings;
}

int exec_strings_add(struct exec_strings *s, const char *string)
{
    size_t bytes = strlen(string) + 1;
    if (bytes > EXEC_STRINGS_SIZE - s->used)
        return -E2BIG;
    memcpy(s->bytes + s->used, string, bytes);
    s->used += bytes;
    return 0;
}

int exec_strings_copy(struct exec_strings *s, unsigned *count, struct space *from, gva_t at)
{
    gva_t string;
    for (; at; at += sizeof string) {
        if (space_read(from, &string, at, sizeof string) < 0)
            return -EFAULT;
        if (!string)
            break;
        if (s->argc + s->envc == MAX_EXEC_STRINGS || s->used == EXEC_STRINGS_SIZE)
            return -E2BIG;
        int length = space_read_string(from, s->bytes + s->used, string, EXEC_STRINGS_SIZE - s->used);
        if (length < 0)
            return length == -ENAMETOOLONG ? -E2BIG : length;
        s->used += (uint64_t)length + 1;
        ++*count;
    }
    return 0;
}

/* 2. The program. */

/* A segment's pages: those with bytes of the file, then those that are zero. */
static int map_segment(struct space *space, const struct elf_segment *s, const struct file *f)
{
    gva_t middle = page_round_up(s->file_end);
    struct region from_file = { .start = s->start,
                                .end = middle,
                                .kind = REGION_FILE,
                                .rights = s->rights,
                                .file = f,
                                .file_offset = s->file_offset,
                                .file_bytes = s->file_end - s->start };
    struct region zero = { .start = middle, .end = s->end, .kind = REGION_ANONYMOUS, .rights = s->rights };
    int error = 0;
    if (from_file.start < from_file.end)
        error = space_map(space, &from_file);
    if (!error && zero.start < zero.end)
        error = space_map(space, &zero);
    return error;
}

static int map_image(struct space *space, const struct elf_image *image, const struct file *f)
{
    for (unsigned i = 0; i < image->nr_segments; i++) {
        int error = map_segment(space, &image->segments[i], f);
        if (error)
            return error;
    }
    space_set_brk_start(space, image->end);
    return 0;
}

static int read_image(struct elf_image *image, const struct file *f, const char **why)
{
    pfn_t scratch = memory_take_frame();
    if (!pfn_is_valid(scratch))
        return -ENOMEM;
    int error = elf_image_read(image, f, pfn_to_virt(scratch), why);
    memory_give_frame(scratch);
    return error;
}

static int find_program(const char *path, const struct file **f, const char **why)
{
    int error = archive_lookup(path, true, f);
    *why = error                  ? "no such file in the archive"
           : !file_is_regular(*f) ? "not a regular file"
           : !((*f)->mode & 0111) ? "not executable"
                                  : NULL;
    return error ? error : *why ? -EACCES : 0;
}

/* 3. The change. */
static void take_over(struct process *p, struct space *space, gva_t entry, gva_t stack, const char *name)
{
    struct space *old = p->space;
    p->space = space;
    if (old) {
        schedule_load_space(space);
        space_destroy(old);
    }
    p->frame = (struct trap_frame){ .mode = PV_MODE_USER, .vector = TRAP_SYSTEM_CALL };
    p->frame.regs.rip = entry;
    p->frame.regs.rsp = stack;
    p->frame.regs.rflags = RFLAGS_IF | RFLAGS_FIXED;
    p->restart_call = false;
    schedule_set_fs_base(p, 0);
    fpu_reset(&p->fpu);
    signal_exec(&p->signals);
    descriptor_exec(&p->files);
    process_set_name(p, name);
    process_release_vfork(p);
}

int exec_run(struct process *p, const char *path, const char *name, const struct exec_strings *strings,
             const char **why)
{
    static struct elf_image image;
    const struct file *f;
    *why = "out of memory";
    int error = find_program(path, &f, why);
    if (error)
        return error;
    *why = "out of memory";
    error = read_image(&image, f, why);
    if (error) {
        *why = error == -EIO ? "the disk failed" : *why;
        return error;
    }
    *why = "out of memory";
    struct space *space = space_create();
    if (!space)
        return -ENOMEM;
    error = map_image(space, &image, f);
    gva_t stack = error ? 0 : exec_build_stack(space, &image, name, strings);
    if (!stack) {
        space_destroy(space);
        return error ? error : -ENOMEM;
    }
    take_over(p, space, image.entry, stack, name);
    return 0;
}
