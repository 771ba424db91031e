"""What the signalling itself refuses: one stable code each, with a sentence in English and Simplified Chinese.

The application has codes of its own; docs/protocol.md lists both.
"""

from __future__ import annotations

from .application import Refusal

#: Code to (English, Simplified Chinese).
SENTENCES: dict[str, tuple[str, str]] = {
    "bad-message": ("The court's server cannot read this message.", "服务器无法读取该消息。"),
    "join-first": ("Join the hearing first.", "请先加入庭审。"),
    "already-joined": ("This page has joined the hearing already.", "本页面已加入庭审。"),
    "duplicate-id": (
        "A request with this number is still being answered.",
        "该编号的请求正在处理中。",
    ),
    "too-many-pending": (
        "Too many requests are waiting for an answer. Wait a moment, then try again.",
        "待处理的请求过多。请稍候再试。",
    ),
    "too-fast": ("That was too often. Wait a few seconds, then try again.", "操作过于频繁。请稍候几秒再试。"),
    "protocol-version": (
        "This page is older or newer than the court's server. Load it again.",
        "本页面与服务器版本不一致。请重新加载页面。",
    ),
    "media-unavailable": (
        "Sound and picture are being connected. Stay on this page.",
        "正在连接音视频。请停留在本页面。",
    ),
    "media-moved": (
        "Sound and picture have moved to another server. Your page connects again by itself.",
        "音视频已转移至另一台服务器，页面将自动重新连接。",
    ),
    "media-full": (
        "The court's server has no room for one more connection. Call technical staff.",
        "服务器容量已满。请联系技术人员。",
    ),
    "media-invalid": (
        "Your browser's media settings cannot be used. Load the page again, or use another browser.",
        "浏览器的音视频参数无法使用。请重新加载页面，或更换浏览器。",
    ),
    "media-unsupported": (
        "Your browser offers no sound or picture format that the court can use. Use another browser.",
        "浏览器不支持法庭所用的音视频格式。请更换浏览器。",
    ),
    "unknown-transport": ("There is no such media connection of yours.", "您没有此媒体连接。"),
    "unknown-producer": ("There is no such camera, microphone or screen of yours.", "您没有此摄像头、麦克风或屏幕。"),
    "unknown-consumer": ("There is no such picture or sound for you.", "您没有此画面或声音。"),
    "wrong-direction": ("This media connection does not send.", "该媒体连接不用于发送。"),
    "transport-not-connected": (
        "Connect the media connection first.",
        "请先建立媒体连接。",
    ),
    "capabilities-missing": (
        "Say which formats your browser can play.",
        "请说明浏览器可以播放的格式。",
    ),
    "internal": (
        "Something went wrong at the court's server, and is logged. Try again.",
        "服务器出现错误，已记录。请重试。",
    ),
}

#: Sentences of the notice ``ended`` that the signalling itself gives.
LEFT = ("You have left the hearing.", "您已离开庭审。")


def in_language(sentences: tuple[str, str], locale: str) -> str:
    return sentences[1] if locale == "zh-CN" else sentences[0]


def refusal(code: str, locale: str) -> Refusal:
    return Refusal(code, in_language(SENTENCES[code], locale))
