"""Notices by e-mail about a record: shares, and what waits for somebody's signature or statement."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from .letters import LABELS
from .store import HearingFacts
from .store.outbox import OutboxRow

#: Kind to subject (English, Chinese); ``{case}`` is the case number.
SUBJECTS = {
    "share": ("Recording of hearing {case}", "庭审录像：{case}"),
    "share-code": ("Your code for the recording of {case}", "观看 {case} 庭审录像的验证码"),
    "share-revoked": ("Recording of hearing {case}: access withdrawn", "庭审录像：{case} 访问已撤销"),
    "circulated": ("Please read and sign: the written record of {case}", "请阅读并签署：{case} 庭审笔录"),
    "signed": ("Written record of {case}: signed", "{case} 庭审笔录：已签名"),
    "refused": ("Written record of {case}: signature refused", "{case} 庭审笔录：拒绝签名"),
    "incident": ("Your statement is needed: the record of {case}", "需要您作出说明：{case} 庭审记录"),
}
#: Kind to the lines of the letter (English, Chinese); what stands in braces is in :func:`write`'s ``words``.
LINES = {
    "share": (
        (
            "the court has opened the recording of this hearing to you until {until}.",
            "For: {purpose}",
            "{leave}",
            "The link works for you alone and sends a code to this address each time you open it on another device. "
            "Your name stands in the picture, and the court's ledger notes what you play. To record it, or to pass the "
            "link or the recording on, may be an offence.",
        ),
        (
            "法院已向您开放本次庭审的录像，有效期至 {until}。",
            "用途：{purpose}",
            "{leave}",
            "链接仅供您本人使用；每次在其他设备上打开时，系统会向本邮箱发送验证码。"
            "画面上显示您的姓名，您的播放情况会记入法院的访问日志。录制、转发链接或录像可能构成违法。",
        ),
    ),
    "share-code": (
        (
            "your code is {code}. It works once, for {minutes} minutes, on the page that asked for it.",
            "If you did not ask for it, somebody else has your link: tell the court.",
        ),
        (
            "您的验证码是 {code}，{minutes} 分钟内有效，仅可在请求它的页面使用一次。",
            "如果不是您本人请求，说明他人持有您的链接，请告知法院。",
        ),
    ),
    "share-revoked": (
        ("the court has withdrawn your access to the recording of this hearing. The link no longer works.",),
        ("法院已撤销您对本次庭审录像的访问，链接不再有效。",),
    ),
    "circulated": (
        (
            "draft {draft} of the written record of this hearing is ready. Read it, ask for corrections, and sign it "
            "or refuse to, with a reason.",
        ),
        ("本次庭审笔录第 {draft} 稿已送达。请阅读；如有出入请申请更正，然后签名，或说明理由后拒绝签名。",),
    ),
    "signed": (("{who} has signed draft {draft} of the written record.",), ("{who} 已在笔录第 {draft} 稿上签名。",)),
    "refused": (
        ("{who} has refused to sign draft {draft} of the written record. The reason given: {reason}",),
        ("{who} 拒绝在笔录第 {draft} 稿上签名，理由：{reason}",),
    ),
    "incident": (
        (
            "part of the recording of this hearing is missing or faulty, and the written record cannot be final before "
            "the presiding judge has stated what happened.",
        ),
        ("本次庭审的录音录像有缺失或故障，在审判长作出书面说明之前，笔录不能定稿。",),
    ),
}
LEAVE = {
    False: ("You may play it.", "您可以播放。"),
    True: (
        "You may play it and download a film of it that carries your name.",
        "您可以播放，并可下载带有您姓名的录像。",
    ),
}
#: A share of a part; ``{leave}`` is one of the sentences before.
PART = (
    "It is open to you from {begin} to {end}, court time. {leave}",
    "仅开放庭审时间 {begin} 至 {end} 的部分。{leave}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """``person_id``: if they are one of the hearing's people."""

    name: str
    email: str
    locale: str
    person_id: str | None = None

    @property
    def chinese(self) -> bool:
        return self.locale == "zh-CN"


def write(
    kind: str, facts: HearingFacts, to: Addressee, *, link: str, utc: int, letter_id: str = "", **words: str
) -> OutboxRow:
    """One notice.  ``link``: where it leads, empty for nowhere; ``words``: what the kind's lines name in braces;
    ``letter_id``: by which to ask how far it is."""
    chinese = to.chinese
    colon = "：" if chinese else ": "
    court = facts.court.name_zh if chinese else facts.court.name
    case_name = facts.case_name_zh if chinese else facts.case_name
    lines = [f"{to.name}{'：' if chinese else ','}", ""]
    for line in LINES[kind][chinese]:
        lines += [line.format(**words), ""]
    if link:
        lines += [f"{LABELS['link'][chinese]}{colon}{link}", ""]
    lines += [f"{LABELS['case'][chinese]}{colon}{facts.case_number} {case_name}"]
    lines += [f"{LABELS['court'][chinese]}{colon}{court}"]
    if facts.court.help_phone:
        lines += [f"{LABELS['help'][chinese]}{colon}{facts.court.help_phone}"]
    return OutboxRow(
        id=letter_id or secrets.token_hex(8),
        hearing_id=facts.hearing_id,
        person_id=to.person_id,
        kind=kind,
        channel="email",
        address=to.email,
        subject=SUBJECTS[kind][chinese].format(case=facts.case_number),
        body="\n".join(lines) + "\n",
        created_utc=utc,
        due_utc=utc,
    )
