"""Ends this process, and so all that it started, when a make that called it is gone: a killed make must leave
nothing behind, and between it and us there may be shells, which live on."""
import os
import select
import signal
import sys
import threading


def _parent_and_name(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
        head, _, tail = f.read().rpartition(")")
    return int(tail.split()[1]), head.split("(", 1)[1]


def _makes_above():
    pid, found = os.getppid(), []
    while pid > 1:
        parent, name = _parent_and_name(pid)
        if name == "make":
            found.append(pid)
        pid = parent
    return found


def _watch(poller):
    poller.poll()
    os.kill(os.getpid(), signal.SIGTERM)


def hold():
    """Call once, at the start. From then on SIGTERM ends the process in good order, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if "MAKELEVEL" not in os.environ:
        return
    poller = select.poll()
    for pid in _makes_above():
        poller.register(os.pidfd_open(pid), select.POLLIN)
    threading.Thread(target=_watch, args=(poller,), daemon=True).start()
