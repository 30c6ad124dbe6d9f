"""What tests/guests.cfg says: stanzas, the cases that each one makes, and disks.

The keys of a stanza are explained at the top of tests/guests.cfg. A key that is not known is an error: a slip of
the pen must not switch a check off."""
import configparser
import fnmatch
import itertools
import re
import shlex
from dataclasses import dataclass, field

from . import plain_qemu

KEYS = {"run", "command", "modes", "memory", "swap", "policies", "disk", "options", "timeout", "expect", "status",
        "stderr", "counts", "repeat", "may-differ", "skip", "json", "signal", "bad", "slow", "kernel",
        "console", "run-emulated"}
VALUES = {"slow": "yes", "json": "none", "console": "uart"}  # keys that say one thing or are not there
NAME = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_.+-]*")  # names files, and words of shell
AUDIT_WHEN_BRIEF = "--audit=4999"
MODE_KEYS = {"counts"}  # may also be given for one mode: counts-fv


class ConfigError(Exception):
    pass


@dataclass
class Stanza:
    name: str
    keys: dict

    def __post_init__(self):
        if not NAME.fullmatch(self.name):
            raise ConfigError(f"[{self.name}]: a name is letters, digits, -, +, _ and dots")
        modes = self.words("modes", "pv")
        unknown = set(self.keys) - KEYS - {f"{key}-{mode}" for key in MODE_KEYS for mode in modes}
        if unknown:
            raise ConfigError(f"[{self.name}]: unknown key: {', '.join(sorted(unknown))}")
        for key, value in VALUES.items():
            if self.get(key, value) not in ("", value):
                raise ConfigError(f"[{self.name}]: {key} = {self.get(key)}: can only be {value}")
        if ("run" in self.keys) == ("command" in self.keys):
            raise ConfigError(f"[{self.name}]: needs either run or command")
        has_counts = any(self.lines(key) for key in self.keys if key.startswith("counts"))
        if has_counts and (self.get("command") or self.get("json") == "none"):
            raise ConfigError(f"[{self.name}]: counts are not looked at with command or json = none")

    def get(self, key, default=""):
        return self.keys.get(key, default)

    def words(self, key, default=""):
        return shlex.split(self.get(key, default))

    def lines(self, key):
        """Values of a key with several: one a line, or separated by semicolons."""
        return [part.strip() for part in self.get(key).replace(";", "\n").splitlines() if part.strip()]

    def number(self, key, default):
        text = self.get(key, str(default))
        if not text.isdigit():
            raise ConfigError(f"[{self.name}]: {key} = {text}: expected a number")
        return int(text)

    def numbers(self, key):
        words = self.words(key)
        if not all(word.isdigit() for word in words):
            raise ConfigError(f"[{self.name}]: {key} = {self.get(key)}: expected numbers")
        return [int(word) for word in words]

    @property
    def argv(self):
        return self.words("run")

    def skip_reason(self, facts):
        """Why it does not run where these words hold (substrate, mode, policy); "" if it does. A condition is
        alternatives, each of words joined by "+" that must all hold; a negated one begins with "!"."""
        for line in self.lines("skip"):
            condition, colon, reason = line.partition(":")
            if not colon or not reason.strip():
                raise ConfigError(f"[{self.name}]: skip needs a condition, a colon and a reason: {line}")
            for alternative in condition.split():
                if all((word.lstrip("!") in facts) != word.startswith("!") for word in alternative.split("+")):
                    return reason.strip()
        return ""


@dataclass
class Case:
    """One stanza in one mode under one policy: one line of output, one or more runs."""
    stanza: Stanza
    mode: str
    policy: str
    skip: str = ""
    runs: list = field(default_factory=list)

    def __post_init__(self):
        parts = [self.stanza.name, self.mode] + ([self.policy] if self.policy else [])
        self.name = ".".join(parts)
        repeat = self.stanza.number("repeat", 1)
        self.runs = [self.name] + [f"{self.name}.{n}" for n in range(2, repeat + 1)]


def read_config(path):
    """(stanzas, disks) of a configuration file; disks maps a name to the shell commands that make it."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",),
                                       inline_comment_prefixes=None, empty_lines_in_values=False)
    try:
        with open(path, encoding="utf-8") as f:
            parser.read_file(f)
    except (OSError, configparser.Error) as error:
        raise ConfigError(str(error)) from None
    stanzas, disks, skip_all = [], {}, parser.defaults().pop("skip", "")
    for name in parser.sections():
        keys = dict(parser[name])
        keys["skip"] = keys.get("skip", "") + "\n" + skip_all
        if name.startswith("disk "):
            if set(keys) - set(parser.defaults()) - {"skip"} != {"make"}:
                raise ConfigError(f"[{name}]: a disk has one key, make")
            disks[name.removeprefix("disk ")] = keys["make"]
        else:
            stanzas.append(Stanza(name, keys))
    if not stanzas:
        raise ConfigError(f"{path}: no stanza in it")
    return stanzas, disks


def make_cases(stanzas, on, brief=False, modes=None, only=None):
    """The cases of these stanzas on a substrate, in order; those that cannot run there have a reason in skip.
    brief: each once, audited less often, with less to do if the stanza says what, and of the stanzas that say slow, one policy."""
    cases = []
    for stanza in stanzas:
        if brief:
            smaller = {"run": stanza.get("run-emulated")} if stanza.get("run-emulated") else {}
            seldom = {"options": stanza.get("options").replace("--audit", AUDIT_WHEN_BRIEF)}
            stanza = Stanza(stanza.name, {**stanza.keys, **smaller, **seldom, "repeat": "1"})
        policies = stanza.words("policies") or [""]
        if brief and stanza.get("slow"):
            policies = policies[:1]
        stanza_modes = stanza.words("modes", "pv")
        if on == "qemu":
            stanza_modes = [plain_qemu.MODE] if plain_qemu.is_for_it(stanza) else []
        elif stanza.get("command"):
            stanza_modes = stanza_modes[:1]  # its mode is whatever the command says
        for mode, policy in itertools.product(stanza_modes, policies):
            if modes and mode not in modes:
                continue
            case = Case(stanza, mode, policy, stanza.skip_reason({on, mode, policy}))
            if not only or any(fnmatch.fnmatch(case.name, p) or p in case.name for p in only):
                cases.append(case)
    return cases
