#!/usr/bin/env python3
"""Does tests/trace_format.py notice what is wrong with a trace?"""
import copy
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import trace_format  # noqa: E402


def span(begin, length, **more):
    return {"ph": "X", "pid": 1, "tid": 1, "cat": "exit", "name": "port", "ts": begin, "dur": length, "args": {}, **more}


LANE = {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": "VMM"}}


def trace(*events):
    return {"displayTimeUnit": "ns", "traceEvents": [copy.deepcopy(LANE), *events]}


class Format(unittest.TestCase):
    def problem(self, *events):
        return trace_format.problem_of(trace(*events))

    def test_spans_in_one_another_and_one_after_another_are_right(self):
        self.assertIsNone(self.problem(span(0, 10), span(0.0, 4), span(4, 6), span(10, 0), span(10, 1.5)))

    def test_spans_that_overlap_are_not(self):
        self.assertIn("overlaps", self.problem(span(0, 10), span(9.999, 0.002)))

    def test_lanes_do_not_disturb_each_other(self):
        other = copy.deepcopy(LANE)
        other["tid"] = 2
        self.assertIsNone(self.problem(other, span(0, 10), span(5, 10, tid=2)))

    def test_a_lane_has_a_name(self):
        self.assertIn("no name", self.problem(span(0, 10, tid=3)))

    def test_a_field_that_is_missing_or_of_another_type_is_named(self):
        for name in ("ph", "pid", "tid", "cat", "name", "ts", "dur", "args"):
            event = span(0, 1)
            del event[name]
            self.assertIn(name if name != "ph" else "phase", self.problem(event))
        self.assertIn("ts", self.problem(span("0", 1)))
        self.assertIn("negative", self.problem(span(0, -1)))

    def test_b_and_e_are_balanced(self):
        begin = {"ph": "B", "pid": 1, "tid": 1, "cat": "c", "name": "n", "ts": 1}
        end = {"ph": "E", "pid": 1, "tid": 1, "ts": 2}
        self.assertIsNone(self.problem(begin, end))
        self.assertEqual(self.problem(begin), "lane 1: a B without an E")
        self.assertEqual(self.problem(end), "lane 1: an E without a B")

    def test_instants_have_a_scope_and_metadata_its_argument(self):
        instant = {"ph": "i", "pid": 1, "tid": 1, "cat": "step", "name": "caught", "ts": 1, "s": "t", "args": {}}
        self.assertIsNone(self.problem(instant))
        self.assertIn("scope", self.problem({**instant, "s": "x"}))
        self.assertIn("metadata", self.problem({**LANE, "args": {}}))

    def test_what_is_no_trace(self):
        self.assertIsNotNone(trace_format.problem_of([]))
        self.assertIsNotNone(trace_format.problem_of({"traceEvents": []}))


if __name__ == "__main__":
    unittest.main()
