#!/usr/bin/env python3
"""Tests of the scripts for newcomers and of those that add up results."""
import hashlib
import os
import shutil
import subprocess
import tarfile
import unittest

from in_folder import InFolder

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(*words, **keywords):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **keywords)
    return done.stdout, done.returncode


class MakeDisk(InFolder):
    def make(self, *words):
        return run(os.path.join(REPO, "scripts/make-disk"), *words, cwd=self.folder)

    def test_the_same_files_make_the_same_bytes(self):
        digests = []
        for name in "ab":
            self.write(f"{name}/bin/b", "two", 0o755)
            self.write(f"{name}/a", "one", 0o664 if name == "a" else 0o644)
            os.utime(self.path(name, "a"), (5, 5) if name == "a" else (77, 77))
            self.assertEqual(self.make(name, name + ".tar"), ("", 0))
            with open(self.path(name + ".tar"), "rb") as f:
                digests.append(hashlib.sha256(f.read()).hexdigest())
        self.assertEqual(digests[0], digests[1])

    def test_the_sample_holds_programs_and_made_up_files(self):
        self.write("programs/generate", '#!/bin/sh\necho "$@"\n', 0o755)
        self.write("programs/generate.d", "not a program")
        out, status = self.make("--programs", "programs", "--big", "3K", "disk.tar")
        self.assertEqual((out, status), ("", 0))
        with tarfile.open(self.path("disk.tar")) as disk:
            names = disk.getnames()
            self.assertEqual(disk.extractfile("./data/big").read(), b"bytes 1 3K\n")
        self.assertIn("./bin/generate", names)
        self.assertNotIn("./bin/generate.d", names)
        self.assertTrue(os.path.exists(self.path("disk-root/data/text")))

    def test_a_missing_folder_is_told(self):
        out, status = self.make("none", "disk.tar")
        self.assertEqual((out, status), ("make-disk: no such folder: none\n", 1))
        self.assertFalse(os.path.exists(self.path("disk.tar")))

    def test_an_option_without_its_value_is_told(self):
        self.assertEqual(self.make("--big"), ("make-disk: --big needs a value (--help tells)\n", 1))

    def test_without_programs_it_says_what_to_do(self):
        out, status = self.make("--programs", self.path("none"), "disk.tar")
        self.assertEqual(status, 1)
        self.assertIn("run make first", out)


