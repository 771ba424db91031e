"""The written record as PDF/A-2b (ISO 19005-2), in English or Chinese, by typst; no text in it is run as markup."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typst

from .fonts import find_font, is_latin
from .written import Paragraph, SignatureEntry, WrittenRecord

PDF = "application/pdf"
_TEMPLATE = Path(__file__).with_name("written.typ")
#: In front of the fonts that typst brings: families that hold Chinese.
_FAMILIES = ("Noto Sans CJK SC", "Noto Serif CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei")
_OWN_FAMILY = "Libertinus Serif"

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Record of the hearing", "庭审笔录"),
    "signatures": ("Signatures", "签名"),
    "who": ("Who", "签名人"),
    "what": ("What they did", "情况"),
    "proof": ("Proof", "凭证"),
    "signed": ("Signed", "已签名"),
    "refused": ("Refused to sign", "拒绝签名"),
    "missing": ("Did not sign in time", "逾期未签名"),
    "asked": ("Not signed yet", "尚未签名"),
    "corrections": ("Requests for a correction", "更正申请"),
    "accepted": ("accepted", "采纳"),
    "answer-refused": ("refused", "不予采纳"),
    "open": ("not answered", "未答复"),
    "incidents": ("Statement about a fault of the record", "记录故障说明"),
    "integrity": ("What the signatures cover", "签名所涵盖的内容"),
    "text": ("SHA-256 of this text", "本文本 SHA-256"),
    "root": ("SHA-256 of the manifest of sound and picture", "录音录像清单 SHA-256"),
    "explains": (
        "Whoever changes one letter of the text, or one byte of the sound and the picture, changes these values. "
        "“hearing verify” and the page verify.html that comes with an export check them.",
        "改动本文任何一字，或录音录像任何一字节，上述数值即随之改变。"
        "可用“hearing verify”或导出材料所附 verify.html 核验。",
    ),
    "key": ("Device key", "设备密钥"),
}

ROLES_ZH = {
    "judge": "审判长",
    "panel": "合议庭成员",
    "staff_host": "法庭工作人员",
    "clerk": "书记员",
    "lawyer": "代理律师",
    "claimant": "原告",
    "respondent": "被告",
    "witness": "证人",
    "expert": "鉴定人",
    "interpreter": "翻译",
}


class NoFont(Exception):
    """No installed font has the letters of this record."""


def typeset(record: WrittenRecord, *, chinese: bool) -> bytes:
    """The PDF.  The same record gives the same bytes.  Raises :class:`NoFont`."""
    shown = _shown(record, chinese)
    text = json.dumps(shown, ensure_ascii=False)
    if find_font(chinese=True) is None and not is_latin(text):
        raise NoFont
    made = typst.compile(
        _TEMPLATE.read_bytes(),
        format="pdf",
        sys_inputs={"record": text},
        pdf_standards="a-2b",
        timestamp=record.made_us // 1_000_000,
    )
    assert isinstance(made, bytes)
    return made


def _shown(record: WrittenRecord, chinese: bool) -> dict[str, Any]:
    def word(name: str) -> str:
        return _WORDS[name][chinese]

    zone = ZoneInfo(record.time_zone)
    hashes = {word("text"): record.text_sha256}
    if record.record_root:
        hashes[word("root")] = record.record_root
    return {
        "lang": "zh" if chinese else "en",
        "region": "CN" if chinese else "GB",
        "fonts": [*_FAMILIES, _OWN_FAMILY] if chinese else [_OWN_FAMILY, *_FAMILIES],
        "title": word("title"),
        "court": _either(record.court, record.court_zh, chinese),
        "caseNumber": record.case_number,
        "caseName": _either(record.case_name, record.case_name_zh, chinese),
        "textSha256": record.text_sha256,
        "paragraphs": [
            {"kind": one.kind, "text": one.zh if chinese else one.en, "time": _clock(one, zone)}
            for one in record.paragraphs
        ],
        "parts": [part for part in (_incidents(record, chinese, zone), _corrections(record, chinese)) if part["lines"]],
        "signatures": [_signature(one, chinese, zone) for one in record.signatures],
        "hashes": hashes,
        "words": {
            "signatures": word("signatures"),
            "columns": [word("who"), word("what"), word("proof")],
            "integrity": word("integrity"),
            "explains": word("explains"),
        },
    }


def _signature(entry: SignatureEntry, chinese: bool, zone: ZoneInfo) -> dict[str, str]:
    role = ROLES_ZH.get(entry.role, entry.role) if chinese else entry.role.replace("_", " ")
    what = _WORDS[entry.state][chinese]
    if entry.at_us:
        what += "\n" + _moment(entry.at_us, zone, chinese)
    if entry.reason:
        what += "\n" + entry.reason
    key = entry.evidence.public_key if entry.evidence else ""
    # From the 37th letter on: what comes before is the same in every P-256 key.
    proof = f"{_WORDS['key'][chinese]}\n{key[36:60]}\n{key[60:84]}…" if key else ""
    return {"who": f"{_either(entry.name, entry.name_zh, chinese)}\n{role}", "what": what, "proof": proof}


def _corrections(record: WrittenRecord, chinese: bool) -> dict[str, Any]:
    lines = []
    for one in record.corrections:
        answer = {"accepted": "accepted", "refused": "answer-refused"}.get(one.answer, "open")
        name, told = _either(one.name, one.name_zh, chinese), _WORDS[answer][chinese]
        if one.answer_text:
            told += f"：{one.answer_text}" if chinese else f": {one.answer_text}"
        place = one.paragraph or "–"
        lines.append(
            f"{name}（{place}）：{one.text}（{told}）" if chinese else f"{name} ({place}): {one.text} ({told})"
        )
    return {"title": _WORDS["corrections"][chinese], "lines": lines}


def _incidents(record: WrittenRecord, chinese: bool, zone: ZoneInfo) -> dict[str, Any]:
    lines = [
        f"{_either(one.name, one.name_zh, chinese)}{'，' if chinese else ', '}{_moment(one.at_us, zone, chinese)}"
        f"{'：' if chinese else ': '}{one.text}"
        for one in record.incidents
    ]
    return {"title": _WORDS["incidents"][chinese], "lines": lines}


def _either(english: str, chinese_text: str, chinese: bool) -> str:
    return (chinese_text or english) if chinese else english


def _clock(paragraph: Paragraph, zone: ZoneInfo) -> str:
    return f"{_local(paragraph.at_us, zone):%H:%M:%S}" if paragraph.at_us else ""


def _moment(at_us: int, zone: ZoneInfo, chinese: bool) -> str:
    at = _local(at_us, zone)
    return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M:%S}" if chinese else f"{at.day} {at:%B %Y}, {at:%H:%M:%S}"


def _local(at_us: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, tz=UTC).astimezone(zone)
