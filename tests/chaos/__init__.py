"""Faults at random moments under the processes that make the record; ``python -m tests.chaos`` (make chaos)."""
