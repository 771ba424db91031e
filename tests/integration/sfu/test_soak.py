"""A short round of the soak (``make soak`` runs half an hour): nothing is left of hearings that are over."""

from __future__ import annotations

import pytest

from tests.soak.hearings import soak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

#: Memory at rest may differ by so much; a leak of one transport in each hearing would be more in the long run only, but
#: its objects are seen here.
ALLOWED_BYTES = 16 * 1024 * 1024


async def test_nothing_is_left_of_hearings_with_everything_that_happens_in_them(hot_path: str) -> None:
    found = await soak(4.0, seed=7, warm_up=2, native=hot_path == "native")
    assert found.packets_out > 1000
    assert not found.left
    assert found.growth_bytes < ALLOWED_BYTES
