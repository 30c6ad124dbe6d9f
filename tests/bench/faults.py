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


def difference(long, short, path):
    """The numbers of one place in two statistics, subtracted."""
    for name in path:
        long, short = long.get(name, {}), short.get(name, {})
    return {key: long.get(key, 0) - short.get(key, 0) for key in {*long, *short}
            if isinstance(long.get(key, 0), int) and long.get(key, 0) != short.get(key, 0)}


def bare_ns(causes, bare):
    """What these exits take by themselves; None if the cost of a cause is not known."""
    total = 0
    for cause, number in causes.items():
        kind = bare.get(BARE.get(cause, ""))
        if kind is None:
            if abs(number) >= 0.01:
                return None
            continue
        total += number * kind["median_ns"]
    return total


def weigh(name, long, short, ns, bare):
    """One class of faults: a row of the table. ns: of one fault, from several loops."""
    tally = difference(long, short, ["faults", name])
    count = tally.get("count", 0)
    if count <= 0:
        return {"reason": "no such faults"}
    causes = difference(long, short, ["exits", "by_cause"])
    if name == "cow":  # every page was first written to by the parent
        causes["page-fault"] = causes.get("page-fault", 0) - difference(long, short, ["faults", "minor"]).get("count", 0)
        return row(long, name, tally, ns, None, bare)
    return row(long, name, tally, ns, {cause: n / count for cause, n in causes.items()}, bare)


def row(stats, name, tally, ns, causes, bare):
    exits = tally.get("exits", 0) / tally["count"]
    result = {"count": tally["count"], "exits": exits, "ns": summary(ns),
              "median_ns_inside": stats["faults"][name]["median_ns"]}
    if causes:
        result["exits_by_cause"] = causes
        cost = bare_ns(causes, bare)
        if cost:
            result["bare_ns"] = cost
            result["efficiency"] = result["ns"]["median"] / cost
    return result


def measure(m, mode, bare):
    pages, repeat = (50, 2) if m.quick else (250, 7)
    rows = {}
    for name, benchmark in CLASSES.items():
        def run(count):
            output, stats, _ = m.run_guest(mode, ["/bin/vmbench", "--repeat", str(repeat), benchmark, str(count)])
            return classic.parse(output), stats
        try:
            lines, long = run(pages)
            _, short = run(1)
        except GuestFailed as error:
            rows[name] = {"reason": str(error)}
            continue
        ns = lines[benchmark]
        if long["faults"][name]["count"] == 0:
            rows[name] = {"exits": 0, "ns": summary(ns), "reason": "faults of this mode make no exit"}
        else:
            rows[name] = weigh(name, long, short, ns, bare)
    return rows
