"""Page faults of guests: exits, time, and how much of the time is not the bare exits'.

The time is that of a loop in the guest, from one look at the clock to the next, over the number of faults; so it has all in
it, the way in and the way back too. The exits are those that the ledger has for faults of the class, in a long run less those in a short one
that differs from it in nothing but the number of faults. Efficiency is the time over what these exits take by themselves.

A frame that the guest never used takes longer: KVM, and the host below it, give the machine's memory a page at a time, too. So
the loop is repeated in one guest: the first time is kept apart, and what counts is from when the guest uses its frames again."""
from . import classic
from .machine import GuestFailed, summary

# Which bare exit of `faultvisor doctor` an exit in a fault is weighed by, by its row in the ledger. A trap from the program and the
# return to it load another root. The pv kernel's hypercalls are INT3.
BARE = {"page-fault": "page fault and root", "table-store": "table store", "mov-from-cr2": "exception",
        "iret": "exception and root", "invlpg": "exception", "mov-to-cr3": "exception and root", "drain": "exception"}
BARE_IN_MODE = {"pv": {"hypercall": "exception and root", "disk-notify": "exception"}, "fv": {"disk-notify": "port"}}
CLASSES = {"minor": "minor", "major": "pagefault", "cow": "cow"}  # class: benchmark
GOAL = 1.25
FIRST_WARM = 2  # vmbench keeps the pages of one repetition until it has filled those of the next
REPETITIONS = 4


def bare_ns(mode, causes, bare):
    """What these exits take by themselves; None if the cost of one is not known."""
    total = 0
    for cause, number in causes.items():
        kind = bare.get(BARE_IN_MODE.get(mode, {}).get(cause, BARE.get(cause)))
        if kind is None:
            return None
        total += number * kind["median_ns"]
    return total


def per_fault(long, short):
    """(how many more faults of a class one run had, their exits, exits a fault by cause)."""
    count = long["count"] - short["count"]
    causes = {cause: n - short["by_cause"].get(cause, 0) for cause, n in long["by_cause"].items()}
    return count, long["exits"] - short["exits"], {cause: n / count for cause, n in causes.items() if n} if count else {}


def weigh(mode, exits, causes, ns, bares):
    """A row of the table. ns: of one fault, in each round; bares: the bare exits of each round; causes: its exits by cause."""
    result = {"exits": exits, "exits_by_cause": causes, "ns": summary(ns)}
    costs = [bare_ns(mode, causes, bare) for bare in bares]
    if all(costs):
        result["bare_ns"] = summary(costs)["median"]
        result["efficiency"] = summary([one / cost for one, cost in zip(ns, costs)])
    return result


def take(m, mode):
    """Rounds of measurements: (bare exits of each round, by class (of each round the ns of each repetition, a long run's
    statistics, a short one's), or the reason why a class cannot be had). What is to be compared is measured one right after the
    other."""
    pages, rounds = (50, 2) if m.quick else (500, 9)
    bares, samples = [], {}
    for _ in range(rounds):
        bares.append(m.ask_doctor()["bare_exits"])
        for name, benchmark in CLASSES.items():
            if isinstance(samples.get(name), str):
                continue
            words = ["/bin/vmbench", "--repeat", str(REPETITIONS), benchmark]
            try:
                output, long, _ = m.run_guest(mode, words + [str(pages)])
                if name not in samples:
                    samples[name] = ([], long, m.run_guest(mode, words + ["1"])[1])
                samples[name][0].append(classic.parse(output)[benchmark])
            except GuestFailed as error:
                samples[name] = str(error)
    return bares, samples


def rows(bares, samples):
    """A row for each class."""
    found = {}
    for name, sample in samples.items():
        if isinstance(sample, str):
            found[name] = {"reason": sample}
            continue
        repetitions, long, short = sample
        count, exits, causes = per_fault(long["faults"][name], short["faults"][name])
        ns = [summary(times[FIRST_WARM:])["median"] for times in repetitions]
        if count:
            found[name] = {**weigh(long["mode"], exits / count, causes, ns, bares),
                           "median_ns_inside": long["faults"][name]["median_ns"]}
        else:
            found[name] = {"exits": 0, "ns": summary(ns)}
        found[name]["ns_new_frames"] = summary([times[0] for times in repetitions])
    return found
