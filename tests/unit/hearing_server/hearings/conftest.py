"""A court at work, and what several tests ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.hearing_server.parts import Court, new_court


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    async with new_court(tmp_path) as made:
        yield made
