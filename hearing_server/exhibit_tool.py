"""Looks into a file that somebody has uploaded, in a process of its own: a file made to break its reader breaks this.

    python -m hearing_server.exhibit_tool inspect FILE        one JSON object: kind, media_type, pages
    python -m hearing_server.exhibit_tool medium FILE         one JSON object: kind, media_type, duration_ms, has_audio
    python -m hearing_server.exhibit_tool page FILE N WIDTH   page N (from 1) as PNG, WIDTH pixels wide

Exit code 1: the file is none of the kinds that are taken, or has no such page.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

#: What looking may take: seconds of a processor, and bytes of memory.
CPU_LIMIT_S = 20
#: The same for hours of a recording that does not say how long it is: all of it is read.
MEDIUM_CPU_LIMIT_S = 300
MEMORY_LIMIT_BYTES = 2 * 1024**3
#: A page is at most this many times as high as it is wide.
TALLEST = 8
PICTURES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
PICTURE_LIMIT_PIXELS = 100_000_000
#: Containers that browsers play, as FFmpeg calls them: media type with and without a picture.
CONTAINERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": ("video/mp4", "audio/mp4"),
    "matroska,webm": ("video/webm", "audio/webm"),
    "mp3": (None, "audio/mpeg"),
    "wav": (None, "audio/wav"),
    "ogg": ("video/ogg", "audio/ogg"),
}
#: What the browsers that the court supports play in them, as FFmpeg calls it.
CODECS = frozenset({"h264", "vp8", "vp9", "av1", "aac", "mp3", "opus", "vorbis", "flac", "pcm_s16le", "pcm_u8"})
#: Nothing but these is even tried: a playlist would have other files opened.
MEDIA_PROBE = {
    "probesize": "5000000",
    "analyzeduration": "5000000",
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(name for names in CONTAINERS for name in names.split(",")),
}


class Unfit(Exception):
    """The file is not what is taken."""


def inspect(path: Path) -> dict[str, object]:
    """Raises :class:`Unfit`."""
    with path.open("rb") as file:
        head = file.read(1024)
    if b"%PDF-" in head:
        return {"kind": "document", "media_type": "application/pdf", "pages": _pages(path)}
    return _picture(path) or _media(path)


def _pages(path: Path) -> int:
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            count = len(document)
    except pypdfium2.PdfiumError as error:
        raise Unfit(str(error)) from error
    if count == 0:
        raise Unfit("no page")
    return count


def _picture(path: Path) -> dict[str, object] | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=tuple(PICTURES)) as picture:
            if picture.width * picture.height > PICTURE_LIMIT_PIXELS:
                raise Unfit("too many pixels")
            picture.load()
            return {"kind": "picture", "media_type": PICTURES[str(picture.format)], "pages": 0}
    except UnidentifiedImageError:
        return None
    except (Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise Unfit(str(error)) from error


def _media(path: Path) -> dict[str, object]:
    import av

    try:
        with av.open(str(path), options=MEDIA_PROBE) as container:
            names = CONTAINERS.get(container.format.name)
            # A cover in a sound file is no moving picture.
            moving = [stream for stream in container.streams.video if not stream.disposition & _COVER]
            sounding = bool(container.streams.audio)
    except (av.FFmpegError, ValueError) as error:
        raise Unfit(str(error)) from error
    media_type = None if names is None else names[0] if moving else names[1] if sounding else None
    if media_type is None:
        raise Unfit("another kind")
    return {"kind": "video" if moving else "audio", "media_type": media_type, "pages": 0}


def medium(path: Path) -> dict[str, object]:
    """Sound or moving pictures that a browser plays: something of each track was decoded.  Raises :class:`Unfit`."""
    import av

    found = _media(path)
    try:
        with av.open(str(path), options=MEDIA_PROBE) as container:
            streams = [*container.streams.audio, *container.streams.video]
            wanted = [stream.index for stream in streams if not stream.disposition & _COVER]
            has_audio = bool(container.streams.audio)
            length_us = container.duration
        for index in wanted:
            _plays(path, index)
        if length_us is None:
            length_us = _length_us(path)
    except (av.FFmpegError, ValueError) as error:
        raise Unfit(str(error)) from error
    if length_us <= 0:
        raise Unfit("no time in it")
    return {
        "kind": found["kind"],
        "media_type": found["media_type"],
        "duration_ms": max(1, length_us // 1000),
        "has_audio": has_audio,
    }


def _plays(path: Path, index: int) -> None:
    """Raises :class:`Unfit`."""
    import av

    with av.open(str(path), options=MEDIA_PROBE) as container:
        stream = container.streams[index]
        codec = stream.codec_context.codec.canonical_name
        if codec not in CODECS:
            raise Unfit(f"codec {codec}")
        stream.codec_context.thread_count = 1
        if next(container.decode(stream), None) is None:
            raise Unfit("nothing in it")


def _length_us(path: Path) -> int:
    """The end of the last packet: a file that was written as it was recorded does not say how long it is."""
    import av

    end = 0
    with av.open(str(path), options=MEDIA_PROBE) as container:
        for packet in container.demux():
            if packet.pts is not None and packet.time_base is not None:
                end = max(end, int((packet.pts + (packet.duration or 0)) * packet.time_base * 1_000_000))
    return end


#: AV_DISPOSITION_ATTACHED_PIC of FFmpeg.
_COVER = 0x0400


def page(path: Path, number: int, width: int) -> bytes:
    """A page as PNG.  Raises :class:`Unfit`."""
    import io

    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            if not 1 <= number <= len(document):
                raise Unfit("no such page")
            sheet = document[number - 1]
            wide, high = sheet.get_size()
            if wide <= 0 or high > TALLEST * wide:
                raise Unfit("no such page")
            picture = sheet.render(scale=width / wide).to_pil()
    except pypdfium2.PdfiumError as error:
        raise Unfit(str(error)) from error
    out = io.BytesIO()
    picture.convert("RGB").save(out, "PNG")
    return out.getvalue()


def main(arguments: Sequence[str]) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    command, name, *rest = arguments
    seconds = MEDIUM_CPU_LIMIT_S if command == "medium" else CPU_LIMIT_S
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    try:
        if command in ("inspect", "medium"):
            sys.stdout.write(json.dumps((inspect if command == "inspect" else medium)(Path(name))))
        else:
            sys.stdout.buffer.write(page(Path(name), int(rest[0]), int(rest[1])))
    except (Unfit, MemoryError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
