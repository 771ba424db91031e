"""What verification found, in words: times and spans, the verdict, and the report as lines for a person."""

from __future__ import annotations

from datetime import UTC, datetime

from .manifest import GapEntry
from .report import Report

#: What clocks tell, s since 1970: to the end of the year 9999.
LAST_S = 253_402_300_799


def utc_of(at_us: int) -> datetime:
    """A time in us since 1970, UTC, as far as it can be told; a forged record may say any."""
    return datetime.fromtimestamp(min(max(at_us // 1_000_000, 0), LAST_S), tz=UTC)


def moment(at: datetime) -> tuple[str, str]:
    """A time, UTC, in English and in Chinese."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC", f"{at.year}年{at.month}月{at.day}日 {at:%H:%M:%S}（UTC）"


def period(start_us: int, end_us: int) -> tuple[str, str]:
    """Begin and end in English and in Chinese."""
    begin, end = utc_of(start_us), utc_of(end_us)
    return (
        f"from {begin:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} UTC",
        f"{begin.year}年{begin.month}月{begin.day}日 {begin:%H:%M:%S} 至 {end:%H:%M:%S}（UTC）",
    )


def span_words(gap: GapEntry) -> tuple[str, str]:
    """Begin and length in English and in Chinese."""
    start = utc_of(gap.start_us)
    clock, seconds = f"{start:%H:%M:%S}.{gap.start_us // 1000 % 1000:03d}", gap.duration_us / 1e6
    return (
        f"{seconds:.3f} s from {start:%Y-%m-%d} {clock} UTC",
        f"{start.year}年{start.month}月{start.day}日 {clock}（UTC）起 {seconds:.3f} 秒",
    )


#: The whole in one sentence.
VERDICTS = {
    "whole": ("The record is complete and unaltered.", "记录完整，未被改动。"),
    "withheld": (
        "The record is complete except for the withheld spans; everything else is unaltered.",
        "除不予公开的时段外，记录完整；其余内容均未被改动。",
    ),
    "part": (
        "This part of the record is complete and unaltered.",
        "记录的这一部分完整，未被改动。",
    ),
    "part-withheld": (
        "This part of the record is complete except for the withheld spans; everything else in it is unaltered.",
        "除不予公开的时段外，记录的这一部分完整；其余内容均未被改动。",
    ),
    "bad": ("The record is incomplete or was altered.", "记录不完整或已被改动。"),
}


def _verdict(report: Report) -> str:
    if not report.ok:
        return "bad"
    if report.part:
        return "part-withheld" if report.withheld else "part"
    return "withheld" if report.withheld else "whole"


def sentences(report: Report, *, chinese: bool) -> list[str]:
    """The report as lines for a person."""
    if chinese:
        verdict = VERDICTS[_verdict(report)][1]
        facts = [
            f"案号：{report.case_number}（{report.court}）",
            f"清单 SHA-256：{report.manifest_sha256}",
            f"对象 {report.objects} 个，音视频轨 {report.tracks} 条，数据块 {report.chunks} 个，{report.bytes} 字节，"
            f"缺口 {report.gaps} 处",
        ]
        return [verdict, *facts, *(found.zh for found in report.findings)]
    verdict = VERDICTS[_verdict(report)][0]
    facts = [
        f"Case {report.case_number} ({report.court})",
        f"Manifest SHA-256 {report.manifest_sha256}",
        f"{report.objects} objects, {report.tracks} tracks, {report.chunks} chunks, {report.bytes} bytes, "
        f"{report.gaps} gaps",
    ]
    return [verdict, *facts, *(found.en for found in report.findings)]
