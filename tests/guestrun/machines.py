"""Where a plan is worked off: on this machine, or in a nested one that scripts/nested boots.

Each place has run(cases, done): it works off the runs of the cases, and calls done(case, trouble) as soon as all that
a case leaves is in the results folder, or will never be; trouble says what became of the place, if it is no longer.
It may call done from several threads."""
import base64
import io
import os
import queue
import re
import subprocess
import tarfile
import tempfile
import zlib

from . import plain_qemu
from .threads import in_threads

RESULTS_BYTES = 64 << 20  # of one batch, unpacked: many times what any has
TROUBLE_CHARACTERS = 8000  # of what is told with each case that a machine took along
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
NESTED = ("svm", "svm-shadow", "vmx", "vmx-shadow")
REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _parameter(path):
    try:
        with open(path, encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def sample_disk(on, build):
    """The disk named sample: Bochs takes long to load much, so there its two largest files are cut short."""
    return os.path.join(build, "small.tar" if on.startswith("vmx") else "sample.tar")


def local_substrate():
    """The id of what KVM stands on here, as vmm/substrate.h has them."""
    if os.path.isdir("/sys/module/kvm_pvm"):
        return "pvm"
    for module, parameter, name in (("kvm_amd", "npt", "svm"), ("kvm_intel", "ept", "vmx")):
        if os.path.isdir(f"/sys/module/{module}"):
            nested_paging = _parameter(f"/sys/module/{module}/parameters/{parameter}") in ("Y", "1")
            return name if nested_paging else name + "-shadow"
    return os.environ.get("FV_SUBSTRATE", "unknown")


def local_reason_against():
    """Why nothing can run on this machine itself, or ""."""
    nested = "tests/run-guests --on svm runs it in an emulated machine"
    if not os.path.exists("/dev/kvm"):
        return f"no /dev/kvm here; {nested}"
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"/dev/kvm: {error.strerror}; {nested}"
    return ""


def reason_against(on):
    """Why nothing can run there, or "": an emulated machine may always be tried."""
    if on == "qemu":
        return plain_qemu.reason_against()
    return local_reason_against() if on == "local" else ""


class Local:
    slower = 1

    def __init__(self, build, plan, results, jobs):
        self.plan, self.results, self.jobs = plan, results, jobs
        self.environment = {
            **os.environ,
            "FAULTVISOR": os.path.join(build, "faultvisor"),
            "DISKS": os.path.join(plan, "made"),
            # When this process is killed, so is what it started, link by link.
            "GUARD": "setpriv --pdeathsig TERM",
        }
        os.makedirs(self.environment["DISKS"], exist_ok=True)
        os.symlink(os.path.join(build, "sample.tar"), os.path.join(self.environment["DISKS"], "sample.tar"))

    def _execute(self, names):
        subprocess.run(["setpriv", "--pdeathsig", "KILL", "sh", os.path.join(self.plan, "guest-exec.sh"), self.plan,
                        self.results, *names], env=self.environment, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=False)

    def run(self, cases, done):
        self._execute(["disks"])
        waiting = queue.SimpleQueue()
        for case in sorted(cases, key=lambda case: bool(case.stanza.get("slow"))):  # what fails fast comes first
            waiting.put(case)

        def work():
            while True:
                try:
                    case = waiting.get_nowait()
                except queue.Empty:
                    return
                self._execute(case.runs)
                done(case, "")

        in_threads([work] * self.jobs)


class Nested:
    """Some machines, each with its share of the cases; what they leave comes out a batch at a time: to send a result by itself
    takes a machine half as long as to run the case.
    build/logs/SUBSTRATE/machine-N.log says what ran, and what else the machine had to say."""
    slower = 20
    memory_mib = 768
    timeout_s = 1500
    batch = 8

    def __init__(self, on, build, plan, results, jobs, slots):
        self.on, self.build, self.plan, self.results, self.jobs, self.slots = on, build, plan, results, jobs, slots

    def _command(self, runs):
        settings = [f"SLOWER={self.slower}", "BRIEF=1", "SEND=1", f"BATCH={self.batch}", "FAULTVISOR=faultvisor", "DISKS=/job/disks"]
        sample = sample_disk(self.on, self.build)
        return [os.path.join(REPO, "scripts", "nested"), "--on", self.on, "--build", self.build, "--memory",
                str(self.memory_mib), "--timeout", str(self.timeout_s), "--file", f"{self.plan}=plan", "--file",
                f"{sample}=disks/sample.tar", "--", "env", *settings, "sh", "plan/guest-exec.sh", "plan", "results",
                "disks", *runs]

    def _receive(self, lines, cases, done, progress):
        """Follow the machine's output to its end. Returns the cases of which a run did not come out."""
        missing = {case.name: set(case.runs) for case in cases}
        for line in lines:
            word, _, packed = line.strip().partition(" ")
            if word != "results":
                progress.write(line)
                progress.flush()
                continue
            came = unpack_results(packed, set().union(*missing.values()), self.results)
            for case in [case for case in cases if missing[case.name] & came]:
                missing[case.name] -= came
                if not missing[case.name]:
                    done(case, "")
        return [case for case in cases if missing[case.name]]

    def _work_off(self, cases, done, log):
        command = self._command([run for case in cases for run in case.runs])
        with self.slots, open(log, "w", encoding="utf-8") as progress, tempfile.TemporaryFile("w+", errors="replace") as errors:
            with subprocess.Popen(command, text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=errors) as machine:
                left = self._receive(machine.stdout, cases, done, progress)
            errors.seek(0)
            trouble = "" if machine.returncode == 0 else errors.read().strip()[-TROUBLE_CHARACTERS:] or f"scripts/nested: {machine.returncode}"
        for case in left:
            done(case, trouble)

    def run(self, cases, done):
        os.makedirs(self.results, exist_ok=True)
        # The slow ones in turns, so that the machines end at about the same time; in each, what fails fast comes first.
        ordered = sorted(cases, key=lambda case: not case.stanza.get("slow"))
        shares = [ordered[i::self.jobs][::-1] for i in range(self.jobs) if ordered[i::self.jobs]]
        logs = os.path.join(self.build, "logs", self.on)
        os.makedirs(logs, exist_ok=True)
        in_threads([lambda share=share, n=n: self._work_off(share, done, os.path.join(logs, f"machine-{n}.log"))
                    for n, share in enumerate(shares)])


def _files_in(blob):
    """{name: data} of a compressed tar archive. A few bytes may stand for very many, and a size may lead backwards: so both
    are looked at before they are believed."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    plain, files = unpacker.decompress(blob, RESULTS_BYTES), {}
    if not unpacker.eof:
        raise ValueError("cut short, or too large")
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for member in archive:
            if member.size < 0 or member.issparse():
                raise ValueError("no file of a case")
            if member.isfile():
                files[member.name] = archive.extractfile(member).read()
    return files


def unpack_results(packed, runs, results):
    """Put the files of some runs, a tar archive as text, into results/RUN. Returns those runs: none if it is no such archive
    (a machine that dies may have cut it short), is too large, or has files of others than runs."""
    try:
        files = _files_in(base64.b64decode(packed, validate=True))
    except Exception:  # pylint: disable=broad-except # whatever the readers of gzip and tar stumble over
        return set()
    came = {os.path.dirname(name) for name in files}
    if not came <= runs or not all(FILE_NAME.fullmatch(os.path.basename(name)) for name in files):
        return set()
    for name, data in files.items():
        os.makedirs(os.path.join(results, os.path.dirname(name)), exist_ok=True)
        with open(os.path.join(results, name), "wb") as f:
            f.write(data)
    return came


def place(on, build, plan, results, jobs, slots):
    """slots bounds how many nested machines there are at a time, jobs how many this place may make."""
    if on in NESTED:
        return Nested(on, build, plan, results, jobs, slots)
    return Local(build, plan, results, jobs)
