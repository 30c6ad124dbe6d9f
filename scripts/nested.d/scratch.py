"""A folder for one run, which does not outlive it: not even when the run is killed, since the next run
removes what dead ones left. A folder belongs to the process that holds the lock in it, and the kernel drops
the lock with the process, so there is no process number to mistake."""
import contextlib
import fcntl
import os
import shutil
import tempfile


@contextlib.contextmanager
def _locked(root):
    """While it holds, no folder below root is made or removed."""
    os.makedirs(root, exist_ok=True)
    with open(os.path.join(root, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _without_owner(root):
    """Paths of folders whose run is dead."""
    for entry in filter(os.DirEntry.is_dir, os.scandir(root)):
        with open(os.path.join(entry, "owner"), "a") as owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
        yield entry.path


def abandoned(root):
    """What dead runs left below root, until the next run begins."""
    with _locked(root):
        return list(_without_owner(root))


@contextlib.contextmanager
def folder(root):
    """Yields the path of a new folder below root, and removes it in the end."""
    with _locked(root):
        for left in _without_owner(root):
            shutil.rmtree(left, ignore_errors=True)
        path = tempfile.mkdtemp(prefix="run-", dir=root)
        owner = open(os.path.join(path, "owner"), "w")
        fcntl.flock(owner, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        with _locked(root):
            shutil.rmtree(path, ignore_errors=True)
        owner.close()
