"""Gauges that are computed when they are asked for; none names a person or a case (design.md D13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ..court import RecordState, SittingState
from ..hearings import Hearings


class HearingGauges(Collector):
    def __init__(self, hearings: Hearings) -> None:
        self._hearings = hearings

    def collect(self) -> Iterable[GaugeMetricFamily]:
        actors = self._hearings.at_work()
        yield _by_state(
            "hearing_sittings",
            "Sittings that are loaded, by state.",
            Counter(actor.sitting.state.value for actor in actors),
            [state.value for state in SittingState],
        )
        yield _by_state(
            "hearing_records",
            "Records of loaded sittings, by state.",
            Counter(actor.sitting.record.value for actor in actors),
            [state.value for state in RecordState],
        )
        sockets = sum(actor.sockets for actor in actors)
        yield GaugeMetricFamily("hearing_sockets", "People on a signalling socket.", value=sockets)
        recorder = self._hearings.recorder_state
        yield GaugeMetricFamily("hearing_recorder_up", "The recorder is heard.", value=float(recorder is not None))
        if recorder is not None:
            backlog = "Closed segments that wait for the object store."
            yield GaugeMetricFamily("hearing_recorder_backlog", backlog, value=recorder.backlog)
            free = "Free space where the spool is."
            yield GaugeMetricFamily("hearing_spool_free_bytes", free, value=recorder.disk_free_bytes)
            level = "0: there is room for the spool; 1: it fills; 2: no hearing is opened."
            yield GaugeMetricFamily("hearing_spool_level", level, value=self._hearings.disk_level)
            unanchored = "Sealed records that the transparency log or the time-stamp authority has not witnessed yet."
            owed = "Objects that one of the two stores has and the other lacks still."
            yield GaugeMetricFamily("hearing_copies_owed", owed, value=recorder.owed)
            yield GaugeMetricFamily("hearing_records_unanchored", unanchored, value=recorder.unanchored)


def _by_state(name: str, text: str, counts: Counter[str], states: list[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["state"])
    for state in states:
        family.add_metric([state], counts[state])
    return family
