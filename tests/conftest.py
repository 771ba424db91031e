"""Fixtures for every test, and the figures that tests saw, printed at the end of a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

# A busy machine is slow, not wrong: durations belong in benchmarks.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

pytest_plugins = ["tests.servers.fixtures"]

_SEEN = "seen"


@pytest.fixture
def seen(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """``seen("10000 walks")``: a figure for the end of the run, also from a test that another process ran."""
    return lambda text: record_property(_SEEN, text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    lines = [
        f"{report.nodeid.rpartition('/')[2]}: {text}"
        for report in reports
        for name, text in report.user_properties
        if name == _SEEN
    ]
    if lines:
        terminalreporter.section("seen")
        for line in lines:
            terminalreporter.write_line(line)
