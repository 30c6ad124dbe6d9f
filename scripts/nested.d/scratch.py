"""A folder for one run, which does not outlive it: not even when the run is killed, since the next run
removes what dead ones left. A folder belongs to the process that holds the lock in it, and the kernel drops
the lock with the process, so there is no process number to mistake."""
import contextlib
import fcntl
import os
import shutil
import tempfile


def _sweep(root):
    for name in os.listdir(root):
        folder = os.path.join(root, name)
        if not os.path.isdir(folder):
            continue
        try:
            with open(os.path.join(folder, "owner"), "w") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            pass


@contextlib.contextmanager
def folder(root):
    """Yields the path of a new folder below root, and removes it in the end."""
    os.makedirs(root, exist_ok=True)
    with open(os.path.join(root, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _sweep(root)
        path = tempfile.mkdtemp(prefix="run-", dir=root)
        owner = open(os.path.join(path, "owner"), "w")
        fcntl.flock(owner, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        owner.close()
