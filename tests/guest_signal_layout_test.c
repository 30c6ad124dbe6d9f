/* The signal frame is the one that C libraries know: every field is where the host's own headers have it. */
#include <check.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <ucontext.h>
#include "signal_frame.h"
#include "tests/run_suite.h"

#define CONTEXT(field) offsetof(struct signal_context, field)
#define INFO(field)    offsetof(struct signal_info_block, field)
#define REGISTER(n)    (offsetof(ucontext_t, uc_mcontext.gregs) + (n) * sizeof(greg_t))

START_TEST(the_context_is_a_ucontext)
{
    ck_assert_uint_eq(CONTEXT(flags), offsetof(ucontext_t, uc_flags));
    ck_assert_uint_eq(CONTEXT(link), offsetof(ucontext_t, uc_link));
    ck_assert_uint_eq(CONTEXT(stack.base), offsetof(ucontext_t, uc_stack.ss_sp));
    ck_assert_uint_eq(CONTEXT(stack.flags), offsetof(ucontext_t, uc_stack.ss_flags));
    ck_assert_uint_eq(CONTEXT(stack.bytes), offsetof(ucontext_t, uc_stack.ss_size));
    ck_assert_uint_eq(CONTEXT(registers.fpu_at), offsetof(ucontext_t, uc_mcontext.fpregs));
    ck_assert_uint_eq(CONTEXT(mask), offsetof(ucontext_t, uc_sigmask));
}
END_TEST

START_TEST(each_register_is_in_its_place)
{
    ck_assert_uint_eq(CONTEXT(registers.r8), REGISTER(REG_R8));
    ck_assert_uint_eq(CONTEXT(registers.r15), REGISTER(REG_R15));
    ck_assert_uint_eq(CONTEXT(registers.rdi), REGISTER(REG_RDI));
    ck_assert_uint_eq(CONTEXT(registers.rsi), REGISTER(REG_RSI));
    ck_assert_uint_eq(CONTEXT(registers.rbp), REGISTER(REG_RBP));
    ck_assert_uint_eq(CONTEXT(registers.rbx), REGISTER(REG_RBX));
    ck_assert_uint_eq(CONTEXT(registers.rdx), REGISTER(REG_RDX));
    ck_assert_uint_eq(CONTEXT(registers.rax), REGISTER(REG_RAX));
    ck_assert_uint_eq(CONTEXT(registers.rcx), REGISTER(REG_RCX));
    ck_assert_uint_eq(CONTEXT(registers.rsp), REGISTER(REG_RSP));
    ck_assert_uint_eq(CONTEXT(registers.rip), REGISTER(REG_RIP));
    ck_assert_uint_eq(CONTEXT(registers.rflags), REGISTER(REG_EFL));
    ck_assert_uint_eq(CONTEXT(registers.cs), REGISTER(REG_CSGSFS));
    ck_assert_uint_eq(CONTEXT(registers.error_code), REGISTER(REG_ERR));
    ck_assert_uint_eq(CONTEXT(registers.vector), REGISTER(REG_TRAPNO));
    ck_assert_uint_eq(CONTEXT(registers.old_mask), REGISTER(REG_OLDMASK));
    ck_assert_uint_eq(CONTEXT(registers.fault_address), REGISTER(REG_CR2));
}
END_TEST

START_TEST(the_information_is_a_siginfo)
{
    ck_assert_uint_eq(sizeof(struct signal_info_block), sizeof(siginfo_t));
    ck_assert_uint_eq(INFO(signal), offsetof(siginfo_t, si_signo));
    ck_assert_uint_eq(INFO(error), offsetof(siginfo_t, si_errno));
    ck_assert_uint_eq(INFO(code), offsetof(siginfo_t, si_code));
    ck_assert_uint_eq(INFO(address), offsetof(siginfo_t, si_addr));
    ck_assert_uint_eq(INFO(sender.pid), offsetof(siginfo_t, si_pid));
    ck_assert_uint_eq(INFO(sender.uid), offsetof(siginfo_t, si_uid));
    ck_assert_uint_eq(INFO(sender.status), offsetof(siginfo_t, si_status));
}
END_TEST

