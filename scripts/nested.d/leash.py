"""What a script starts is on a leash: the kernel kills it when the process that started it dies, however that happens."""
import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


def leash(before=lambda: None):
    """A function to be called in the child (preexec_fn), which calls before() first: what that does may loosen a leash."""
    parent = os.getpid()

    def hold():
        before()
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return hold
