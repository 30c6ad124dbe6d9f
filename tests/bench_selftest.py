"""The arithmetic and the tables of scripts/bench, on made-up numbers."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bench import classic, faults, host, nested, tables  # noqa: E402

BARE = {kind: {"median_ns": ns, "p10_ns": ns, "p90_ns": ns}
        for kind, ns in (("page fault and root", 100), ("exception and root", 120), ("table store", 80), ("exception", 90))}


def stats(minor):
    """What a run of pv says after so many minor faults."""
    return {"mode": "pv", "faults": {"minor": {"count": minor, "exits": 2 * minor, "median_ns": 150,
                                               "by_cause": {"page-fault": minor, "hypercall": minor} if minor else {}}}}


class Output(unittest.TestCase):
    def test_each_line_is_one_repetition(self):
        self.assertEqual(classic.parse("trap 100 12.5\nprot1 100 7.0\ntrap 100 13.5\n"),
                         {"trap": [12.5, 13.5], "prot1": [7.0]})

    def test_lines_that_are_not_of_the_form_are_passed_over(self):
        self.assertEqual(classic.parse("\nsomething else\n"), {})


class Faults(unittest.TestCase):
    def test_what_two_runs_share_does_not_count(self):
        count, exits, causes = faults.per_fault(*(stats(n)["faults"]["minor"] for n in (600, 100)))
        self.assertEqual((count, exits, causes), (500, 1000, {"page-fault": 1, "hypercall": 1}))

    def test_a_row_of_one_run_alone_is_that_run_s(self):
        long = {"count": 3, "exits": 13, "by_cause": {"page-fault": 3, "invlpg": 10}}
        short = {"count": 1, "exits": 1, "by_cause": {"page-fault": 1}}
        self.assertEqual(faults.per_fault(long, short), (2, 12, {"page-fault": 1, "invlpg": 5}))

    def test_exits_are_weighed_by_their_own_kinds(self):
        self.assertEqual(faults.bare_ns("pv", {"page-fault": 1, "disk-notify": 1, "hypercall": 1}, BARE), 310)
        self.assertEqual(faults.bare_ns("fv", {"page-fault": 1, "mov-from-cr2": 1, "table-store": 2, "iret": 1}, BARE), 470)

    def test_an_exit_that_cannot_be_weighed_leaves_no_ratio(self):
        self.assertIsNone(faults.bare_ns("fv", {"page-fault": 1, "timer": 1}, BARE))
        self.assertIsNone(faults.bare_ns("fv", {"page-fault": 1, "disk-notify": 1}, BARE))

    def test_a_ratio_is_of_one_round(self):
        row = faults.rows([BARE, BARE], {"minor": ([[900.0, 900.0, 220.0, 220.0], [1000.0, 900.0, 440.0, 440.0]], stats(600),
                                                stats(100))})["minor"]
        self.assertEqual(row["exits"], 2)
        self.assertEqual(row["efficiency"], {"median": 1.5, "min": 1.0, "max": 2.0, "n": 2})
        self.assertEqual(row["ns_new_frames"]["median"], 950)

    def test_a_mode_whose_faults_make_no_exit_has_times_only(self):
        row = faults.rows([BARE], {"minor": ([[9.0, 9.0, 5.0]], stats(0), stats(0))})["minor"]
        self.assertEqual((row["exits"], "efficiency" in row), (0, False))

    def test_a_class_that_cannot_be_had_has_the_reason(self):
        self.assertEqual(faults.rows([BARE], {"minor": "no"}), {"minor": {"reason": "no"}})


class Resident(unittest.TestCase):
    SMAPS = ("7f00-7f80 rw-p 0 0:0 0 \nSize: 20480 kB\nRss: 900 kB\nAnonymous: 900 kB\nShared_Clean: 0 kB\n"
             "Shared_Dirty: 0 kB\nVmFlags: rd wr\n"
             "5500-5580 r-xp 0 8:1 7 /usr/lib/libc.so.6\nSize: 1600 kB\nRss: 1000 kB\nAnonymous: 0 kB\n"
             "Shared_Clean: 1000 kB\nShared_Dirty: 0 kB\n"
             "6600-6680 rw-p 0 0:0 0 [heap]\nSize: 200 kB\nRss: 24 kB\nAnonymous: 24 kB\nShared_Clean: 0 kB\n"
             "Shared_Dirty: 0 kB\n")

    def test_the_guest_s_memory_does_not_count(self):
        found = host.beyond_guest(host.parse_smaps(self.SMAPS), 16 << 20)
        self.assertEqual(found, {"total": 1024 << 10, "anonymous": 24 << 10, "shared_with_others": 1000 << 10,
                                 "guest": 900 << 10})

    def test_without_the_guest_s_memory_nothing_is_told(self):
        self.assertIsNone(host.beyond_guest(host.parse_smaps(self.SMAPS), 32 << 20))


def summary_of(ns):
    return {"median": ns, "min": ns, "max": ns, "n": 3}


def found():
    """A whole result, with a mode that does not run and a way that is not permitted."""
    row = {"count": 9, "p10_ns": 900, "median_ns": 1000, "p90_ns": 1100}
    host_faults = {way: row for way in (*tables.HOST_WAYS, "dirty")}
    host_faults["userfaultfd-sigbus"] = {"reason": "userfaultfd: Operation not permitted"}
    fault = {"exits": 2.0, "ns": summary_of(250000), "ns_new_frames": summary_of(280000), "median_ns_inside": 120000, "bare_ns": 220000,
             "efficiency": summary_of(1.136)}
    return {"faultvisor": "0", "substrate": "PVM", "kvm": "usable", "quick": False,
            "conditions": {"cpus": 2, "load": 0.0, "first": True, "kernel": "6.1"},
            "modes": {"pv": "", "fv": "it is not there"}, "bare_exits": BARE,
            "start_up": {"pv": {key: summary_of(9e6) for key in
                                ("to_main_ns", "from_main_ns", "total_ns", "whole_run_ns")}},
            "resident": {"pv": {"reason": "no /proc"}}, "tracing": {"pv": summary_of(1.02)}, "host_faults": host_faults, "faults": {"pv": {"minor": fault}},
            "classic": {"native": {name: summary_of(1000) for name in classic.NAMES},
                        "pv": {"trap": summary_of(400000), "prot1": {"reason": "did not end"}}}}


class Tables(unittest.TestCase):
    def test_both_formats_have_all_the_rows(self):
        for form in tables.FORMATS:
            text = tables.render(found(), form)
            for wanted in (*classic.NAMES, "fv does not run: it is not there", "no /proc", "did not end",
                           "not here: userfaultfd: Operation not permitted", "1.14 (1.14 to 1.14)"):
                self.assertIn(wanted, text)

    def test_without_kvm_there_is_what_the_host_does(self):
        result = {**found(), "modes": {"pv": "no /dev/kvm"}, "bare_exits": {}, "start_up": {}, "resident": {},
                  "tracing": {}, "faults": {}}
        text = tables.render(result, "text")
        self.assertIn("the kernel's own minor fault", text)
        self.assertNotIn("Page faults", text)

    def test_times_taken_among_others_are_marked(self):
        for first, load, marked in ((True, 9.0, False), (False, 9.0, True), (False, 0.5, False)):
            result = {**found(), "conditions": {"cpus": 2, "load": load, "first": first, "kernel": "6.1"}}
            self.assertEqual("not to be cited" in tables.render(result, "text"), marked)

    def test_markdown_has_as_many_columns_in_each_row_of_a_table(self):
        rows = tables.table(["a", "b"], [["x", "1"], ["y", "2"]], "markdown").splitlines()
        self.assertEqual(rows, ["| a | b |", "|---|--:|", "| x | 1 |", "| y | 2 |"])

    def test_text_is_aligned(self):
        self.assertEqual(tables.table(["a", "us"], [["long", "1"], ["b", "200"]], "text"),
                         "  a      us\n  long    1\n  b     200")


class Nested(unittest.TestCase):
    def test_exits_are_told_with_what_they_include(self):
        modes = {mode: {name: {"exits": exits, "ns": 1000} for name in nested.NAMES} for mode, exits in (("pv", 4.0), ("hw", 0.5))}
        text = nested.render({"on": "svm", "substrate": "SVM with NPT", "modes": modes}, "markdown")
        self.assertIn("| cow | 4 | 0.50 | 1.0 |", text)
        self.assertIn("with what is not in its time: the first touch of cow's pages", text)


if __name__ == "__main__":
    unittest.main()
