"""The written record over HTTP: circulated, read, corrected, signed, refused, made final."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest

from hearing_server.store import StoreError
from recording import manifest as manifests
from recording import messages as m
from recording import written as w
from tests.signed import device_signature
from tests.unit.hearing_server.web.conftest import Site

ROOT = "ab" * 32


def manifest(site: Site, **changes: Any) -> manifests.Manifest:
    fields: dict[str, Any] = {
        "version": 1,
        "sitting_id": site.booking.hearing_id,
        "court": "",
        "court_zh": "",
        "room": "",
        "case_number": "",
        "case_name": "",
        "case_name_zh": "",
        "hearing_id": "",
        "opened_us": 0,
        "closed_us": 0,
        "sealed_us": 0,
        "participants": [],
        "events": [],
        "writers": [],
        "missing_writers": [],
        "tracks": [],
        "objects": [],
        "gaps": [],
        "interruptions": [],
        "problems": [],
        "software": "",
        "key_id": "",
    }
    return manifests.Manifest(**(fields | changes))


async def hold(site: Site, **changes: Any) -> str:
    """A hearing was held and its record sealed; answers where its written record is."""
    sockets = await site.court.start("claimant", "respondent", "clerk", "witness")
    await site.court.command(sockets["claimant"], "statement", arguments={"text": "I was never paid."})
    await site.court.command(sockets["judge"], "close")
    hearing_id = site.booking.hearing_id
    await site.court.store.records.sealed(hearing_id, manifest_sha256=ROOT, playable=True)
    await site.court.hearings._record_sealed(hearing_id)
    prefix = manifests.prefix(hearing_id)
    await site.store.put_new(prefix + manifests.MANIFEST_NAME, manifests.encode(manifest(site, **changes)))
    await site.store.put_new(prefix + manifests.SIGNATURE_NAME, b"its signature")
    await site.written._look()
    return f"/api/hearings/{hearing_id}/written"


def signing(page: dict[str, Any]) -> dict[str, Any]:
    said = w.statement(
        page["hearing"]["sittingId"], page["personId"], page["draft"], page["textSha256"], page["recordRoot"]
    )
    public_key, signature = device_signature(said)
    fields = {name: page[name] for name in ("draft", "textSha256", "recordRoot")}
    return {**fields, "publicKey": public_key, "signature": signature}


async def sign(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    answer = await client.post(f"{url}/signature", json=signing((await client.get(url)).json()))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def states(page: dict[str, Any]) -> dict[str, str]:
    return {one["role"]: one["state"] for one in page["signers"]}


async def test_nothing_is_there_before_the_record_is_sealed(site: Site) -> None:
    url = f"/api/hearings/{site.booking.hearing_id}/written"
    async with site.seated("claimant") as claimant:
        page = (await claimant.get(url)).json()
        assert (page["state"], page["paragraphs"], page["may"]) == ("waiting", [], [])


async def test_it_is_put_before_those_who_attended(site: Site) -> None:
    url = await hold(site)
    async with site.seated("claimant") as claimant, site.seated("witness") as witness:
        page = (await claimant.get(url)).json()
        assert (page["state"], page["draft"], page["recordRoot"]) == ("circulated", 1, ROOT)
        assert states(page) == dict.fromkeys(("judge", "clerk", "claimant", "respondent"), "asked")
        assert page["may"] == ["sign", "refuse", "correct"]
        (quote,) = [one for one in page["paragraphs"] if one["kind"] == "quote"]
        assert quote["en"].endswith("statement: I was never paid.")
        assert quote["by"] == site.court.people["claimant"]
        # A witness who never came in reads nobody's words, and the hashes still lead to that of the whole.
        seen = (await witness.get(url)).json()
        assert [one["en"] for one in seen["paragraphs"] if one["hidden"]] == [""] * 5
        assert seen["signers"] == []
        listed = [{"id": one["id"], "sha256": one["sha256"]} for one in seen["paragraphs"]]
        whole = {"draft": 1, "paragraphs": listed, "sittingId": site.booking.hearing_id, "version": 1}
        assert hashlib.sha256(manifests.encode(whole)).hexdigest() == page["textSha256"]


async def test_a_signature_binds_to_what_was_read(site: Site) -> None:
    url = await hold(site)
    async with site.seated("claimant") as claimant, site.seated("respondent") as respondent:
        page = (await claimant.get(url)).json()
        right = signing(page)
        for wrong in (
            {"signature": signing(page)["signature"]},
            {"textSha256": "cd" * 32},
            {"recordRoot": "cd" * 32},
            {"draft": 2},
            {"publicKey": "AAAA"},
        ):
            refused = await claimant.post(f"{url}/signature", json={**right, **wrong})
            assert refused.json()["code"] == "signature-wrong", wrong
        theirs = await respondent.post(f"{url}/signature", json=right)
        assert theirs.json()["code"] == "signature-wrong", "another person's signature"
        assert states(await sign(claimant, url))["claimant"] == "signed"
        again = await claimant.post(f"{url}/signature", json=signing((await claimant.get(url)).json()))
        assert again.json()["code"] == "signature-state"
    kept = await site.court.store.written.signatures(site.booking.hearing_id)
    logged = [event.detail["proof"] for event in await log(site) if event.name == "sign_record"]
    assert logged[0] in kept
    assert w.proof_sha256(w.msgspec.json.decode(kept[logged[0]].body, type=w.Evidence)) == logged[0]


async def log(site: Site) -> list[Any]:
    return await site.court.hearings.log_of(site.booking.hearing_id)


async def test_an_accepted_correction_makes_a_new_draft(site: Site) -> None:
    url = await hold(site)
    async with site.seated("claimant") as claimant, site.seated("clerk") as clerk:
        await sign(clerk, url)
        page = (await claimant.get(url)).json()
        quote = next(one for one in page["paragraphs"] if one["kind"] == "quote")
        asked = await claimant.post(
            f"{url}/corrections", json={"draft": 1, "paragraph": quote["id"], "text": "I said: not in full."}
        )
        assert asked.json()["state"] == "correction_requested"
        page = (await clerk.get(url)).json()
        assert "answer" in page["may"]
        number = page["corrections"][0]["number"]
        page = (await clerk.post(f"{url}/corrections/{number}", json={"answer": "accepted"})).json()
        assert (page["state"], page["may"]) == ("draft", ["circulate"])
        stale = await clerk.post(f"{url}/draft", json={"draft": 2, "paragraphs": []})
        assert stale.json()["code"] == "text-changed"
        texts = [{"id": quote["id"], "en": "I was not paid in full.", "zh": "我没有收到全款。\u2028\n"}]
        page = (await clerk.post(f"{url}/draft", json={"draft": 1, "paragraphs": texts})).json()
        assert (page["state"], page["draft"]) == ("circulated", 2)
        assert states(page)["clerk"] == "asked", "what was signed was another text"
        changed = next(one for one in page["paragraphs"] if one["id"] == quote["id"])
        assert (changed["en"], changed["zh"]) == ("I was not paid in full.", "我没有收到全款。")
        assert page["corrections"][0]["answer"] == "accepted"


async def test_a_refused_correction_stays_and_all_of_it_becomes_final(site: Site) -> None:
    url = await hold(site)
    written: list[m.Write] = []

    def recorder(request: m.AnyRequest) -> m.AnyAnswer:
        assert isinstance(request, m.Write)
        written.append(request)
        return m.Written(document_sha256="cd" * 32)

    site.court.recorder.answer = recorder
    async with (
        site.seated("claimant") as claimant,
        site.seated("respondent") as respondent,
        site.seated("clerk") as clerk,
        site.seated("judge") as judge,
    ):
        page = (await claimant.post(f"{url}/corrections", json={"draft": 1, "text": "All of it"})).json()
        number = page["corrections"][0]["number"]
        refusal = {"answer": "refused", "text": "The sound says otherwise."}
        assert (await judge.post(f"{url}/corrections/{number}", json=refusal)).json()["state"] == "circulated"
        await sign(clerk, url)
        await sign(judge, url)
        await sign(respondent, url)
        page = (await claimant.post(f"{url}/refusal", json={"draft": 1, "reason": "I said no such thing."})).json()
        assert (page["state"], states(page)["claimant"]) == ("signed", "refused")
        await site.written._look()
        page = (await claimant.get(url)).json()
        assert (page["state"], page["may"]) == ("final", [])
    record = w.msgspec.convert(written[0].record, w.WrittenRecord)
    assert w.wrong_in(record, ROOT) == []
    assert {one.role: one.state for one in record.signatures} == {
        **dict.fromkeys(("judge", "clerk", "respondent"), "signed"),
        "claimant": "refused",
    }
    assert [one.answer_text for one in record.corrections] == ["The sound says otherwise."]
    final = (await log(site))[-1]
    assert (final.name, final.detail["document"]) == ("make_final", "cd" * 32)


async def test_signatures_are_not_waited_for_for_ever(site: Site) -> None:
    url = await hold(site)
    site.court.recorder.answer = lambda request: m.Written(document_sha256="cd" * 32)
    site.court.clock.wait(25 * 3600)
    await site.written._look()
    async with site.seated("claimant") as claimant:
        page = (await claimant.get(url)).json()
        assert page["state"] == "final"
        assert set(states(page).values()) == {"missing"}


async def test_a_fault_of_the_record_is_stated_before_anything_is_final(site: Site) -> None:
    """RRC art. 4, 5: the machinery lost two seconds, and nobody noticed in the room."""
    lost = manifests.GapEntry(person_id=None, source=None, start_us=1, duration_us=2_000_000, cause="node-change")
    url = await hold(site, interruptions=[lost])
    site.court.recorder.answer = lambda request: m.Written(document_sha256="cd" * 32)
    async with site.seated("judge") as judge, site.seated("clerk") as clerk, site.seated("claimant") as claimant:
        page = (await judge.get(url)).json()
        assert (page["incident"], page["partial"]) == (True, True)
        assert "state_incident" in page["may"]
        assert "state_incident" not in (await clerk.get(url)).json()["may"]
        site.court.clock.wait(25 * 3600)
        await site.written._look()
        assert (await claimant.get(url)).json()["state"] == "signed", "not final without the statement"
        assert (await claimant.post(f"{url}/incident", json={"text": "x"})).status_code == 403
        page = (await judge.post(f"{url}/incident", json={"text": "A worker was replaced."})).json()
        assert (page["incident"], page["incidentStatement"]) == (False, "A worker was replaced.")
        await site.written._look()
        assert (await claimant.get(url)).json()["state"] == "final"


async def test_why_somebody_did_not_sign_is_read_when_that_draft_is_taken_back(site: Site) -> None:
    url = await hold(site)
    async with site.seated("claimant") as claimant, site.seated("clerk") as clerk, site.seated("witness") as witness:
        page = (await claimant.post(f"{url}/refusal", json={"draft": 1, "reason": "That is not what I said."})).json()
        assert (states(page)["claimant"], page["refused"]) == ("refused", []), "it stands at the signature"
        for page in (
            (await clerk.post(f"{url}/recall", json={"reason": "A slip"})).json(),
            (await clerk.post(f"{url}/draft", json={"draft": 1, "paragraphs": []})).json(),
            (await claimant.get(url)).json(),
        ):
            (refused,) = page["refused"]
            assert (refused["draft"], refused["reason"]) == (1, "That is not what I said.")
            assert states(page).get("claimant") != "refused"
        assert (await witness.get(url)).json()["refused"] == []


async def test_nobody_else_reads_it(site: Site) -> None:
    url = await hold(site)
    async with site.client() as stranger:
        assert (await stranger.get(url)).status_code == 401
    async with site.seated("claimant") as claimant:
        assert (await claimant.get(f"{url}/document/en")).status_code == 404
        assert (await claimant.get(f"{url}/document/fr")).status_code == 404
        assert (await claimant.post(f"{url}/recall", json={"reason": "x"})).status_code == 403


async def test_nothing_is_read_before_the_ledger_has_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    url = await hold(site)

    async def refuses(*_: object, **__: object) -> int:
        raise StoreError("store-full", "disk is full")

    monkeypatch.setattr(site.court.store.ledger, "write", refuses)
    async with site.seated("claimant") as claimant:
        assert (await claimant.get(url)).json()["code"] == "store-full"


async def withhold(site: Site, client: httpx.AsyncClient, level: str) -> None:
    now = site.court.clock.now / 1e9
    body = {"fromAt": now - 3600, "toAt": None, "level": level, "ground": "privacy", "order": "O-7"}
    answer = await client.post(f"{site.record_url}/levels", json=body)
    assert answer.status_code == 204, answer.text


def read_of(page: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the party's words are there, and whether the page says that an order withholds them."""
    text = " ".join(one["en"] for one in page["paragraphs"])
    return "I was never paid." in text, any(one["withheld"] for one in page["paragraphs"])


