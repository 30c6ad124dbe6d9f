#!/usr/bin/env python3
"""Tests of what scripts/nested takes out of a machine, and puts into it, without a machine: reports that are damaged, cut
short or meant to do harm."""
import io
import os
import re
import signal
import subprocess
import sys
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPO, "scripts", "nested.d"))

import archive  # noqa: E402
import emulator  # noqa: E402
from in_folder import InFolder  # noqa: E402
import payload  # noqa: E402
import watch  # noqa: E402


def packed(**files):
    blob = io.BytesIO()
    writer = archive.Writer(blob)
    for name, data in files.items():
        writer.data(name.replace("__", "/"), data)
    writer.end()
    return blob.getvalue()


class Reports(InFolder):
    def report(self, *parts, gets=("a", "/job/in")):
        self.write("report", b"ready\nalive\n" + b"".join(parts))
        return watch.read_report(self.folder, self.path("out"), gets)

    def expect_refusal(self, why, *parts, **keywords):
        signal.alarm(10)
        self.addCleanup(signal.alarm, 0)
        with self.assertRaisesRegex(archive.ArchiveError, why):
            self.report(*parts, **keywords)

    def test_files_and_status_are_taken(self):
        report = self.report(b"files\n", packed(a=b"one"), bytes(3), b"files\n", packed(in__b=b"two"), b"exit 7\n")
        self.assertEqual((report.ready, report.status), (True, 7))
        self.assertEqual((self.read_bytes("out/a"), self.read_bytes("out/in/b")), (b"one", b"two"))

    def test_a_report_that_ends_anywhere_is_a_death(self):
        whole = b"files\n" + packed(a=b"x" * 100, in__b=b"y")
        for size in range(len(whole)):
            report = self.report(whole[:size])
            self.assertIsNone(report.status, f"of {size} bytes")

    def test_an_archive_that_is_cut_short_before_the_end_is_refused(self):
        for size in (60, 200):
            self.expect_refusal("", b"files\n", packed(a=b"x" * 200)[:size], b"\nexit 0\n")

    def test_numbers_are_hexadecimal_digits_alone(self):
        blob = packed(a=b"x" * 100)
        for size in (b"-0000070", b"+0000064", b"0000_064", b"      64", b"0x000064"):
            self.assertEqual(blob[54:62], b"00000064")
            self.expect_refusal("no member", b"files\n", blob[:54] + size + blob[62:], b"exit 0\n")

    def test_what_nobody_asked_for_is_refused(self):
        for name in ("Makefile", ".git__hooks__post-commit", "ab"):
            self.expect_refusal("nobody asked", b"files\n", packed(**{name: b"x"}), b"exit 0\n")
        self.expect_refusal("nobody asked", b"files\n", packed(a=b"x"), b"exit 0\n", gets=())
        self.assertFalse(os.path.exists(self.path("out")))

    def test_a_dot_asks_for_all_below_it(self):
        self.report(b"files\n", packed(**{".__some__thing": b"x"}), b"exit 0\n", gets=(".",))
        self.assertEqual(self.read_bytes("out/some/thing"), b"x")

    def test_files_elsewhere_are_refused(self):
        os.makedirs(self.path("out"))
        os.symlink("..", self.path("out/in"))
        for name, why in (("..__b", "named"), ("a__..__..__b", "named"), ("in__b", "link is in the way")):
            self.expect_refusal(why, b"files\n", packed(**{name: b"x"}), b"exit 0\n", gets=(".", ".."))
        self.assertEqual(sorted(os.listdir(self.folder)), ["out", "report"])

    def test_files_of_several_names_have_their_data_under_each(self):
        self.write("in/first", b"some bytes")
        os.link(self.path("in/first"), self.path("in/second"))
        os.link(self.path("in/first"), self.path("in/third"))
        self.write("in/empty", b"")
        os.link(self.path("in/empty"), self.path("in/void"))
        blob = subprocess.run("find in | busybox cpio -o -H newc", shell=True, cwd=self.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True).stdout
        self.assertEqual(self.report(b"files\n", blob, b"exit 0\n").status, 0)
        for name, data in (("first", b"some bytes"), ("second", b"some bytes"), ("third", b"some bytes"),
                           ("empty", b""), ("void", b"")):
            self.assertEqual(self.read_bytes("out/in", name), data, name)


class Watching(InFolder):
    def test_a_caller_that_is_gone_by_now_ends_it(self):
        for port in emulator.PORTS:
            self.write(port, b"")
        machine = subprocess.Popen(["sleep", "60"])
        try:
            with self.assertRaises(watch.Abandoned):
                watch.follow(machine, self.folder, 10, 10, (), caller=os.getpid())
        finally:
            emulator.stop(machine)


class Payload(InFolder):
    def test_names_need_not_be_utf_8(self):
        os.mkdir(self.path("in"))
        name = os.fsencode(self.path("in")) + b"/caf\xe9"
        with open(name, "wb") as f:
            f.write(b"x")
        os.symlink(b"caf\xe9", os.fsencode(self.path("in")) + b"/link")
        payload.write(self.path("run.cpio"), "svm", ["cat", "caf\udce9"], ["caf\udce9"], [(self.path("in"), "/job/in")], "/none")
        blob = self.read_bytes("run.cpio")
        self.assertIn(b"job/in/caf\xe9\0", blob)
        self.assertTrue(re.search(rb"exec cat '?caf\xe9'?\n", blob))


if __name__ == "__main__":
    unittest.main()
