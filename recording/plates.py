"""What the plates of a film say: names and roles in the reader's language.  Pure."""

from __future__ import annotations

from .fonts import is_latin
from .playback import MediaEntry

ROLES = {
    "judge": ("Judge", "审判长"),
    "clerk": ("Clerk", "书记员"),
    "claimant": ("Claimant", "原告"),
    "respondent": ("Respondent", "被告"),
    "panel": ("Panel member", "合议庭成员"),
    "staff_host": ("Usher", "庭审助理"),
    "lawyer": ("Lawyer", "律师"),
    "witness": ("Witness", "证人"),
    "expert": ("Expert", "鉴定人"),
    "interpreter": ("Interpreter", "翻译"),
    "observer": ("Observer", "旁听"),
}
SCREEN = {"en": "shared screen", "zh-CN": "共享屏幕"}


def label(entry: MediaEntry, locale: str, *, chinese_font: bool) -> str:
    """Name and role in the reader's language, as far as the fonts allow."""
    english_role, chinese_role = ROLES.get(entry.role, (entry.role, entry.role))
    if locale == "zh-CN" and chinese_font:
        words = [entry.display_name_zh, chinese_role]
    else:
        words = [entry.display_name, english_role]
    if entry.source == "screen":
        words.append(SCREEN[locale if chinese_font else "en"])
    return " · ".join(word for word in words if word)


def initials(name: str) -> str:
    """Of the first and the last word of a name; of a Chinese one its first character.  Empty without a letter."""
    letters = [found[0] for word in name.split() if (found := [one for one in word if one.isalpha()])]
    if not letters:
        return ""
    if not is_latin(letters[0]) or len(letters) == 1:
        return letters[0]
    return (letters[0] + letters[-1]).upper()
