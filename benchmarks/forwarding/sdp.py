"""The few lines of SDP that Janus wants from a client made of numbers, and that we want of its answers."""

from __future__ import annotations

from dataclasses import dataclass

from .client import Remote
from .sending import ABS_SEND_TIME_ID, AUDIO_LEVEL_ID, OPUS_PT, VP8_PT, VP8_RTX_PT, Flow
from .shapes import rtx_ssrc

_ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
_AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
#: RFC 8445 §5.1.2.1, a host candidate.
_HOST_PRIORITY = 2130706431


@dataclass(frozen=True, slots=True)
class Local:
    """A transport of ours as an SDP names it."""

    host: str
    port: int
    ufrag: str
    password: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Media:
    """One section of a description: ``kind``, ``mid``, payload types in order, the first SSRC that is sent, if any."""

    kind: str
    mid: str
    formats: list[str]
    attributes: list[str]

    @property
    def ssrc(self) -> int | None:
        for attribute in self.attributes:
            if attribute.startswith("ssrc:"):
                return int(attribute[5:].partition(" ")[0])
        return None


def offer(local: Local, flows: list[Flow]) -> str:
    """Send these flows; the DTLS client's role is ours."""
    sections = []
    for mid, flow in enumerate(flows):
        if flow.kind == "audio":
            lines = [
                f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS_PT}",
                *_transport(local, str(mid), "sendonly"),
                f"a=rtpmap:{OPUS_PT} opus/48000/2",
                f"a=fmtp:{OPUS_PT} minptime=10;useinbandfec=1",
                f"a=extmap:{AUDIO_LEVEL_ID} {_AUDIO_LEVEL}",
                f"a=ssrc:{flow.ssrc} cname:bench",
            ]
        else:
            lines = [
                f"m=video 9 UDP/TLS/RTP/SAVPF {VP8_PT} {VP8_RTX_PT}",
                *_transport(local, str(mid), "sendonly"),
                f"a=rtpmap:{VP8_PT} VP8/90000",
                f"a=rtcp-fb:{VP8_PT} nack",
                f"a=rtcp-fb:{VP8_PT} nack pli",
                f"a=rtcp-fb:{VP8_PT} ccm fir",
                f"a=rtcp-fb:{VP8_PT} goog-remb",
                f"a=rtpmap:{VP8_RTX_PT} rtx/90000",
                f"a=fmtp:{VP8_RTX_PT} apt={VP8_PT}",
                f"a=extmap:{ABS_SEND_TIME_ID} {_ABS_SEND_TIME}",
                f"a=ssrc-group:FID {flow.ssrc} {rtx_ssrc(flow.ssrc)}",
                f"a=ssrc:{flow.ssrc} cname:bench",
                f"a=ssrc:{rtx_ssrc(flow.ssrc)} cname:bench",
            ]
        sections.append(lines)
    return _session(sections, [str(mid) for mid in range(len(flows))])


def answer(local: Local, offered: str) -> str:
    """Receive everything that is offered, as it is offered."""
    sections = []
    medias = parse(offered)
    for media in medias:
        kept = ("rtpmap:", "fmtp:", "rtcp-fb:", "extmap:")
        lines = [
            f"m={media.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(media.formats)}",
            *_transport(local, media.mid, "recvonly"),
            *(f"a={attribute}" for attribute in media.attributes if attribute.startswith(kept)),
        ]
        sections.append(lines)
    return _session(sections, [media.mid for media in medias])


def parse(text: str) -> list[Media]:
    """The media sections in order."""
    found: list[Media] = []
    for line in text.splitlines():
        if line.startswith("m="):
            kind, _, _, *formats = line[2:].split()
            found.append(Media(kind, "", formats, []))
        elif line.startswith("a=mid:") and found:
            last = found.pop()
            found.append(Media(last.kind, line[6:], last.formats, last.attributes))
        elif line.startswith("a=") and found:
            found[-1].attributes.append(line[2:])
    return found


def remote(text: str) -> Remote:
    """Where the describing side is: its first UDP candidate.  Raises :class:`ValueError` if it is not all there."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        values.setdefault(name, value)
    try:
        _, _, _, _, host, port, *_ = values["a=candidate"].split()
        fingerprint = values["a=fingerprint"].split()[1]
        return Remote(host, int(port), values["a=ice-ufrag"], values["a=ice-pwd"], fingerprint)
    except (KeyError, IndexError) as error:
        raise ValueError(f"not a whole description: {error}") from None


def _transport(local: Local, mid: str, direction: str) -> list[str]:
    return [
        f"c=IN IP4 {local.host}",
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=setup:active",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=candidate:1 1 udp {_HOST_PRIORITY} {local.host} {local.port} typ host",
        "a=end-of-candidates",
    ]


def _session(sections: list[list[str]], mids: list[str]) -> str:
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {' '.join(mids)}"]
    lines += [line for section in sections for line in section]
    return "\r\n".join(lines) + "\r\n"
