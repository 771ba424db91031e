from __future__ import annotations

import re
import string

import pytest

from hearing_server.words import WORDS, Fault, Word, locale_of


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_both_languages_say_the_same_things(key: str) -> None:
    english, chinese = WORDS[key]
    assert fields(english) == fields(chinese)
    assert english
    assert chinese


@pytest.mark.parametrize("key", WORDS)
def test_chinese_uses_full_width_punctuation(key: str) -> None:
    assert not re.search(r"[\u4e00-\u9fff][,:;()]|[,:;()][\u4e00-\u9fff]", WORDS[key][1])


def test_a_word_within_a_sentence_is_in_the_same_language() -> None:
    fault = Fault("setting-value", name="HEARING_DATA", value="", expected=Word("expected-path"))
    assert "the path of a folder" in fault.sentence("en")
    assert "文件夹路径" in fault.sentence("zh-CN")


@pytest.mark.parametrize(
    ("environ", "locale"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "HEARING_LANG": "zh-CN"}, "zh-CN"),
    ],
)
def test_the_terminal_chooses_the_language(environ: dict[str, str], locale: str) -> None:
    assert locale_of(environ) == locale
