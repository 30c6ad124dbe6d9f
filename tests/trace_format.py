"""The Trace Event Format, as published for chrome://tracing and Perfetto, as far as faultvisor uses it: what a
document and each kind of event must have, and that spans of one lane lie in one another or apart.

problem_of(document) is None, or says what is wrong first."""

REQUIRED = {
    "X": {"name": str, "cat": str, "ph": str, "ts": float, "dur": float, "pid": int, "tid": int, "args": dict},
    "i": {"name": str, "cat": str, "ph": str, "ts": float, "s": str, "pid": int, "tid": int, "args": dict},
    "B": {"name": str, "cat": str, "ph": str, "ts": float, "pid": int, "tid": int},
    "E": {"ph": str, "ts": float, "pid": int, "tid": int},
    "M": {"name": str, "ph": str, "pid": int, "args": dict},
}
METADATA = {"process_name": "name", "thread_name": "name", "thread_sort_index": "sort_index"}


def is_a(value, kind):
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, kind) and not isinstance(value, bool)


def event_problem(event):
    if not isinstance(event, dict):
        return "no object"
    fields = REQUIRED.get(event.get("ph"))
    if not fields:
        return f"phase {event.get('ph')!r}"
    for name, kind in fields.items():
        if not is_a(event.get(name), kind):
            return f"{name} is {event.get(name)!r}"
    if event.get("ts", 0) < 0 or event.get("dur", 0) < 0:
        return "a negative time"
    if event["ph"] == "i" and event["s"] not in ("g", "p", "t"):
        return f"scope {event['s']!r}"
    if event["ph"] == "M" and METADATA.get(event["name"]) not in event["args"]:
        return f"metadata {event['name']!r}"
    return None


def ns(us):
    """Times are written to the nanosecond."""
    return round(us * 1000)


def spans_problem(spans):
    """Of one lane: [(begin, end, name)]. A viewer draws them as a stack, and loses what overlaps otherwise."""
    stack = []
    for begin, end, name in sorted(spans, key=lambda span: (span[0], -span[1])):
        while stack and stack[-1][0] <= begin:
            stack.pop()
        if stack and end > stack[-1][0]:
            return f"{name} at {begin} ns overlaps the end of {stack[-1][1]}"
        stack.append((end, name))
    return None


def pairs_problem(events):
    """B and E of one lane, in the order of time."""
    depth = 0
    for event in sorted(events, key=lambda event: event["ts"]):
        depth += 1 if event["ph"] == "B" else -1
        if depth < 0:
            return "an E without a B"
    return "a B without an E" if depth else None


def lanes_problem(events):
    named = {event.get("tid") for event in events if event["ph"] == "M" and event["name"] == "thread_name"}
    lanes = {}
    for event in events:
        if event["ph"] != "M":
            lanes.setdefault((event["pid"], event["tid"]), []).append(event)
    for (_, tid), belongs in sorted(lanes.items()):
        spans = [(ns(event["ts"]), ns(event["ts"]) + ns(event["dur"]), event["name"])
                 for event in belongs if event["ph"] == "X"]
        problem = spans_problem(spans) or pairs_problem([event for event in belongs if event["ph"] in "BE"])
        if tid not in named:
            problem = "it has no name"
        if problem:
            return f"lane {tid}: {problem}"
    return None


def problem_of(document):
    if not isinstance(document, dict) or not isinstance(document.get("traceEvents"), list):
        return "no object with traceEvents"
    if document.get("displayTimeUnit") not in ("ms", "ns"):
        return f"displayTimeUnit {document.get('displayTimeUnit')!r}"
    for number, event in enumerate(document["traceEvents"]):
        problem = event_problem(event)
        if problem:
            return f"event {number}: {problem}"
    return lanes_problem(document["traceEvents"])
