"""What every process of a round needs, loaded once; they are forked from here."""

from __future__ import annotations

from . import processes

for _, _arrivals in processes.sources(["a", "b"], 0):
    next(_arrivals)  # encodes the tone or the pictures
