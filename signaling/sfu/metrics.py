"""What a worker tells of itself in numbers (:class:`signaling.worker_api.WorkerMetrics`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

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
        self._gone += _counts(transport)

    def metrics(self, transports: Iterable[Transport], port: Port) -> api.WorkerMetrics:
        states: Counter[str] = Counter()
        consumers: Counter[str] = Counter()
        counts = self._gone.copy()
        for transport in transports:
            states[transport.state or "new"] += 1
            counts.update(_counts(transport))
            if isinstance(transport, Downlink):
                for consumer in transport.consumers.values():
                    consumers[consumer.status] += 1
                    counts.update(consumer.counts())
        counts["unproven"] = port.dropped
        counts["no-room"] = port.unsent
        counts["forged"] += port.forged
        return api.WorkerMetrics(
            transports={state: states[state] for state in api.TRANSPORT_STATES},
            consumers={state: consumers[state] for state in api.CONSUMER_STATES},
            counters={name: counts[name] for name in api.COUNTERS},
            dropped={cause: counts[cause] for cause in api.DROP_CAUSES},
        )


def _counts(transport: Transport) -> Counter[str]:
    return transport.counts + Counter(packets_out=transport.packets_out)
