"""What every process of a round needs, loaded once; they are forked from here."""

from __future__ import annotations

from . import court, processes  # noqa: F401 - what is imported here is shared

for _, _arrivals in processes.sources(["a", "b"], 0):
    next(_arrivals)  # encodes the tone or the pictures
