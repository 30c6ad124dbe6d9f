"""The kernel of the nested machine: fetched once, unpacked, cut down, kept in the cache.

It is Debian's own (linux-image-cloud-amd64), downloaded and unpacked, never installed. The cache holds the
package, and what is made of it: vmlinuz, and base.cpio with busybox, the init script and the modules of KVM.

Each is made in a folder aside and renamed into place, under a lock: two that start at once make it once, and
one that is killed half-way leaves nothing that looks finished."""
import fcntl
import glob
import hashlib
import lzma
import os
import shutil
import subprocess
import tempfile

import archive
from leash import leash

HERE = os.path.dirname(os.path.abspath(__file__))
META_PACKAGE = "linux-image-cloud-amd64"
MODULES = ("virt/lib/irqbypass.ko", "arch/x86/kvm/kvm.ko", "arch/x86/kvm/kvm-amd.ko",
           "arch/x86/kvm/kvm-intel.ko")

# Sections that only tracers and debuggers read. The table of traceable functions (__mcount_loc) is patched
# entry by entry when a module is loaded, which takes Bochs four seconds of its fourteen.
UNUSED = ("-R", ".BTF", "-R", "__mcount_loc", "-R", ".rela__mcount_loc")


class KernelError(Exception):
    pass


def _run(command, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors="replace", preexec_fn=leash())
    except FileNotFoundError:
        raise KernelError(f"there is no {command[0]} here") from None
    if done.returncode != 0:
        why = (done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}").splitlines()[-1]
        raise KernelError(f"{' '.join(command[:2])}: {why}")
    return done.stdout


def _only(pattern):
    found = glob.glob(pattern, recursive=True)
    if len(found) != 1:
        raise KernelError(f"the package has {len(found)} of {os.path.basename(pattern)}, not one")
    return found[0]


def _plain(path):
    """The path of a module that is not compressed: they are, from Debian 13 on."""
    plain, extension = os.path.splitext(path)
    if extension != ".xz":
        return path
    with lzma.open(path) as packed, open(plain, "wb") as out:
        shutil.copyfileobj(packed, out)
    return plain


def _package_name():
    """The package behind the metapackage, whose name has the version in it."""
    for line in _run(["apt-cache", "depends", META_PACKAGE]).splitlines():
        word = line.split()
        if len(word) == 2 and word[0] == "Depends:" and word[1].startswith("linux-image-"):
            return word[1]
    raise KernelError(f"apt-cache knows no {META_PACKAGE} (apt-get update? It is Debian's: elsewhere, use a container with Debian)")


def _package(cache, making):
    """The path of the package; what was fetched before is good enough."""
    fetched = glob.glob(os.path.join(cache, "*.deb"))
    if not fetched:
        _run(["apt-get", "-q", "-o", "Acquire::http::Timeout=20", "download", _package_name()], cwd=making)
        for deb in glob.glob(os.path.join(making, "*.deb")):
            os.rename(deb, os.path.join(cache, os.path.basename(deb)))
        fetched = glob.glob(os.path.join(cache, "*.deb"))
    if not fetched:
        raise KernelError("apt-get download brought no package")
    return fetched[0]


def _write_base(path, modules, busybox):
    with open(path, "wb") as out:
        w = archive.Writer(out)
        for name in ("dev", "proc", "sys", "tmp", "sbin", "usr/bin", "usr/sbin"):
            w.directory(name)
        w.node("dev/console", 5, 1)
        w.file("bin/busybox", busybox)
        w.file("init", os.path.join(HERE, "init"))
        for module in modules:
            w.file("nested/" + os.path.basename(module), module)
        w.end()


def _make(making, deb, busybox):
    """vmlinuz and base.cpio, in making."""
    tree = os.path.join(making, "tree")
    try:
        _run(["dpkg", "-x", deb, tree])
    except KernelError:
        os.unlink(deb)  # so that the next run fetches a whole one
        raise
    modules = [_plain(_only(os.path.join(tree, "**/lib/modules/*/kernel", module + "*"))) for module in MODULES]
    for module in modules:
        _run(["objcopy", "--strip-unneeded", *UNUSED, module])
    os.rename(_only(os.path.join(tree, "boot/vmlinuz-*")), os.path.join(making, "vmlinuz"))
    _write_base(os.path.join(making, "base.cpio"), modules, busybox)
    shutil.rmtree(tree)


def _stamp(busybox):
    """Changes when what the machine is made of does."""
    h = hashlib.sha256()
    for path in (busybox, *(os.path.join(HERE, name) for name in ("init", "archive.py", "kernel.py"))):
        with open(path, "rb") as f:
            h.update(f.read())
    return h.hexdigest()[:16]


def prepare(cache, busybox):
    """The paths of vmlinuz and base.cpio, made first if need be. KernelError says what could not be had."""
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = os.path.join(cache, "machine-" + _stamp(busybox))
        if not os.path.exists(ready):
            for left in glob.glob(os.path.join(cache, "ma*-*")):
                shutil.rmtree(left)
            making = tempfile.mkdtemp(prefix="making-", dir=cache)
            try:
                _make(making, _package(cache, making), busybox)
                os.rename(making, ready)
            finally:
                shutil.rmtree(making, ignore_errors=True)
    return os.path.join(ready, "vmlinuz"), os.path.join(ready, "base.cpio")
