"""Exhibits: what is taken, who sees it, and how it is read."""

from __future__ import annotations

import hashlib
import io
import struct
import wave
from typing import Any

import av
import httpx
import numpy as np
import pypdfium2
import pytest
from PIL import Image

from hearing_server.web.exhibits import EXHIBIT_LIMIT_BYTES
from tests.unit.hearing_server.web.conftest import Site


def pdf(pages: int = 3) -> bytes:
    """Pages of different colours, so that one can tell them apart."""
    sheets = [Image.new("RGB", (210, 297), (60 * number, 0, 0)) for number in range(pages)]
    out = io.BytesIO()
    sheets[0].save(out, "PDF", save_all=True, append_images=sheets[1:])
    return out.getvalue()


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (1, 2, 3)).save(out, "PNG")
    return out.getvalue()


def sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<8000h", *([0] * 8000)))
    return out.getvalue()


def video() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    return out.getvalue()


async def upload(client: httpx.AsyncClient, site: Site, content: bytes, **query: str) -> httpx.Response:
    fields = {"title": "Contract of 3 May", "fileName": "contract.pdf", **query}
    return await client.post(url(site), params=fields, content=content)


def url(site: Site) -> str:
    return f"/api/hearings/{site.booking.hearing_id}/exhibits"


@pytest.mark.parametrize(
    ("make", "kind", "media_type", "pages"),
    [
        (pdf, "document", "application/pdf", 3),
        (picture, "picture", "image/png", 0),
        (sound, "audio", "audio/wav", 0),
        (video, "video", "video/webm", 0),
    ],
)
async def test_files_are_what_they_are_and_not_what_they_are_called(
    site: Site, make: Any, kind: str, media_type: str, pages: int
) -> None:
    content = make()
    async with site.seated("claimant") as party:
        answer = await upload(party, site, content, fileName="harmless.txt")
        assert answer.status_code == 201, answer.text
        row = answer.json()
        assert (row["kind"], row["mediaType"], row["pages"]) == (kind, media_type, pages)
        assert (row["number"], row["side"], row["bytes"], row["shownAt"]) == (1, "claimant", len(content), None)
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        read = await party.get(row["url"])
        assert (read.content, read.headers["content-type"]) == (content, media_type)
        assert "sandbox" in read.headers["content-security-policy"]
        part = await party.get(row["url"], headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, content[10:20])
        assert (await party.get(row["url"], headers={"If-None-Match": f'"{row["sha256"]}"'})).status_code == 304
        over = await party.get(row["url"], headers={"Range": f"bytes={len(content)}-"})
        assert over.json()["code"] == "range-refused"
        assert await site.store.read(f"exhibits/{site.booking.hearing_id}/{row['exhibitId']}") == content
    assert not list((site.static.parent / "uploads").iterdir())


async def test_a_name_can_end_no_header_and_hide_no_ending(site: Site) -> None:
    async with site.seated("claimant") as party:
        answer = await upload(party, site, pdf(), fileName="a\r\nSet-Cookie: x=y\u202efdp.exe")
        assert answer.status_code == 201, answer.text
        read = await party.get(f"{answer.json()['url']}&download=1")
    name = read.headers["content-disposition"]
    assert "set-cookie" not in read.headers
    assert not set("\r\n") & set(name)
    assert "%E2%80%AE" not in name
    assert "a%20Set-Cookie%20%20x%3Dy%20fdp.exe" in name


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ" + b"\x00" * 500,
        b"<html><script>alert(1)</script></html>",
        b"%PDF-1.7 and nothing",
        picture()[:40],
        b"x" * 5000,
    ],
)
async def test_what_is_no_exhibit(site: Site, content: bytes) -> None:
    async with site.seated("claimant") as party:
        answer = await upload(party, site, content)
        assert (answer.status_code, answer.json()["code"]) == (415, "exhibit-unfit" if content else "file-empty")
        assert (await party.get(url(site))).json() == []
    assert not list((site.static.parent / "uploads").iterdir())


