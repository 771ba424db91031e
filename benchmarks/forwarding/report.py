"""What is printed and written: both sides' tables, the ratios, the machine."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from .shapes import LISTENERS, PEOPLE_PER_HEARING
from .steps import P99_LIMIT_MS, TRIES_DISTURBED, Row, Side

#: Bars of the project: hearings against Janus's, CPU per packet against Janus's at 1,000 packets/s.
HEARINGS_BAR = 1.5
FAN_OUT_BAR = 0.6
FAN_OUT_BAR_PPS = 1000
HALF_LOAD_P50_MS, HALF_LOAD_P99_MS = 0.5, 3.0
JOINING_BAR_MS = 10.0

_COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("CPU %", lambda r: f"{r['cpu_percent']:.0f}"),
    ("out pps", lambda r: f"{r['packets_out_s']:,}"),
    ("lost", lambda r: f"{r['gaps']}"),
    ("p50 ms", lambda r: f"{r['delay_ms'].get('p50', float('nan')):.2f}"),
    ("p99 ms", lambda r: f"{r['delay_ms'].get('p99', float('nan')):.2f}"),
    ("RSS MB", lambda r: f"{r['resident_mb']:.0f}"),
    ("us/packet", lambda r: f"{r['us_per_packet'] or float('nan'):.1f}"),
    ("generator CPU %", lambda r: f"{r['generator']['cpu_percent']:.0f}"),
)


def results(
    machine: dict[str, Any],
    sides: dict[str, Side],
    half_load: dict[str, Row],
    fan_out: dict[str, list[Row]],
    *,
    quick: bool,
) -> dict[str, Any]:
    """The whole outcome, as it is written.  Sides are ``ours`` and, where it is installed, ``janus``."""
    outcome: dict[str, Any] = {
        "quick": quick,
        "machine": machine,
        "method": _method(),
        "hearings": {
            name: {
                "largest": side.largest,
                "largest_is_the_generators_limit": side.by_generator,
                "rows": sorted(side.rows, key=lambda row: int(row["hearings"])),
            }
            for name, side in sides.items()
        },
        "half_load": half_load,
        "fan_out": fan_out,
    }
    janus = sides.get("janus")
    if janus is not None and janus.largest:
        outcome["hearings_per_core_ratio"] = round(sides["ours"].largest / janus.largest, 2)
        outcome["hearings_per_core_bar"] = HEARINGS_BAR
    if "janus" in fan_out:
        outcome["fan_out_cpu_per_packet_ratio"] = {
            str(pps): round(ours / theirs, 2) for pps, (ours, theirs) in _costs(fan_out).items()
        }
        outcome["fan_out_bar"] = {str(FAN_OUT_BAR_PPS): FAN_OUT_BAR}
    return outcome


def table(rows: list[Row], first: str) -> list[str]:
    """Lines of a Markdown table; ``first`` names the load's column."""
    lines = [
        f"| {first} | " + " | ".join(name for name, _ in _COLUMNS) + " | outcome |",
        "|" + "---:|" * (len(_COLUMNS) + 1) + "---|",
    ]
    for row in rows:
        cells = [str(row[first]), *(cell(row) for _, cell in _COLUMNS), str(row.get("verdict", ""))]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def text(outcome: dict[str, Any]) -> str:
    """The outcome for a reader."""
    machine = outcome["machine"]
    lines = ["Machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()), ""]
    for name, side in outcome["hearings"].items():
        lines += [f"Hearings of {PEOPLE_PER_HEARING}, recorded, {name}: largest {side['largest']}"]
        lines += [*table(side["rows"], "hearings"), ""]
    for name, rows in outcome["fan_out"].items():
        lines += [f"1 to {LISTENERS}, {name}", *table(rows, "pps"), ""]
    if outcome["half_load"]:
        alone, joined = outcome["half_load"]["alone"], outcome["half_load"]["with_a_hearing_joining"]
        delay, added = alone["delay_ms"], joined["delay_ms"]["p99"] - alone["delay_ms"]["p99"]
        lines.append(
            f"Half load ({alone['hearings']} hearings): p50 {delay['p50']:.2f} ms (bar {HALF_LOAD_P50_MS}), "
            f"p99 {delay['p99']:.2f} ms (bar {HALF_LOAD_P99_MS}); "
            f"while a hearing of {PEOPLE_PER_HEARING} joins, p99 is {added:+.2f} ms (bar {JOINING_BAR_MS:g})"
        )
    if "hearings_per_core_ratio" in outcome:
        lines.append(f"Hearings per core, ours to Janus: {outcome['hearings_per_core_ratio']} (bar {HEARINGS_BAR})")
    for pps, ratio in outcome.get("fan_out_cpu_per_packet_ratio", {}).items():
        bar = f" (bar {FAN_OUT_BAR})" if int(pps) == FAN_OUT_BAR_PPS else ""
        lines.append(f"CPU per forwarded packet at 1 to {LISTENERS}, {pps} packets/s, ours to Janus: {ratio}{bar}")
    return "\n".join(lines)


def _costs(fan_out: dict[str, list[Row]]) -> dict[int, tuple[float, float]]:
    """By packets per second: the median µs per packet of both sides."""
    found: dict[int, tuple[float, float]] = {}
    for pps in sorted({int(row["pps"]) for rows in fan_out.values() for row in rows}):
        medians = []
        for name in ("ours", "janus"):
            costs = [row["us_per_packet"] for row in fan_out[name] if row["pps"] == pps and row["us_per_packet"]]
            medians.append(statistics.median(costs) if costs else float("nan"))
        found[pps] = (medians[0], medians[1])
    return found


def _method() -> list[str]:
    return [
        "Server pinned to one core, generator to another; one server at a time, the sides in turn.",
        f"Hearing: {PEOPLE_PER_HEARING} people, each sends 50 packets/s of 100 bytes and 25 frames/s of 4 packets"
        " of 1100 bytes to the 5 others over one sending and one receiving transport.",
        "Ours is the media worker process with its spool and fsync; Janus 1 event loop, ICE-lite, videoroom, recording"
        " to .mjr without fsync.",
        "SRTP AES-128-GCM on all legs; sender reports, receiver reports and REMB once a second from all, NACK at gaps.",
        "Delay: from before encryption in the generator to the kernel's time of arrival at three subscribers, whose"
        " packets are all decrypted.",
        f"Held: no gap in any receiver's sequence numbers and p99 below {P99_LIMIT_MS:g} ms; a load that fails is tried"
        f" twice, and up to {TRIES_DISTURBED} times while other programs take the machine.",
        "CPU: user and system time of all threads of the server; loopback, so it includes the receivers' kernel work.",
    ]
