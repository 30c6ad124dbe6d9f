"""Where a plan is worked off: on this machine, or in a nested one that scripts/nested boots.

Each place has run(cases, done): it works off the runs of the cases, and calls done(case, trouble) as soon as all that
a case leaves is in the results folder, or will never be; trouble says what became of the place, if it is no longer.
It may call done from several threads."""
import os
import queue
import subprocess
import threading

from . import plain_qemu

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
    """Some machines at a time, each with its share of the cases; results come out when a machine ends. Until then
    build/logs/SUBSTRATE/machine-N.log says how far it is."""
    slower = 20
    memory_mib = 768
    timeout_s = 1500

    def __init__(self, on, build, plan, results, jobs):
        self.on, self.build, self.plan, self.results, self.jobs = on, build, plan, results, jobs

    def _command(self, runs, out):
        settings = [f"SLOWER={self.slower}", "BRIEF=1", "FAULTVISOR=faultvisor", "DISKS=/job/disks"]
        sample = sample_disk(self.on, self.build)
        return [os.path.join(REPO, "scripts", "nested"), "--on", self.on, "--build", self.build, "--memory",
                str(self.memory_mib), "--timeout", str(self.timeout_s), "--file", f"{self.plan}=plan", "--file",
                f"{sample}=disks/sample.tar", "--get", "/job/results", "--out", out, "--", "env", *settings, "sh",
                "plan/guest-exec.sh", "plan", "results", "disks", *runs]

    def _work_off(self, cases, done, out, log):
        os.makedirs(out)
        with open(log, "w", encoding="utf-8") as progress:
            ended = subprocess.run(self._command([run for case in cases for run in case.runs], out), text=True,
                                   check=False, stdin=subprocess.DEVNULL, stdout=progress, stderr=subprocess.PIPE)
        trouble = "" if ended.returncode == 0 else ended.stderr.strip() or f"scripts/nested: {ended.returncode}"
        found = os.path.join(out, "results")
        for name in os.listdir(found) if os.path.isdir(found) else []:
            os.replace(os.path.join(found, name), os.path.join(self.results, name))
        for case in cases:
            done(case, trouble)

    def run(self, cases, done):
        os.makedirs(self.results, exist_ok=True)
        # The slow ones first, in turns, so that the machines end at about the same time.
        ordered = sorted(cases, key=lambda case: not case.stanza.get("slow"))
        shares = [ordered[i::self.jobs] for i in range(self.jobs) if ordered[i::self.jobs]]
        logs = os.path.join(self.build, "logs", self.on)
        os.makedirs(logs, exist_ok=True)
        in_threads([lambda share=share, n=n: self._work_off(share, done, f"{self.results}.{n}",
                                                            os.path.join(logs, f"machine-{n}.log"))
                    for n, share in enumerate(shares)])


def in_threads(functions):
    threads = [threading.Thread(target=function, daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def place(on, build, plan, results, jobs):
    return Local(build, plan, results, jobs) if on in ("local", "qemu") else Nested(on, build, plan, results, jobs)
