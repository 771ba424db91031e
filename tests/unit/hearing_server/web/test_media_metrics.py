"""The numbers of media workers, as Prometheus reads them."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from hearing_server.web.media_metrics import TEXTS, MediaMetrics
from signaling import worker_api as api

DOCUMENT = (Path(__file__).parents[4] / "docs" / "administration.md").read_text()


def beat(worker_id: str, metrics: api.WorkerMetrics | None) -> api.Heartbeat:
    return api.Heartbeat(
        worker_id=worker_id,
        epoch="e",
        rooms=["secret-case"],
        packets_out_s=1200.0,
        packets_out_limit_s=50_000.0,
        metrics=metrics,
    )


def shown(*beats: api.Heartbeat) -> str:
    registry = CollectorRegistry()
    registry.register(MediaMetrics(lambda: {one.worker_id: one for one in beats}))
    return generate_latest(registry).decode()


def test_each_number_of_a_worker_is_shown_and_nothing_is_named() -> None:
    metrics = api.WorkerMetrics(
        transports={"connected": 12},
        consumers={"sound": 30, "high": 5, "yielded": 1},
        counters=dict.fromkeys(api.COUNTERS, 7),
        dropped={"unproven": 3},
    )
    text = shown(beat("w1", metrics), beat("w2", None))
    for line in (
        "hearing_media_workers 2.0",
        'hearing_media_rooms{worker="w1"} 1.0',
        'hearing_media_packets_per_second{worker="w2"} 1200.0',
        'hearing_media_packets_per_second_limit{worker="w1"} 50000.0',
        'hearing_media_transports{state="connected",worker="w1"} 12.0',
        'hearing_media_consumers{gets="yielded",worker="w1"} 1.0',
        'hearing_media_dropped_total{cause="unproven",worker="w1"} 3.0',
        *(f'hearing_media_{name}_total{{worker="w1"}} 7.0' for name in api.COUNTERS),
    ):
        assert line in text, line
    assert "secret-case" not in text


def test_without_workers_there_are_none() -> None:
    assert "hearing_media_workers 0.0" in shown()


def test_every_name_is_explained() -> None:
    assert TEXTS.keys() == set(api.COUNTERS)
    for name in (*api.COUNTERS, *api.DROP_CAUSES, *api.CONSUMER_STATES):
        assert f"{name}`" in DOCUMENT, name
