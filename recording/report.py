"""What verification found, as data and as sentences in English and Chinese."""

from __future__ import annotations

from typing import Literal

from .manifest import Struct

Severity = Literal["error", "warning", "note"]

#: Findings listed one by one; what is beyond is counted only.
FINDINGS_LIMIT = 1000

#: Every finding: how bad it is, and what it says.  ``{place}`` names the object, the byte, the track or the span.
FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "manifest-missing": ("error", "There is no manifest.", "缺少清单文件。"),
    "signature-missing": ("error", "The manifest is not signed.", "清单没有签名。"),
    "signature-wrong": (
        "error",
        "The signature does not fit the manifest: one of the two was altered, or another key signed.",
        "签名与清单不符：其中之一已被改动，或由其他密钥签署。",
    ),
    "manifest-unreadable": ("error", "The manifest cannot be read.", "清单无法读取。"),
    "version-unknown": (
        "error",
        "The manifest is of version {place}, which this program does not know; check the record with a newer one.",
        "清单版本为 {place}，本程序无法识别；请使用新版程序核验。",
    ),
    "key-other": (
        "error",
        "The manifest names another key than the one it is checked with.",
        "清单所列密钥与用于核验的密钥不同。",
    ),
    "key-missing": ("error", "No public key was given and none is enclosed.", "未提供公钥，材料中也没有公钥。"),
    "key-enclosed": (
        "warning",
        "Checked with the key that is enclosed; compare its identity {place} with the court's publication.",
        "使用所附公钥核验；请将其标识 {place} 与法院公布的标识核对。",
    ),
    "object-missing": ("error", "{place} is missing.", "缺少 {place}。"),
    "object-altered": ("error", "{place} was altered.", "{place} 已被改动。"),
    "object-unlisted": ("error", "{place} is not part of the signed record.", "{place} 不属于已签名的记录。"),
    "redacted-altered": (
        "error",
        "What is left of a segment is not what was signed: {place}.",
        "略去部分内容后的分段与签名时不一致：{place}。",
    ),
    "chunk-unexplained": (
        "error",
        "Chunks are absent that cannot be of a withheld time: {place}.",
        "略去的数据块不属于任何不予公开的时段：{place}。",
    ),
    "track-altered": (
        "error",
        "The stored chunks of track {place} are not those that were signed.",
        "音视频轨 {place} 的存储内容与签名时不一致。",
    ),
    "roots": (
        "note",
        "Roots that the sitting's log took down fit the stored chains: {place}.",
        "庭审日志逐分钟登记的根值与存储的校验链相符：{place}。",
    ),
    "root-wrong": (
        "error",
        "What is stored is not what the sitting's log took the root of at {place}.",
        "存储内容与庭审日志在 {place} 登记的根值不符。",
    ),
    "chain-unlisted": (
        "error",
        "The chain is broken and the manifest does not say so: {place}.",
        "校验链断裂且清单未予说明：{place}。",
    ),
    "derived-unsigned": ("error", "The playback index is not signed by this key.", "回放索引未由该密钥签名。"),
    "derived-missing": ("warning", "The playable copy {place} is missing.", "缺少回放副本 {place}。"),
    "derived-altered": ("error", "The playable copy {place} was altered.", "回放副本 {place} 已被改动。"),
    "derived-unlisted": (
        "warning",
        "{place} is a copy that no index names; it is no part of the record.",
        "{place} 是未列入任何索引的副本，不属于记录。",
    ),
    "problem-known": (
        "warning",
        "The recorder found this when it sealed the record, and the manifest says so: {place}.",
        "封存时已发现并记入清单：{place}。",
    ),
    "writer-missing": (
        "warning",
        "The media worker {place} held the room but left no record.",
        "媒体节点 {place} 曾承载庭审，但没有留下记录。",
    ),
    "segment-recovered": (
        "warning",
        "{place} was left open by a crash and closed by the recorder; less than the last second may be missing.",
        "{place} 因故障未能关闭，由录制程序恢复；最多缺少最后一秒。",
    ),
    "inclusion": ("note", "The court's transparency log has it: {place}.", "法院透明日志已登记：{place}。"),
    "inclusion-missing": (
        "note",
        "It comes without a proof that the court's transparency log has it.",
        "材料中没有法院透明日志的登记证明。",
    ),
    "inclusion-wrong": (
        "error",
        "The proof that the court's transparency log has this record does not hold ({place}).",
        "法院透明日志的登记证明不成立（{place}）。",
    ),
    "cosigned": (
        "note",
        "Somebody outside the court cosigned the head of its log with this record in it: {place}.",
        "法院以外的机构会签了包含本记录的日志头：{place}。",
    ),
    "cosigned-unchecked": (
        "note",
        "The head of the log was cosigned by {place}; whether they are to be trusted was not checked.",
        "日志头由 {place} 会签；未核验该机构是否可信。",
    ),
    "stamp": ("note", "Time-stamped {place}; the authority is trusted.", "时间戳：{place}；授时机构可信。"),
    "stamp-unchecked": (
        "note",
        "Time-stamped {place}; whether that authority is to be trusted was not checked.",
        "时间戳：{place}；未核验该授时机构是否可信。",
    ),
    "stamp-missing": ("note", "It comes without a time-stamp of an authority.", "材料中没有授时机构的时间戳。"),
    "stamp-wrong": (
        "error",
        "The time-stamp does not hold: {place}.",
        "时间戳不成立：{place}。",
    ),
    "written-missing": ("error", "{place} of the written record is missing.", "笔录缺少 {place}。"),
    "written-altered": ("error", "{place} of the written record was altered.", "笔录的 {place} 已被改动。"),
    "written-wrong": (
        "error",
        "What is signed under the written record does not hold: {place}.",
        "笔录签名不成立：{place}。",
    ),
    "written-signed": ("note", "The written record is signed by {place}.", "笔录已由{place}签名。"),
    "written-refused": ("note", "{place} refused to sign the written record.", "{place}拒绝在笔录上签名。"),
    "written-missing-signature": (
        "note",
        "{place} did not sign the written record in time.",
        "{place}逾期未在笔录上签名。",
    ),
    "incident": (
        "note",
        "The presiding judge has stated a fault of the record ({place}).",
        "审判长已就记录故障作出说明（{place}）。",
    ),
    "statement-wrong": (
        "error",
        "The court's statement on what this copy leaves out does not hold: {place}.",
        "法院关于本副本略去内容的说明不成立：{place}。",
    ),
    "statement-logged": (
        "note",
        "The court's transparency log has the statement on what this copy leaves out: {place}.",
        "法院透明日志已登记关于本副本略去内容的说明：{place}。",
    ),
    "statement-unlogged": (
        "note",
        "The statement on what this copy leaves out comes without a proof that the court's transparency log has it.",
        "关于本副本略去内容的说明没有法院透明日志的登记证明。",
    ),
    "added": (
        "note",
        "Added after the close, and no part of what the room recorded: {place}.",
        "闭庭后补充，不属于法庭现场录制的内容：{place}。",
    ),
    "added-chosen": (
        "note",
        "The court made this the current version of an added recording: {place}.",
        "法院将补充录音录像的现行版本定为：{place}。",
    ),
    "added-withdrawn": (
        "note",
        "The court withdrew a recording that was added after the close: {place}.",
        "法院撤回闭庭后补充的录音录像：{place}。",
    ),
    "added-withheld": (
        "note",
        "A recording that was added after the close is not in this copy: {place}.",
        "本副本不含闭庭后补充的录音录像：{place}。",
    ),
    "added-logged": (
        "note",
        "Statements on added recordings that the court's transparency log has: {place}.",
        "法院透明日志对补充录音录像说明的登记情况：{place}。",
    ),
    "added-missing": (
        "error",
        "A recording that was added after the close is missing: {place}.",
        "缺少闭庭后补充的录音录像：{place}。",
    ),
    "added-altered": (
        "error",
        "A recording that was added after the close was altered: {place}.",
        "闭庭后补充的录音录像已被改动：{place}。",
    ),
    "added-wrong": (
        "error",
        "The court's statement on a recording that was added after the close does not hold: {place}.",
        "法院关于闭庭后补充录音录像的说明不成立：{place}。",
    ),
    "added-unlisted": (
        "warning",
        "{place} lies beside the record, and no statement of the court says what it is; it is no part of the record.",
        "{place} 存放于记录旁，但没有法院的说明，不属于记录。",
    ),
    "statement-missing": (
        "error",
        "The manifest is a public version, and the court's statement on what it leaves out is missing.",
        "清单为公开版，但缺少法院关于略去内容的说明。",
    ),
    "withheld": (
        "note",
        "Withheld from this copy, and unaltered in the court's archive as far as the signed hashes tell: {place}.",
        "本副本不予公开、由法院存档并列有签名哈希值的时段：{place}。",
    ),
    "part": (
        "note",
        "This copy is of a part of the record, {place}; what lies outside is not part of it, and not withheld.",
        "本副本仅为记录的一部分：{place}；其余部分不在本副本之内，并非不予公开。",
    ),
    "segments-absent": (
        "note",
        "Whole stored segments that hold this time are absent; the signed manifest has their hashes: {place}.",
        "含有上述时段的存储分段整段略去，其哈希值列于已签名的清单：{place}。",
    ),
    "chunks-absent": (
        "note",
        "Of segments that hold other time too just the chunks of this one are absent; the signed manifest has the root "
        "over all their chunks: {place}.",
        "兼含其他时间的分段仅略去上述时段的数据块，已签名的清单列有其全部数据块的根值：{place}。",
    ),
    "events-withheld": (
        "note",
        "Entries of the sitting's log of which only number, time and hash are shown: {place}.",
        "庭审日志中仅列序号、时间和哈希值的条目：{place}。",
    ),
    "manifest-public": (
        "note",
        "The manifest here is the court's public version; that of the record has the SHA-256 {place}.",
        "所附清单为法院的公开版；原清单的 SHA-256 为 {place}。",
    ),
    "roots-unchecked": (
        "note",
        "Roots of the sitting's log that cover what is absent, and cannot be made again from this copy: {place}.",
        "因涵盖略去内容而无法由本副本重新计算的日志根值：{place}。",
    ),
    "interruption-lawful": ("note", "The court interrupted the record: {place}.", "法庭依法暂停记录：{place}。"),
    "interruption": ("warning", "Nothing was recorded for {place}.", "{place} 没有任何记录。"),
    "gap": ("note", "Gap: {place}.", "缺口：{place}。"),
}


