"""What is measured: the build, and how its programs are run."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

FIFO_PRIORITY = 5


class BenchError(Exception):
    pass


class GuestFailed(BenchError):
    """A guest that did not end well; what it printed until then."""

    def __init__(self, reason, output):
        super().__init__(reason)
        self.output = output


def go_first():
    """Run before ordinary programs, if that is allowed: a batch that another program interrupts says little."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
        return True
    except OSError:
        return False


def summary(values):
    """Median and extremes of some numbers."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}


class Machine:
    def __init__(self, build, quick, first):
        self.build = os.path.abspath(build)
        self.quick = quick
        self.faultvisor = os.path.join(self.build, "faultvisor")
        self.disk = os.path.join(self.build, "sample.tar")
        self.root = os.path.join(self.build, "sample-root")
        self.native = os.path.join(self.build, "programs", "vmbench")
        self.host_faults = os.path.join(self.build, "tests", "bench", "host_faults")
        for path in (self.faultvisor, self.disk, self.native, self.host_faults):
            if not os.path.exists(path):
                raise BenchError(f"{path} is not there: call this by make bench")
        self.first = first and go_first()
        self.load = os.getloadavg()[0]
        self.bare_samples = []
        self.doctor = self.ask_doctor()

    def ask_doctor(self):
        """What the doctor says now. It is asked several times in a run, since the cost of an exit moves with time."""
        said = json.loads(self.capture([self.faultvisor, "doctor", "--json"], statuses=(0, 69)))
        self.bare_samples.append(said["bare_exits"])
        return said

    def bare_exits(self):
        """The medians of all that the doctor said of bare exits."""
        return {kind: {key: statistics.median(sample[kind][key] for sample in self.bare_samples if kind in sample)
                       for key in self.bare_samples[0][kind]} for kind in self.bare_samples[0]}

    def say(self, what):
        """A line of progress, on a terminal."""
        if sys.stderr.isatty():
            print(f"\r\033[K{what}", end="\n" if not what else "", file=sys.stderr, flush=True)

    def conditions(self):
        return {"cpus": len(os.sched_getaffinity(0)), "load": self.load, "first": self.first,
                "kernel": os.uname().release}

    def capture(self, argv, statuses=(0,), cwd=None):
        """Standard output of a program of the host."""
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=120, check=False, cwd=cwd)
        if done.returncode not in statuses:
            raise BenchError(f"{' '.join(argv)}: status {done.returncode}: {done.stderr.strip()[:200]}")
        return done.stdout

    def command(self, mode, program, options=(), timeout=90):
        return [self.faultvisor, "run", "--mode", mode, "--memory", "16M", "--disk", self.disk, "--timeout", str(timeout),
                *options, "--", *program]

    def run_guest(self, mode, program, options=(), timeout=90):
        """(output, statistics, nanoseconds from before the exec to the end) of a guest."""
        with tempfile.NamedTemporaryFile(suffix=".json") as stats:
            before = time.monotonic_ns()
            done = subprocess.run(self.command(mode, program, ["--stats-json", stats.name, *options], timeout),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  check=False)
            elapsed = time.monotonic_ns() - before
            if done.returncode:
                lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
                raise GuestFailed(lines[0], done.stdout)
            return done.stdout, json.load(stats), elapsed

    def why_not(self, mode):
        """"" if a guest runs in this mode, or why it does not."""
        try:
            self.run_guest(mode, ["/bin/exit", "0"], timeout=20)
        except GuestFailed as error:
            return str(error).removeprefix("faultvisor: ")
        return ""
