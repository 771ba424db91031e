"""README's table of measurements, made from ``benchmarks/results``: ``python -m benchmarks.table [--check]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- measured: begin (python -m benchmarks.table) -->", "<!-- measured: end -->"


def rows() -> list[tuple[str, str, str]]:
    """What was measured, what was seen, and the bar the design sets for it."""
    join, forwarding, record, networks = (_result(name) for name in ("join", "forwarding", "record", "networks"))
    bad, worse = networks["loss_10"], networks["loss_30"]
    alone = forwarding["half_load"]["alone"]
    delay = alone["delay_ms"]
    fan_out = forwarding["fan_out_cpu_per_packet_ratio"]["1000"]
    archive, composite, search = record["archive"], _result("composite"), _result("search")
    film, memory = composite["speed"], composite["memory"]
    long, share, recorder = record["archive_4h"], record["capture_share"], record["recorder"]
    floor: list[tuple[str, str, str]] = []
    if "floor_share_percent" in share:  # not in results of before it was measured
        what = "floor of that: hashing the same bytes once, writing and syncing them, by a bare program"
        floor.append((what, f"{share['floor_share_percent']:.1f} %", ""))
    return [
        (
            "click to first remote frame, Chromium, p50 / p95",
            f"{join['p50_ms']} / {join['p95_ms']} ms",
            "1000 ms (p50)",
        ),
        (
            f"added delay, {alone['hearings']} recorded hearings of 6 on one core, p50 / p99",
            f"{delay['p50']:.2f} / {delay['p99']:.1f} ms",
            "0.5 / 3 ms",
        ),
        ("hearings of 6 on one core, against Janus", f"{forwarding['hearings_per_core_ratio']:.2f} times", "1.5 times"),
        ("CPU per forwarded packet, 1 to 40 at 1,000/s, against Janus", f"{fan_out:.2f} times", "0.6 times"),
        (
            f"recording's share of a media worker's CPU, {share['hearings']} hearings of 6",
            f"{share['share_of_the_workers_cpu_percent']:.1f} %",
            "5 %",
        ),
        *floor,
        (
            f"recorder, {recorder['hearings']} hearings of {recorder['people']}, same disk / another, of a core",
            f"{recorder['cpu_percent_of_a_core']:.0f} / {record['recorder_copying']['cpu_percent_of_a_core']:.0f} % "
            f"at a load of {record['machine']['load_before']:.0f}",
            "10 %",
        ),
        (
            f"ready to play after the close, {archive['seconds'] // 60} min of {archive['people']} people / "
            f"{long['seconds'] // 3600} h of {long['people']}",
            f"{archive['close_to_playable_s']:.1f} / {long['close_to_playable_s']:.1f} s",
            "5 s",
        ),
        (
            f"verification of {long['seconds'] // 3600} h and {long['tracks']} tracks, "
            f"{long['megabytes_with_what_plays'] / 1e3:.0f} GB with what plays",
            f"{long['verify_s']:.0f} s",
            "30 s",
        ),
        (
            f"one film of {film['people']} people, 720p",
            f"{film['times_real_time']:.1f} times real time at a load of {composite['machine']['load_before']:.0f}; "
            f"{60 * film['ffmpeg_cpu_s'] / film['seconds']:.0f} s of processor time a minute",
            "8 times",
        ),
        (
            "memory of its largest process, " + " / ".join(f"{each['seconds'] // 60} min" for each in memory),
            " / ".join(str(each["largest_ffmpeg_megabytes"]) for each in memory) + " MB",
            "flat",
        ),
        (
            f"search in {search['hearings']:,} hearings, p95, SQLite / PostgreSQL",
            f"{search['sqlite']['p95_ms']:.0f} / {search['postgresql']['p95_ms']:.0f} ms",
            "200 ms",
        ),
        (
            "10 % loss, 50 ms jitter both ways: gaps of sound above 0.1 s, freezes above 1 s, a minute, worse end",
            f"{bad['worst_audio_gaps_per_min']:.1f} / {bad['worst_video_freezes_per_min']:.1f}",
            "1 / 1",
        ),
        (
            "30 % loss: sound made up by the receiver, and the voice found in what is played",
            f"{worse['worst_concealed']:.0%} / {worse['least_voice_found']:.0%}",
            "intelligible",
        ),
        (
            "after the loss, the high layer again",
            f"{max(networks['high_layer_again_s'].values()):.1f} s",
            "5 s",
        ),
        *(
            (
                f"another network, {kind}: sound / picture again, the slower way, median",
                " / ".join(
                    f"{max(s for way, s in found['median_back_s'].items() if way.startswith(what)):.1f} s"
                    for what in ("audio", "video")
                ),
                "3 s",
            )
            for kind, found in networks["change"].items()
        ),
    ]


def table() -> str:
    machine = _result("forwarding")["machine"]
    lines = ["| what | seen | bar |", "|---|---|---|"]
    lines += [f"| {what} | {seen} | {bar} |" for what, seen, bar in rows()]
    return "\n".join([BEGIN, *lines, "", f"On {machine['cores']} cores ({machine['cpu']}), over loopback.", END])


def readme() -> str:
    """The README as it should be now."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + table() + after


def _result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "benchmarks/results" / f"{name}.json").read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    if "--check" not in sys.argv:
        README.write_text(readme(), encoding="utf-8")
    elif readme() != README.read_text(encoding="utf-8"):
        sys.exit("README's table is out of date: run python -m benchmarks.table")
