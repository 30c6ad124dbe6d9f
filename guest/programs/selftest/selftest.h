/* What the parts of selftest share. */
#pragma once
#include <setjmp.h>
#include <signal.h>
#include "program.h"

extern const char *self; /* argv[0] */
extern int wrong_here;   /* checks that failed, of this subject */

/* Every check is a line of its own if it fails. */
void check(int holds, const char *file, int line, const char *what);
#define CHECK(condition)        check((condition) != 0, __FILE__, __LINE__, #condition)
#define FAILS(call, error)      (errno = 0, (call) == -1 && errno == (error))

/* The last signal that on_signal() had a handler for; which may jump back. */
extern volatile int caught, caught_code;
extern sigjmp_buf back;
void on_signal(int signal, void (*handler)(int, siginfo_t *, void *), int flags);
void note_signal(int signal, siginfo_t *info, void *context);

/* The status of a child, once it has ended. */
int wait_for(pid_t pid);

/* What the program finds that test_exec_here started; its exit status. */
int after_exec(int argc, char **argv);

/* The subjects. */
void test_files(void);
void test_paths(void);
void test_vectors(void);
void test_descriptors(void);
void test_ints(void);
void test_directories(void);
void test_memory(void);
void test_advice(void);
void test_mapped_files(void);
void test_faults(void);
void test_return(void);
void test_float_registers(void);
void test_wide_registers(void);
void test_masks(void);
void test_signal_stack(void);
void test_signal_stack_overflow(void);
void test_fork(void);
void test_ends(void);
void test_interrupted_waits(void);
void test_suspend(void);
void test_time(void);
void test_system(void);
void test_exec_here(void);
