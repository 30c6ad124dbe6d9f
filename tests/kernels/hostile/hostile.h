/* The hostile guest: it makes its page tables, its descriptors and its devices' queues out of what no kernel
 * would. What becomes of it does not matter: it may end itself, or be ended with a named reason. What matters
 * is the host.
 *
 *   main.c       hostile SEED STEPS: steps at random, by weight; at last, by the seed, one that it cannot
 * survive values.c     numbers that are worth trying: entries, frames, addresses tables.c     entries, roots,
 * stores accesses.c   memory, by the kernel and by user mode; running data as code registers.c  control
 * registers, MSRs, descriptor tables, stacks disk.c       registers and queues of the disks */
#pragma once
#include "native_insn.h"
#include "native_kernel.h"

extern struct random dice;

/* 1. Values. Frames of the pool are tables and pages in turn. some_frame: also its own code, what does not
 * exist, devices. */
#define POOL_START  (4ull << 20)
#define POOL_FRAMES 32

uint64_t any(uint64_t n); /* 0 to n - 1 */
bool once_in(uint64_t n);
gpa_t pool_frame(void);
gpa_t some_frame(void);
uint64_t some_entry(void);
gva_t some_address(void);
/* Any number, with a liking for small ones, bits, and addresses. */
uint64_t some_number(void);
/* Tame runs leave their own image alone, and so live longer. */
extern bool is_tame;

/* 2. Steps. */
void store_entry(void);
void store_many(void);
void store_oddly(void);
void store_rarely(void);
void link_path(void);
void change_root(void);
void flush_something(void);
void access_memory(void);
void access_by_user(void);
void run_data(void);
void run_data_by_user(void);
void copy_between_tables(void);
void write_control_register(void);
void write_msr(void);
void move_trap_stack(void);
void spoil_gate(void);
void call_system(void);
void drive_disk(void);

/* 3. Ends. */
void lose_idt(void);
void lose_gdt(void);
void lose_tss(void);
void lose_trap_stack(void);
void lose_root(void);
void lose_own_mapping(void);
void use_reserved_slot(void);
void loop_in_faults(void);

/* The root in use always has the kernel's slot, unless a step spoiled it. */
extern gpa_t root;
void load_root(gpa_t new_root);
#define KERNEL_SLOT 511
#define NR_ROOTS    4
