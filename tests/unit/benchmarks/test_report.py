"""What is printed and written."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import pytest

from benchmarks.forwarding.machine import describe, foreign_cpu_s, usage
from benchmarks.forwarding.progress import Progress
from benchmarks.forwarding.report import results, text
from benchmarks.forwarding.steps import Side


def row(**more: Any) -> dict[str, Any]:
    return {
        "cpu_percent": 50.0,
        "packets_out_s": 36000,
        "gaps": 0,
        "delay_ms": {"p50": 0.25, "p99": 1.5},
        "resident_mb": 120.0,
        "us_per_packet": 8.0,
        "generator": {"cpu_percent": 40.0},
        **more,
    }


def outcome() -> dict[str, Any]:
    ours = Side([row(hearings=20, verdict="held"), row(hearings=8, verdict="held")], largest=20, smallest=21)
    janus = Side([row(hearings=8, verdict="held")], largest=10, smallest=11)
    fan_out = {
        "ours": [row(pps=1000, us_per_packet=cost) for cost in (4.0, 5.0, 90.0)],
        "janus": [row(pps=1000, us_per_packet=10.0)],
    }
    return results(
        {"cpu": "x"},
        {"ours": ours, "janus": janus},
        {"alone": row(hearings=10), "with_a_hearing_joining": row(hearings=10, delay_ms={"p50": 0.3, "p99": 4.0})},
        fan_out,
        quick=True,
    )


def test_ratios_are_ours_to_janus_with_medians_of_repeats() -> None:
    found = outcome()
    assert found["hearings_per_core_ratio"] == 2.0
    assert found["fan_out_cpu_per_packet_ratio"] == {"1000": 0.5}
    assert [r["hearings"] for r in found["hearings"]["ours"]["rows"]] == [8, 20]
    json.dumps(found)


def test_the_text_says_the_same() -> None:
    said = text(outcome())
    assert "Hearings per core, ours to Janus: 2.0 (bar 1.5)" in said
    assert "1000 packets/s, ours to Janus: 0.5 (bar 0.6)" in said
    assert "Half load (10 hearings): p50 0.25 ms" in said
    assert "joins, p99 is +2.50 ms" in said


def test_without_the_peer_there_are_no_ratios() -> None:
    found = results({}, {"ours": Side([row(hearings=4)], largest=4)}, {}, {"ours": [row(pps=500)]}, quick=False)
    assert "hearings_per_core_ratio" not in found
    assert "fan_out_cpu_per_packet_ratio" not in found
    assert "largest 4" in text(found)


def test_a_process_is_measured() -> None:
    mine = usage(os.getpid())
    assert mine.cpu_s > 0
    assert mine.resident_bytes > 1_000_000
    assert foreign_cpu_s(0)[0] > 0
    with pytest.raises(OSError):
        usage(2**22 + 1)


def test_the_machine_is_named() -> None:
    machine = describe("1.1.2")
    assert machine["janus"] == "1.1.2"
    assert all(value for value in machine.values())


def test_progress_is_one_line_each_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    progress = Progress(3, stream)
    progress.begin("ours, 4 hearings")
    progress.done("ours, 4 hearings", "held")
    assert stream.getvalue() == "ours, 4 hearings: held\n"


def test_progress_is_a_bar_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    progress = Progress(2, stream)
    progress.begin("first")
    progress.done("first", "held")
    progress.begin("second")
    assert "[############............] 0:0" in stream.getvalue()
