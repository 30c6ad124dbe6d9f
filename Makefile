# make [TARGET]... [VARIABLE=VALUE]...
#
#   all             faultvisor, the guest kernel, its programs, small kernels; the
#                   default
#   disk            the sample disk, build/sample.tar: programs and data for them
#   install         into PREFIX (/usr/local), below DESTDIR if that is set;
#                   uninstall takes it out
#   bench           what things cost here; BENCH=--quick and other options of
#                   scripts/bench
#   clean           removes the build folder
#
#   check           all tests; each target below ends with a line
#                   "N passed, N failed, N skipped"
#   check-source    the sources: headers, includes, the manual, scripts
#   check-unit      the Check suites; test-programs only builds them
#   check-guests    the regression guests of tests/guests.cfg, on /dev/kvm;
#                   GUESTS='--only sort' and other options of tests/run-guests,
#                   JOBS= how many at a time
#   check-nested    the same on four emulated machines; on one: check-nested-svm,
#                   -svm-shadow, -vmx, -vmx-shadow
#   check-qemu      the same under plain QEMU, without faultvisor
#   check-readme    every command of README.md
#   check-machines  scripts/nested itself; on one emulator:
#                   check-machines-svm, check-machines-vmx
#
# Other variables: O= the build folder, V=1 shows commands, CC=, MUSL_CC=,
# SAN=address,undefined.

VERSION := 0.1.0
PREFIX  ?= /usr/local
V       ?= 0
SAN     ?=
O       ?= build$(if $(SAN),-san)
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),@:,@printf '  %-7s %s\n' $(1) $(2))

CC       ?= gcc
MUSL_CC  ?= musl-gcc
WARN     := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
CPPFLAGS := -I. -Iinclude -D_GNU_SOURCE -DFV_VERSION='"$(VERSION)"'
CFLAGS   := -std=c17 -O2 -g $(WARN) -fno-common $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
LDFLAGS  := $(if $(SAN),-fsanitize=$(SAN))
LIBS     := -lelf -ljansson -lZydis -lm
DEPFLAGS  = -MMD -MP -MF $(@:%.o=%.d)

BARE     := -std=c17 -O2 -g $(WARN) -ffreestanding -nostdlib -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone \
            -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-common
GUEST_CPPFLAGS := -I. -Iinclude -Iguest

