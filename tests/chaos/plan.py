"""What a round does when, and what came of it."""

from __future__ import annotations

import random
from dataclasses import dataclass

FAULTS = (
    "worker",
    "recorder",
    "control",
    "store",
    "database",
    "power",
    "refusing",
    "slow",
    "error-500",
    "lying",
    "disk-full",
    "clock",
    "export",
    "custody",
    "share",
    "added",
)
#: These are played by every other seed of the late fault that they are like: all other seeds mean what they ever did.
LIKE = {"export": "share", "custody": "added"}
#: Of the store itself, which then is the S3 server.
STORE_FAULTS = frozenset({"store", "refusing", "slow", "error-500", "lying"})
#: Of what is done with a record once it is sealed: about how long that takes, s; either of these is killed then.
LATE_FAULTS = {"export": 2.0, "custody": 0.9, "share": 0.6, "added": 0.6}
#: Of these over HTTP, asked of the product's own control.
COURT_FAULTS = frozenset(LIKE.values())
#: A hearing of which something is withheld lasts so much longer, s: with what is around it that takes 2.3 s away.
WITHHELD_S = 2.0
VICTIMS = ("recorder", "control")
#: What a fault may cost, ns: the issue's bar.  What the machine kept the writer waiting comes on top.
MAY_COST_NS = 1_000_000_000
#: How exactly a gap's ends are known, ns: the packets on both sides of it, and the reading of two clocks.
GAP_SLACK_NS = 150_000_000
CLOCK_JUMPS_S = (-3600.0, -5.0, 5.0, 3600.0)
START_LIMIT_S, SEAL_LIMIT_S, END_LIMIT_S = 60.0, 60.0, 20.0


@dataclass(frozen=True)
class Plan:
    """What happens when, s after the capture began, or, of a late fault, after the work on the sealed record did.

    ``victim`` of a late fault is who is killed.  The same seed makes the same plan.
    """

    seed: int
    fault: str
    at_s: float
    lasts_s: float
    close_s: float
    store: str
    victim: str = ""

    @classmethod
    def of(cls, seed: int, fault: str = "", *, short: bool = False) -> Plan:
        chance = random.Random(seed)
        fault = fault or _fault(seed)
        close_s = chance.uniform(1.3, 1.8) if short else chance.uniform(2.0, 3.5)
        at_s = chance.uniform(1.2, close_s + 0.2) if short else chance.uniform(0.3, close_s + 0.8)
        lasts_s = chance.uniform(0.1, 0.5 if short else 1.5)
        store = chance.choice(("directory", "s3"))
        if fault in STORE_FAULTS or fault == "power":
            store = "directory" if fault == "power" else "s3"
        victim = ""
        if fault == "export":
            close_s += WITHHELD_S
        if fault in LATE_FAULTS:
            at_s, victim = chance.uniform(0.0, LATE_FAULTS[fault]), chance.choice(VICTIMS)
        return cls(seed, fault, round(at_s, 3), round(lasts_s, 3), round(close_s, 3), store, victim)

    def __str__(self) -> str:
        what = f"{self.fault} {self.victim}".strip()
        return f"seed {self.seed:4} {what:16} at {self.at_s:5.2f} s for {self.lasts_s:4.2f} s, {self.store:9}"


def _fault(seed: int) -> str:
    turn, number = divmod(seed, len(FAULTS) - len(LIKE))
    return LIKE.get(FAULTS[number], FAULTS[number]) if turn % 2 else FAULTS[number]


class Broken(AssertionError):
    """The record is not what it must be."""


@dataclass
class Outcome:
    packets: int
    lost: int
    gaps: int
    note: str = ""

    def __str__(self) -> str:
        return f"{self.packets} packets, {self.lost} in the last second lost, {self.gaps} gaps listed{self.note}"
