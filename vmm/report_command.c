/* faultvisor report. The page is made in memory first, so that nothing is written if a file is not good. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vmm/error.h"
#include "vmm/options.h"
#include "vmm/output.h"
#include "vmm/page_write.h"
#include "vmm/report_command.h"
#include "vmm/same_file.h"

static void print_help(void)
{
    puts("Usage: faultvisor report [-o FILE] RESULTS...\n"
         "Make a page of tables and pictures from files of results. A file may hold:\n"
         "\n"
         "  the JSON of a run         run --stats-json FILE\n"
         "  the JSON of a comparison  compare --format json\n"
         "  the lines of a sweep      sweep -o FILE\n"
         "  a trace                   run --trace FILE\n"
         "\n"
         "  -o, --output FILE         the page (default report.html; - for standard\n"
         "                            output)\n"
         "\n"
         "The page is one file of HTML, without scripts, that needs nothing from\n"
         "elsewhere. It shows exits per fault by mode and class, the time of a fault,\n"
         "where the time of a run goes; for a sweep, faults over memory size by policy;\n"
         "for a trace, faults over time, and the steps of the typical fault of each class.\n"
         "\n"
         "Exit status: 0; 64 wrong usage; 65 a file cannot be read, or is none of these;\n"
         "71 the page cannot be written.\n"
         "\n"
         "Example:\n"
         "  faultvisor compare --format json --disk sample.tar -- /bin/sha256 /data/big \\\n"
         "      > compare.json\n"
         "  faultvisor report compare.json results.jsonl -o report.html");
}

static int usage_error(void)
{
    fputs("Try 'faultvisor report --help'.\n", stderr);
    return STATUS_USAGE;
}

static int write_file(const char *path, const char *page, size_t bytes)
{
    FILE *to = output_open(path, "the page");
    if (!to)
        return -EIO; /* said */
    return output_close(to, fwrite(page, 1, bytes, to) == bytes ? 0 : errno, path, "the page");
}

static int make_page(const struct page_data *d, const char *path)
{
    char *page = NULL;
    size_t bytes = 0;
    FILE *f = open_memstream(&page, &bytes);
    if (!f) {
        fail(errno, "cannot make the page");
        return STATUS_HOST;
    }
    int status = page_write(f, d) < 0 ? STATUS_BAD_INPUT : 0;
    if (fclose(f) == EOF && !status) {
        fail(errno, "cannot make the page");
        status = STATUS_HOST;
    }
    if (!status && write_file(path, page, bytes) < 0)
        status = STATUS_HOST;
    free(page);
    return status;
}

static int report(const char *path, char **files)
{
    struct page_data d = { 0 };
    int err = 0;
    for (; !err && *files; files++)
        err = page_data_read(&d, *files);
    page_data_drop_repeated(&d);
    page_data_sort(&d);
    int status = err ? STATUS_BAD_INPUT : make_page(&d, path);
    page_data_free(&d);
    return status;
}

int report_command(int argc, char **argv)
{
    static const struct option options[] = { { "output", required_argument, NULL, 'o' },
                                             { "help", no_argument, NULL, 'h' },
                                             { NULL, 0, NULL, 0 } };
    const char *path = "report.html";
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == 'h') {
            print_help();
            return 0;
        }
        if (option != 'o')
            return usage_error();
        path = optarg;
    }
    if (optind == argc) {
        fail(0, "no file to report on");
        return usage_error();
    }
    for (int i = optind; i < argc; i++)
        if (same_file_refuse("--output", path, argv[i], "results that it is made from") < 0)
            return usage_error();
    return report(path, argv + optind);
}
