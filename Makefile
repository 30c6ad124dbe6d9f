# faultvisor. Targets: all check check-unit check-guests check-source install uninstall clean (make help).
# Variables: O= build folder, V=1 shows commands, SAN=address,undefined, PREFIX=, DESTDIR=, CC=.

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
LIBS     := -lelf -ljansson -lZydis
DEPFLAGS  = -MMD -MP -MF $(@:%.o=%.d)

BARE     := -std=c17 -O2 -g $(WARN) -ffreestanding -nostdlib -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone \
            -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fno-common
GUEST_CPPFLAGS := -I. -Iinclude -Iguest

VMM_SRC    := $(wildcard vmm/*.c vmm/*/*.c)
VMM_ASM    := $(wildcard vmm/*.S vmm/*/*.S)
MMU_SRC    := $(wildcard pv/*.c shadow/*.c)
GUEST_SRC  := $(wildcard guest/*.c guest/*.S)
PROGRAMS   := $(patsubst guest/programs/%.c,$(O)/programs/%,$(wildcard guest/programs/*.c))
TESTS      := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/*_test.c))

LIB_OBJ    := $(patsubst %,$(O)/%.o,$(filter-out vmm/main.c,$(VMM_SRC)) $(VMM_ASM) $(MMU_SRC))
GUEST_OBJ  := $(patsubst %,$(O)/bare/%.o,$(GUEST_SRC))
MMU_BARE   := $(patsubst %,$(O)/bare/%.o,$(MMU_SRC))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all programs check check-unit check-guests check-source install uninstall clean help

all: $(O)/faultvisor $(O)/guest/kernel.elf programs
programs: $(PROGRAMS)

help:
	@sed -n '1,2s/^# //p' Makefile

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

$(O)/programs/%: guest/programs/%.c
	$(call say,MUSL,$<)
	$(Q)mkdir -p $(@D) && $(MUSL_CC) -std=c17 -O2 -static -D_GNU_SOURCE $(WARN) -Iguest/programs -MMD -MP -MF $@.d -o $@ $<

# Tests.
$(O)/tests/%_test: $(O)/tests/%_test.c.o $(O)/libfaultvisor.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $$(pkg-config --libs check) $(LIBS)

clean:
	rm -rf $(O)

-include Makefile.tests Makefile.install
-include $(shell [ -d $(O) ] && find $(O) -name '*.d')
