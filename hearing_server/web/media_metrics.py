"""What media workers tell of themselves in their heartbeats, for Prometheus; no label names a person or a case."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from signaling.worker_api import COUNTERS, Heartbeat

#: Texts of what is counted, by its name in a heartbeat.
TEXTS = {
    "packets_out": "Packets sent to people.",
    "packets_expected": "Packets that people have sent, as their numbers tell.",
    "packets_lost": "Of these, packets that did not come at once.",
    "nacks_sent": "Packets asked for again from senders.",
    "nacks_received": "Packets that receivers asked for again.",
    "retransmissions": "Packets sent again.",
    "keyframes_asked": "Key frames asked for from senders.",
    "keyframes_wanted": "Key frames that receivers asked for.",
}


class MediaMetrics(Collector):
    """``heartbeats``: the newest of each worker, by its name."""

    def __init__(self, heartbeats: Callable[[], Mapping[str, Heartbeat]]) -> None:
        self._heartbeats = heartbeats

    def collect(self) -> Iterable[Metric]:
        beats = sorted(self._heartbeats().items())
        yield GaugeMetricFamily("hearing_media_workers", "Media workers that are heard.", value=len(beats))
        rooms = GaugeMetricFamily("hearing_media_rooms", "Rooms on a worker.", labels=["worker"])
        load = GaugeMetricFamily("hearing_media_packets_per_second", "Packets sent by a worker.", labels=["worker"])
        limit = GaugeMetricFamily(
            "hearing_media_packets_per_second_limit", "Budget, above which newcomers are refused.", labels=["worker"]
        )
        transports = GaugeMetricFamily("hearing_media_transports", "Transports, by state.", labels=["worker", "state"])
        consumers = GaugeMetricFamily(
            "hearing_media_consumers", "Sounds and pictures to people, by what they get.", labels=["worker", "gets"]
        )
        dropped = CounterMetricFamily(
            "hearing_media_dropped", "Packets neither taken nor sent, by cause.", labels=["worker", "cause"]
        )
        counters = {
            name: CounterMetricFamily(f"hearing_media_{name}", TEXTS[name], labels=["worker"]) for name in COUNTERS
        }
        for worker, beat in beats:
            rooms.add_metric([worker], len(beat.rooms))
            load.add_metric([worker], beat.packets_out_s)
            limit.add_metric([worker], beat.packets_out_limit_s)
            if beat.metrics is None:
                continue
            for state, number in beat.metrics.transports.items():
                transports.add_metric([worker, state], number)
            for gets, number in beat.metrics.consumers.items():
                consumers.add_metric([worker, gets], number)
            for cause, number in beat.metrics.dropped.items():
                dropped.add_metric([worker, cause], number)
            for name, family in counters.items():
                family.add_metric([worker], beat.metrics.counters.get(name, 0))
        yield from (rooms, load, limit, transports, consumers, dropped)
        yield from counters.values()
