/* From the entry of guest/native_boot.S to test_main, and to the end.
 *   1. the console, and what else kprintf and panic ask of a platform
 *   2. the start info
 *   3. the start */
#include "command_line.h"
#include "hvm_start.h"
#include "native.h"
#include "native_insn.h"
#include "native_kernel.h"
#include "platform.h"

gpa_t memory_end;
uint64_t *boot_root;

/* 1. All that is said is the test's result: so it goes to the program's console, not to the log. */

static void write_console(enum pv_console_stream stream, const void *data, uint64_t bytes)
{
    (void)stream;
    native_uart_write(PV_CONSOLE_OUT, data, bytes);
}

static void commit_nothing(void)
{
}

static const struct platform test_platform = {
    .name = "test",
    .console_write = write_console,
    .commit = commit_nothing,
    .shutdown = native_shutdown,
};

/* 2. */

static void find_memory(const struct hvm_start_info *info)
{
    const struct hvm_memory_entry *map = phys(info->memory_map);

    for (unsigned i = 0; i < info->nr_memory_entries; i++) {
        gpa_t end = map[i].start + map[i].bytes;

        if (map[i].type == HVM_MEMORY_RAM && end > memory_end)
            memory_end = end;
    }
}

uint64_t parse_number(const char *word)
{
    uint64_t n = 0;

    for (; *word; word++) {
        if (*word < '0' || *word > '9')
            panic("%s: a number was expected", word);
        n = n * 10 + (uint64_t)(*word - '0');
    }
    return n;
}

/* 3. */

void native_start(gpa_t start_info)
{
    static struct command_line words;
    const struct hvm_start_info *info = phys(start_info);

    platform = &test_platform;
    native_uart_init();
    traps_init();
    boot_root = phys(cr3_read());
    if (info->magic != HVM_START_MAGIC || info->version < 1)
        panic("start info: magic 0x%x, version %u", info->magic, info->version);
    find_memory(info);
    if (!command_line_parse(&words, phys(info->cmdline)))
        panic("command line: %s", words.policy);
    native_shutdown(PV_SHUTDOWN_EXIT, test_main(words.argc, words.argv));
}