async def test_words_of_a_withheld_span_are_read_by_nobody_who_may_not_hear_it(site: Site) -> None:
    url = await hold(site)
    async with site.seated("claimant") as claimant, site.seated("clerk") as clerk, site.seated("judge") as judge:
        before = (await claimant.get(url)).json()
        assert (read_of(before), before["withheld"]) == ((True, False), [])
        await withhold(site, judge, "confidential")
        page = (await claimant.get(url)).json()
        assert read_of(page) == (False, True)
        (order,) = page["withheld"]
        assert (order["order"], order["by"]) == ("O-7", page["hearing"]["judge"])
        assert {one["hidden"] for one in page["paragraphs"] if one["withheld"]} == {True}
        assert {one["atUs"] for one in page["paragraphs"] if one["withheld"]} == {0}
        # The hashes still lead to that of the whole, which they may sign.
        assert [one["sha256"] for one in page["paragraphs"]] == [one["sha256"] for one in before["paragraphs"]]
        assert (states(await sign(claimant, url))["claimant"], states(page)["judge"]) == ("signed", "asked")
        assert read_of((await clerk.get(url)).json()) == (True, False)

        await withhold(site, judge, "sealed")
        for client in (claimant, clerk, judge):
            assert read_of((await client.get(url)).json()) == (False, True)
            answer = await client.get(f"{url}/document/en")
            assert (answer.status_code, answer.json()["code"]) == (403, "written-withheld")
        await judge.post(f"{site.record_url}/levels/open", json={"order": "O-8"})
        assert read_of((await judge.get(url)).json()) == (True, False)
    entries = await site.court.store.ledger.read(site.booking.hearing_id)
    assert [entry.access.detail.get("withheld") for entry in entries if entry.access.action == "read-written"] == [
        *(None, 1, 1, None),
        *(2, 1, 1, None),
    ]


