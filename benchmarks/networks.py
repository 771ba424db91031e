"""``python -m benchmarks.networks``: a hearing on bad networks, in real browsers.

A judge sits in the court's own network, a claimant in a network namespace whose only link loses, delays and reorders
packets both ways as ``tc netem`` would (:mod:`tests.servers.weather`; the dice can be thrown again).  Sound: how often
more than 0.1 s in a row was made up by the receiver.  Picture: how often none came for 1 s.  Then the claimant changes
from one network to another.  Needs root and Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.harness.pages import CHROMIUM, playwright
from tests.e2e.networks.change import Change, Kind, change
from tests.e2e.networks.court import open_court
from tests.e2e.networks.loss import LossRound, Spell, endure
from tests.media import cameras
from tests.servers import netns

OUTPUT = Path(__file__).parent / "results" / "networks.json"
BAD_S, WORSE_S = 90.0, 45.0
CHANGES = 5
SEED = 1
KINDS: tuple[Kind, ...] = ("make before break", "break before make")


@dataclass
class Seen:
    loss: LossRound
    changes: dict[Kind, list[Change]] = field(default_factory=dict)


async def measure(bad_s: float, worse_s: float, changes: int, folder: Path) -> Seen:
    with netns.World() as world:
        async with (
            playwright() as running,
            open_court(world, running, folder, folder, {}, film=cameras.busy_camera) as court,
        ):
            seen = Seen(await endure(court, bad_s=bad_s, worse_s=worse_s, seed=SEED))
            for kind in KINDS:
                seen.changes[kind] = [await change(court, kind) for _ in range(changes)]
                print(f"{kind}: {[max(each.back_s.values()) for each in seen.changes[kind]]} s", flush=True)
            return seen


def spell(found: Spell) -> dict[str, Any]:
    """Both receivers, and the worst of them by the issue's measures."""
    return {
        "loss": found.loss,
        "worst_audio_gaps_per_min": round(max(quality.audio_gaps_per_min for quality in found.to.values()), 2),
        "worst_video_freezes_per_min": round(max(quality.video_freezes_per_min for quality in found.to.values()), 2),
        "worst_concealed": round(max(quality.concealed for quality in found.to.values()), 4),
        "least_voice_found": round(min(heard.share for heard in found.heard.values()), 3),
        "to": found.facts(),
    }


def changed(found: list[Change]) -> dict[str, Any]:
    ways = sorted({way for each in found for way in each.back_s})
    return {
        "same_connections": all(each.same_connections for each in found),
        "median_back_s": {way: round(statistics.median(each.back_s[way] for each in found), 2) for way in ways},
        "worst_back_s": {way: max(each.back_s[way] for each in found) for way in ways},
    }


def result(seen: Seen) -> dict[str, Any]:
    return {
        "benchmark": "networks",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "platform": platform.platform(),
            "load_1min": os.getloadavg()[0],
            "browser": subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True).stdout.strip(),
        },
        "calm": spell(seen.loss.calm),
        "loss_10": spell(seen.loss.bad),
        "loss_30": spell(seen.loss.worse),
        "high_layer_again_s": seen.loss.high_again_s,
        "change": {kind: changed(found) for kind, found in seen.changes.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bad-s", type=float, default=BAD_S, help="how long a tenth of the packets is lost, s")
    parser.add_argument("--worse-s", type=float, default=WORSE_S, help="how long a third is lost, s")
    parser.add_argument("--changes", type=int, default=CHANGES, help="changes of network, of each kind")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    if reason := netns.missing():
        sys.exit(f"not measured: {reason}")
    with tempfile.TemporaryDirectory(prefix="hearing-networks-") as folder:
        seen = asyncio.run(measure(options.bad_s, options.worse_s, options.changes, Path(folder)))
    report = result(seen)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