class Finding(Struct):
    """``code`` is a key of :data:`FINDINGS`; ``en`` and ``zh`` are whole sentences."""

    code: str
    severity: Severity
    place: str
    en: str
    zh: str


class Report(Struct):
    """``ok``: complete and unaltered, as far as the key is to be trusted (``trusted``: it was given, not enclosed).

    ``withheld``: spans that are left out of this copy under an order; ``part``: it is of a part of the record only.
    Then ``ok`` says that nothing else is missing, and that all that is here is unaltered.
    """

    ok: bool
    trusted: bool
    sitting_id: str
    court: str
    case_number: str
    key_id: str
    manifest_sha256: str
    objects: int
    tracks: int
    chunks: int
    bytes: int
    gaps: int
    findings: list[Finding]
    withheld: int = 0
    part: bool = False


#: Words of a gap in Chinese.
SOURCES_ZH = {"microphone": "麦克风", "camera": "摄像头", "screen": "共享屏幕"}
CAUSES_ZH = {
    "loss": "网络丢包",
    "mute": "本人关闭",
    "disconnect": "断线",
    "node-change": "更换媒体节点",
    "sender": "发送端停止发送",
    "torn": "未能写入",
    "unknown": "原因不明",
    "recess": "休庭",
    "private_evidence": "不公开质证",
    "mediation": "调解",
    "fault": "故障",
}

#: Levels of access to a span.
LEVELS_ZH = {"confidential": "限制查阅", "sealed": "封存不公开"}


def finding(code: str, place: str = "", place_zh: str | None = None) -> Finding:
    """``place_zh`` is the place in Chinese, where it has words."""
    severity, english, chinese = FINDINGS[code]
    text = english.format(place=place), chinese.format(place=place if place_zh is None else place_zh)
    return Finding(code=code, severity=severity, place=place, en=text[0], zh=text[1])


class Findings:
    """What one check found, up to a bound; errors are counted beyond it."""

    def __init__(self) -> None:
        self.errors = 0
        self._found: list[Finding] = []

    def add(self, code: str, place: str = "", place_zh: str | None = None) -> None:
        found = finding(code, place, place_zh)
        self.errors += found.severity == "error"
        if len(self._found) < FINDINGS_LIMIT or (found.severity == "error" and self.errors < FINDINGS_LIMIT):
            self._found.append(found)

    def worst_first(self) -> list[Finding]:
        order = {"error": 0, "warning": 1, "note": 2}
        return sorted(self._found, key=lambda found: order[found.severity])
