"""What a worker tells of itself in numbers (:class:`signaling.worker_api.WorkerMetrics`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from .. import worker_api as api
from .downlink import Downlink
from .port import Port
from .transport import Transport


class Tally:
    """Keeps what closed transports have counted, so that the sums never fall."""

    def __init__(self) -> None:
        self._gone: Counter[str] = Counter()

    def closed(self, transport: Transport) -> None:
        """Its consumers were removed before."""
        _add(self._gone, transport.counts)
        self._gone["packets_out"] += transport.packets_out

    def metrics(self, transports: Iterable[Transport], port: Port) -> api.WorkerMetrics:
        """Walks over all consumers, with packets waiting meanwhile: so there is no arithmetic of counters here."""
        states: Counter[str] = Counter()
        consumers: Counter[str] = Counter()
        counts = self._gone.copy()
        packets_out = granted = refused = 0
        for transport in transports:
            states[transport.state or "new"] += 1
            packets_out += transport.packets_out
            _add(counts, transport.counts)
            if isinstance(transport, Downlink):
                for consumer in transport.consumers.values():
                    consumers[consumer.status] += 1
                    granted += consumer.resends.granted
                    refused += consumer.resends.refused
        counts["packets_out"] += packets_out
        counts["retransmissions"] += granted
        counts["asked-too-often"] += refused
        counts["unproven"] = port.dropped
        counts["no-room"] = port.unsent
        counts["forged"] += port.forged
        return api.WorkerMetrics(
            transports={state: states[state] for state in api.TRANSPORT_STATES},
            consumers={state: consumers[state] for state in api.CONSUMER_STATES},
            counters={name: counts[name] for name in api.COUNTERS},
            dropped={cause: counts[cause] for cause in api.DROP_CAUSES},
        )


def _add(counts: Counter[str], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        counts[name] += number
