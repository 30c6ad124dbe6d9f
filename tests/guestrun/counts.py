"""What the statistics of a run must hold: the ledger, which is checked in every run, and a stanza's own counts.

    faults.minor.histogram == {2: *}      every minor fault took two exits, and there was one at least
    faults.cow.histogram == {}            there was none
    faults.cow.histogram in {2: *}        each took two exits, if there was any
    faults.major.count >= 100
    exits.by_cause.page-fault == faults.minor.count + faults.major.count + faults.cow.count

    faults.major.exits == 3 * faults.major.count + faults.major.by_cause.{table-store,invlpg}

A path names a place in the JSON; with several names in braces, the sum of those. Both sides may be sums and products of paths and numbers, with spaces around
the signs, since names may have a "-" in them."""
import ast
import operator
import re

UNSEEN_IN_HW = re.compile(r"\b(faults|system_calls)\.")
CLASSES = ("minor", "major", "cow", "protection")
PATH = re.compile(r"\b[a-z_]+(?:\.[a-z0-9_-]+)*\.(?:[a-z0-9_-]+|\{[a-z0-9_,-]+\})")
HISTOGRAM = re.compile(r"^(?P<path>\S+)\s*(?P<how>==|in)\s*\{(?P<keys>[^}]*)\}$")
# What a fault that its program survives is made of: rows that each has once, and rows that are allowed besides. A store
# to what was a page table once, and is a page of a program now, is a table store until the shadow MMU has seen that it
# is none any more; then it gets hold of the CPU (drain), to map the frame as an ordinary one.
ANATOMY = {
    "pv": (("page-fault", "hypercall"), ("disk-notify",)),
    "fv": (("page-fault", "mov-from-cr2", "iret"), ("disk-notify", "table-store", "invlpg", "mov-to-cr3", "drain")),
}
# Where faults and system calls make no exits, these are all that there are.
CAUSES_IN_HW = {"port", "mmio", "halt", "signal", "interrupt-window"}
COMPARE = {ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
           ast.Gt: operator.gt, ast.GtE: operator.ge}
WITHOUT_ZEROS = re.compile(r"(^|[.])by_cause$|^hypercalls$|^privileged$")  # tables that leave out rows of zero
ARITHMETIC = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv}


class CountError(Exception):
    """A count that is not there, or an expression that means nothing."""


def lookup(stats, path):
    place = stats
    table, _, row = path.rpartition(".")
    if WITHOUT_ZEROS.search(table) and row not in lookup(stats, table):
        return 0
    for part in path.split("."):
        if not isinstance(place, dict) or part not in place:
            raise CountError(f"the statistics have no {path}")
        place = place[part]
    return place


def check_histogram(stats, path, how, keys):
    """"" if the histogram at path has these keys (with these counts, or any for "*"), all of them (==) or some (in)
    and no others; or what it has."""
    wanted = {}
    for item in filter(None, (part.strip() for part in keys.split(","))):
        exits, colon, count = (part.strip() for part in item.partition(":"))
        if not colon or not exits.isdigit() or not (count == "*" or count.isdigit()):
            raise CountError(f"not a histogram: {{{keys}}}")
        wanted[exits] = count
    have = lookup(stats, path)
    if not isinstance(have, dict):
        raise CountError(f"{path} is no histogram")
    fits = set(have) == set(wanted) if how == "==" else set(have) <= set(wanted)
    fits = fits and all(count > 0 and wanted[exits] in ("*", str(count)) for exits, count in have.items())
    return "" if fits else f"{path} is {{{', '.join(f'{e}: {c}' for e, c in have.items())}}}, not {{{keys}}}"


