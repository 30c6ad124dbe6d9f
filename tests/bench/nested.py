"""The classic benchmarks in all modes on an emulated machine (scripts/nested), where hw runs too. Exits are what
they are on hardware. Times are an emulator's, so only their ratios are shown, and those are its own."""
import json
import os
import shlex
import statistics
import subprocess
import tempfile

from . import classic, tables
from .machine import BenchError

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAMES = [name for name in classic.NAMES if name not in ("dirty", "pagefault-cold")]
REPEAT = 3
NOT_OF_THE_WORK = ("port", "timer", "signal", "interrupt-window")  # consoles and the timer


NOTE = """Exits are of all that a benchmark does, and so with what is not in its time: the first touch of cow's pages, the calls and
signals that signal and protfault are compared with, the unprotecting after prot1 and prot100, the protecting before fault and unprot100."""


def counts_of(name):
    """Two runs: what the longer one has more is the cost of that many operations, and of what prepares them."""
    return (16, 32) if name in classic.WHOLE_AREAS else (100, 200)


def script(modes):
    lines = ["mkdir out"]
    for mode in modes:
        for name in NAMES:
            for count in counts_of(name):
                file = f"out/{mode}.{name}.{count}"
                run = ["faultvisor", "run", "--mode", mode, "--quiet", "--disk", "small.tar", "--timeout", "120", "--stats-json",
                       f"{file}.json", "--", "/bin/vmbench", "--repeat", str(REPEAT), name, str(count)]
                lines.append(f"{shlex.join(run)} >{file}.txt 2>{file}.err")
    return "\n".join(lines + ["true"])


def run(build, on, modes, folder):
    disk = os.path.join(build, "small.tar")
    words = [os.path.join(ROOT, "scripts", "nested"), "--on", on, "--build", build, "--timeout", "1800", "--file", disk, "--get", "out",
             "--out", folder, "--", "sh", "-c", script(modes)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise BenchError((done.stdout.strip().splitlines() or ["scripts/nested failed"])[-1])


def load(folder, mode, name, count):
    """(exits of the work, nanoseconds an operation), or the reason why not."""
    path = os.path.join(folder, "out", f"{mode}.{name}.{count}")
    with open(path + ".err", encoding="utf-8") as f:
        problem = f.read().strip()
    with open(path + ".txt", encoding="utf-8") as f:
        times = classic.parse(f.read()).get(name)
    if not times:
        raise BenchError(problem.removeprefix("faultvisor: ") or "no result")
    with open(path + ".json", encoding="utf-8") as f:
        stats = json.load(f)
    causes = stats["exits"]["by_cause"]
    return sum(n for cause, n in causes.items() if cause not in NOT_OF_THE_WORK), times, stats["substrate"]


def measure_one(folder, mode, name):
    few, many = counts_of(name)
    (exits, times, _), (more, more_times, substrate) = load(folder, mode, name, few), load(folder, mode, name, many)
    return {"exits": (more - exits) / (REPEAT * (many - few)), "ns": statistics.median(times + more_times), "substrate": substrate}


def measure(build, on, modes):
    """{"substrate", "modes": {mode: {name: {"exits", "ns"} or {"reason"}}}}"""
    found = {"on": on, "substrate": None, "modes": {}}
    with tempfile.TemporaryDirectory() as folder:
        run(os.path.abspath(build), on, modes, folder)
        for mode in modes:
            found["modes"][mode] = {}
            for name in NAMES:
                try:
                    one = measure_one(folder, mode, name)
                    found["substrate"] = one.pop("substrate")
                except BenchError as error:
                    one = {"reason": str(error)}
                found["modes"][mode][name] = one
    return found


def cells(found, name):
    modes = found["modes"]
    last = list(modes)[-1]
    exits = [f"{m[name]['exits']:.2f}".removesuffix(".00") if "exits" in m[name] else m[name]["reason"] for m in modes.values()]
    ratios = [f"{modes[mode][name]['ns'] / modes[last][name]['ns']:.1f}"
              if "ns" in modes[mode][name] and modes[last][name].get("ns") else "" for mode in list(modes)[:-1]]
    return [name, *exits, *ratios]


def render(found, form):
    modes = list(found["modes"])
    header = ["an operation", *(f"{mode}: exits" for mode in modes), *(f"time, {mode}/{modes[-1]}" for mode in modes[:-1])]
    return (f"Emulated {found['substrate']} (scripts/nested --on {found['on']}): exits to the VMM an operation; times as ratios, which are "
            "the emulator's.\n\n" + tables.table(header, [cells(found, name) for name in NAMES], form) + "\n\n" + NOTE)
