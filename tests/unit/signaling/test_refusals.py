"""Every code has its sentences in both languages, and every code in use is in the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import signaling
from signaling.media_ledger import CODES
from signaling.refusals import LEFT, SENTENCES, refusal

SOURCES = "\n".join(path.read_text() for path in Path(signaling.__file__).parent.glob("*.py"))
IN_USE = set(
    re.findall(r'(?:Refused|refusal)\("([a-z-]+)"|Refuse\([^,()]*(?:\([^()]*\))?[^,()]*, "([a-z-]+)"\)', SOURCES)
)


def test_codes_in_use_are_the_codes_of_the_catalogue() -> None:
    in_use = {code for pair in IN_USE for code in pair if code} | set(CODES.values())
    assert in_use == set(SENTENCES)


@pytest.mark.parametrize("sentences", [*SENTENCES.values(), LEFT])
def test_both_languages(sentences: tuple[str, str]) -> None:
    english, chinese = sentences
    assert english.isascii()
    assert english.endswith(".")
    assert chinese.endswith("。")
    assert re.search(r"[\u4e00-\u9fff]", chinese)


def test_the_language_of_the_seat() -> None:
    assert refusal("join-first", "en").message == "Join the hearing first."
    assert refusal("join-first", "zh-CN").message == "请先加入庭审。"
    assert refusal("join-first", "fr").message == "Join the hearing first."
