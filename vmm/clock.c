#include <errno.h>
#include <signal.h>
#include <time.h>
#include "vmm/clock.h"
#include "vmm/error.h"

static struct kvm_run *run_to_leave;
static volatile sig_atomic_t stop_signal, ticked;
static timer_t guest_timer, limit_timer;
static bool has_guest_timer, has_limit_timer;

uint64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* immediate_exit closes the gap between the last look at these flags and KVM_RUN (Linux api.rst, 5: kvm_run). */
static void on_signal(int signal)
{
    if (signal == SIGRTMIN)
        ticked = 1;
    else
        stop_signal = signal;
    if (run_to_leave)
        run_to_leave->immediate_exit = 1;
}

bool clock_ignores(int signal)
{
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int catch_signal(int signal)
{
    const struct sigaction action = { .sa_handler = on_signal };
    return sigaction(signal, &action, NULL) < 0 ? fail(errno, "cannot catch signal %d", signal) : 0;
}

/* Our timers' are ours, whatever we were started with. */
static int catch_timers(void)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGALRM);
    sigaddset(&ours, SIGRTMIN);
    sigprocmask(SIG_UNBLOCK, &ours, NULL);
    int err = catch_signal(SIGALRM);
    return err ? err : catch_signal(SIGRTMIN);
}

static int catch_signals(void)
{
    int err = catch_timers();
    if (!err && !clock_ignores(SIGINT))
        err = catch_signal(SIGINT);
    if (!err && !clock_ignores(SIGTERM))
        err = catch_signal(SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    return err;
}

static int make_timer(timer_t *timer, int signal)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };
    return timer_create(CLOCK_MONOTONIC, &event, timer) < 0 ? fail(errno, "cannot make a timer") : 0;
}

static int arm(timer_t timer, uint64_t first_ns, uint64_t period_ns)
{
    struct itimerspec t = {
        .it_value = { (time_t)(first_ns / 1000000000u), (long)(first_ns % 1000000000u) },
        .it_interval = { (time_t)(period_ns / 1000000000u), (long)(period_ns % 1000000000u) },
    };
    return timer_settime(timer, 0, &t, NULL) < 0 ? fail(errno, "cannot set a timer") : 0;
}

int clock_start(struct kvm_run *run, unsigned timeout_s)
{
    stop_signal = ticked = 0;
    run_to_leave = run;
    int err = catch_signals();
    if (!err)
        err = make_timer(&guest_timer, SIGRTMIN);
    has_guest_timer = !err;
    if (err || !timeout_s)
        return err;
    err = make_timer(&limit_timer, SIGALRM);
    has_limit_timer = !err;
    /* Again each second: the first may come just before a wait begins that it was to end. */
    return err ? err : arm(limit_timer, timeout_s * 1000000000ull, 1000000000);
}

void clock_stop(void)
{
    if (has_guest_timer)
        timer_delete(guest_timer);
    if (has_limit_timer)
        timer_delete(limit_timer);
    has_guest_timer = has_limit_timer = false;
    run_to_leave = NULL;
}

int clock_stop_signal(void)
{
    return stop_signal;
}

int clock_set_timer(uint64_t first_ns, uint64_t period_ns)
{
    return arm(guest_timer, first_ns, period_ns);
}

bool clock_take_tick(void)
{
    bool was = ticked;
    ticked = 0;
    return was;
}

/* Not one that was to tick once, and has. */
static bool timer_is_running(void)
{
    struct itimerspec left;
    return timer_gettime(guest_timer, &left) == 0 && (left.it_value.tv_sec || left.it_value.tv_nsec);
}

/* Signals are blocked but while we wait, so that none comes between a look and the wait. */
bool clock_wait(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    while (!ticked && !stop_signal && timer_is_running())
        sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL); /* what came while they were blocked comes here */
    return ticked || stop_signal;
}
