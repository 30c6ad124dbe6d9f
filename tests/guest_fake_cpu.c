/* The fake CPU: 1. coming and going, 2. the FPU, 3. a disk with programs, 4. what programs do. */
#include "guest_fake_cpu.h"
#include <check.h>
#include <linux/elf.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel.h"

struct fake_cpu fake_cpu;
static jmp_buf back;

/* 1. Coming and going. */
static _Noreturn void resume(struct trap_frame *frame)
{
    ck_assert_uint_eq(frame->mode, PV_MODE_USER);
    ck_assert_uint_lt(frame->regs.rip, USER_TOP);
    ck_assert_uint_eq(frame->regs.rflags & ~0x50dd5ull, 0x202);
    ck_assert_ptr_eq(fake_cpu.fpu, &current_process->fpu);
    ck_assert_uint_eq(fake_cpu.fs_base, current_process->fs_base);
    fake_cpu.frame = frame;
    longjmp(back, 1);
}

static _Noreturn void stop(enum pv_shutdown_reason reason, int status)
{
    ck_assert_int_eq(reason, PV_SHUTDOWN_EXIT);
    fake_cpu.stopped = true;
    fake_cpu.status = status;
    longjmp(back, 1);
}

static void set_timer(uint64_t period_ns)
{
    fake_cpu.timer_ns = period_ns;
}

static void idle(void)
{
    ck_assert_msg(fake_cpu.timer_ns, "idle, and no timer");
    fake_cpu.idles++;
    fake_cpu.now_ns += fake_cpu.timer_ns;
}

static uint64_t clock_ns(void)
{
    return fake_cpu.now_ns;
}

static void set_fs_base(uint64_t base)
{
    fake_cpu.fs_base = base;
}

static void console_write(enum pv_console_stream stream, const void *data, uint64_t bytes)
{
    ck_assert(stream == PV_CONSOLE_OUT || stream == PV_CONSOLE_ERR);
    ck_assert_uint_le(bytes, sizeof fake_cpu.out - fake_cpu.out_bytes);
    memcpy(fake_cpu.out + fake_cpu.out_bytes, data, bytes);
    fake_cpu.out_bytes += bytes;
}

int ksnprintf(char *to, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(to, size, format, args);
    va_end(args);
    return n;
}

/* 2. The FPU: the test process needs its own. A state is its first byte. */
void fpu_start(struct fpu_state *first)
{
    fake_cpu.fpu = first;
}

void fpu_load(struct fpu_state *to)
{
    fake_cpu.fpu = to;
}

void fpu_reset(struct fpu_state *s)
{
    memset(s, 0, sizeof *s);
}

bool fpu_copy(struct fpu_state *to, struct fpu_state *from)
{
    *to = *from;
    return fpu_store(from);
}

bool fpu_store(struct fpu_state *s)
{
    return fake_cpu.fpu != s || !fake_cpu.fpu_needs_memory;
}

const void *fpu_image(struct fpu_state *s, uint64_t *bytes)
{
    *bytes = FPU_STATE_SIZE;
    return s->image;
}

uint64_t fpu_set(struct fpu_state *s, const uint8_t image[FPU_STATE_SIZE])
{
    memcpy(s->image, image, FPU_STATE_SIZE);
    return 0;
}

uint8_t *fpu_extend(struct fpu_state *s)
{
    (void)s;
    ck_abort_msg("no image says that it is extended");
}

void fpu_check_extended(struct fpu_state *s)
{
    (void)s;
}

void fpu_forget(struct fpu_state *s)
{
    if (fake_cpu.fpu == s)
        fake_cpu.fpu = NULL;
}

unsigned fpu_raised_x87(struct fpu_state *s)
{
    return s->image[0];
}

unsigned fpu_raised_sse(struct fpu_state *s)
{
    return s->image[0];
}

/* 3. A disk. */
void fake_make_image(unsigned char image[FAKE_IMAGE_BYTES])
{
    Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
                     .e_type = ET_EXEC,
                     .e_machine = EM_X86_64,
                     .e_version = EV_CURRENT,
                     .e_entry = FAKE_ENTRY,
                     .e_phoff = sizeof h,
                     .e_ehsize = sizeof h,
                     .e_phentsize = sizeof(Elf64_Phdr),
                     .e_phnum = 3 };
    Elf64_Phdr p[3] = { { .p_type = PT_LOAD,
                          .p_flags = PF_R | PF_X,
                          .p_vaddr = 0x400000,
                          .p_filesz = 0x1800,
                          .p_memsz = 0x1800,
                          .p_align = PAGE_SIZE },
                        { .p_type = PT_LOAD,
                          .p_flags = PF_R | PF_W,
                          .p_offset = 0x2010,
                          .p_vaddr = FAKE_DATA,
                          .p_filesz = 0x800,
                          .p_memsz = FAKE_END - FAKE_DATA,
                          .p_align = PAGE_SIZE },
                        { .p_type = PT_NOTE } };
    memset(image, 0x5a, FAKE_IMAGE_BYTES);
    memcpy(image, &h, sizeof h);
    memcpy(image + sizeof h, p, sizeof p);
}

