"""Compares what came of a case with what should have come. Every doubt is a failure: a result that is not there, a
statistic that is missing, a check that could not be made."""
import hashlib
import json
import os
import re

from . import counts, oracle

SUBSTRATES = {"pvm": "PVM", "svm": "SVM with NPT", "svm-shadow": "SVM with shadow paging", "vmx": "VMX with EPT",
              "vmx-shadow": "VMX with shadow paging", "unknown": "unknown"}
GOLDEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden")
NEVER_THE_SAME = re.compile(r"^kvm\.|(^|[._])ns$")  # times, and what KVM itself counts


def _read(folder, name):
    try:
        with open(os.path.join(folder, name), "rb") as f:
            return f.read()
    except OSError:
        return None


def _text(folder, name):
    return (_read(folder, name) or b"").decode(errors="replace")


def _golden(name):
    """What tests/golden/NAME.txt holds."""
    with open(os.path.join(GOLDEN, name + ".txt"), encoding="utf-8") as f:
        return f.read()


def expectation(stanza, host):
    """What the program prints (None if the stanza does not care), and the statuses that it may end with."""
    kind, _, text = stanza.get("expect", "host" if stanza.argv else "nothing").partition(" ")
    if kind == "host":
        expected = host.ask(stanza.argv)
    elif kind == "nothing":
        expected = oracle.expected_text("", None)
    elif kind == "text":
        expected = oracle.expected_text(text.encode().decode("unicode_escape"), None)
    elif kind == "golden":
        expected = oracle.expected_text(_golden(text), None)
    elif kind == "anything":
        expected = None
    else:
        raise ValueError(f"[{stanza.name}]: expect = {kind}: host, nothing, anything, golden or text")
    statuses = stanza.numbers("status") or ([expected.status] if expected else [None])
    if None in statuses:
        raise ValueError(f"[{stanza.name}]: no status is given, and the host does not tell one")
    return expected, statuses


def _output_problem(folder, expected):
    summary = _text(folder, "stdout.sum").split()
    if len(summary) != 2:
        return "no standard output was kept"
    data = _read(folder, "stdout")
    if data is not None and hashlib.md5(data).hexdigest() != summary[0]:
        return "the standard output was damaged on its way"
    if summary[0] == expected.md5:
        return ""
    if data is None or len(data) > 1 << 20:
        return f"standard output: {summary[1]} bytes, not the {len(expected.stdout)} expected"
    have, want = data.splitlines(), expected.stdout.splitlines()
    for number in range(max(len(have), len(want))):
        pair = [lines[number][:80] if number < len(lines) else None for lines in (have, want)]
        if pair[0] != pair[1]:
            return f"standard output, line {number + 1}: {pair[0]!r}, not {pair[1]!r}"
    return "standard output: the same lines, but not the same bytes"


def _stats_problems(stats, case, status, on):
    stanza = case.stanza
    wanted = {"mode": case.mode, "substrate": SUBSTRATES.get(on, on), "program": stanza.argv, "exit_status": status}
    for key, value in wanted.items():
        if stats.get(key) != value:
            yield f"the statistics say {key} {stats.get(key)!r}, not {value!r}"
    yield from counts.ledger_problems(stats) or (() if stanza.get("kernel") else counts.anatomy_problems(stats))
    counted = [text for text in stanza.lines("counts") if case.mode != "hw" or not counts.UNSEEN_IN_HW.search(text)]
    for text in counted + stanza.lines(f"counts-{case.mode}"):
        try:
            problem = counts.check_count(stats, text)
        except counts.CountError as error:
            problem = f"{text}: {error}"
        if problem:
            yield problem


def _seconds(folder):
    """How long the run took, by the clock of the machine that it ran on."""
    uptimes = _text(folder, "uptimes").split()
    return float(uptimes[1]) - float(uptimes[0]) if len(uptimes) == 2 else 0.0


def judge_run(folder, case, expected, statuses, on, slower):
    """(problems, statistics or None, seconds) of one run."""
    stanza = case.stanza
    code = _text(folder, "status").strip()
    if not code.isdigit():
        return ["no result: it never ran to its end"], None, 0.0
    seconds = _seconds(folder)
    limit = stanza.number("timeout", 60) * slower
    problems = []
    if seconds >= limit:
        problems.append(f"still running after {limit} s")
    if int(code) not in statuses:
        problems.append(f"exit status {code}, not {' or '.join(map(str, statuses))}")
    if expected and (problem := _output_problem(folder, expected)):
        problems.append(problem)
    for pattern in stanza.lines("stderr"):
        if not re.search(pattern, _text(folder, "stderr"), re.M):
            problems.append(f"standard error says nothing like: {pattern}")
    if stanza.get("json") == "none" or stanza.get("command") or on == "qemu":
        return problems, None, seconds
    try:
        stats = json.loads(_text(folder, "stats.json"))
        if not isinstance(stats, dict):
            raise ValueError("no object")
    except ValueError as error:
        return problems + [f"no statistics: {error}"], None, seconds
    return problems + list(_stats_problems(stats, case, int(code), on)), stats, seconds


def _flat(value, path=""):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def differences(first, other, may_differ):
    """Paths whose values are not the same in two runs, less those that may differ (and all below them)."""
    a, b = dict(_flat(first)), dict(_flat(other))
    return [path for path in sorted(set(a) | set(b)) if a.get(path) != b.get(path)
            and not NEVER_THE_SAME.search(path) and not any(path == free or path.startswith(free + ".") for free in may_differ)]


def across_modes(case, stats):
    """What differs between a case in fv and in hw, though the same kernel did the same to its devices; stats: by mode."""
    if not (stats.get("fv") and stats.get("hw")):
        return []
    fv, hw = ({"disk": stats[mode]["disk"], "mmio": stats[mode]["exits"]["by_cause"].get("mmio", 0)} for mode in ("fv", "hw"))
    return [f"not the same in fv and in hw: {path}" for path in differences(fv, hw, case.stanza.lines("may-differ"))]


def judge_case(results, case, host, on, slower=1):
    """(problems, seconds, statistics of the first run or None) of a case with all of its runs."""
    try:
        expected, statuses = expectation(case.stanza, host)
    except Exception as error:  # the host could not run it: that is no pass
        return [f"what to expect is not known: {error}"], 0.0, None
    problems, all_stats, seconds = [], [], 0.0
    for run in case.runs:
        found, stats, time = judge_run(os.path.join(results, run), case, expected, statuses, on, slower)
        problems += found if run == case.name else [f"{run}: {problem}" for problem in found]
        all_stats.append(stats)
        seconds += time
    for run, stats in zip(case.runs[1:], all_stats[1:]):
        for path in differences(all_stats[0] or {}, stats or {}, case.stanza.lines("may-differ"))[:5]:
            problems.append(f"{run}: not the same count as the first time: {path}")
    return problems, seconds, all_stats[0]