START_TEST(numbers_are_the_hosts_own)
{
    ck_assert_int_eq(SIGNAL_HUP, SIGHUP);
    ck_assert_int_eq(SIGNAL_ILL, SIGILL);
    ck_assert_int_eq(SIGNAL_TRAP, SIGTRAP);
    ck_assert_int_eq(SIGNAL_BUS, SIGBUS);
    ck_assert_int_eq(SIGNAL_FPE, SIGFPE);
    ck_assert_int_eq(SIGNAL_KILL, SIGKILL);
    ck_assert_int_eq(SIGNAL_SEGV, SIGSEGV);
    ck_assert_int_eq(SIGNAL_CHLD, SIGCHLD);
    ck_assert_int_eq(SIGNAL_CONT, SIGCONT);
    ck_assert_int_eq(SIGNAL_STOP, SIGSTOP);
    ck_assert_int_eq(SIGNAL_TSTP, SIGTSTP);
    ck_assert_int_eq(SIGNAL_TTIN, SIGTTIN);
    ck_assert_int_eq(SIGNAL_TTOU, SIGTTOU);
    ck_assert_int_eq(SIGNAL_URG, SIGURG);
    ck_assert_int_eq(SIGNAL_WINCH, SIGWINCH);
    ck_assert_int_eq(NR_SIGNALS, SIGRTMAX);
    ck_assert_int_eq(SIGNAL_CODE_USER, SI_USER);
    ck_assert_int_eq(SIGNAL_CODE_TKILL, SI_TKILL);
    ck_assert_int_eq(SIGNAL_CODE_KERNEL, SI_KERNEL);
    ck_assert_int_eq(SIGNAL_CODE_MAPERR, SEGV_MAPERR);
    ck_assert_int_eq(SIGNAL_CODE_ACCERR, SEGV_ACCERR);
    ck_assert_int_eq(SIGNAL_CODE_ADRALN, BUS_ADRALN);
    ck_assert_int_eq(SIGNAL_CODE_ADRERR, BUS_ADRERR);
    ck_assert_int_eq(SIGNAL_CODE_ILLOPN, ILL_ILLOPN);
    ck_assert_int_eq(SIGNAL_CODE_BRKPT, TRAP_BRKPT);
    ck_assert_int_eq(SIGNAL_CODE_TRACE, TRAP_TRACE);
    ck_assert_int_eq(SIGNAL_CODE_EXITED, CLD_EXITED);
    ck_assert_int_eq(SIGNAL_CODE_KILLED, CLD_KILLED);
    ck_assert_int_eq(SIGNAL_CODE_INTDIV, FPE_INTDIV);
    ck_assert_int_eq(SIGNAL_CODE_FLTDIV, FPE_FLTDIV);
    ck_assert_int_eq(SIGNAL_CODE_FLTOVF, FPE_FLTOVF);
    ck_assert_int_eq(SIGNAL_CODE_FLTUND, FPE_FLTUND);
    ck_assert_int_eq(SIGNAL_CODE_FLTRES, FPE_FLTRES);
    ck_assert_int_eq(SIGNAL_CODE_FLTINV, FPE_FLTINV);
    ck_assert_uint_eq(SIGNAL_FLAG_NOCLDWAIT, SA_NOCLDWAIT);
    ck_assert_uint_eq(SIGNAL_FLAG_SIGINFO, SA_SIGINFO);
    ck_assert_uint_eq(SIGNAL_FLAG_ONSTACK, SA_ONSTACK);
    ck_assert_uint_eq(SIGNAL_FLAG_RESTART, SA_RESTART);
    ck_assert_uint_eq(SIGNAL_FLAG_NODEFER, SA_NODEFER);
    ck_assert_uint_eq(SIGNAL_FLAG_RESETHAND, (unsigned)SA_RESETHAND);
    ck_assert_int_eq(SIGNAL_STACK_ON, SS_ONSTACK);
    ck_assert_int_eq(SIGNAL_STACK_DISABLE, SS_DISABLE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("guest_signal_layout");
    TCase *t = tcase_create("layout");
    tcase_add_test(t, the_context_is_a_ucontext);
    tcase_add_test(t, each_register_is_in_its_place);
    tcase_add_test(t, the_information_is_a_siginfo);
    tcase_add_test(t, numbers_are_the_hosts_own);
    suite_add_tcase(s, t);
    return run_suite(s);
}
