"""Every action that the server writes into a ledger has words, in both languages, for whoever reads the ledger."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hearing_server.court.custody import Action

SERVER = Path(__file__).parents[4] / "hearing_server"
WORDS = Path(__file__).parents[4] / "web_client" / "src" / "lib" / "i18n" / "archive"
ACTION = re.compile(r"[a-z]+([-_][a-z]+)*")
#: Written under names that are put together: decisions of custody, commands of the booking and of the written record.
MADE = (
    {f"custody-{action.value}" for action in Action}
    | {f"{name}-booking" for name in ("book", "confirm", "cancel", "convert")}
    | {"refuse-to-sign", "request-correction", "answer-correction", "recall-draft", "state-incident"}
    | {"withhold-span", "lift-span", "open-sealed"}
    | {"play", "add-note", "correct-note", "withdraw-note"}
    | {"verify_today", "verify_in_person", "challenge_identity", "require_in_person"}
)


def actions() -> set[str]:
    """What ``note(caller, ledger, action, ...)`` and its short forms are called with, as far as it is said there."""
    found: set[str] = set()
    for path in (SERVER / "web").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            if not isinstance(node, ast.Call) or name not in ("note", "_note"):
                continue
            said = [arg.value for arg in node.args[:3] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            found |= {action for action in said[:1] if ACTION.fullmatch(action)}
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_action_has_words(language: str) -> None:
    text = (WORDS / f"{language}.ts").read_text(encoding="utf-8")
    block = text[text.index("    actions: {") :]
    known = set(re.findall(r'^      "?([a-z_-]+)"?:', block[: block.index("    }")], re.MULTILINE))
    wanted = actions() | MADE
    assert len(wanted) > 40
    assert wanted <= known
