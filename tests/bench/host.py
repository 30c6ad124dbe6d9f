"""What is measured from outside: start-up, resident memory, and faults that the host itself handles."""
import json
import os
import re
import subprocess
import tempfile
import time

from . import classic
from .machine import summary

MIB = 1 << 20
MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ ")


def start_up(m, mode):
    """From the exec to the first instruction of the program, in ns. What goes before main() is taken to be what a run that
    only prints its version takes: more than it is, since that has its end in it too."""
    runs = 3 if m.quick else 11
    main, inside, whole = [], [], []
    for _ in range(runs):
        before = time.monotonic_ns()
        m.capture([m.faultvisor, "--version"])
        main.append(time.monotonic_ns() - before)
        _, stats, elapsed = m.run_guest(mode, ["/bin/hello"])
        inside.append(stats["start_ns"])
        whole.append(elapsed)
    return {"to_main_ns": summary(main), "from_main_ns": summary(inside),
            "total_ns": summary([a + b for a, b in zip(main, inside)]), "whole_run_ns": summary(whole)}


def parse_smaps(text):
    """The mappings in a /proc/PID/smaps: dicts of the numbers (KiB), and the name."""
    mappings = []
    for line in text.splitlines():
        if MAPPING.match(line):
            mappings.append({"name": (line.split(maxsplit=5) + [""])[5]})
        elif line.endswith(" kB"):
            key, value, _ = line.split()
            mappings[-1][key.rstrip(":")] = int(value)
    return mappings


def beyond_guest(mappings, guest_bytes):
    """Resident bytes of a VMM without its guest's memory, which is the largest mapping that no file is behind."""
    guest = max((m for m in mappings if not m["name"]), key=lambda m: m["Size"], default={"Size": 0})
    if guest["Size"] * 1024 < guest_bytes:
        return None
    others = [m for m in mappings if m is not guest]
    return {"total": sum(m["Rss"] for m in others) * 1024,
            "anonymous": sum(m["Anonymous"] for m in others) * 1024,
            "shared_with_others": sum(m["Shared_Clean"] + m["Shared_Dirty"] for m in others) * 1024,
            "guest": guest["Rss"] * 1024}


def resident(m, mode):
    """Of a guest that has been doing everything that the benchmarks do for a while: bytes, or the reason why not."""
    process = subprocess.Popen(m.command(mode, ["/bin/vmbench", "--repeat", "1000", "all", "20"]),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1 if m.quick else 3)
        with open(f"/proc/{process.pid}/smaps", encoding="ascii", errors="replace") as f:
            found = beyond_guest(parse_smaps(f.read()), 16 * MIB)
    except OSError as error:
        return {"reason": str(error)}
    finally:
        process.terminate()
        process.wait()
    return found or {"reason": "the guest's memory was not found in /proc"}


def tracing(m, mode):
    """How many times as long a minor fault takes while it is traced; each pair of runs is a ratio."""
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        trace = ["--trace", os.path.join(folder, "trace.json")]
        for _ in range(2 if m.quick else 7):
            plain, traced = (classic.parse(m.run_guest(mode, ["/bin/vmbench", "minor", "500"], options)[0])["minor"][0]
                             for options in ([], trace))
            ratios.append(traced / plain)
    return summary(ratios)


def host_faults(m):
    return json.loads(m.capture([m.host_faults, "200" if m.quick else "2000"]))