VMM_SRC    := $(wildcard vmm/*.c vmm/*/*.c)
VMM_ASM    := $(wildcard vmm/*.S vmm/*/*.S)
MMU_SRC    := $(wildcard pv/*.c shadow/*.c)
GUEST_SRC  := $(wildcard guest/*.c guest/*.S)
PROGRAM_FOLDERS := $(patsubst guest/programs/%/,%,$(wildcard guest/programs/*/))
PROGRAMS   := $(patsubst guest/programs/%.c,$(O)/programs/%,$(wildcard guest/programs/*.c)) $(PROGRAM_FOLDERS:%=$(O)/programs/%)
NATIVE_KERNELS := torture hostile cpu interrupts edges
KERNELS    := $(patsubst tests/kernels/%.c,$(O)/kernels/%.elf,$(wildcard tests/kernels/*.c)) $(O)/kernels/hostile-pv.elf \
              $(NATIVE_KERNELS:%=$(O)/kernels/%.elf)
TESTS      := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/*_test.c))

LIB_OBJ    := $(patsubst %,$(O)/%.o,$(filter-out vmm/main.c,$(VMM_SRC)) $(VMM_ASM) $(MMU_SRC))
GUEST_OBJ  := $(patsubst %,$(O)/bare/%.o,$(GUEST_SRC))
MMU_BARE   := $(patsubst %,$(O)/bare/%.o,$(MMU_SRC))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all programs kernels test-programs disk bench check check-source check-unit check-guests check-qemu check-readme check-nested check-machines check-machines-svm check-machines-vmx install uninstall clean help

all: $(O)/faultvisor $(O)/guest/kernel.elf programs kernels
programs: $(PROGRAMS)
kernels: $(KERNELS)

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

# The VMM, and a library of all of it but main, for tests.
$(O)/faultvisor: $(O)/vmm/main.c.o $(O)/libfaultvisor.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/libfaultvisor.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/%.c.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) $(CFLAGS) $(DEPFLAGS) -c -o $@ $<

$(O)/%.S.o: %.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(CPPFLAGS) -I$(O) -g $(DEPFLAGS) -c -o $@ $<

# The default guest kernel is part of the VMM's binary.
$(O)/vmm/embedded_kernel.S.o: $(O)/guest/kernel.elf

# The guest kernel, and the two MMUs as they would be compiled for the monitor.
$(O)/guest/kernel.elf: $(GUEST_OBJ) guest/kernel.ld
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -T guest/kernel.ld -o $@ $(GUEST_OBJ) -lgcc

$(O)/bare/%.c.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(GUEST_CPPFLAGS) $(BARE) $(DEPFLAGS) -c -o $@ $<

$(O)/bare/%.S.o: %.S
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(GUEST_CPPFLAGS) -g $(DEPFLAGS) -c -o $@ $<

MUSL_FLAGS = -std=c17 -O2 -static -D_GNU_SOURCE $(WARN) -Iguest/programs
$(O)/programs/%: guest/programs/%.c
	$(call say,MUSL,$<)
	$(Q)mkdir -p $(@D) && $(MUSL_CC) $(MUSL_FLAGS) -MMD -MP -MF $@.d -o $@ $<

# A program of several files has a folder.
define folder_program
$$(O)/programs/$(1): $$(wildcard guest/programs/$(1)/*) guest/programs/program.h
	$$(call say,MUSL,guest/programs/$(1))
	$$(Q)mkdir -p $$(@D) && $$(MUSL_CC) $$(MUSL_FLAGS) -o $$@ $$(filter %.c,$$^)
endef
$(foreach folder,$(PROGRAM_FOLDERS),$(eval $(call folder_program,$(folder))))

# Kernels of a few lines, for tests and as examples.
$(O)/kernels/%.elf: tests/kernels/%.c tests/kernels/kernel.ld
	$(call say,KERNEL,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(GUEST_CPPFLAGS) $(BARE) -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -MMD -MP -MF $@.d -T tests/kernels/kernel.ld -o $@ $<

$(O)/kernels/hostile-pv.elf: $(patsubst %,$(O)/bare/%.o,$(wildcard tests/kernels/hostile-pv/*.c)) tests/kernels/kernel.ld
	$(call say,KERNEL,$@)
	$(Q)mkdir -p $(@D) && $(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -T tests/kernels/kernel.ld -o $@ $(filter %.o,$^)

# Native test kernels: a folder each, on a ground that they share and some of the real kernel's files.
NATIVE_GROUND := $(patsubst %,$(O)/bare/guest/%.o,native_boot.S native_uart.c native_power.c platform.c kprintf.c kstring.c \
                   command_line.c) $(patsubst %,$(O)/bare/%.o,$(wildcard tests/kernels/native/*.[cS]))
$(NATIVE_KERNELS:%=$(O)/kernels/%.elf): $(O)/kernels/%.elf: $(NATIVE_GROUND) guest/kernel.ld
	$(call say,KERNEL,$@)
	$(Q)mkdir -p $(@D) && $(CC) -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -T guest/kernel.ld -o $@ $(filter %.o,$^) -lgcc
$(foreach k,$(NATIVE_KERNELS),$(eval $(O)/kernels/$(k).elf: $(patsubst %,$(O)/bare/%.o,$(wildcard tests/kernels/$(k)/*.c))))
$(O)/bare/tests/kernels/%.o: GUEST_CPPFLAGS += -Itests/kernels/native

# The sample disk: the programs, and files for them to read.
disk: $(O)/sample.tar $(O)/small.tar
$(O)/sample.tar: scripts/make-disk $(PROGRAMS)
	$(call say,DISK,$@)
	$(Q)scripts/make-disk --programs $(O)/programs $@

# The same with its largest files cut short, for emulated machines that take long to load it.
$(O)/small.tar: scripts/make-disk $(PROGRAMS)
	$(call say,DISK,$@)
	$(Q)scripts/make-disk --programs $(O)/programs --big 1M --text 1M $@

# Tests: from the fastest to the slowest. Each target ends with a line "N passed, N failed, N skipped".
$(O)/tests/%_test: $(O)/tests/%_test.c.o $(O)/libfaultvisor.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $$(pkg-config --libs check) $(LIBS)

# The guest kernel above platform.h runs in test processes, too: its linear map is where a process can have it. (Not its
# FPU, which is the process's own.)
HOSTED_OBJ := $(patsubst %,$(O)/hosted/guest/%.c.o,archive archive_path blk evict frames mapping memory pager pages policy \
              $(patsubst guest/%.c,%,$(wildcard guest/policy_*.c)) regions space swap tables tar_header user_memory \
              command_line descriptor elf_image exec exec_stack fork main process random schedule signal_deliver signals \
              syscall syscall_directory syscall_file syscall_io syscall_memory syscall_process syscall_signal syscall_stat syscall_system \
              syscall_time trap wait) \
              $(patsubst %,$(O)/hosted/tests/%.c.o,guest_fake guest_fake_cpu guest_audit)

$(O)/hosted/%.c.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) -D_GNU_SOURCE -DLINEAR_BASE=0x200000000000ull $(GUEST_CPPFLAGS) $(CFLAGS) $(DEPFLAGS) -c -o $@ $<

$(O)/tests/guest_%_test: $(O)/hosted/tests/guest_%_test.c.o $(HOSTED_OBJ)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS) -o $@ $^ $$(pkg-config --libs check)

# What things cost here. host_faults is a program of the host, to compare with.
$(O)/tests/bench/host_faults: $(O)/tests/bench/host_faults.c.o
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -pthread -o $@ $^

bench: all disk $(O)/tests/bench/host_faults
	$(Q)scripts/bench --build $(O) $(BENCH)

check-source: all
	$(Q)O=$(O) CC=$(CC) tests/check-source

test-programs: $(TESTS)

check-unit: $(TESTS)
	$(Q)tests/run-unit $(TESTS) $(wildcard tests/*_selftest.py)

GUESTS_JOBS := $(if $(JOBS),--jobs $(JOBS))
check-guests: all disk
	$(Q)tests/run-guests --build $(O) $(GUESTS_JOBS) $(GUESTS) || bad=1; \
		$(if $(GUESTS),,for t in trace compare command growth; do tests/$$t-check --build $(O) || bad=1; done;) exit $${bad:-0}

# The same kernel and programs under plain QEMU, with no hypervisor of ours.
check-qemu: all disk
	$(Q)tests/run-guests --build $(O) --on qemu $(GUESTS_JOBS) $(GUESTS)

# The same matrix on emulated machines, of which each has its own target: check-nested-vmx and so on.
NESTED := vmx-shadow vmx svm-shadow svm
check-nested: all disk
	$(Q)tests/run-guests --build $(O) --on nested $(GUESTS_JOBS) $(GUESTS) || bad=1; \
		$(if $(GUESTS),,tests/trace-check --build $(O) --on svm || bad=1;) exit $${bad:-0}

$(NESTED:%=check-nested-%): check-nested-%: all disk
	$(Q)tests/run-guests --build $(O) --on $* $(GUESTS_JOBS) $(GUESTS) || bad=1; \
		$(if $(GUESTS)$(filter-out svm,$*),,tests/trace-check --build $(O) --on svm || bad=1;) exit $${bad:-0}

# Every command of the README, as a reader would type it.
check-readme: all disk
	$(Q)tests/readme-check --build $(O)

# scripts/nested itself, what comes out of its machines and what is left of one that dies: a target for each emulator.
MACHINES := check-machines-svm check-machines-vmx
check-machines: $(MACHINES)

check-machines-svm: all disk
	$(Q)env O=$(O) tests/nested-test svm || bad=1; tests/kill-check --build $(O) || bad=1; exit $${bad:-0}

check-machines-vmx: all disk
	$(Q)env O=$(O) tests/nested-test vmx

# All of it, some targets at a time: first what fails fast, then the longest first. All is built before, so that no two
# targets build the same.
check: all disk test-programs
	$(Q)O=$(O) tests/run-all check-source check-unit check-guests check-readme check-qemu $(NESTED:%=check-nested-%) $(MACHINES)

clean:
	rm -rf $(O)

# What is installed: the VMM; beside its share/: the guest kernel, the sample programs, the maker of disks.
SHARE = $(DESTDIR)$(PREFIX)/share/faultvisor
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/programs
	install -m 755 $(O)/faultvisor $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(O)/guest/kernel.elf LICENSE $(wildcard README.md) $(SHARE)/
	install -m 755 scripts/make-disk $(SHARE)/
	install -m 755 $(PROGRAMS) $(SHARE)/programs/
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	sed 's|/usr/local/|$(PREFIX)/|g' man/faultvisor.1 >$(DESTDIR)$(PREFIX)/share/man/man1/faultvisor.1
	chmod 644 $(DESTDIR)$(PREFIX)/share/man/man1/faultvisor.1
	install -Dm 644 completions/faultvisor.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/faultvisor

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/faultvisor $(DESTDIR)$(PREFIX)/share/man/man1/faultvisor.1 $(SHARE) \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/faultvisor

# Not what a program left that was one file before it became a folder.
-include $(filter-out $(PROGRAM_FOLDERS:%=$(O)/programs/%.d),$(shell [ -d $(O) ] && find $(O) -name '*.d'))