async def test_a_file_that_says_it_is_too_large_is_not_taken(site: Site) -> None:
    async with site.seated("claimant") as party:
        headers = {"Content-Length": str(EXHIBIT_LIMIT_BYTES + 1)}
        answer = await party.post(url(site), params={"title": "x"}, content=b"x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        assert (await party.post(url(site), content=pdf())).json()["code"] == "invalid"


async def test_a_page_is_a_picture_of_the_width_that_is_asked_for(site: Site) -> None:
    async with site.seated("claimant") as party:
        row = (await upload(party, site, pdf())).json()
        page = f"{url(site)}/{row['exhibitId']}/pages"
        shown = await party.get(f"{page}/3", params={"width": "420"})
        assert shown.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(shown.content)) as opened:
            assert opened.width == 420
            assert opened.convert("RGB").getpixel((200, 200))[0] == pytest.approx(120, abs=8)
        assert (
            await party.get(f"{page}/3?width=420", headers={"If-None-Match": shown.headers["etag"]})
        ).status_code == 304
        for number in ("0", "4", "-1", "x", "1e1", "١"):
            assert (await party.get(f"{page}/{number}")).status_code == 404, number
        for width in ("1", "99999999", "-5", "x"):
            assert (await party.get(f"{page}/1", params={"width": width})).json()["code"] == "invalid"
    with pypdfium2.PdfDocument(pdf()) as document:
        assert len(document) == row["pages"]


async def titles(site: Site, role: str) -> list[str]:
    async with site.seated(role) as client:
        return [row["title"] for row in (await client.get(url(site))).json()]


async def test_a_side_sees_its_own_and_the_courts_until_they_are_shown(site: Site) -> None:
    async with site.seated("claimant") as claimant, site.seated("respondent") as respondent:
        async with site.signed_in("clerk") as clerk:
            row = (await upload(claimant, site, picture(), title="C1", side="respondent")).json()
            assert row["side"] == "claimant"
            await upload(respondent, site, picture(), title="R1")
            await upload(clerk, site, picture(), title="Bundle")
            await upload(clerk, site, picture(), title="For R", side="respondent")
            everything = [row["title"] for row in (await clerk.get(url(site))).json()]
    assert everything == ["C1", "R1", "Bundle", "For R"]
    assert await titles(site, "claimant") == ["C1", "Bundle"]
    assert await titles(site, "respondent") == ["R1", "Bundle", "For R"]
    assert await titles(site, "judge") == everything
    for role in ("witness", "interpreter", "observer"):
        assert await titles(site, role) == []
    async with site.seated("respondent") as respondent:
        hidden = f"{url(site)}/{row['exhibitId']}"
        for path in (hidden, f"{hidden}/pages/1"):
            assert (await respondent.get(path)).status_code == 404
        assert (await respondent.delete(hidden)).status_code == 404
    await site.court.store.desk.exhibit_shown(site.booking.hearing_id, row["exhibitId"], site.court.clock.now)
    assert await titles(site, "respondent") == ["C1", "R1", "Bundle", "For R"]
    # Whoever waits to be called sees nothing of what the room sees.
    assert await titles(site, "witness") == []


async def test_an_exhibit_is_taken_back_until_it_is_shown(site: Site) -> None:
    async with site.seated("claimant") as claimant, site.seated("respondent") as respondent:
        first, second = [(await upload(claimant, site, picture())).json() for _ in range(2)]
        assert (await respondent.delete(f"{url(site)}/{first['exhibitId']}")).status_code == 404
        assert (await claimant.delete(f"{url(site)}/{first['exhibitId']}")).status_code == 204
        await site.court.store.desk.exhibit_shown(site.booking.hearing_id, second["exhibitId"], site.court.clock.now)
        refused = await claimant.delete(f"{url(site)}/{second['exhibitId']}")
        assert (refused.status_code, refused.json()["code"]) == (409, "exhibit-shown")
        third = (await upload(claimant, site, picture())).json()
        assert (third["number"], third["mayDelete"]) == (3, True)
        rows = (await claimant.get(url(site))).json()
        assert [(row["number"], row["mayDelete"], row["shownAt"] is None) for row in rows] == [
            (2, False, False),
            (3, True, True),
        ]
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    assert [entry.access.action for entry in entries].count("upload-exhibit") == 3


async def test_nothing_is_uploaded_after_the_close(site: Site) -> None:
    async with site.seated("clerk") as clerk:
        await site.close_hearing()
        assert (await upload(clerk, site, picture())).json()["code"] == "sitting-closed"