class Setup(InFolder):
    def setup_here(self, installed, *words):
        """Run scripts/setup where dpkg knows these packages, or all, and everything else is a shell's."""
        self.write("tools/dpkg-query", f'''#!/bin/sh
for package; do :; done
case " {installed} " in *" $package "* | " all ") printf installed ;; *) exit 1 ;; esac
''', 0o755)
        self.write("tools/apt-get", f'#!/bin/sh\necho "$@" >>{self.path("asked")}\n', 0o755)
        self.write("tools/id", "#!/bin/sh\necho 1000\n", 0o755)
        for tool in ("sh", "sed", "mktemp", "rm", "tail", "env"):
            os.symlink(shutil.which(tool), self.path("tools", tool))
        return run(os.path.join(REPO, "scripts/setup"), *words, env={"PATH": self.path("tools")})

    def test_it_says_nothing_where_nothing_is_missing(self):
        self.assertEqual(self.setup_here("all"), ("", 0))

    def test_a_dry_run_says_what_is_missing_and_installs_nothing(self):
        out, status = self.setup_here("gcc make", "--dry-run")
        self.assertEqual(status, 1)
        self.assertRegex(out, r"^setup: missing: .*\bmusl-tools\b")
        self.assertNotRegex(out, r"\bbochs\b")
        self.assertNotRegex(out, r" gcc\b")
        self.assertFalse(os.path.exists(self.path("asked")))

    def test_without_root_and_sudo_it_says_what_root_should_do(self):
        out, status = self.setup_here("gcc make", "--yes")
        self.assertEqual(status, 1)
        self.assertIn("run as root: apt-get install", out)

    def test_with_sudo_and_a_yes_it_installs(self):
        self.write("tools/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
        out, status = self.setup_here("gcc make", "--tests", "--yes")
        self.assertEqual(status, 0, out)
        with open(self.path("asked"), encoding="utf-8") as f:
            self.assertRegex(f.read(), r"^-y -q install --no-install-recommends .*\bcheck\b")

    def test_nobody_can_say_yes_without_a_terminal(self):
        self.write("tools/sudo", '#!/bin/sh\nexec "$@"\n', 0o755)
        out, status = self.setup_here("gcc make")
        self.assertEqual(status, 1)
        self.assertIn("nothing was installed", out)


class Helps(InFolder):
    def test_a_question_or_a_wrong_word_starts_nothing(self):
        for name in ("demo", "check", "setup"):
            script = os.path.join(REPO, "scripts", name)
            for words, expected in ((["--help"], 0), (["--nonsense"], 2), (["--on", "nonsense"], 2)):
                out, status = run(script, *words, cwd=self.folder, timeout=20)
                self.assertEqual(status, expected, f"{name} {words}: {out}")
                self.assertIn(f"scripts/{name} ", out)
                self.assertLessEqual(max(map(len, out.splitlines())), 80)
        self.assertEqual(os.listdir(self.folder), [])

    def test_helps_of_other_scripts_fit_a_terminal(self):
        for name in ("scripts/nested", "scripts/bench", "scripts/make-disk", "tests/run-guests"):
            out, status = run(os.path.join(REPO, name), "--help", env={**os.environ, "COLUMNS": "80"})
            self.assertEqual(status, 0)
            self.assertLessEqual(max(map(len, out.splitlines())), 80, name)

    def test_make_help_knows_every_target(self):
        # Not as a part of the make that may have started this: it would warn of a job server.
        environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        out, status = run("make", "--no-print-directory", "help", cwd=REPO, env=environment)
        self.assertEqual(status, 0)
        with open(os.path.join(REPO, "Makefile"), encoding="utf-8") as f:
            phony = next(line for line in f if line.startswith(".PHONY:")).split()[1:]
        for target in set(phony) - {"help", "programs", "kernels"}:
            self.assertIn(target, out)
        self.assertLessEqual(max(map(len, out.splitlines())), 80)


class RunAll(InFolder):
    def totals(self, **targets):
        """Run targets that print these lines and end with these statuses."""
        self.write("make", "#!/bin/sh\nfor target; do :; done\ncase $target in\n" + "".join(
            f"{name}) echo '{line}'; exit {status} ;;\n" for name, (line, status) in targets.items()) + "esac\n", 0o755)
        out, status = run(os.path.join(REPO, "tests/run-all"), *targets,
                          env={**os.environ, "MAKE": self.path("make"), "O": self.path("build")})
        return out.splitlines()[-1], status

    def test_totals_are_added_up(self):
        self.assertEqual(self.totals(a=("3 passed, 0 failed, 1 skipped", 0), b=("4 passed, 0 failed, 0 skipped", 0)),
                         ("7 passed, 0 failed, 1 skipped", 0))

    def test_a_failure_does_not_stop_the_rest(self):
        self.assertEqual(self.totals(a=("3 passed, 2 failed, 1 skipped", 1), b=("4 passed, 0 failed, 0 skipped", 0)),
                         ("7 passed, 2 failed, 1 skipped", 1))

    def test_a_target_without_a_total_is_a_failure(self):
        self.assertEqual(self.totals(a=("nothing", 0), b=("4 passed, 0 failed, 0 skipped", 0)),
                         ("4 passed, 1 failed, 0 skipped", 1))

    def test_a_bad_status_after_a_good_total_is_a_failure(self):
        self.assertEqual(self.totals(a=("4 passed, 0 failed, 0 skipped", 2)), ("4 passed, 1 failed, 0 skipped", 1))

    def test_nothing_passed_is_no_success(self):
        self.assertEqual(self.totals(a=("0 passed, 0 failed, 0 skipped", 0)), ("0 passed, 0 failed, 0 skipped", 1))


class RunUnit(InFolder):
    def run_suite(self, text, status, name="x_test"):
        self.write(name, f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n{status}\n", 0o755)
        return run(os.path.join(REPO, "tests/run-unit"), self.path(name))

    def test_the_counts_are_those_of_check(self):
        out, status = self.run_suite("Running suite(s): x\n100%: Checks: 7, Failures: 0, Errors: 0", "exit 0")
        self.assertEqual((out.splitlines()[-1], status), ("7 passed, 0 failed, 0 skipped", 0))

    def test_failures_and_errors_are_failures(self):
        out, status = self.run_suite("50%: Checks: 6, Failures: 2, Errors: 1", "exit 1")
        self.assertEqual((out.splitlines()[-1], status), ("3 passed, 3 failed, 0 skipped", 1))

    def test_a_crash_after_the_total_is_a_failure(self):
        out, status = self.run_suite("100%: Checks: 7, Failures: 0, Errors: 0", "kill -SEGV $$")
        self.assertEqual((out.splitlines()[-1], status), ("7 passed, 1 failed, 0 skipped", 1))

    def test_a_suite_without_tests_is_a_failure(self):
        for text in ("", "100%: Checks: 0, Failures: 0, Errors: 0"):
            out, status = self.run_suite(text, "exit 0")
            self.assertEqual((out.splitlines()[-1], status), ("0 passed, 1 failed, 0 skipped", 1))

    def test_a_suite_of_python_is_counted_too(self):
        self.write("a_selftest.py", "import unittest\nclass T(unittest.TestCase):\n"
                   "    def test_a(self): pass\n    def test_b(self): self.fail()\nunittest.main()\n")
        out, status = run(os.path.join(REPO, "tests/run-unit"), self.path("a_selftest.py"))
        self.assertEqual((out.splitlines()[-1], status), ("1 passed, 1 failed, 0 skipped", 1))

    def test_no_suite_at_all_is_a_failure(self):
        out, status = run(os.path.join(REPO, "tests/run-unit"))
        self.assertEqual((out.splitlines()[-1], status), ("0 passed, 1 failed, 0 skipped", 1))


if __name__ == "__main__":
    unittest.main()