/* A member: its header and its content from this sector on. The sector after it. */
static uint64_t add_member(uint64_t sector, const char *name, const char *type, unsigned mode,
                           const void *content, size_t bytes)
{
    char *h = (char *)fake_disks[0].bytes + sector * 512;
    unsigned sum = 0;
    memset(h, 0, 512);
    strcpy(h, name);
    sprintf(h + 100, "%07o", mode);
    sprintf(h + 108, "%07o", 0);
    sprintf(h + 116, "%07o", 0);
    sprintf(h + 124, "%011zo", bytes);
    sprintf(h + 136, "%011o", 0);
    memset(h + 148, ' ', 8);
    h[156] = type[0];
    memcpy(h + 257, "ustar\00000", 8);
    for (unsigned i = 0; i < 512; i++)
        sum += (unsigned char)h[i];
    sprintf(h + 148, "%06o", sum);
    memcpy(h + 512, content, bytes);
    return sector + 1 + (bytes + 511) / 512;
}

static void make_disk(void)
{
    static unsigned char image[FAKE_IMAGE_BYTES];
    fake_make_image(image);
    fake_disks[0].read_only = true;
    fake_disk_resize(0, 64);
    uint64_t sector = add_member(0, "bin/", "5", 0755, "", 0);
    sector = add_member(sector, "bin/prog", "0", 0755, image, sizeof image);
    sector = add_member(sector, "bin/broken", "0", 0755, "#!/bin/sh\n", 10);
    sector = add_member(sector, "bin/plain", "0", 0644, image, sizeof image);
    ck_assert_uint_lt(sector + 2, fake_disks[0].sectors);
}

/* 4. What programs do. */
static void enter(void (*kernel)(void *), void *argument)
{
    ck_assert(!fake_cpu.stopped);
    if (setjmp(back) == 0)
        kernel(argument);
}

static void boot_kernel(void *boot)
{
    kernel_main(boot);
}

void fake_boot(uint64_t frames, uint64_t swap_pages, const char *cmdline)
{
    static struct platform with_cpu;
    static struct boot_info boot;
    fake_quiet = true;
    fake_cpu = (struct fake_cpu){ .now_ns = 1000 };
    with_cpu = *platform;
    with_cpu.resume = resume;
    with_cpu.shutdown = stop;
    with_cpu.set_timer = set_timer;
    with_cpu.idle = idle;
    with_cpu.clock_ns = clock_ns;
    with_cpu.set_fs_base = set_fs_base;
    with_cpu.console_write = console_write;
    platform = &with_cpu;
    make_disk();
    fake_disks[1].swap = true;
    fake_disk_resize(1, swap_pages * 8);
    fake_power_on(frames, &boot);
    boot.cmdline = cmdline;
    enter(boot_kernel, &boot);
}

static void trap_kernel(void *frame)
{
    kernel_handle_trap(frame);
}

void fake_trap(uint64_t vector, uint64_t error_code, gva_t address)
{
    struct trap_frame frame = *fake_cpu.frame;
    frame.vector = vector;
    frame.error_code = error_code;
    frame.fault_address = address;
    enter(trap_kernel, &frame);
}

int64_t fake_call_with(uint64_t number, const uint64_t args[6])
{
    struct cpu_regs *r = &fake_cpu.frame->regs;
    r->rax = number;
    r->rdi = args[0], r->rsi = args[1], r->rdx = args[2];
    r->r10 = args[3], r->r8 = args[4], r->r9 = args[5];
    fake_trap(TRAP_SYSTEM_CALL, 0, 0);
    return (int64_t)fake_cpu.frame->regs.rax;
}

void fake_store(gva_t to, const void *from, uint64_t bytes)
{
    for (const unsigned char *byte = from; bytes > 0; bytes--) {
        unsigned char *p;
        ck_assert_int_eq(fake_access(current_process->space, to++, ACCESS_WRITE, &p), TOUCH_OK);
        *p = *byte++;
    }
}

void fake_load(void *to, gva_t from, uint64_t bytes)
{
    for (unsigned char *byte = to; bytes > 0; bytes--) {
        unsigned char *p;
        ck_assert_int_eq(fake_access(current_process->space, from++, ACCESS_READ, &p), TOUCH_OK);
        *byte++ = *p;
    }
}
