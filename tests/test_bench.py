"""A bench fails by its counts and never by its times."""

from __future__ import annotations

import pytest

from bench.__main__ import show
from bench.figures import Figure, missed_counts


def test_a_count_above_its_most_is_named_and_the_others_are_not():
    counts = ((11, 11, "calls"), (3, 0, "x 429"))
    assert missed_counts(*counts) == "3 x 429, not 0"
    assert missed_counts((10.9, 11, "calls")) == ""


def test_a_bench_whose_count_missed_ends_with_1_and_says_which(capsys: pytest.CaptureFixture[str]):
    missed = Figure("calls when looked at again", "2", target="0", missed="2 calls, not 0")
    assert show([Figure("first", "5"), missed, Figure("last", "7")]) == 1
    shown = capsys.readouterr()
    assert shown.err == "missed: calls when looked at again: 2 calls, not 0\n"
    assert "| last | 7 |" in shown.out, "what comes after is measured all the same"


def test_a_slow_bench_passes(capsys: pytest.CaptureFixture[str]):
    assert show([Figure("p95", "900 s", target="p95 ≤ 5 s")]) == 0
    assert capsys.readouterr().err == ""
