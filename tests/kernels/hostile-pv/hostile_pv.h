/* The hostile paravirtual guest: hypercalls of all kinds with arguments that no kernel would pass, and stores
 * into its own memory, at random. What becomes of it does not matter, but the host and its audit.
 *
 *   main.c      hostile-pv SEED STEPS; hypercalls, attempts
 *   values.c    numbers that are worth trying
 *   tables.c    steps that make sense: without them nothing is ever granted
 *   calls.c     steps that do not */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "pv/abi.h"
#include "x86_paging.h"

#define POOL 24

extern const struct pv_start_info *info;
extern uint64_t dice;
extern uint64_t pool[POOL]; /* pfns */
extern uint64_t root;       /* mfn of the kernel root in use */
extern bool has_user_root;
extern struct pv_call calls[PV_MAX_CALLS + 1];
extern struct pv_update updates[PV_MAX_UPDATES + 8];

/* 1. Calls function(a, b); a trap of the kernel or of user mode ends it. */
uint64_t attempt(void *function, uint64_t a, uint64_t b);
extern char read_word[], write_word[];
uint64_t store_word(uint64_t at, uint64_t value);
int64_t hypercall4(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
int64_t hypercall(uint64_t op, uint64_t a, uint64_t b);

/* 2. Values. some_mfn: own frames of any use; foreign ones (the monitor's); ones that do not exist. */
uint64_t next(void);
uint64_t any(uint64_t n); /* 0 to n - 1 */
bool once_in(uint64_t n);
uint64_t mfn_of(uint64_t frame);
uint64_t *frame_at(uint64_t frame);
uint64_t pool_frame(void);
uint64_t some_mfn(void);
uint64_t some_entry(void);
uint64_t some_number(void);
unsigned some_index(void);

/* 3. Steps. */
void become_table(void);
void cease_to_be_table(void);
void become_root(void);
void back_to_first_root(void);
void update_tables(void);
void call_anything(void);
void call_many(void);
void enter_user(void);
void store_somewhere(void);
void drive_disk(void);
void say_something(void);
