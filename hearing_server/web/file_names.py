"""Names that files of a record have on somebody's disk (RFC 6266)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from urllib.parse import quote

from recording.playback import MediaEntry

from ..letters import zone_of
from ..store import HearingFacts
from ..store.shares import ShareRow

NS: Final = 1_000_000_000
#: What file systems refuse, what could end a header, and what turns the direction of writing, so that an ending looks
#: like another (Unicode's bidirectional controls).
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
_ROLES_ZH = {
    "judge": "审判长",
    "clerk": "书记员",
    "claimant": "原告",
    "respondent": "被告",
    "witness": "证人",
    "interpreter": "翻译",
    "observer": "旁听",
}
#: Without its ending; most file systems take 255 in all.
FILE_NAME_LIMIT_BYTES = 220


def track_file_name(facts: HearingFacts, entry: MediaEntry, locale: str, start_us: int) -> str:
    """``HC 2026-00418 2026-11-22 110940 claimant Joan Larkin, Northgate District Court.webm`` (``.mp4`` for pictures in
    H.264), or the same in Chinese: the file says where and when it begins.  ``start_us``: of the record."""
    chinese = locale == "zh-CN"
    role = _ROLES_ZH.get(entry.role, entry.role) if chinese else entry.role
    name = entry.display_name_zh if chinese else entry.display_name
    screen = "" if entry.source == "person" else (" 屏幕" if chinese else " screen")
    begins = _clock(facts, start_us * 1000 + entry.offset_ms * 1_000_000)
    return _named(facts, f"{begins} {role} {name}{screen}", locale) + "." + entry.name.rsplit(".", 1)[-1]


def export_file_name(facts: HearingFacts, locale: str, *, packed: bool = False) -> str:
    """Of a film, or ``packed``, of a part of the record."""
    english, chinese = ("part of the record", "庭审记录节选") if packed else ("hearing", "庭审录像")
    words = f"{_clock(facts, facts.opened_utc or facts.scheduled_utc)} {chinese if locale == 'zh-CN' else english}"
    return _named(facts, words, locale) + (".zip" if packed else ".mp4")


def _clock(facts: HearingFacts, utc: int) -> str:
    """``2026-11-22 110940`` on the court's clock: file systems take no colons."""
    return f"{datetime.fromtimestamp(utc / NS, zone_of(facts.court.time_zone)):%Y-%m-%d %H%M%S}"


def _named(facts: HearingFacts, words: str, locale: str) -> str:
    court = facts.court.name_zh if locale == "zh-CN" else facts.court.name
    return fit_name(f"{facts.case_number} {words}{'，' if locale == 'zh-CN' else ', '}{court}")


def shared_file_name(facts: HearingFacts, share: ShareRow, locale: str) -> str:
    """A film that was made for one person says so: ``HC 2026-00418 hearing for Ann Reyes 1f6b00c2.mp4``."""
    words = f"庭审录像 仅供 {share.name}" if locale == "zh-CN" else f"hearing for {share.name}"
    begins = _clock(facts, facts.opened_utc or facts.scheduled_utc)
    return _named(facts, f"{begins} {words} {share.id[:8]}", locale) + ".mp4"


def fit_name(name: str) -> str:
    """What any file system takes, without an ending."""
    fit = " ".join(_UNFIT.sub(" ", name).split()).strip(" .")
    return fit.encode()[:FILE_NAME_LIMIT_BYTES].decode(errors="ignore").rstrip()


def content_disposition(file_name: str) -> str:
    """RFC 6266: a plain name for old clients, and the true one in UTF-8."""
    file_name = _UNFIT.sub(" ", file_name)
    plain = file_name.encode("ascii", "replace").decode().replace("?", "_").replace("\\", "_").replace('"', "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"
