"""The numbers as tables: plain text, or Markdown."""
from . import classic, faults

FORMATS = ("text", "markdown")
MIB = 1 << 20
GOAL_RESIDENT = 8 * MIB
GOAL_START_NS = 100_000_000
GOAL_TRACING = 1.1
HOST_WAYS = {"minor": "the kernel's own minor fault", "sigsegv-mprotect": "SIGSEGV, handler calls mprotect",
             "userfaultfd-same-cpu": "userfaultfd, handler in a thread on the same CPU",
             "userfaultfd-other-cpu": "userfaultfd, handler in a thread on another CPU",
             "userfaultfd-sigbus": "userfaultfd, SIGBUS in the same thread"}


def us(ns):
    value = ns / 1000
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(s):
    return f"{us(s['median'])} ({us(s['min'])} to {us(s['max'])})"


def tenths(s):
    return f"{us(s['median_ns'])} ({us(s['p10_ns'])} to {us(s['p90_ns'])})"


def table(header, rows, form):
    """Columns of text; the first is to the left, the others to the right."""
    if form == "markdown":
        lines = ["| " + " | ".join(header) + " |", "|---" + "|--:" * (len(header) - 1) + "|"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    return "\n".join("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                                      for i, (cell, w) in enumerate(zip(row, widths))).rstrip()
                     for row in [header, *rows])


def ms(s):
    return f"{s['median'] / 1e6:.1f} ({s['min'] / 1e6:.1f} to {s['max'] / 1e6:.1f})"


def mib(found, key):
    return f"{found[key] / MIB:.1f}" if key in found else found["reason"]


def section_start(found, form):
    starts, residents = list(found["start_up"].values()), list(found["resident"].values())
    rows = [["ms from exec to the first instruction of the program", *(ms(s["total_ns"]) for s in starts),
             f"{GOAL_START_NS / 1e6:g}"],
            ["of that, from main()", *(ms(s["from_main_ns"]) for s in starts), ""],
            ["ms for a whole run of /bin/hello", *(ms(s["whole_run_ns"]) for s in starts), ""],
            ["MiB resident beyond the guest's memory", *(mib(r, "total") for r in residents), f"{GOAL_RESIDENT / MIB:g}"],
            ["of that, private memory", *(mib(r, "anonymous") for r in residents), ""],
            ["of that, libraries that others use too", *(mib(r, "shared_with_others") for r in residents), ""],
            ["a minor fault with --trace is so many without",
             *("{median:.2f} ({min:.2f} to {max:.2f})".format(**t) for t in found["tracing"].values()), f"{GOAL_TRACING:g}"]]
    return table(["start-up, memory, tracing", *found["start_up"], "goal, at most"], rows, form) if starts else ""


def section_exits(found, form):
    if not found["bare_exits"]:
        return ""
    return table(["a bare exit, there and back", "us"],
                 [[name, tenths(b)] for name, b in found["bare_exits"].items()], form)


def section_faults(found, form):
    rows = []
    for mode, classes in found["faults"].items():
        for name, f in classes.items():
            if "ns" not in f:
                rows.append([f"{mode} {name}", f["reason"], *[""] * 5])
                continue
            rows.append([f"{mode} {name}", f"{f['exits']:.2f}", spread(f["ns"]),
                         us(f["ns_new_frames"]["median"]),
                         us(f["median_ns_inside"]) if "median_ns_inside" in f else "",
                         us(f["bare_ns"]) if "bare_ns" in f else "",
                         "{median:.2f} ({min:.2f} to {max:.2f})".format(**f["efficiency"]) if "efficiency" in f else ""])
    header = ["fault", "exits", "us, whole", "us, new frames", "us, in the VMM's books", "us, its exits bare", "ratio"]
    return table(header, rows, form) if rows else ""


def section_host(found, form):
    rows = []
    pv = found["faults"].get("pv", {}).get("minor", {}).get("ns", {}).get("median")
    for way, name in HOST_WAYS.items():
        h = found["host_faults"][way]
        if "reason" in h:
            rows.append([name, f"not here: {h['reason']}", ""])
        else:
            rows.append([name, tenths(h), f"{pv / h['median_ns']:.1f}" if pv else ""])
    return table(["a first touch on the host", "us", "a pv minor fault is so many"], rows, form)


def section_classic(found, form):
    columns = list(found["classic"])
    rows = []
    for name in classic.NAMES:
        cells = []
        for column in columns:
            c = found["classic"][column].get(name, {"reason": "n/a"})
            if name == "dirty" and column == "native":
                h = found["host_faults"]["dirty"]
                c = {"reason": "n/a"} if "reason" in h else {"median": h["median_ns"], "min": h["p10_ns"],
                                                              "max": h["p90_ns"]}
            cells.append(spread(c) if "median" in c else c["reason"])
        rows.append([name, *cells])
    return table(["us an operation", *columns], rows, form)


NOTES = {
    "faults": f"""A whole fault is timed by a loop in the guest: all its touches, over their number; in frames that the guest had in use
before, or in new ones, which KVM and the host have to give the machine first. The VMM's books begin when KVM_RUN
returns with the fault and end when the exit is handled that resumes the program; the way in and the way back, one bare
exit, is not in them. The ratio is the whole fault over its exits' bare cost, each exit weighed by its own kind, measured
right before; goal: at most {faults.GOAL} for minor faults.""",
    "classic": """vmbench's source says what each is. native: the same binary on the host's kernel; Linux maps up to 16 pages of a cached
file in one fault, so its pagefault, for a page, is no whole fault. pagefault-cold: the file is in no cache of the host.
dirty: by PAGEMAP_SCAN on the host; guests have no such call, and find out by `fault`. protfault: as lmbench does, less
what catching a signal costs; where that is more, 0 is left. The lowest and the highest of the repetitions in brackets; of
dirty, the tenths.""",
}


def warnings(found):
    c = found["conditions"]
    if found["quick"]:
        yield " Quick: not to be cited."
    if not c["first"] and max(c["load"], c.get("load_after", 0)) > c["cpus"] / 2:
        yield " Others had a part of the time: not to be cited."


def conditions(found):
    c = found["conditions"]
    first = "scheduled before other programs (SCHED_FIFO)" if c["first"] else "competing with other programs"
    loads = f"{c['load']:.1f} before, {c.get('load_after', c['load']):.1f} after"
    return (f"faultvisor {found['faultvisor']} on {found['substrate']}; Linux {c['kernel']}, {c['cpus']} CPUs; {first}; "
            f"load average {loads}.{''.join(warnings(found))}")


def render(found, form):
    heading = "### {}\n" if form == "markdown" else "{}\n"
    parts = [conditions(found)]
    for mode, reason in found["modes"].items():
        if reason:
            parts.append(f"Mode {mode} does not run: {reason}")
    for title, section, note in (("Start-up, memory, tracing", section_start, ""), ("Bare exits", section_exits, ""),
                                 ("Page faults", section_faults, "faults"), ("The host's own ways", section_host, ""),
                                 ("The classic benchmarks", section_classic, "classic")):
        text = section(found, form)
        if text:
            parts.append("\n".join(filter(None, [heading.format(title), text, "\n" + NOTES[note] if note else ""])))
    return "\n\n".join(parts)
