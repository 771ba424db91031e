"""Fonts for the words that are burnt into a composite."""

from __future__ import annotations

import functools
import os
from pathlib import Path

#: Parts of file names of fonts that hold Chinese, the preferred first; then any sans serif.
CHINESE = (
    *("NotoSansCJK-Regular", "NotoSansSC", "SourceHanSans", "NotoSansCJK", "wqy-microhei", "wqy-zenhei"),
    *("NotoSerifCJK", "SourceHanSerif", "DroidSansFallback", "PingFang", "STHeiti", "msyh", "simsun", "uming"),
)
LATIN = ("NotoSans-Regular", "SourceSans3-Regular", "DejaVuSans.", "LiberationSans-Regular", "Arial", "Helvetica")
_SUFFIXES = (".ttf", ".ttc", ".otf")


def is_latin(text: str) -> bool:
    """Whether any Western font has these characters (up to Latin Extended-B, and general punctuation)."""
    return all(ord(letter) < 0x250 or 0x2000 <= ord(letter) < 0x2070 for letter in text)


@functools.cache
def _installed() -> tuple[Path, ...]:
    home = Path.home()
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts", home / ".local/share/fonts"]
    folders += [Path("/System/Library/Fonts"), Path("/Library/Fonts")]
    found = [
        Path(at) / name
        for folder in folders
        for at, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(_SUFFIXES)
    ]
    return tuple(sorted(found))


def find_font(*, chinese: bool) -> Path | None:
    """A font file, one that holds Chinese if asked; nothing if none is known to be installed."""
    for part in CHINESE if chinese else (*LATIN, *CHINESE):
        for path in _installed():
            if part.lower() in path.name.lower():
                return path
    return None
