"""``python -m benchmarks.join``: from the click that enters a hearing to the first picture of another person.

On loopback.  The judge sits in session; a claimant, in another browser, opens the link anew each time, walks up to the
last key of the check and presses it.  The clock starts at that click (the event's own time) and stops when the first
frame of the judge is presented (``requestVideoFrameCallback``).  The way in: socket, join, check-in, admission, two
transports with ICE and DTLS, produce and consume, keyframe, decode, paint.
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from tests.e2e.harness.pages import CHROMIUM, Person, playwright
from tests.e2e.harness.server import Running

OUTPUT = Path(__file__).parent / "results" / "join.json"
ROUNDS = 20
#: The first rounds fill caches of the browser and are not counted.
WARM_UP = 2
LIMIT_MS = 30_000

WATCH = """
window.__join = new Promise((seen) => {
  let clicked = null;
  addEventListener("click", (event) => {
    if (event.target.closest?.("[data-testid=go-in]")) clicked = event.timeStamp;
  }, true);
  const watched = new WeakSet();
  new MutationObserver(() => {
    for (const picture of document.querySelectorAll("[data-role=judge] video")) {
      if (watched.has(picture)) continue;
      watched.add(picture);
      picture.requestVideoFrameCallback((now, frame) => seen(frame.presentationTime - clicked));
    }
  }).observe(document, { childList: true, subtree: true });
});
"""


async def measure(rounds: int, folder: Path) -> list[float]:
    """Milliseconds of each counted round."""
    demo = await Running.start("demo", data=folder / "data", log=folder / "demo.log")
    try:
        async with playwright() as running:
            judge = await Person.open(running, "judge", folder)
            await judge.arrive(demo.link("judge"))
            await judge.start_hearing()
            await judge.in_room("in_session")
            claimant = await Person.open(running, "claimant", folder)
            await claimant.context.add_init_script(WATCH)
            taken = []
            for number in range(WARM_UP + rounds):
                page = claimant.page = await claimant.context.new_page()
                taken.append(await _join(claimant, page, demo.link("claimant")))
                print(f"\r{number + 1}/{WARM_UP + rounds}: {taken[-1]:.0f} ms ", end="", file=sys.stderr, flush=True)
                await page.evaluate("sessionStorage.clear(); localStorage.clear()")
                await page.close()
                await claimant.context.clear_cookies()
            print(file=sys.stderr)
            await claimant.close()
            await judge.close()
            return taken[WARM_UP:]
    finally:
        await demo.stop()


async def _join(claimant: Person, page: Page, link: str) -> float:
    page.set_default_timeout(LIMIT_MS)
    await claimant.arrive(link)
    return float(await asyncio.wait_for(page.evaluate("window.__join"), LIMIT_MS / 1000))


def quantile(values: list[float], part: float) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[round(part * 100) - 1]


def machine() -> dict[str, Any]:
    """What stands beside every figure."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    chromium = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True).stdout
    return {
        "cpu": model or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "chromium": next(word for word in chromium.split() if word[0].isdigit()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        taken = asyncio.run(measure(options.rounds, Path(folder)))
    result = {
        "benchmark": "join",
        "what": "click to first remote frame, loopback, Chromium",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "rounds": len(taken),
        "p50_ms": round(quantile(taken, 0.5)),
        "p95_ms": round(quantile(taken, 0.95)),
        "all_ms": [round(each) for each in taken],
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"click to first remote frame: p50 {result['p50_ms']} ms, p95 {result['p95_ms']} ms ({len(taken)} rounds)")
    print(f"written to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
