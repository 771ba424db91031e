"""``hearing serve``: control, for operators."""

from __future__ import annotations

from .. import logs
from ..config import Settings
from ..terminal import Terminal
from . import folder
from .parts import need_shared_bus, run
from .platform import STEPS, running


def main(settings: Settings, terminal: Terminal, *, with_children: bool) -> int:
    folder.keep_private()
    logs.configure(settings, "control")
    if not with_children:
        need_shared_bus(settings, "hearing serve")
    return run(_serve(settings, terminal, with_children=with_children), settings.bus)


async def _serve(settings: Settings, terminal: Terminal, *, with_children: bool) -> int:
    steps = terminal.steps(STEPS if with_children else STEPS - 2)
    async with running(settings, terminal, steps, with_children=with_children) as platform:
        if terminal.as_json:
            terminal.answer({"base_url": platform.base_url, "https_base_url": platform.https_url})
        terminal.say("serving", url=platform.base_url)
        await platform.told
        terminal.say("stopping")
    return 0
