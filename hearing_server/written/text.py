"""The first draft of the written record, from the sitting's log and the sealed manifest.  Pure.

The court's own words are sentences in both languages; what somebody said or noted stands as it was taken down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from recording.manifest import GapEntry, Manifest
from recording.typeset import ROLES_ZH
from recording.written import Paragraph

from ..court import Event, Sitting, SittingState, into_record
from ..court.states import Machine
from ..store import HearingFacts

#: Gaps of one source that are said one by one; beyond it only how many there are.
GAPS_TOLD: Final = 40
#: Shorter losses of packets are in the manifest, and are no matter for a reader, us.
GAP_TOLD_US: Final = 1_000_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")

STAGES: Final[Mapping[str, tuple[str, str]]] = {
    "opening": ("Opening", "开庭"),
    "rights_notice": ("Rights", "告知权利"),
    "recusal": ("Recusal", "回避"),
    "investigation": ("Investigation", "法庭调查"),
    "debate": ("Debate", "法庭辩论"),
    "final_statements": ("Final statements", "最后陈述"),
    "evidence": ("Evidence", "举证"),
    "submissions": ("Submissions", "辩论意见"),
    "judgment": ("Judgment", "宣判"),
    "mediation": ("Mediation", "调解"),
}
_GROUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "recess": ("recess", "休庭"),
    "private_evidence": ("evidence that is not public", "不公开质证"),
    "mediation": ("mediation", "调解"),
    "fault": ("a fault", "故障"),
    "media-lost": ("the media worker was lost", "媒体节点中断"),
    "late": ("storage was late", "存储延迟"),
    "disk-full": ("the disk was full", "磁盘已满"),
    "io-error": ("the disk failed", "磁盘故障"),
    "state_secrets": ("state secrets", "国家秘密"),
    "privacy": ("privacy", "个人隐私"),
    "minors": ("minors", "未成年人"),
    "trade_secrets": ("trade secrets", "商业秘密"),
    "divorce": ("divorce", "离婚案件"),
    "loss": ("packets were lost", "网络丢包"),
    "disconnect": ("the line broke", "断线"),
    "node-change": ("another media worker took over", "更换媒体节点"),
    "torn": ("it could not be written", "未能写入"),
    "sender": ("the sender stopped", "发送端停止发送"),
    "unknown": ("the cause is not known", "原因不明"),
}
_RULINGS: Final = {
    "sustained": ("Sustained", "异议成立"),
    "overruled": ("Overruled", "异议不成立"),
    "noted": ("Noted", "记录在案"),
}
_SOURCES_ZH: Final = {"microphone": "话筒", "camera": "摄像头", "screen": "共享屏幕"}
#: What a party switched off themself is no gap to explain.
_NO_FAULT: Final = frozenset({"mute", "recess", "private_evidence", "mediation"})


def paragraphs_of(
    facts: HearingFacts, sitting: Sitting, events: Sequence[Event], manifest: Manifest | None
) -> list[Paragraph]:
    """The paragraphs of draft 1, named ``p1``, ``p2``, ... in order."""
    writer = _Writer(facts)
    writer.heading("Those who attended", "到庭人员")
    for person in facts.people:
        known = sitting.people.get(person.id)
        if known is not None and known.attended:
            role, role_zh = known.role.value, ROLES_ZH.get(known.role.value, known.role.value)
            english, chinese = writer.name(person.id)
            writer.fact(f"{english}, {role.replace('_', ' ')}.", f"{role_zh}：{chinese}。", by=person.id)
    writer.heading("The course of the hearing", "庭审过程")
    for event in into_record(events):
        writer.event(event)
    writer.heading("The record of sound and picture", "录音录像记录")
    _record(writer, sitting, manifest)
    return writer.done


class _Writer:
    def __init__(self, facts: HearingFacts) -> None:
        self.done: list[Paragraph] = []
        self._names = {person.id: (person.name, person.name_zh or person.name) for person in facts.people}

    def name(self, person_id: str) -> tuple[str, str]:
        return self._names.get(person_id, (person_id, person_id))

    def heading(self, english: str, chinese: str) -> None:
        self._add("heading", english, chinese)

    def fact(self, english: str, chinese: str, *, by: str = "", at_us: int = 0) -> None:
        self._add("fact", english, chinese, by, at_us)

    def event(self, event: Event) -> None:
        words = _EVENTS.get(event.name)
        if event.machine is Machine.SITTING and event.to == SittingState.IN_SESSION and event.source == "countdown":
            words = _in_session
        if words is not None:
            words(self, event)

    def said(self, event: Event, what: str, what_zh: str) -> None:
        """Somebody's words as they were taken down, the same in both languages."""
        name, name_zh = self.name(event.actor)
        words = str(event.detail.get("text", "")) or event.reason
        self._add(
            "quote", f"{name}, {what}: {words}", f"{name_zh}（{what_zh}）：{words}", event.actor, event.utc // 1000
        )

    def told(self, event: Event, english: str, chinese: str, by: str = "") -> None:
        self.fact(english, chinese, by=by, at_us=event.utc // 1000)

    def _add(self, kind: str, english: str, chinese: str, by: str = "", at_us: int = 0) -> None:
        self.done.append(
            Paragraph(id=f"p{len(self.done) + 1}", kind=kind, en=clean(english), zh=clean(chinese), by=by, at_us=at_us)
        )


def clean(text: str) -> str:
    """One line without control characters, so that every language writes the same JSON."""
    return _CONTROL.sub(" ", text).strip()


def _in_session(writer: _Writer, event: Event) -> None:
    writer.told(event, "The court is in session.", "庭审进行。")


def _closed(writer: _Writer, event: Event) -> None:
    writer.told(event, "The presiding judge closed the hearing.", "审判长宣布闭庭。")


def _sitting(english: str, chinese: str) -> Callable[[_Writer, Event], None]:
    def words(writer: _Writer, event: Event) -> None:
        why = f" Reason: {event.reason}." if event.reason else ""
        writer.told(event, english + why, chinese + (f"事由：{event.reason}。" if event.reason else ""))

    return words


def _grounded(english: str, chinese: str) -> Callable[[_Writer, Event], None]:
    def words(writer: _Writer, event: Event) -> None:
        ground = str(event.detail.get("ground", "")) or event.reason
        told, told_zh = _GROUNDS.get(ground, (ground, ground))
        writer.told(
            event, f"{english}{f': {told}' if told else ''}.", f"{chinese}{f'：{told_zh}' if told_zh else ''}。"
        )

    return words


def _person(english: str, chinese: str) -> Callable[[_Writer, Event], None]:
    def words(writer: _Writer, event: Event) -> None:
        name, name_zh = writer.name(event.subject)
        writer.told(event, english.format(name), chinese.format(name_zh), by=event.subject)

    return words


def _said(what: str, what_zh: str) -> Callable[[_Writer, Event], None]:
    return lambda writer, event: writer.said(event, what, what_zh)


def _stage(writer: _Writer, event: Event) -> None:
    name = str(event.detail.get("stage", ""))
    writer.heading(*STAGES.get(name, (name, name)))


def _ruled(writer: _Writer, event: Event) -> None:
    told, told_zh = _RULINGS.get(str(event.detail.get("ruling")), ("Ruled", "裁定"))
    text = str(event.detail.get("text", ""))
    by = event.actor
    writer.told(
        event,
        f"{told}{f': {text}' if text else '.'}",
        f"{told_zh}{f'：{text}' if text else '。'}",
        by=by,
    )


def _exhibit(writer: _Writer, event: Event) -> None:
    name, name_zh = writer.name(event.actor)
    document = str(event.detail.get("document", ""))
    writer.told(event, f"{name} showed exhibit {document}.", f"{name_zh}出示证据 {document}。", by=event.actor)


_EVENTS: Final[Mapping[str, Callable[[_Writer, Event], None]]] = {
    "recess": _sitting("The court rose for a recess.", "休庭。"),
    "suspend": _sitting("The hearing was suspended.", "庭审中止。"),
    "retire": _sitting("The court retired to deliberate.", "退庭合议。"),
    "close": _closed,
    "auto_close": _sitting("Nobody had closed the hearing; it was closed by itself.", "无人宣布闭庭，系统自动闭庭。"),
    "convert_offline": _grounded("The court went over to a hearing in person", "转为线下开庭"),
    "close_doors": _grounded("The doors were closed", "转为不公开审理"),
    "open_doors": _sitting("The doors were opened.", "恢复公开审理。"),
    "interrupt_record": _grounded("The record was interrupted", "暂停记录"),
    "resume_record": _sitting("The record went on.", "恢复记录。"),
    "degrade": _grounded("The record was in trouble", "记录异常"),
    "recover": _sitting("The record was well again.", "记录恢复正常。"),
    "fail": _grounded("The record stopped", "记录中断"),
    "rearm": _sitting("The record began again.", "记录重新开始。"),
    "state_incident": _said("statement about the fault of the record", "关于记录故障的说明"),
    "call": _person("{} was called in.", "传{}到庭。"),
    "treat_as_left": _person("{} is treated as having left.", "{}按中途退庭处理。"),
    "lose": _person("The line to {} broke.", "与{}的连接中断。"),
    "come_back": _person("{} was back.", "{}恢复连接。"),
    "remove": _person("{} was removed from the hearing.", "责令{}退出法庭。"),
    "set_stage": _stage,
    "statement": _said("statement", "陈述"),
    "note": _said("note", "记事"),
    "objection": _said("objection", "异议"),
    "ruling": _said("ruling", "裁定"),
    "rule_objection": _ruled,
    "restrict": _said("reporting restriction", "报道限制"),
    "show_exhibit": _exhibit,
}


def _record(writer: _Writer, sitting: Sitting, manifest: Manifest | None) -> None:
    if manifest is None:
        why = sitting.off_record or sitting.fallback
        writer.fact(
            f"The hearing has no record of sound and picture. {why}".strip(),
            f"本次庭审没有录音录像记录。{why}",
        )
        return
    tracks = len(manifest.tracks)
    size = sum(entry.size for entry in manifest.objects)
    writer.fact(
        f"Tracks of sound and picture: {tracks}, in sealed parts: {len(manifest.objects)}, bytes: {size}.",
        f"音视频轨 {tracks} 条，封存数据 {len(manifest.objects)} 段，共 {size} 字节。",
    )
    for span in manifest.interruptions:
        _span(writer, span, "Nothing was recorded", "没有记录")
    told = [gap for gap in manifest.gaps if gap.cause not in _NO_FAULT and gap.duration_us >= GAP_TOLD_US]
    for gap in told[:GAPS_TOLD]:
        name, name_zh = writer.name(gap.person_id or "")
        source = gap.source or ""
        _span(writer, gap, f"Gap, {name}, {source}", f"缺口，{name_zh}，{_SOURCES_ZH.get(source, source)}")
    if len(told) > GAPS_TOLD:
        more = len(told) - GAPS_TOLD
        writer.fact(f"{more} more gaps are in the manifest.", f"另有 {more} 处缺口载于清单。")
    if not manifest.interruptions and not told:
        writer.fact("No interruption, and no gap of a second or more.", "没有中断，也没有一秒以上的缺口。")


def _span(writer: _Writer, span: GapEntry, english: str, chinese: str) -> None:
    cause, cause_zh = _GROUNDS.get(span.cause, (span.cause, span.cause))
    seconds = span.duration_us / 1e6
    writer.fact(
        f"{english} for {seconds:.1f} s: {cause}.",
        f"{chinese}，持续 {seconds:.1f} 秒：{cause_zh}。",
        at_us=span.start_us,
    )
