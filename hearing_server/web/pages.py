"""The built client: its pages, and their assets."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from .problems import ProblemError
from .ranges import matches

#: Vite puts a hash of the content into the names under /assets, so that they never change.
ASSET_CACHE = "public, max-age=31536000, immutable"
PAGE_CACHE = "no-cache"
#: Files kept in memory with their compressed form; the client has some dozens, the largest a font.
FILES_LIMIT = 300
FILE_LIMIT_BYTES = 16 * 1024 * 1024
COMPRESSIBLE = ("text/", "application/javascript", "application/json", "application/manifest+json", "image/svg+xml")
#: Below this compression does not pay, bytes.
COMPRESS_ABOVE_BYTES = 512

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("application/wasm", ".wasm")


@dataclass(frozen=True, slots=True)
class _File:
    stamp: tuple[int, int]
    media_type: str
    plain: bytes
    packed: bytes | None
    etag: str


class Pages:
    """``root`` is the folder that the client's build writes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: OrderedDict[str, _File] = OrderedDict()

    async def party(self, request: Request) -> Response:
        return await self._page(request, "index.html")

    async def staff(self, request: Request) -> Response:
        return await self._page(request, "staff.html")

    async def verifier(self, request: Request) -> Response:
        """The page that checks a record, to be opened from disk: the policy of our pages forbids its script."""
        answer = await self._page(request, "verify.html")
        answer.headers["Content-Disposition"] = 'attachment; filename="verify.html"'
        return answer

    async def asset(self, request: Request) -> Response:
        """Any other file of the build."""
        path = str(request.path_params["path"])
        cache = ASSET_CACHE if path.startswith("assets/") else PAGE_CACHE
        file = await self._file(path)
        if file is None:
            raise ProblemError("not-found")
        return _answer(request, file, cache)

    async def _page(self, request: Request, name: str) -> Response:
        file = await self._file(name)
        if file is None:
            raise ProblemError("client-missing")
        return _answer(request, file, PAGE_CACHE)

    async def _file(self, path: str) -> _File | None:
        return await asyncio.to_thread(self._read, path)

    def _read(self, path: str) -> _File | None:
        if "\x00" in path:
            return None
        try:
            root = self._root.resolve()
            full = (root / path).resolve()
            if not full.is_relative_to(root) or not full.is_file():
                return None
            status = full.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._files.get(path)
            if known is not None and known.stamp == stamp:
                return known
            if status.st_size > FILE_LIMIT_BYTES:
                return None
            file = _packed(full, stamp)
        except OSError:
            return None
        self._files[path] = file
        while len(self._files) > FILES_LIMIT:
            self._files.popitem(last=False)
        return file


def _packed(path: Path, stamp: tuple[int, int]) -> _File:
    plain = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    pays = media_type.startswith(COMPRESSIBLE) and len(plain) > COMPRESS_ABOVE_BYTES
    packed = gzip.compress(plain, 9, mtime=0) if pays else None
    return _File(stamp, media_type, plain, packed, f'"{hashlib.sha256(plain).hexdigest()[:32]}"')


def _answer(request: Request, file: _File, cache: str) -> Response:
    headers = {"ETag": file.etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
    if matches(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    body = file.plain
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = file.packed
        headers["Content-Encoding"] = "gzip"
        headers["ETag"] = f"W/{file.etag}"
    return Response(body, headers=headers, media_type=file.media_type)
