"""Every code has a sentence in both languages, and every code that is used exists."""

from __future__ import annotations

import re
from pathlib import Path

import hearing_server
from hearing_server.refusals import SENTENCES, sentence
from hearing_server.web.problems import STATUS

SOURCE = Path(hearing_server.__file__).parent
#: Where codes are written as literals.
PATTERNS = (
    r'Refused\(code="([a-z-]+)"\)',
    r'ProblemError\("([a-z-]+)"',
    r'LinkRefused\("([a-z-]+)"',
    r'StoreError\("([a-z-]+)"',
    r'sentence\("([a-z-]+)"',
    r'_refusal\("([a-z-]+)"',
    r'return (?:None if .* else )?"([a-z]+-[a-z-]+)"',
)


def test_both_languages_are_complete() -> None:
    for code, (english, chinese) in SENTENCES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert english.endswith("."), code
        assert chinese.endswith("。"), code
        assert re.search(r"[\u4e00-\u9fff]", chinese), code
        assert not re.search(r"[,;:!?]", chinese), f"{code}: full-width punctuation"
        assert "!" not in english, code


def test_every_code_that_is_used_has_a_sentence() -> None:
    used = set()
    for folder in ("court", "hearings", "web", "store"):
        for path in sorted((SOURCE / folder).rglob("*.py")):
            used |= _codes(path)
    used |= _codes(SOURCE / "links.py")
    assert len(used) > 30
    assert used <= set(SENTENCES)
    assert set(STATUS) <= set(SENTENCES)


def _codes(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    return {code for pattern in PATTERNS for code in re.findall(pattern, text)}


def test_an_unknown_code_is_never_shown_raw() -> None:
    assert sentence("no-such-code", "en") == SENTENCES["unexpected"][0]
    assert sentence("no-such-code", "zh-CN") == SENTENCES["unexpected"][1]