async def test_what_others_asked_for_is_not_shown_where_it_may_be_of_a_withheld_span(site: Site) -> None:
    url = await hold(site)
    async with site.seated("claimant") as claimant, site.seated("clerk") as clerk, site.seated("judge") as judge:
        page = (await claimant.get(url)).json()
        (quote,) = [one for one in page["paragraphs"] if one["kind"] == "quote"]
        heading = page["paragraphs"][0]["id"]
        for paragraph in (quote["id"], heading, ""):
            said = {"draft": 1, "paragraph": paragraph, "text": f"It was {paragraph or 'all'} of it"}
            assert (await claimant.post(f"{url}/corrections", json=said)).status_code == 200
        await withhold(site, judge, "sealed")
        assert len((await claimant.get(url)).json()["corrections"]) == 3  # their own words
        assert [one["paragraph"] for one in (await clerk.get(url)).json()["corrections"]] == [heading]
        await clerk.post(f"{url}/recall", json={"reason": "A slip"})
        texts = [{"id": quote["id"], "en": "Nothing", "zh": ""}]
        put = await clerk.post(f"{url}/draft", json={"draft": 1, "paragraphs": texts})
        assert (put.status_code, put.json()["code"]) == (403, "written-withheld")
        assert (await clerk.post(f"{url}/draft", json={"draft": 1, "paragraphs": []})).status_code == 200
        await judge.post(f"{site.record_url}/levels/open", json={"order": "O-8"})
        assert read_of((await judge.get(url)).json()) == (True, False), "nothing was lost"
