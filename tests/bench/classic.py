"""The classic benchmarks (guest/programs/vmbench/main.c), in guests and on the host itself."""
import os

from .machine import BenchError, summary

NAMES = ("syscall", "minor", "cow", "pagefault", "pagefault-cold", "signal", "protfault", "dirty", "trap", "fault", "prot1",
         "prot100", "unprot100", "appel1", "appel2")
WHOLE_AREAS = ("prot100", "unprot100")  # a hundred times the work of the others


def parse(output):
    """Nanoseconds an operation, by benchmark: a list of what each repetition said."""
    found = {}
    for line in output.splitlines():
        words = line.split()
        if len(words) == 3:
            found.setdefault(words[0], []).append(float(words[2]))
    return found


def forget(path):
    """Take a file out of the host's page cache, as far as it lets us."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def run(m, column, arguments):
    if column == "native":
        return m.capture([m.native, *arguments], cwd=m.root)
    return m.run_guest(column, ["/bin/vmbench", *arguments])[0]


def measure_cold(m, column):
    """lmbench's page fault with the file in no cache of the host: only the first time counts."""
    times = []
    for _ in range(2 if m.quick else 5):
        forget(os.path.join(m.root, "data", "medium") if column == "native" else m.disk)
        times += parse(run(m, column, ["pagefault", "250"]))["pagefault"]
    return times


def measure_one(m, column, name):
    if name == "pagefault-cold":
        return measure_cold(m, column)
    count = 20 if m.quick else 1000 if column == "native" else 100
    if column != "native" and name in WHOLE_AREAS:
        count = 16
    return parse(run(m, column, ["--repeat", "2" if m.quick else "7", name, str(count)]))[name]


def measure(m, column):
    """Each benchmark's summary, or the reason why there is none."""
    found = {}
    for name in NAMES:
        if name == "dirty":
            continue
        try:
            found[name] = summary(measure_one(m, column, name))
        except BenchError as error:
            found[name] = {"reason": str(error)}
    return found
