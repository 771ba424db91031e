"""Joining messages: what they say, in the person's language, and the appointment that goes with an e-mail."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

from .store import DayRow, HearingFacts, PersonRow
from .store.outbox import OutboxRow

NS = 1_000_000_000
#: When the calendar reminds.
REMINDER = timedelta(minutes=30)
PRODUCT = "-//hearing-platform//hearing//"
WEEKDAYS_ZH = "一二三四五六日"

SUBJECTS = {
    "joining": ("Your hearing: {case}", "您的庭审：{case}"),
    "changed": ("Changed: your hearing {case}", "变更通知：您的庭审 {case}"),
    "cancelled": ("Cancelled: your hearing {case}", "取消通知：您的庭审 {case}"),
}
OPENINGS = {
    "joining": ("you are asked to attend this hearing by video.", "请您通过视频参加以下庭审。"),
    "changed": ("the court has changed this hearing. What counts is below.", "法庭变更了以下庭审，请以此通知为准。"),
    "cancelled": ("the court has cancelled this hearing. You need not join.", "法庭取消了以下庭审，您无需参加。"),
}
LABELS = {
    "case": ("Case", "案件"),
    "court": ("Court", "法院"),
    "time": ("Time", "时间"),
    "link": ("Your link", "您的链接"),
    "help": ("Help", "帮助电话"),
}
HOW = (
    "The link is yours alone: do not pass it on. Open it in a browser on a phone or a computer, and try your camera, "
    "microphone and line there in the days before, and again half an hour before the hearing. Recording the hearing "
    "is an offence.",
    "此链接仅供您本人使用，请勿转发。请用手机或电脑的浏览器打开，并在庭审前几天以及开庭前半小时检测摄像头、麦克风和网络。"
    "录制庭审属于违法行为。",
)
SMS = {
    "joining": ("Hearing {case}, {time}. Your own link: {link}", "庭审 {case}，{time}。您的专用链接：{link}"),
    "changed": (
        "CHANGED: hearing {case}, {time}. Your own link: {link}",
        "变更：庭审 {case}，{time}。您的专用链接：{link}",
    ),
    "cancelled": ("CANCELLED: hearing {case}, {time}.", "取消：庭审 {case}，{time}。"),
}


def zone_of(name: str) -> ZoneInfo:
    """The court's time zone; UTC if the system knows none of this name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def write(
    facts: HearingFacts, days: Sequence[DayRow], person: PersonRow, kind: str, *, link: str, sender: str, utc: int
) -> list[OutboxRow]:
    """The messages to one person: by e-mail and by SMS, as far as there are addresses.

    ``link`` is the whole address of the person's link; ``sender`` the court's e-mail address.
    """
    chinese = person.locale == "zh-CN"
    case = f"{facts.case_number} {facts.case_name_zh if chinese else facts.case_name}"
    times = [day_text(day, facts.court.time_zone, chinese=chinese) for day in days]
    common: dict[str, Any] = {
        "hearing_id": facts.hearing_id,
        "person_id": person.id,
        "kind": kind,
        "created_utc": utc,
        "due_utc": utc,
    }
    found = []
    if person.email:
        found.append(
            OutboxRow(
                id=secrets.token_hex(8),
                channel="email",
                address=person.email,
                subject=SUBJECTS[kind][chinese].format(case=case),
                body=_body(facts, person, kind, case, times, link, chinese=chinese),
                calendar=_calendar(facts, days, person, kind, link=link, sender=sender, utc=utc),
                **common,
            )
        )
    if person.phone:
        text = SMS[kind][chinese].format(case=facts.case_number, time=times[0] if times else "", link=link)
        found.append(
            OutboxRow(id=secrets.token_hex(8), channel="sms", address=person.phone, subject="", body=text, **common)
        )
    return found


def day_text(day: DayRow, time_zone: str, *, chinese: bool) -> str:
    """``Monday 5 October 2026, 10:00 (Europe/London)``."""
    at = datetime.fromtimestamp(day.scheduled_utc / NS, zone_of(time_zone))
    if chinese:
        return f"{at.year}年{at.month}月{at.day}日（星期{WEEKDAYS_ZH[at.weekday()]}）{at:%H:%M}（{time_zone}）"
    return f"{at:%A} {at.day} {at:%B} {at.year}, {at:%H:%M} ({time_zone})"


def _body(
    facts: HearingFacts,
    person: PersonRow,
    kind: str,
    case: str,
    times: Sequence[str],
    link: str,
    *,
    chinese: bool,
) -> str:
    name = person.name_zh if chinese else person.name
    court, room = (facts.court.name_zh, facts.room_zh) if chinese else (facts.court.name, facts.room)
    greeting = f"{name}：" if chinese else f"{name},"
    colon = "：" if chinese else ": "
    lines = [greeting, "", OPENINGS[kind][chinese], "", f"{LABELS['case'][chinese]}{colon}{case}"]
    lines.append(f"{LABELS['court'][chinese]}{colon}{court}{'，' if chinese else ', '}{room}")
    lines += [f"{LABELS['time'][chinese]}{colon}{time}" for time in times]
    if kind != "cancelled":
        lines += ["", f"{LABELS['link'][chinese]}{colon}{link}", "", HOW[chinese]]
    if facts.court.help_phone:
        lines += ["", f"{LABELS['help'][chinese]}{colon}{facts.court.help_phone}"]
    return "\n".join(lines) + "\n"


def _calendar(
    facts: HearingFacts,
    days: Sequence[DayRow],
    person: PersonRow,
    kind: str,
    *,
    link: str,
    sender: str,
    utc: int,
) -> str:
    """RFC 5545 and 5546: one event for each day; ``SEQUENCE`` is the booking's revision, so that a change wins."""
    chinese = person.locale == "zh-CN"
    cancelled = kind == "cancelled"
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if cancelled else "REQUEST")
    for day in days:
        begin = datetime.fromtimestamp(day.scheduled_utc / NS, UTC)
        event = Event()
        event.add("uid", f"{day.sitting_id}@{facts.court.id}.hearing")
        event.add("sequence", facts.revision)
        event.add("dtstamp", datetime.fromtimestamp(utc / NS, UTC))
        event.add("dtstart", begin)
        event.add("dtend", begin + timedelta(seconds=day.duration_s))
        event.add("summary", f"{facts.case_number} {facts.case_name_zh if chinese else facts.case_name}")
        event.add("location", facts.room_zh if chinese else facts.room)
        event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
        event.add("class", "PRIVATE")
        organizer = vCalAddress(f"mailto:{sender}")
        organizer.params["cn"] = vText(facts.court.name_zh if chinese else facts.court.name)
        event["organizer"] = organizer
        attendee = vCalAddress(f"mailto:{person.email}")
        attendee.params["cn"] = vText(person.name_zh if chinese else person.name)
        event.add("attendee", attendee, encode=False)
        if not cancelled:
            event.add("url", link)
            event.add("description", f"{LABELS['link'][chinese]}: {link}\n\n{HOW[chinese]}")
            alarm = Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", event["summary"])
            alarm.add("trigger", -REMINDER)
            event.add_component(alarm)
        calendar.add_component(event)
    return bytes(calendar.to_ical()).decode()
