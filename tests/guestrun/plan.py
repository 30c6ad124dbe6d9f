"""Writes the plan of a run: a folder of shell scripts that tests/guest-exec.sh can work off anywhere.

What it takes to know what is right stays here; the scripts only do."""
import os
import shlex
import shutil
import tarfile

EXECUTOR = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "guest-exec.sh")


def bad_sectors(stanza, sample):
    """--disk-error for `bad = PATH FIRST COUNT`: so many sectors of a file of the sample disk."""
    path, first, count = stanza.words("bad")
    with tarfile.open(sample) as disk:
        start = disk.getmember("./" + path).offset_data // 512 + int(first)
    return ["--disk-error", f"{start}-{start + int(count) - 1}"]


def faultvisor_words(case, sample):
    """The command line of one case, as words of shell: some are variables of the executor's."""
    stanza = case.stanza
    if stanza.get("command"):
        return [shlex.quote(word) for word in stanza.words("command")]
    words = ["run", "--mode", case.mode]
    for key in ("memory", "swap"):
        if stanza.get(key):
            words += ["--" + key, shlex.quote(stanza.get(key))]
    if stanza.get("kernel"):
        words += ["--kernel", f'"$KERNELS/{stanza.get("kernel")}.elf"']
    if case.policy:
        words += ["--policy", case.policy]
    disk = stanza.get("disk", "sample")
    if disk != "none":
        words += ["--disk", f'"$DISKS/{disk}.tar"']
    if stanza.get("json") != "none":
        words += ["--stats-json", '"$RESULT/stats.json"']
    if stanza.get("bad"):
        words += bad_sectors(stanza, sample)
    words += [shlex.quote(word) for word in stanza.words("options")]
    return words + ["--"] + [shlex.quote(word) for word in stanza.argv]


def case_script(case, sample):
    command = " ".join(['"$FAULTVISOR"'] + faultvisor_words(case, sample))
    if not case.stanza.get("signal"):
        return f"exec {command}\n"
    signal, after, seconds = (case.stanza.words("signal") + ["", ""])[:3]
    if after != "after" or not seconds:
        raise ValueError(f"[{case.stanza.name}]: signal = NAME after SECONDS")
    # faultvisor in the foreground: a shell has what runs in the background ignore SIGINT
    return f"(sleep {seconds}; kill -{signal} $$) &\nexec {command}\n"


def write_plan(folder, cases, disks, sample, script_of=case_script):
    """Fill folder (made anew) with the cases that are to run, and with the disks and kernels that they name; sample is
    the path of the sample disk, beside which the kernels are. script_of gives the script of a case."""
    shutil.rmtree(folder, ignore_errors=True)
    for sub in ("cases", "limits", "disks", "kernels"):
        os.makedirs(os.path.join(folder, sub))
    shutil.copy(EXECUTOR, os.path.join(folder, "guest-exec.sh"))
    needed = set()
    with open(os.path.join(folder, "list"), "w", encoding="utf-8") as listing:
        for case in cases:
            if case.skip:
                continue
            needed.add(case.stanza.get("disk", "sample"))
            for run in case.runs:
                listing.write(f"{run}\n")
                with open(os.path.join(folder, "limits", run), "w", encoding="utf-8") as limit:
                    limit.write(f"{case.stanza.number('timeout', 60)}\n")
                with open(os.path.join(folder, "cases", run), "w", encoding="utf-8") as script:
                    script.write(script_of(case, sample))
    for name in {case.stanza.get("kernel") for case in cases if not case.skip} - {""}:
        kernel = os.path.join(os.path.dirname(sample), "kernels", name + ".elf")
        if not os.path.exists(kernel):
            raise ValueError(f"{kernel} is not there: make kernels")
        shutil.copy(kernel, os.path.join(folder, "kernels"))
    for name in needed & set(disks):
        with open(os.path.join(folder, "disks", name), "w", encoding="utf-8") as script:
            script.write("set -e\n" + disks[name].strip() + "\n")
