"""What a program should do: what it does on the host itself.

The tree of the sample disk is unpacked on the host; a program is run with that tree as its current folder, so
stanzas name files by relative paths, which mean the same in the guest, where they start at its root."""
import hashlib
import os
import resource
import subprocess
import threading
from dataclasses import dataclass

STACK_BYTES = 8 << 20


@dataclass
class Expected:
    status: int
    md5: str
    stdout: bytes


def expected_text(text, status):
    data = text.encode()
    return Expected(status, hashlib.md5(data).hexdigest(), data)


class Oracle:
    def __init__(self, root):
        self.root = root
        self.known = {}
        self.lock = threading.Lock()

    def ask(self, argv):
        """How argv ends on the host, found out once; a death by signal has the status that a shell gives it."""
        with self.lock:
            key = tuple(argv)
            if key not in self.known:
                self.known[key] = self._run(argv)
            return self.known[key]

    def _run(self, argv):
        program = os.path.join(self.root, argv[0].lstrip("/"))
        done = subprocess.run(argv, executable=program, cwd=self.root, env={}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=300, check=False,
                              preexec_fn=_as_the_guest_would)
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Expected(status, hashlib.md5(done.stdout).hexdigest(), done.stdout)


def _as_the_guest_would():
    resource.setrlimit(resource.RLIMIT_STACK, (STACK_BYTES, STACK_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
