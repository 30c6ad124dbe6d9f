"""Page faults of guests: exits, time, and how much of the time is not the bare exits'.

The time is that of a loop in the guest, from one look at the clock to the next, over the number of faults; so it has all in
it, the way in and the way back too. The causes are those of a long run less those of a short one that differs from it in
nothing but the number of faults. Efficiency is the time over what these exits take by themselves."""
from . import classic
from .machine import GuestFailed, summary

# Which bare exit of `faultvisor doctor` an exit of a cause is weighed by.
BARE = {"page-fault": "page fault", "system-call": "system call", "hypercall": "system call and root",
        "exception": "exception", "privileged-instruction": "exception", "table-store": "table store", "port": "port",
        "mmio": "port", "drain": "exception"}
CLASSES = {"minor": "minor", "major": "pagefault", "cow": "cow"}  # class: benchmark
GOAL = 1.25
NEGLIGIBLE = 0.05  # exits a fault
SLACK = 0.05       # how far the causes may be off the exits of the faults, since other things went on too


def difference(long, short, path):
    """The numbers of one place in two statistics, subtracted."""
    for name in path:
        long, short = long.get(name, {}), short.get(name, {})
    return {key: long.get(key, 0) - short.get(key, 0) for key in {*long, *short}
            if isinstance(long.get(key, 0), int) and long.get(key, 0) != short.get(key, 0)}


def bare_ns(causes, bare):
    """What these exits take by themselves; None if the cost of a cause is not known. A few of the timer's do not matter."""
    total = 0
    for cause, number in causes.items():
        kind = bare.get(BARE.get(cause, ""))
        if kind is None and abs(number) >= NEGLIGIBLE:
            return None
        total += number * kind["median_ns"] if kind else 0
    return total


def per_fault(long, short, name, others):
    """(faults of this class, their exits, exits a fault by cause) in which two runs differ; others: what is known of other classes
    that the runs differ in too."""
    tally = difference(long, short, ["faults", name])
    causes = difference(long, short, ["exits", "by_cause"])
    for other, known in others.items():
        number = difference(long, short, ["faults", other]).get("count", 0)
        for cause, each in known.items():
            causes[cause] = causes.get(cause, 0) - number * each
    count = tally.get("count", 0)
    return count, tally.get("exits", 0), {cause: n / count for cause, n in causes.items()} if count else {}


def weigh(exits, causes, ns, bares, inside_ns):
    """A row of the table. ns: of one fault, in each round; bares: the bare exits of each round; causes: its exits by cause."""
    result = {"exits": exits, "exits_by_cause": causes, "ns": summary(ns), "median_ns_inside": inside_ns}
    costs = [bare_ns(causes, bare) for bare in bares]
    if all(costs) and abs(sum(causes.values()) / exits - 1) <= SLACK:
        result["bare_ns"] = summary(costs)["median"]
        result["efficiency"] = summary([one / cost for one, cost in zip(ns, costs)])
    return result


def take(m, mode):
    """Rounds of measurements: (bare exits of each round, by class (ns of each round, a long run's statistics, a short
    one's), or the reason why a class cannot be had). What is to be compared is measured one right after the other."""
    pages, rounds = (50, 2) if m.quick else (500, 9)
    bares, samples = [], {}
    for _ in range(rounds):
        bares.append(m.ask_doctor()["bare_exits"])
        for name, benchmark in CLASSES.items():
            if isinstance(samples.get(name), str):
                continue
            try:
                output, long, _ = m.run_guest(mode, ["/bin/vmbench", benchmark, str(pages)])
                if name not in samples:
                    samples[name] = ([], long, m.run_guest(mode, ["/bin/vmbench", benchmark, "1"])[1])
                samples[name][0].extend(classic.parse(output)[benchmark])
            except GuestFailed as error:
                samples[name] = str(error)
    return bares, samples


def rows(bares, samples):
    """A row for each class."""
    found, minor = {}, {}
    for name, sample in samples.items():
        if isinstance(sample, str):
            found[name] = {"reason": sample}
            continue
        ns, long, short = sample
        count, exits, causes = per_fault(long, short, name, {"minor": minor} if name == "cow" else {})
        if name == "minor":
            minor = causes
        if count:
            found[name] = weigh(exits / count, causes, ns, bares, long["faults"][name]["median_ns"])
        else:
            found[name] = {"exits": 0, "ns": summary(ns)}
    return found
