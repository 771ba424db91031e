"""A short round of bad weather: a tenth and a third of all packets lost, both ways.  The figures are `make bench`'s."""

from __future__ import annotations

import pytest

from .court import Court
from .loss import endure

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(240),
]

#: Generous, as the machine may be busy: a third of the sound made up is still speech; half the windows with the voice
#: in them would not be.
CONCEALED_AT_MOST = 0.35
VOICE_AT_LEAST = 0.8
#: The lowest of a camera's layers.
LOW_LAYER_PX = 320


async def test_sound_stays_intelligible_and_the_picture_returns(court: Court) -> None:
    found = await endure(court, bad_s=6, worse_s=10, seed=20)
    for spell in (found.bad, found.worse):
        print(f"{spell.loss:.0%}: {spell.facts()}")
        for role, quality in spell.to.items():
            assert quality.concealed < CONCEALED_AT_MOST, (spell.loss, role, quality)
            assert spell.heard[role].share > VOICE_AT_LEAST, (spell.loss, role)
            assert quality.frames_per_s > 0
    assert {quality.width_px for quality in found.worse.to.values()} == {LOW_LAYER_PX}
    print(f"high layer again after {found.high_again_s} s")
    assert set(found.high_again_s) == {"judge", "claimant"}
