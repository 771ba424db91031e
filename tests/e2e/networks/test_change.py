"""From Wi-Fi to mobile in the middle of a hearing: another address, the same connections, sound and picture go on."""

from __future__ import annotations

import pytest

from .change import Kind, change
from .court import Court

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(180),
]

#: Far above what `benchmarks.networks` measures: the machine may be busy.
BACK_WITHIN_S = 12.0


@pytest.mark.parametrize("kind", ["make before break", "break before make"])
async def test_a_new_address(court: Court, kind: Kind) -> None:
    found = await change(court, kind)
    print(f"{kind}: {found.back_s}")
    assert set(found.back_s) == {"audio to judge", "video to judge", "audio to claimant", "video to claimant"}
    assert max(found.back_s.values()) < BACK_WITHIN_S
    assert found.moved
    assert found.same_connections
