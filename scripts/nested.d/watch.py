"""Watching a machine from boot to power-off: its output is passed on as it comes, and its end is told.

A machine that lives says so every second of its own time. One that has said nothing for so many seconds of
the emulator's CPU time, or that computes nothing at all for a minute, hangs."""
import os
import re
import shutil
import time

import archive
import emulator

POLL_SECONDS = 0.05
IDLE_SECONDS = 60      # real time; a machine that hangs with interrupts off may be idle
POWER_OFF_SECONDS = 20  # real time from the last word of the report


class TimedOut(Exception):
    pass


class Hung(Exception):
    pass


class Abandoned(Exception):
    """Whoever started this is gone."""


class Tail:
    """A file that grows, passed on to a stream."""

    def __init__(self, path, stream):
        self.file = open(path, "rb")
        self.stream = stream

    def pass_on(self):
        shutil.copyfileobj(self.file, self.stream)
        self.stream.flush()


def _bytes_so_far(folder):
    return sum(os.path.getsize(os.path.join(folder, port)) for port in emulator.PORTS)


def _report_is_complete(folder):
    with open(os.path.join(folder, "report"), "rb") as f:
        f.seek(max(0, os.path.getsize(f.name) - 16))
        return re.search(rb"\nexit \d+\n$", f.read()) is not None


class Progress:
    """When the machine last gave a sign of life."""

    def __init__(self, folder, process, silence):
        self.folder, self.process, self.silence = folder, process, silence
        self.bytes = -1
        self.note()

    def note(self):
        """Returns the seconds since the last sign of life: of real time, and of computing."""
        now, cpu, so_far = time.monotonic(), emulator.cpu_seconds(self.process), _bytes_so_far(self.folder)
        if so_far != self.bytes:
            self.bytes, self.time, self.cpu = so_far, now, cpu
        return now - self.time, cpu - self.cpu

    def check(self):
        """Raises Hung when there was none for too long. True: all is said, but it does not power off."""
        quiet, computed = self.note()
        if _report_is_complete(self.folder):
            return quiet > POWER_OFF_SECONDS
        if computed > self.silence or (quiet > IDLE_SECONDS and computed < 1):
            raise Hung(f"no sign of life for {quiet:.0f} s ({computed:.0f} s of computing)")
        return False


def follow(process, folder, timeout, silence, streams, caller):
    """Pass output on until the emulator has ended. streams: for the machine's output and for its errors;
    caller: the process that started this, while it lives. Raises TimedOut, Hung or Abandoned, with the emulator still there."""
    tails = [Tail(os.path.join(folder, port), stream) for port, stream in zip(("out", "err"), streams)]
    end, progress = time.monotonic() + timeout, Progress(folder, process, silence)
    while True:
        ended = process.poll() is not None
        for tail in tails:
            tail.pass_on()
        if ended:
            return
        if os.getppid() != caller:
            raise Abandoned()
        if time.monotonic() > end:
            raise TimedOut(f"not done after {timeout:g} s")
        if progress.check():
            return
        time.sleep(POLL_SECONDS)


class Report:
    """What the machine said of itself. status: the command's, None if it never ended."""

    def __init__(self):
        self.ready = False
        self.no_room = False
        self.no_kvm = False
        self.status = None


def read_report(folder, destination, gets):
    """Read the report and make the files that came with it, if they are among those to get, below destination. A
    report that stops in the middle is one of a machine that died; ArchiveError is for one that holds what it must
    not."""
    wanted = {os.path.basename(get.rstrip("/")) for get in gets}
    report = Report()
    with open(os.path.join(folder, "report"), "rb") as f:
        blob = memoryview(f.read())
    at = 0
    while at < len(blob):
        end = bytes(blob[at:at + 64]).find(b"\n")
        if end < 0:
            break
        word, _, rest = bytes(blob[at:at + end]).partition(b" ")
        at += end + 1
        report.ready |= word == b"ready"
        report.no_room |= word == b"no-room"
        report.no_kvm |= word == b"no-kvm"
        if word == b"exit" and rest.isdigit():
            report.status = int(rest) & 0xff
        elif word == b"files":
            try:
                at = archive.extract(blob, at, destination, wanted)
            except archive.CutShort:
                if _report_is_complete(folder):
                    raise
                break
            while at < len(blob) and blob[at] == 0:
                at += 1
    return report
