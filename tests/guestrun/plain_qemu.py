"""The stanzas under plain QEMU, with no hypervisor of ours: the same kernel file and disk, so the same output.

Stanzas that are about faultvisor itself are not for it: its command line, its limits, what it does about a host's signal or
a bad sector. Nor are kernels that boot in no way but a paravirtual one, and programs that are there once more for the
figures of another mode."""
import os
import shlex
import shutil

MODE = "native"
RUN_QEMU = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run-qemu")


def reason_against():
    """Why nothing can run, or ""."""
    return "" if shutil.which("qemu-system-x86_64") else "qemu-system-x86_64 is not installed"


def is_for_it(stanza):
    about_faultvisor = any(stanza.get(key) for key in ("command", "signal", "bad", "json"))
    right_mode = ("fv" if stanza.get("kernel") else "pv") in stanza.words("modes", "pv")
    return not about_faultvisor and right_mode and all(word.startswith("--audit") for word in stanza.words("options"))


def script(case, sample):
    """What runs a case. Swap is a file of the case's own."""
    stanza, words, swap = case.stanza, [shlex.quote(RUN_QEMU)], ""
    kernel = f'"$KERNELS/{stanza.get("kernel")}.elf"' if stanza.get("kernel") else os.path.join(os.path.dirname(sample),
                                                                                            "guest/kernel.elf")
    words += ["--timeout", str(stanza.number("timeout", 60)), "--kernel", kernel]
    if stanza.get("console"):
        words += ["--console", shlex.quote(stanza.get("console"))]
    if stanza.get("memory"):
        words += ["--memory", shlex.quote(stanza.get("memory"))]
    if case.policy:
        words += ["--policy", case.policy]
    if stanza.get("disk", "sample") != "none":
        words += ["--disk", f'"$DISKS/{stanza.get("disk", "sample")}.tar"']
    if stanza.get("swap"):
        swap = f'truncate -s {stanza.get("swap")} "$RESULT/swap"\n'
        words += ["--swap", '"$RESULT/swap"']
    command = " ".join(words + ["--"] + [shlex.quote(word) for word in stanza.argv])
    return f'{swap}{command}\nstatus=$?\nrm -f "$RESULT/swap"\nexit $status\n'
