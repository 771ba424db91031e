"""The runtime that joins the law, the store, the media rooms and the record."""

from .clock import Clock, SystemClock
from .hearings import Hearings
from .recorder import Recorder, RecorderClient, RecorderUnavailable

__all__ = ["Clock", "Hearings", "Recorder", "RecorderClient", "RecorderUnavailable", "SystemClock"]
