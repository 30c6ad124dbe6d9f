#!/usr/bin/env python3
"""Tests of tests/run-guests itself: whatever is wrong with a run must be told as a failure.

No guest is needed: a script stands for faultvisor and does what each test tells it to."""
import base64
import contextlib
import copy
import gzip
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import unittest

from in_folder import InFolder

HERE = os.path.dirname(os.path.abspath(__file__))


def load_run_guests():
    loader = importlib.machinery.SourceFileLoader("run_guests", os.path.join(HERE, "run-guests"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_guests", loader))
    loader.exec_module(module)
    return module


run_guests = load_run_guests()

FAKE = """#!/bin/sh
# behaviour/: what to print and write, and how to end
here=$(dirname "$0")/behaviour
n=$(cat "$here/runs" 2>/dev/null || echo 0)
echo $((n + 1)) >"$here/runs"
echo "$@" >>"$here/commands"
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    [ "$1" != --stats-json ] || stats=$2
    [ "$1" != --disk ] || disk=$2
    [ "$1" != --kernel ] || kernel=$2
    shift
done
if [ -e "$here/stats.$n" ]; then cp "$here/stats.$n" "$stats"
elif [ -e "$here/stats" ] && [ -n "${stats-}" ]; then cp "$here/stats" "$stats"; fi
cat "$here/stdout"
cat "$here/stderr" >&2
. "$here/end"
"""

TALLY = {"count": 0, "exits": 0, "min": 0, "max": 0, "histogram": {}, "by_cause": {}}
STATS = {
    "mode": "pv", "substrate": "PVM", "program": ["bin/hello", "you"], "exit_status": 3,
    "exits": {"total": 21, "by_cause": {"boot": 5, "page-fault": 4, "hypercall": 8, "system-call": 4}},
    "faults": {"minor": {"count": 2, "exits": 4, "min": 2, "max": 2, "histogram": {"2": 2},
                         "by_cause": {"page-fault": 2, "hypercall": 2}},
               "major": {"count": 1, "exits": 3, "min": 3, "max": 3, "histogram": {"3": 1},
                         "by_cause": {"page-fault": 1, "disk-notify": 1, "hypercall": 1}},
               "cow": TALLY, "protection": TALLY},
    "system_calls": {"count": 4, "exits": 8, "min": 2, "max": 2, "histogram": {"2": 4},
                     "by_cause": {"system-call": 4, "hypercall": 4}}, "timer": TALLY,
    "outside_faults": {"boot": 6, "system-call": 8}, "disk": {"reads": 1, "writes": 0},
    "kvm": {"exits": 1000}, "wall_ns": 5000,
}


class RunGuests(InFolder):
    def setUp(self):
        super().setUp()
        self.build = self.folder
        self.stats = copy.deepcopy(STATS)
        self.write("faultvisor", FAKE, 0o755)
        self.write("sample-root/bin/hello", '#!/bin/sh\necho "hello $1"\nexit 3\n', 0o755)
        self.write("behaviour/stdout", "hello you\n")
        self.write("behaviour/stderr", "a warning\n")
        self.write("behaviour/end", "exit 3\n")
        self.keep(run_guests.machines, "local_reason_against", lambda: "")
        self.keep(run_guests.machines, "local_substrate", lambda: "pvm")

    def keep(self, module, name, value):
        self.addCleanup(setattr, module, name, getattr(module, name))
        setattr(module, name, value)

    def run_guests(self, stanza="", *arguments, config=None):
        """Run one stanza, or a whole configuration. What was printed, and the status."""
        if self.stats is not None:
            self.write("behaviour/stats", json.dumps(self.stats))
        self.write("guests.cfg", config or f"[greeting]\nrun = bin/hello you\ntimeout = 20\n{stanza}\n")
        words = ["run-guests", "--build", self.build, "--config", os.path.join(self.build, "guests.cfg")]
        self.keep(sys, "argv", [*words, *arguments])
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = run_guests.main()
        return out.getvalue(), status

    def expect_pass(self, *arguments, **keywords):
        out, status = self.run_guests(*arguments, **keywords)
        self.assertEqual(status, 0, out)
        self.assertTrue(out.endswith("1 passed, 0 failed, 0 skipped\n"), out)
        return out

    def expect_fail(self, reason, *arguments, **keywords):
        out, status = self.run_guests(*arguments, **keywords)
        self.assertEqual(status, 1, out)
        self.assertIn("FAIL greeting.pv pvm", out)
        self.assertIn(reason, out)
        self.assertTrue(out.endswith("0 passed, 1 failed, 0 skipped\n"), out)
        return out

    def test_what_the_host_does_is_expected(self):
        self.expect_pass("counts = faults.minor.histogram == {2: *}\n   faults.major.count == 1\n   exits.total > 20")

    def test_the_command_line_holds_what_the_stanza_says(self):
        self.expect_pass("memory = 4M\nswap = 16M\noptions = --audit\npolicies = lru")
        words = self.read("behaviour/commands")
        self.assertRegex(words, r"^run --mode pv --memory 4M --swap 16M --policy lru --disk \S+/sample.tar "
                                r"--stats-json \S+ --audit -- bin/hello you$")

    def test_a_kernel_of_its_own_goes_with_the_plan(self):
        self.write("kernels/odd.elf", "an odd kernel\n")
        self.write("behaviour/end", '[ "$(cat "$kernel")" = "an odd kernel" ] || exit 9\nexit 3\n')
        self.expect_pass("kernel = odd")

    def test_one_of_several_statuses_will_do(self):
        self.expect_pass("status = 0 3 120")
        self.stats["exit_status"] = 0
        self.expect_fail("exit status 3, not 0 or 120", "status = 0 120")
        self.expect_fail("exit_status 0, not 3", "status = 0 3")

    def test_output_is_held_against_a_golden_file(self):
        self.keep(run_guests.judge, "GOLDEN", os.path.join(self.build, "golden"))
        self.write("golden/greeting.txt", "hello you\n")
        self.expect_pass("expect = golden greeting\nstatus = 3")
        self.write("golden/greeting.txt", "hello me\n")
        self.expect_fail("standard output, line 1: b'hello you', not b'hello me'", "expect = golden greeting\nstatus = 3")
        self.expect_fail("what to expect is not known", "expect = golden none\nstatus = 3")

    def test_under_qemu_only_what_is_not_about_faultvisor_runs(self):
        self.write("bin/qemu-system-x86_64", "#!/bin/sh\nprintf 'hello %s\\n' you\nexit 7\n", 0o755)
        self.keep(os, "environ", {**os.environ, "PATH": os.path.join(self.build, "bin") + ":" + os.environ["PATH"]})
        config = ("[a]\nrun = bin/hello you\nmemory = 4M\nswap = 8M\ncounts = exits.total == 0\n[b]\ncommand = run\n"
                  "[c]\nrun = bin/hello you\noptions = --timeout 2\n[d]\nrun = bin/hello me\nkernel = odd\n")
        out, status = self.run_guests("", "--on", "qemu", config=config)
        self.assertEqual(status, 0, out)
        self.assertIn("PASS a.native qemu", out)
        self.assertTrue(out.endswith("1 passed, 0 failed, 0 skipped\n"), out)

    def test_without_qemu_all_is_skipped_with_the_reason(self):
        self.keep(run_guests.machines.plain_qemu.shutil, "which", lambda name: None)
        out, status = self.run_guests("", "--on", "qemu")
        self.assertEqual(status, 0, out)
        self.assertIn("SKIP greeting.native qemu (qemu-system-x86_64 is not installed)", out)

    def test_wrong_output_fails(self):
        self.write("behaviour/stdout", "hello me\n")
        self.expect_fail("standard output, line 1: b'hello me', not b'hello you'")

    def test_a_missing_newline_fails(self):
        self.write("behaviour/stdout", "hello you")
        self.expect_fail("the same lines, but not the same bytes")

    def test_wrong_long_output_fails(self):
        self.write("behaviour/stdout", "hello you\n" + "x" * (2 << 20))
        self.expect_fail("not the 10 expected")

    def test_a_wrong_status_fails(self):
        self.write("behaviour/end", "exit 4\n")
        self.expect_fail("exit status 4, not 3")

    def test_a_death_by_signal_fails(self):
        self.write("behaviour/end", "kill -SEGV $$\n")
        self.expect_fail("exit status 139, not 3")

    def test_a_run_over_its_time_fails(self):
        self.write("behaviour/end", "sleep 30\nexit 3\n")
        self.expect_fail("still running after 1 s", config="[greeting]\nrun = bin/hello you\ntimeout = 1\n")

    def test_a_wrong_count_fails(self):
        self.expect_fail("faults.minor.count == 3: 2 against 3", "counts = faults.minor.count == 3")

    def test_a_wrong_histogram_fails(self):
        self.expect_fail("faults.major.histogram is {3: 1}, not {2: *}", "counts = faults.major.histogram == {2: *}")

    def test_a_histogram_may_be_empty_if_the_stanza_says_so(self):
        self.expect_pass("counts = faults.cow.histogram in {2: *}\n   faults.major.histogram in {2: *, 3: 1}")
        self.expect_fail("faults.major.histogram is {3: 1}", "counts = faults.major.histogram in {2: *}")

    def test_a_fault_class_without_faults_has_no_pattern(self):
        self.expect_fail("faults.cow.histogram is {}, not {2: *}", "counts = faults.cow.histogram == {2: *}")

    def test_a_count_that_is_not_there_fails(self):
        self.expect_fail("the statistics have no faults.minor.number", "counts = faults.minor.number == 0")

    def test_a_count_that_means_nothing_fails(self):
        self.expect_fail("not one comparison", "counts = faults.minor.count")

    def test_counts_of_a_mode_are_held_against_that_mode_alone(self):
        self.expect_pass("modes = pv fv\ncounts-fv = faults.minor.count == 3", "--mode", "pv")
        self.expect_fail("2 against 3", "modes = pv fv\ncounts-pv = faults.minor.count == 3", "--mode", "pv")
        with self.assertRaisesRegex(run_guests.stanzas.ConfigError, "unknown key: counts-fv"):
            self.run_guests("counts-fv = faults.minor.count == 3")

    def test_defaults_are_for_all_stanzas(self):
        out, _ = self.run_guests("", "--list", config="[DEFAULT]\nmodes = pv fv\n[disk d]\nmake = true\n"
                                 "[a]\nrun = bin/hello\n[b]\nrun = bin/hello\nmodes = fv\n[c]\ncommand = run --help\n")
        self.assertEqual(out, "a.pv\na.fv\nb.fv\nc.pv\n")

    def test_a_default_skip_is_for_all_stanzas_beside_their_own(self):
        out, _ = self.run_guests("", "--list", config="[DEFAULT]\nmodes = pv hw\nskip = hw: not here\n[a]\nrun = bin/hello\n"
                                 "[b]\nrun = bin/hello\nskip = pv: nor this\n[disk d]\nmake = true\n")
        self.assertEqual(out, "a.pv\na.hw  SKIP on pvm: not here\nb.pv  SKIP on pvm: nor this\nb.hw  SKIP on pvm: not here\n")

    def make_hw(self):
        """The statistics of a run in hw: exits for devices, and nothing else that anybody sees."""
        self.stats.update(mode="hw", system_calls=TALLY, faults={name: TALLY for name in ("minor", "major", "cow", "protection")},
                          exits={"total": 9, "by_cause": {"port": 2, "mmio": 7}},
                          outside_faults={"guest": 9, "system-call": 0})

    def test_in_hw_lines_about_what_nobody_sees_are_left_out(self):
        self.make_hw()
        line = "modes = hw\ncounts = faults.minor.count > 0\n   system_calls.count > 0\n   disk.reads == {}"
        out, status = self.run_guests(line.format(1))
        self.assertEqual(status, 0, out)
        out, status = self.run_guests(line.format(2))
        self.assertEqual(status, 1)
        self.assertIn("disk.reads == 2: 1 against 2", out)

    def test_in_hw_an_exit_for_a_fault_fails(self):
        self.make_hw()
        self.stats["exits"]["by_cause"] = {"port": 2, "page-fault": 7}
        out, status = self.run_guests("modes = hw")
        self.assertEqual(status, 1)
        self.assertIn("in hw an exit for page-fault", out)

    def test_devices_that_are_used_otherwise_in_fv_and_in_hw_fail(self):
        judged = run_guests.stanzas.Case(run_guests.stanzas.Stanza("a", {"run": "x"}), "hw", "")
        fv = {"disk": {"reads": 1, "writes": 0}, "exits": {"by_cause": {"mmio": 7}}}
        self.assertEqual(run_guests.judge.across_modes(judged, {"fv": fv}), [])
        self.assertEqual(run_guests.judge.across_modes(judged, {"fv": fv, "hw": fv}), [])
        hw = {"disk": {"reads": 2, "writes": 0}, "exits": {"by_cause": {"mmio": 8}}}
        self.assertEqual(run_guests.judge.across_modes(judged, {"fv": fv, "hw": hw}),
                         ["not the same in fv and in hw: disk.reads", "not the same in fv and in hw: mmio"])

    def test_emulated_machines_may_have_less_to_do(self):
        listed = [run_guests.stanzas.Stanza("a", {"run": "bin/much 9", "run-emulated": "bin/much 1"})]
        self.assertEqual(run_guests.stanzas.make_cases(listed, "svm", brief=True)[0].stanza.argv, ["bin/much", "1"])
        self.assertEqual(run_guests.stanzas.make_cases(listed, "pvm")[0].stanza.argv, ["bin/much", "9"])

    def test_sums_of_counts_are_understood(self):
        self.expect_pass("counts = exits.by_cause.page-fault == faults.minor.count * 2 + faults.major.count - 1")

    def test_missing_statistics_fail(self):
        self.stats = None
        self.expect_fail("no statistics")

    def test_broken_statistics_fail(self):
        self.stats = "half of it"
        self.expect_fail("no statistics")

    def test_statistics_of_another_form_fail(self):
        del self.stats["faults"]["cow"]
        self.expect_fail("not of the known form: KeyError: 'cow'")

    def test_statistics_of_another_program_fail(self):
        self.stats["program"] = ["bin/other"]
        self.expect_fail("the statistics say program ['bin/other']")

    def test_another_substrate_fails(self):
        self.stats["substrate"] = "VMX with EPT"
        self.expect_fail("the statistics say substrate 'VMX with EPT'")

    def test_causes_that_do_not_add_up_fail(self):
        self.stats["exits"]["by_cause"]["boot"] = 4
        self.expect_fail("causes add up to 20, there were 21")

    def test_accounts_that_do_not_add_up_fail(self):
        self.stats["outside_faults"]["boot"] = 7
        self.expect_fail("7 in faults + 15 outside, there were 21")

    def test_a_histogram_that_does_not_add_up_fails(self):
        self.stats["faults"]["minor"]["histogram"] = {"2": 1, "3": 1}
        out = self.expect_fail("minor: the histogram does not add up to 4 exits")
        self.assertIn("minor: min and max are not those of the histogram", out)

    def test_rows_that_do_not_add_up_fail(self):
        self.stats["faults"]["major"]["by_cause"]["disk-notify"] = 2
        self.expect_fail("major: its rows do not add up to 3 exits")

    def test_a_fault_that_is_made_of_something_else_fails(self):
        self.stats["faults"]["minor"]["by_cause"] = {"page-fault": 2, "hypercall": 1, "port": 1}
        out = self.expect_fail("2 minor faults have 1 exits for hypercall")
        self.assertIn("minor faults have 1 exits for port", out)

    def test_a_row_that_is_not_there_is_zero(self):
        self.expect_pass("counts = faults.major.exits == 2 * faults.major.count + faults.major.by_cause.disk-notify\n"
                         "   faults.minor.by_cause.drain == 0")

    def test_names_in_braces_are_added_up(self):
        self.expect_pass("counts = faults.major.exits == 1 + faults.major.by_cause.{disk-notify,hypercall,drain}")
        self.expect_fail("4 against 6", "counts = 2 * faults.major.by_cause.{disk-notify,hypercall} == 3 + "
                                        "faults.major.exits")

    def test_a_missing_message_fails(self):
        self.expect_pass("stderr = ^a warning$")
        self.expect_fail("nothing like: ^an error$", "stderr = ^an error$")

    def test_the_same_counts_twice_pass(self):
        self.write("behaviour/stats.1", json.dumps({**self.stats, "wall_ns": 6000, "kvm": {"exits": 999, "x": 1}}))
        self.expect_pass("repeat = 2")
        self.assertEqual(self.read("behaviour/runs").strip(), "2")

    def test_bad_sectors_are_those_of_the_file(self):
        with tarfile.open(os.path.join(self.build, "sample.tar"), "w", format=tarfile.USTAR_FORMAT) as disk:
            disk.add(os.path.join(self.build, "sample-root"), ".")
        self.expect_pass("bad = bin/hello 1 4")
        self.assertIn(" --disk-error 4-7 ", self.read("behaviour/commands"))

    def test_other_counts_the_second_time_fail(self):
        self.write("behaviour/stats.1", json.dumps({**self.stats, "disk": {"reads": 2, "writes": 0}}))
        self.expect_fail("not the same count as the first time: disk.reads", "repeat = 2")

    def test_counts_that_may_differ_may(self):
        self.write("behaviour/stats.1", json.dumps({**self.stats, "disk": {"reads": 2, "writes": 0}}))
        self.expect_pass("repeat = 2\nmay-differ = disk.reads")

    def test_a_result_that_is_not_there_fails(self):
        self.keep(run_guests.machines.Local, "_execute", lambda self, names: None)
        self.expect_fail("no result: it never ran to its end")

    def test_a_case_that_is_never_judged_fails(self):
        self.keep(run_guests.machines.Local, "run", lambda self, cases, done: None)
        self.expect_fail("it was never judged")

    def test_a_program_that_the_host_cannot_run_fails(self):
        out, status = self.run_guests(config="[greeting]\nrun = bin/none\n")
        self.assertEqual(status, 1)
        self.assertIn("what to expect is not known", out)

    def test_what_cannot_run_is_skipped_with_the_reason(self):
        out, status = self.run_guests("skip = svm+pv: not this\n  vmx pvm+!fv: no such instruction")
        self.assertEqual(status, 0)
        self.assertEqual(out, "SKIP greeting.pv pvm (no such instruction)\n0 passed, 0 failed, 1 skipped\n")

    def test_without_kvm_all_is_skipped_with_the_reason(self):
        run_guests.machines.local_reason_against = lambda: "no /dev/kvm here"
        out, status = self.run_guests()
        self.assertEqual(status, 0)
        self.assertEqual(out, "SKIP greeting.pv pvm (no /dev/kvm here)\n0 passed, 0 failed, 1 skipped\n")

    def test_a_pattern_that_fits_nothing_fails(self):
        out, status = self.run_guests("", "--only", "nothing")
        self.assertEqual(status, 1)
        self.assertIn("no case has such a name", out)

    def test_an_unknown_key_is_an_error(self):
        with self.assertRaisesRegex(run_guests.stanzas.ConfigError, r"\[greeting\]: unknown key: cuonts"):
            self.run_guests("cuonts = faults.minor.count == 2")

    def test_counts_that_nobody_would_look_at_are_an_error(self):
        for rest in ("command = run --help\ncounts", "run = bin/hello\njson = none\ncounts", "command = run\ncounts-pv"):
            with self.assertRaisesRegex(run_guests.stanzas.ConfigError, r"\[a\]: counts are not looked at"):
                self.run_guests(config=f"[a]\n{rest} = exits.total == 7\n")

    def test_a_value_that_a_key_cannot_have_is_an_error(self):
        for line in ("slow = no", "json = some", "console = urat"):
            with self.assertRaisesRegex(run_guests.stanzas.ConfigError, line + ": can only be"):
                self.run_guests(line)

    def test_a_name_that_is_no_file_name_is_an_error(self):
        for name in ("my test", "../out", "a/b", "-x", ".x", "a;b"):
            with self.assertRaisesRegex(run_guests.stanzas.ConfigError, "a name is"):
                self.run_guests(config=f"[{name}]\nrun = bin/hello\n")

    def test_a_skip_without_a_reason_is_an_error(self):
        with self.assertRaisesRegex(run_guests.stanzas.ConfigError, "skip needs"):
            self.run_guests("skip = pvm")

    def test_a_wrong_command_line_needs_no_statistics(self):
        self.stats = None
        self.write("behaviour/stdout", "")
        self.write("behaviour/end", "exit 64\n")
        self.expect_pass(config="[greeting]\ncommand = run --nonsense\nstatus = 64\n")
        self.assertEqual(self.read("behaviour/commands"), "run --nonsense\n")

    def test_a_signal_reaches_faultvisor(self):
        self.write("behaviour/end", "trap 'exit 143' TERM\nwhile :; do sleep 0.1; done\n")
        self.stats["exit_status"] = 143
        self.expect_pass("signal = TERM after 1\nstatus = 143")

    def nested(self, script, *arguments):
        """Run on a nested machine, in whose place a script of shell runs; its folder is $job."""
        self.write("scripts/nested", """#!/bin/sh
job=$(mktemp -d %s/job-XXXX)
while [ "$1" != -- ]; do
    [ "$1" != --file ] || case $2 in *=plan) plan=${2%%=plan} ;; esac
    shift
done
shift
""" % self.build + script, 0o755)
        self.keep(run_guests.machines, "REPO", self.build)
        self.stats["substrate"] = "SVM with NPT"
        return self.run_guests("policies = clock fifo lru", *(arguments or ("--on", "svm")), "--jobs", "2")

    def test_a_nested_machine_works_off_the_same_plan(self):
        out, status = self.nested(self.WORKS_OFF % self.build)
        self.assertEqual(status, 0, out)
        self.assertTrue(out.endswith("3 passed, 0 failed, 0 skipped\n"), out)
        self.assertIn("PASS greeting.pv.lru svm", out)

    def test_a_nested_machine_that_dies_fails_all_that_it_had(self):
        out, status = self.nested("echo 'nested: the machine died' >&2; exit 101")
        self.assertEqual(status, 1)
        self.assertEqual(out.count("nested: the machine died"), 3)
        self.assertTrue(out.endswith("0 passed, 3 failed, 0 skipped\n"), out)

    def test_a_nested_machine_may_say_anything_of_its_death(self):
        out, status = self.nested("head -c 3000000 /dev/urandom >&2; echo 'nested: the machine died' >&2; exit 101")
        self.assertEqual(status, 1)
        self.assertEqual(out.count("nested: the machine died"), 3)
        self.assertTrue(out.endswith("0 passed, 3 failed, 0 skipped\n"))
        self.assertLess(len(out), 100000)

    WORKS_OFF = """cd "$job"; ln -s "$plan" plan
env PATH="%s:$PATH" sh -c 'shift 7; SEND=1 DISKS=$PWD/disks FAULTVISOR=faultvisor exec "$@"' x "$@"
"""

    def test_what_came_out_of_a_machine_that_dies_counts(self):
        out, status = self.nested((self.WORKS_OFF % self.build).rstrip() + """ | sed '/^ran .*lru/{n;s/^results .\\{40\\}/&!/}'
echo 'nested: the machine died' >&2
exit 101
""")
        self.assertEqual(status, 1)
        self.assertIn("PASS greeting.pv.fifo svm", out)
        self.assertIn("FAIL greeting.pv.lru svm", out)
        self.assertEqual(out.count("nested: the machine died"), 1)
        self.assertTrue(out.endswith("2 passed, 1 failed, 0 skipped\n"), out)

    def test_results_come_out_in_batches(self):
        out, status = self.nested((self.WORKS_OFF % self.build).replace("SEND=1", "SEND=1 BATCH=2").rstrip() + """ >out
grep -c ^results out >>%s/lines
cat out
""" % self.build)
        self.assertEqual(status, 0, out)
        self.assertTrue(out.endswith("3 passed, 0 failed, 0 skipped\n"), out)
        self.assertEqual(self.read("lines"), "1\n1\n")  # two cases, and one

    def test_several_places_in_one_call_have_one_total(self):
        out, status = self.nested(self.WORKS_OFF % self.build, "--on", "svm", "--on", "local")
        self.assertEqual(status, 1)  # what says SVM is not PVM
        self.assertIn("PASS greeting.pv.clock svm", out)
        self.assertIn("FAIL greeting.pv.clock pvm", out)
        self.assertTrue(out.endswith("3 passed, 3 failed, 0 skipped\n"), out)

    def test_the_svm_of_this_machine_is_not_the_emulated_one(self):
        self.keep(run_guests.machines, "local_substrate", lambda: "svm")
        out, status = self.nested(self.WORKS_OFF % self.build, "--on", "svm", "--on", "local")
        self.assertEqual(status, 0, out)
        self.assertIn("PASS greeting.pv.clock svm", out)
        self.assertIn("PASS greeting.pv.clock local", out)

    def test_a_result_with_files_from_elsewhere_is_not_taken(self):
        for name in ("../escaped", "/escaped", "run/../../escaped", "other/status"):
            blob = io.BytesIO()
            with tarfile.open(fileobj=blob, mode="w:gz") as archive:
                archive.addfile(tarfile.TarInfo(name))
            packed = base64.b64encode(blob.getvalue()).decode()
            self.assertFalse(run_guests.machines.unpack_results(packed, {"run"}, os.path.join(self.build, "results")))
        self.assertFalse(run_guests.machines.unpack_results("", {"run"}, self.build))

    def unpack(self, *members, data=b""):
        """What is taken of an archive of members of run/, each a name, a type and a size, and of these data."""
        blob = b""
        for name, kind, size in members:
            member = tarfile.TarInfo("run/" + name)
            member.type, member.size = kind, size
            blob += member.tobuf(tarfile.GNU_FORMAT)
        packed = base64.b64encode(gzip.compress(blob + data + bytes(1024))).decode()
        return run_guests.machines.unpack_results(packed, {"run"}, os.path.join(self.build, "results"))

    def test_a_result_with_a_wrong_name_or_size_is_not_taken(self):
        self.assertEqual(self.unpack(("status", tarfile.REGTYPE, 2), data=b"0\n" + bytes(510)), {"run"})
        for member in (("..", tarfile.REGTYPE, 0), (".", tarfile.REGTYPE, 0), ("x" * 101, tarfile.REGTYPE, 0), ("a\n", tarfile.REGTYPE, 0),
                       ("status", tarfile.REGTYPE, -512), ("status", tarfile.CHRTYPE, -512), ("status", tarfile.REGTYPE, 1 << 40),
                       ("status", tarfile.GNUTYPE_SPARSE, 1 << 40)):
            self.assertEqual(self.unpack(member), set(), member)
        self.assertEqual(self.unpack(*[("status", tarfile.GNUTYPE_LONGNAME, 0)] * 2000), set())

    def test_a_result_that_is_much_larger_unpacked_is_not_taken(self):
        size = run_guests.machines.RESULTS_BYTES
        self.assertEqual(self.unpack(("status", tarfile.REGTYPE, size), data=bytes(size)), set())

    def test_results_that_mean_nothing_fail_their_case_alone(self):
        good = ("[greeting]\nrun = bin/hello you\nmodes = pv fv hw\n")
        for name, text in (("uptimes", "now then"), ("status", "\u00b2"), ("stats.json", '{"mode": "\\ud800"}'),
                           ("stats.json", "[" * 100000)):
            self.run_guests("", "--plan", os.path.join(self.build, "plan"))
            for run in ("greeting.pv", "greeting.fv"):
                self.write(f"results/{run}/stdout", "hello you\n")
                self.write(f"results/{run}/stdout.sum", hashlib.md5(b"hello you\n").hexdigest() + " 10")
                self.write(f"results/{run}/status", "3")
                self.write(f"results/{run}/stats.json", json.dumps({**self.stats, "mode": run[-2:]}))
            self.write(f"results/greeting.fv/{name}", text)
            out, status = self.run_guests("", "--judge", os.path.join(self.build, "results"), config=good)
            self.assertEqual(status, 1)
            self.assertIn("PASS greeting.pv pvm", out)
            self.assertTrue(out.endswith("1 passed, 2 failed, 0 skipped\n"), out)

    def test_the_executor_needs_nothing_but_busybox(self):
        tools, here = os.path.join(self.build, "tools"), os.path.join(self.build, "kept")
        os.mkdir(tools)
        for applet in subprocess.check_output(["busybox", "--list"], text=True).split():
            os.symlink(shutil.which("busybox"), os.path.join(tools, applet))
        self.run_guests("repeat = 2", "--plan", here)
        results = os.path.join(self.build, "results")
        subprocess.run(["busybox", "sh", os.path.join(here, "guest-exec.sh"), here, results, "all"], check=True,
                       stdout=subprocess.DEVNULL, env={"PATH": tools, "DISKS": os.path.join(self.build, "disks"),
                                                       "FAULTVISOR": os.path.join(self.build, "faultvisor")})
        self.expect_pass("repeat = 2", "--judge", results)

    def test_a_disk_is_made_by_its_commands(self):
        self.write("behaviour/end", '[ "$(cat "$disk")" = cut ] || exit 9\nexit 3\n')
        self.expect_pass(config="[disk short]\nmake = echo cut >$DISKS/short.tar\n"
                                "[greeting]\nrun = bin/hello you\ndisk = short\n")

    def test_a_disk_that_could_not_be_made_is_not_there(self):
        self.write("behaviour/end", '[ -e "$disk" ] || exit 9\nexit 3\n')
        self.expect_fail("exit status 9, not 3", config="[disk short]\nmake = echo part >$DISKS/short.tar; false\n"
                                                        "[greeting]\nrun = bin/hello you\ndisk = short\n")

    def test_the_files_of_a_failure_are_kept(self):
        self.write("behaviour/end", "exit 4\n")
        self.run_guests()
        self.assertEqual(self.read("logs/pvm/greeting.pv/stdout"), "hello you\n")
        self.assertIn("exit status 4, not 3", self.read("logs/pvm/greeting.pv/why"))

    def test_results_are_judged_apart_from_their_making(self):
        folder = os.path.join(self.build, "kept")
        self.run_guests("", "--plan", folder)
        self.assertEqual(self.read("kept/list"), "greeting.pv\n")
        self.assertEqual(self.read("kept/limits/greeting.pv"), "20\n")
        self.write("results/greeting.pv/stdout", "hello you\n")
        out, status = self.run_guests("", "--judge", os.path.join(self.build, "results"))
        self.assertEqual(status, 1)
        self.assertIn("no result", out)

    def test_tap_and_junit_tell_the_same(self):
        self.write("behaviour/stdout", "hello <me> & \x01 more\n")
        tap, junit = os.path.join(self.build, "tap"), os.path.join(self.build, "junit")
        self.run_guests("", "--tap", tap, "--junit", junit)
        self.assertIn("1..1\nnot ok 1 - greeting.pv on pvm\n# standard output, line 1", self.read("tap"))
        self.assertIn('tests="1" failures="1" skipped="0"', self.read("junit"))
        self.assertIn("<failure message=", self.read("junit"))

    def test_lines_of_a_reason_stay_lines_in_junit(self):
        told = run_guests.report.Report()
        with contextlib.redirect_stdout(io.StringIO()):
            told.add(run_guests.report.Outcome("FAIL", "a", "svm", reasons=["died\n  | the console\x1b"]))
        told.write_junit(os.path.join(self.build, "junit"))
        self.assertIn('message="died&#10;  | the console?"', self.read("junit"))

    def test_options_that_cannot_be_fulfilled_are_told_before_anything_runs(self):
        self.write("mine/precious", "of the caller's")
        for words in (("--jobs", "0"), ("--tap", os.path.join(self.build, "none/tap")), ("--junit", os.path.join(self.build, "none/junit")),
                      ("--plan", os.path.join(self.build, "mine"))):
            with self.assertRaises(SystemExit) as end, contextlib.redirect_stderr(io.StringIO()):
                self.run_guests("", *words)
            self.assertEqual(end.exception.code, 2, words)
        self.assertEqual(self.read("mine/precious"), "of the caller's")
        self.assertFalse(os.path.exists(os.path.join(self.build, "behaviour/runs")))

    def test_a_plan_may_be_made_anew(self):
        for _ in range(2):
            self.assertEqual(self.run_guests("", "--plan", os.path.join(self.build, "plan")), ("", 0))


if __name__ == "__main__":
    unittest.main()