def _evaluate(node, values):
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.Name) and node.id in values:
        return values[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        return ARITHMETIC[type(node.op)](_evaluate(node.left, values), _evaluate(node.right, values))
    raise CountError("only numbers, paths, + - * // and comparisons are understood")


def check_count(stats, text):
    """"" if the expression holds, or why it does not."""
    histogram = HISTOGRAM.match(text)
    if histogram:
        return check_histogram(stats, histogram["path"], histogram["how"], histogram["keys"])
    values = {}

    def number_at(path):
        value = lookup(stats, path)
        if type(value) is not int:
            raise CountError(f"{path} is no number")
        return value

    def name_of(match):
        table, brace, names = match.group().partition("{")
        value = sum(number_at(table + name) for name in (names[:-1].split(",") if brace else [""]))
        values[f"path{len(values)}"] = value
        return f"path{len(values) - 1}"

    try:
        tree = ast.parse(PATH.sub(name_of, text), mode="eval").body
    except SyntaxError:
        raise CountError(f"not understood: {text}") from None
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in COMPARE:
        raise CountError(f"not one comparison: {text}")
    left, right = _evaluate(tree.left, values), _evaluate(tree.comparators[0], values)
    return "" if COMPARE[type(tree.ops[0])](left, right) else f"{text}: {left} against {right}"


def _tally_problems(name, tally):
    """A class of faults: its histogram, its extremes, its rows and its totals must be the same numbers."""
    if sum(tally["by_cause"].values()) != tally["exits"]:
        yield f"{name}: its rows do not add up to {tally['exits']} exits"
    if any(exits.endswith("+") for exits in tally["histogram"]):
        return  # its last place takes all above
    histogram = {int(exits): count for exits, count in tally["histogram"].items()}
    if sum(histogram.values()) != tally["count"]:
        yield f"{name}: the histogram has {sum(histogram.values())} of {tally['count']}"
    if sum(exits * count for exits, count in histogram.items()) != tally["exits"]:
        yield f"{name}: the histogram does not add up to {tally['exits']} exits"
    if histogram and (min(histogram), max(histogram)) != (tally["min"], tally["max"]):
        yield f"{name}: min and max are not those of the histogram"


def anatomy_problems(stats):
    """Faults whose exits are not the ones that a fault is made of, with our own guest kernel."""
    if stats["mode"] == "hw":
        yield from (f"in hw an exit for {cause}" for cause in sorted(set(stats["exits"]["by_cause"]) - CAUSES_IN_HW))
        yield from (f"in hw {name} faults" for name in CLASSES if stats["faults"][name]["count"])
    each, besides = ANATOMY.get(stats["mode"], ((), ()))
    for name in ("minor", "major", "cow") if each else ():
        rows, count = stats["faults"][name]["by_cause"], stats["faults"][name]["count"]
        for row in each:
            if rows.get(row, 0) != count:
                yield f"{count} {name} faults have {rows.get(row, 0)} exits for {row}"
        for row in sorted(set(rows) - set(each) - set(besides)):
            yield f"{name} faults have {rows[row]} exits for {row}"


def ledger_problems(stats):
    """All that does not add up in the statistics of one run."""
    try:
        total = stats["exits"]["total"]
        by_cause = sum(stats["exits"]["by_cause"].values())
        in_faults = sum(stats["faults"][c]["exits"] for c in CLASSES)
        outside = sum(stats["outside_faults"].values())
        problems = []
        if total <= 0:
            problems.append("no exit was counted")
        if by_cause != total:
            problems.append(f"ledger: causes add up to {by_cause}, there were {total} exits")
        if in_faults + outside != total:
            problems.append(f"ledger: {in_faults} in faults + {outside} outside, there were {total} exits")
        if stats["system_calls"]["exits"] != stats["outside_faults"]["system-call"]:
            problems.append("ledger: system calls have two different numbers of exits")
        for name in CLASSES:
            problems += _tally_problems(name, stats["faults"][name])
        problems += _tally_problems("timer", stats["timer"])
        return problems + list(_tally_problems("system calls", stats["system_calls"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"the statistics are not of the known form: {type(error).__name__}: {error}"]
