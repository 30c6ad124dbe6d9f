#include "substrate.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum which { PVM, SVM_NPT, SVM_SHADOW, VMX_EPT, VMX_SHADOW, UNKNOWN, NR_SUBSTRATES };

static const struct substrate substrates[NR_SUBSTRATES] = {
    [PVM] = { "pvm", "PVM", "KVM without hardware virtualization" },
    [SVM_NPT] = { "svm", "SVM with NPT", "AMD, nested paging" },
    [SVM_SHADOW] = { "svm-shadow", "SVM with shadow paging", "AMD, KVM's own shadow paging" },
    [VMX_EPT] = { "vmx", "VMX with EPT", "Intel, nested paging" },
    [VMX_SHADOW] = { "vmx-shadow", "VMX with shadow paging", "Intel, KVM's own shadow paging" },
    [UNKNOWN] = { "unknown", "unknown", "nothing in /sys or /proc tells" },
};

static FILE *open_below(const char *root, const char *path)
{
    char full[512];
    int len = snprintf(full, sizeof(full), "%s%s", root, path);

    return len > 0 && (size_t)len < sizeof(full) ? fopen(full, "re") : NULL;
}

static bool module_is_loaded(const char *root, const char *path)
{
    char full[512];
    int len = snprintf(full, sizeof(full), "%s%s", root, path);

    return len > 0 && (size_t)len < sizeof(full) && access(full, F_OK) == 0;
}

/* A module's boolean: Y and 1 are true, N and 0 false, and -1 stands for one that cannot be read. */
static int read_flag(const char *root, const char *path)
{
    FILE *f = open_below(root, path);
    int c;

    if (!f)
        return -1;
    c = fgetc(f);
    fclose(f);
    if (c == 'Y' || c == '1')
        return 1;
    return c == 'N' || c == '0' ? 0 : -1;
}

/* Only one of the modules can be KVM's at a time. kvm_pvm is the one that somebody chose to load; the other
 * two are loaded by udev wherever the CPU has the feature, so it is asked first. */
static enum which ask_modules(const char *root)
{
    if (module_is_loaded(root, "/sys/module/kvm_pvm"))
        return PVM;
    switch (read_flag(root, "/sys/module/kvm_amd/parameters/npt")) {
    case 1:
        return SVM_NPT;
    case 0:
        return SVM_SHADOW;
    }
    switch (read_flag(root, "/sys/module/kvm_intel/parameters/ept")) {
    case 1:
        return VMX_EPT;
    case 0:
        return VMX_SHADOW;
    }
    return UNKNOWN;
}

static enum which ask_hint(const char *hint)
{
    for (int i = 0; hint && i < NR_SUBSTRATES; i++)
        if (strcmp(hint, substrates[i].id) == 0)
            return (enum which)i;
    return UNKNOWN;
}

static enum which ask_flags(const char *root)
{
    bool svm = false, vmx = false, npt = false, ept = false;
    FILE *f = open_below(root, "/proc/cpuinfo");
    char word[64];

    if (!f)
        return UNKNOWN;
    while (fscanf(f, "%63s", word) == 1) {
        svm |= strcmp(word, "svm") == 0;
        vmx |= strcmp(word, "vmx") == 0;
        npt |= strcmp(word, "npt") == 0;
        ept |= strcmp(word, "ept") == 0;
    }
    fclose(f);
    if (svm)
        return npt ? SVM_NPT : SVM_SHADOW;
    if (vmx)
        return ept ? VMX_EPT : VMX_SHADOW;
    return UNKNOWN;
}

const struct substrate *substrate_find(const char *root, const char *hint)
{
    enum which found = ask_modules(root);

    if (found == UNKNOWN)
        found = ask_hint(hint);
    if (found == UNKNOWN)
        found = ask_flags(root);
    return &substrates[found];
}

const struct substrate *substrate_of_this_machine(void)
{
    static const struct substrate *found;

    if (!found)
        found = substrate_find("", getenv("FV_SUBSTRATE"));
    return found;
}

const char *substrate_name(void)
{
    return substrate_of_this_machine()->name;
}

bool substrate_has_native_programs(void)
{
    return substrate_of_this_machine() != &substrates[PVM];
}

bool substrate_offsets_tsc(void)
{
    return substrate_of_this_machine() != &substrates[PVM];
}

const char *substrate_about(const char *name)
{
    for (int i = 0; i < UNKNOWN; i++)
        if (!strcmp(substrates[i].name, name))
            return substrates[i].about;
    return NULL;
}
