"""``hearing export``: a record as a folder that anyone can check, with the public key and what to do with it."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import aiofiles

from .keys import PublicKey
from .manifest import ADDED_PREFIX, DERIVED_PREFIX, MANIFEST_NAME, added_prefix, prefix
from .objects import ObjectStore, ReadBackMismatch
from .verify import ENCLOSED_KEY_NAME, VERIFIER_NAME
from .verify_files import Progress

README = """This folder is the record of a court sitting.
manifest.json says what it consists of; manifest.sig is the court's Ed25519 signature over it; raw/ holds the packets as
they were received, in hash-chained segments; derived/ holds copies made for playing, which are no evidence;
added/ holds recordings that the court added after the close, with its signed word on each; the room did not record
them.
To check it: open verify.html, best one that you got from the court's own site, in a browser and give it this folder and
the key that the court publishes; or run hearing verify FOLDER --public-key KEY.
docs/record-format.md of the hearing platform says how to read it without that program.

本文件夹为庭审记录。
manifest.json 列明记录的全部内容；manifest.sig 是法院对其所作的 Ed25519 签名；
raw/ 为按接收原样保存、逐段哈希相连的数据；
derived/ 为便于播放而生成的副本，不作为证据；
added/ 为法院闭庭后补充的录音录像及逐项签名说明，不属于法庭现场录制的内容。
核验方法：用浏览器打开 verify.html（最好从法院网站自行获取），选择本文件夹并提供法院公布的公钥；
或运行 hearing verify 文件夹 --public-key 公钥。
"""


class NotSealed(Exception):
    """There is no sealed record of this sitting."""


async def export_to(
    store: ObjectStore,
    sitting_id: str,
    folder: Path,
    key: PublicKey,
    *,
    derived: bool = True,
    verifier: bytes | None = None,
    progress: Progress = lambda part: None,
) -> int:
    """Copy a sealed record into a new folder; answers the number of bytes.  ``derived``: with the playable copies.
    ``verifier``: the page that checks a record without a server, to be enclosed.

    Raises :class:`NotSealed`, :class:`FileExistsError`, :class:`OSError` or :class:`recording.objects.StoreProblem`.
    """
    place = prefix(sitting_id)
    found = await store.list(place)
    if place + MANIFEST_NAME not in {name for name, _ in found}:
        raise NotSealed(sitting_id)
    found = [(key_, size) for key_, size in found if derived or not key_.startswith(place + DERIVED_PREFIX)]
    targets = {name: folder / name[len(place) :] for name, _ in found}
    beside = added_prefix(sitting_id)
    for name, size in await store.list(beside):
        found.append((name, size))
        targets[name] = folder / ADDED_PREFIX / name[len(beside) :]
    total, done = max(1, sum(size for _, size in found)), 0
    await asyncio.to_thread(folder.mkdir, parents=True)
    for name, size in found:
        await _copy(store, name, targets[name])
        done += size
        progress(done / total)
    enclosed = {ENCLOSED_KEY_NAME: key.pem, "README.txt": README.encode()}
    if verifier is not None:
        enclosed[VERIFIER_NAME] = verifier
    for name, text in enclosed.items():
        async with aiofiles.open(folder / name, "xb") as file:
            await file.write(text)
    return done


async def _copy(store: ObjectStore, name: str, path: Path) -> None:
    """Copy and compare what was written with what the store says a second time."""
    hasher, size = hashlib.sha256(), 0
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    async with aiofiles.open(path, "xb") as file:
        async for piece in store.stream(name):
            await file.write(piece)
            await asyncio.to_thread(hasher.update, piece)
            size += len(piece)
    if await store.digest(name) != (size, hasher.hexdigest()):
        raise ReadBackMismatch(name)
