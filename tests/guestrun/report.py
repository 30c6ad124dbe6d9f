"""What is told of each case: a line as it ends, and TAP or JUnit XML for other people's CI."""
import threading
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr


@dataclass
class Outcome:
    word: str  # PASS, FAIL or SKIP
    name: str
    on: str
    seconds: float = 0.0
    reasons: list = field(default_factory=list)


class Report:
    """May be told from several threads."""

    def __init__(self):
        self.outcomes = []
        self.lock = threading.Lock()

    def add(self, outcome):
        note = f" ({outcome.reasons[0]})" if outcome.word == "SKIP" else f" {outcome.seconds:.1f} s"
        reasons = outcome.reasons if outcome.word == "FAIL" else []
        told = [f"{outcome.word} {outcome.name} {outcome.on}{note}"]
        told += ["    " + reason.replace("\n", "\n    ") for reason in reasons]
        with self.lock:
            self.outcomes.append(outcome)
            print("\n".join(told), flush=True)

    def has(self, name, on):
        return any(outcome.name == name and outcome.on == on for outcome in self.outcomes)

    def count(self, word):
        return sum(outcome.word == word for outcome in self.outcomes)

    def total(self):
        return f"{self.count('PASS')} passed, {self.count('FAIL')} failed, {self.count('SKIP')} skipped"

    def write_tap(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"TAP version 13\n1..{len(self.outcomes)}\n")
            for number, o in enumerate(self.outcomes, 1):
                skip = f" # SKIP {o.reasons[0]}" if o.word == "SKIP" else ""
                f.write(f"{'not ok' if o.word == 'FAIL' else 'ok'} {number} - {o.name} on {o.on}{skip}\n")
                if o.word == "FAIL":
                    f.writelines(f"# {line}\n" for reason in o.reasons for line in reason.splitlines())

    def write_junit(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write('<?xml version="1.0" encoding="UTF-8"?>\n')
            f.write(f'<testsuite name="guests" tests="{len(self.outcomes)}" failures="{self.count("FAIL")}"'
                    f' skipped="{self.count("SKIP")}">\n')
            for o in self.outcomes:
                f.write(f'  <testcase classname={quoteattr(o.on)} name={quoteattr(o.name)} time="{o.seconds:.2f}">')
                if o.word != "PASS":
                    tag = "failure" if o.word == "FAIL" else "skipped"
                    f.write(f"<{tag} message={quoteattr(_printable('; '.join(o.reasons)))}/>")
                f.write("</testcase>\n")
            f.write("</testsuite>\n")


def _printable(text):
    """XML has no place for most control characters, even escaped."""
    return "".join(c if c in "\n\t" or c >= " " and c not in "\x7f\ufffe\uffff" else "?" for c in text)
