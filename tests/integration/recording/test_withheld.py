"""Copies of a record that leave time out: whole as far as the court's signed word explains what is absent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import msgspec
import pytest

from recording import messages as m
from recording.chain import ReadSegment, read_segment
from recording.excerpt import FolderTarget, ZipTarget, export_part
from recording.export import export_to
from recording.format import RecordKind
from recording.keys import PublicKey, SigningKey, load_or_make
from recording.manifest import Manifest, ObjectEntry, encode
from recording.manifest import decoder as manifest_decoder
from recording.messages import Part, Withheld
from recording.objects import ObjectStore, open_store
from recording.playback import decoder as playback_decoder
from recording.recorder import Recorder
from recording.redacted import ReadRedacted, read_redacted
from recording.rendition import read_rendition, store_rendition
from recording.report import Report
from recording.sentences import sentences
from recording.serve import RecordReader
from recording.verify import verify_record
from recording.withheld import arrival_times, public_gaps, rendition_id, touches, withheld_times
from recording.withheld import decoder as statement_decoder
from recording.zipped import ZippedRecord
from tests.forgeries import FOLDERS, Genuine
from tests.recorded import (
    BEGIN_MONO_NS,
    BEGIN_WALL_NS,
    WITNESSES,
    Tape,
    audio_arrivals,
    audio_track,
    eventually,
    facts,
    root_events,
    running,
    sealed,
    video_arrivals,
    video_track,
)

BEGIN_US = BEGIN_WALL_NS // 1000
LENGTH_S = 52
#: The segments of which the public copy has some chunks.
CUT = ["raw/worker.1/000002.hrec", "raw/worker.1/000003.hrec"]
#: What the verifiers say of copies without chunks, and of what they do not know.
NEW_CODES = {"redacted-altered", "chunk-unexplained", "version-unknown"}


def at(seconds: float) -> int:
    return BEGIN_US + int(seconds * 1_000_000)


def span(start_s: float, end_s: float, order: str = "Order 12/2026") -> Withheld:
    return Withheld(
        start_us=at(start_s),
        end_us=at(end_s),
        level="sealed",
        order=order,
        by="Judge Chen",
        by_zh="陈法官",
        decided_us=at(90),
    )


@pytest.fixture(scope="module")
def court(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sealed record of 52 s in ``store``, and the key."""
    folder = tmp_path_factory.mktemp("court")
    asyncio.run(_record(folder))
    return folder


async def _record(folder: Path) -> None:
    key = load_or_make(folder / "court.pem")
    tape = Tape(folder / "spool")
    tape.track(audio_track("p1"), audio_arrivals(LENGTH_S))
    tape.track(video_track("p1"), video_arrivals(LENGTH_S))
    tape.track(audio_track("p2"), audio_arrivals(8), 18)  # ends in a segment that is withheld
    tape.write(LENGTH_S).abandon()
    events = [
        {"seq": number, "utc": BEGIN_WALL_NS + second * 1_000_000_000, "name": "note", "prev_hash": "a", "hash": "b",
         "detail": {"text": f"said at {second}"}}
        for number, second in enumerate((5, 24, 45))
    ]  # fmt: skip
    roots = root_events(folder / "spool/sitting/worker.1")
    sitting = msgspec.structs.replace(facts(LENGTH_S, ["p1", "p2"]), events=[*events, *roots])
    async with running(Recorder(folder / "spool", open_store((folder / "store").as_uri()), key)) as recorder:
        await sealed(recorder, "sitting", sitting)


@pytest.fixture(scope="module")
def key(court: Path) -> SigningKey:
    return load_or_make(court / "court.pem")


@pytest.fixture(scope="module")
def store(court: Path) -> ObjectStore:
    return open_store((court / "store").as_uri())


@pytest.fixture(scope="module")
def public(court: Path, store: ObjectStore, key: SigningKey) -> Path:
    """The public copy, without 22 to 27 s."""
    folder = court / "public"
    asyncio.run(export_part(store, "sitting", FolderTarget(folder), key, [span(22, 27)], None, court))
    return folder


async def verify(folder: Path, key: PublicKey) -> Report:
    return await verify_record(open_store(folder.as_uri()), "", key)


def errors(report: Report) -> set[str]:
    return {found.code for found in report.findings if found.severity == "error"}


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def objects(folder: Path) -> dict[str, ObjectEntry]:
    manifest = manifest_decoder.decode((folder / "manifest.json").read_bytes())
    return {entry.name: entry for entry in manifest.objects}


def chunk_times(read: ReadSegment | ReadRedacted) -> list[tuple[int, int]]:
    offset = BEGIN_WALL_NS - BEGIN_MONO_NS
    return [((chunk.first_mono_ns + offset) // 1000, (chunk.last_mono_ns + offset) // 1000) for chunk in read.chunks]


async def test_a_public_copy_is_whole_except_for_what_is_withheld(public: Path, key: SigningKey) -> None:
    report = await verify(public, key.public)
    assert report.ok, sentences(report, chinese=False)
    assert (report.withheld, report.part, report.objects) == (1, False, 5)
    found = {finding.code: finding for finding in report.findings}
    assert set(found) - WITNESSES == {
        "withheld", "chunks-absent", "manifest-public", "events-withheld", "roots", "roots-unchecked", "gap"
    }  # fmt: skip
    assert "sealed, order Order 12/2026, decided by Judge Chen at " in found["withheld"].en
    assert "封存不公开，依据 Order 12/2026，由陈法官于" in found["withheld"].zh
    total = sum(count for name in CUT for _, _, count in objects(public)[name].chunks)
    assert found["chunks-absent"].place.endswith(f" of {total}")
    assert found["events-withheld"].place == "1"
    first, _ = sentences(report, chinese=False), sentences(report, chinese=True)
    assert first[0] == "The record is complete except for the withheld spans; everything else is unaltered."
    assert sentences(report, chinese=True)[0] == "除不予公开的时段外，记录完整；其余内容均未被改动。"


async def test_nothing_of_the_span_is_in_it(public: Path, court: Path) -> None:
    absent = {name for name in names(court / "store/hearings/sitting") if name.startswith("raw/")} - names(public)
    assert absent == set(CUT)
    times = arrival_times([span(22, 27)])
    for name in CUT:
        left = read_redacted((public / name).with_suffix(".redacted").read_bytes())
        whole = read_segment((court / "store/hearings/sitting" / name).read_bytes())
        assert chunk_times(left) == [each for each in chunk_times(whole) if not touches(times, *each)]
        assert left.chunks
    manifest = (public / "manifest.json").read_text()
    assert "said at 24" not in manifest
    assert "said at 5" in manifest
    assert "said at 45" in manifest
    assert not any(name.startswith(("derived/media/", "written/", "derived/exports/")) for name in names(public))


async def test_what_can_be_played_is_silent_and_dark_in_the_span(public: Path) -> None:
    index = playback_decoder.decode((public / "derived/withheld/export/playback.json").read_bytes())
    assert [each.order for each in index.withheld] == ["Order 12/2026"]
    (person, other) = index.media
    for entry in (person, other):
        assert all(end <= 21_100 or start >= 27_900 for start, end in entry.audio_spans), entry.audio_spans
        assert all(end <= 21_200 or start >= 27_900 for start, end in entry.video_spans), entry.video_spans
    period = person.peaks_period_ms
    withheld = person.peaks[21_500 // period : 27_500 // period]
    assert len(withheld) > 5
    assert set(withheld) == {0}
    assert min(person.peaks[5_000 // period : 20_000 // period]) > 0
    assert max(person.peaks[30_000 // period : 45_000 // period]) > 0
    with av.open(str(public / person.name)) as file:
        assert 51 < float(file.duration or 0) / 1e6 < 53
        loud = [
            frame.time
            for frame in file.decode(audio=0)
            if frame.time is not None and 21.5 < frame.time < 27.5 and abs(frame.to_ndarray()).max() > 0.01
        ]
    assert loud == []


async def test_what_was_said_in_the_span_and_came_after_it_is_in_no_copy(key: SigningKey, tmp_path: Path) -> None:
    """A connection over TCP stands still from 24.5 to 28.4 s; then all that was said meanwhile comes at once."""
    still_ns, on_ns = 24_500_000_000, 28_400_000_000
    arrivals = list(audio_arrivals(LENGTH_S))
    said_ns = {int.from_bytes(each.data[4:8], "big"): each.at_ns for each in arrivals}
    late = [replace(each, at_ns=on_ns) if still_ns <= each.at_ns < on_ns else each for each in arrivals]
    tape = Tape(tmp_path / "spool")
    tape.track(audio_track("p1"), late)
    tape.write(LENGTH_S).abandon()
    store = open_store((tmp_path / "store").as_uri())
    async with running(Recorder(tmp_path / "spool", store, key)) as recorder:
        await sealed(recorder, "sitting", facts(LENGTH_S, ["p1"]))
    folder = tmp_path / "copy"
    await export_part(store, "sitting", FolderTarget(folder), key, [span(22, 27)], None, tmp_path)
    assert (await verify(folder, key.public)).ok
    here = [
        said_ns[int.from_bytes(bytes(record.data[4:8]), "big")]
        for path in folder.glob("raw/*/*")
        for chunk in (read_redacted if path.suffix == ".redacted" else read_segment)(path.read_bytes()).chunks
        for record in chunk.records()
        if record.kind == RecordKind.RTP
    ]
    assert len(here) > 1000
    assert not any(22_000_000_000 <= each < 27_000_000_000 for each in here)
    index = playback_decoder.decode((folder / "derived/withheld/export/playback.json").read_bytes())
    assert all(end <= 21_100 or start >= 27_000 for start, end in index.media[0].audio_spans), index.media[
        0
    ].audio_spans


@pytest.mark.parametrize("why", ["moved", "full"])
async def test_a_writer_that_was_silent_beside_the_span_is_not_suspected(
    why: str, key: SigningKey, tmp_path: Path
) -> None:
    """The room was moved to another worker and back, or the disk took nothing for long, from within the span on."""
    tape, writers = Tape(tmp_path / "spool"), ["worker.1"]
    number = tape.track(audio_track("p1"), audio_arrivals(24))
    if why == "moved":
        writers.append("worker.2")
        other = Tape(tmp_path / "spool", writer="worker.2", begin_s=24)
        other.track(audio_track("p1", "elsewhere"), audio_arrivals(36))
        other.write(36)
    else:
        lost = [BEGIN_MONO_NS + at * 1_000_000_000 for at in (24, 60)]
        tape.note(number, 60.001, "lost", records=9, bytes=9, fromMonoNs=lost[0], toMonoNs=lost[1])
    tape.more(number, audio_arrivals(15, sequence=9000), 60.002)
    tape.write(75, pause=(24, 60))
    store = open_store((tmp_path / "store").as_uri())
    async with running(Recorder(tmp_path / "spool", store, key)) as recorder:
        await sealed(recorder, "sitting", facts(75, ["p1"], writers))
    await export_part(store, "sitting", FolderTarget(tmp_path / "copy"), key, [span(20, 26)], None, tmp_path)
    report = await verify(tmp_path / "copy", key.public)
    assert report.ok, sentences(report, chinese=False)
    assert "chunks-absent" in {finding.code for finding in report.findings}


async def test_the_same_spans_make_the_same_copy(
    court: Path, store: ObjectStore, key: SigningKey, tmp_path: Path
) -> None:
    place = court / "store/hearings/sitting"
    manifest = manifest_decoder.decode((place / "manifest.json").read_bytes())
    playback = playback_decoder.decode((place / "derived/playback.json").read_bytes())
    found = await store_rendition(store, key, manifest, playback, [span(22, 27)], tmp_path)
    again = await store_rendition(store, key, manifest, playback, [span(22, 27)], tmp_path)
    other = await store_rendition(store, key, manifest, playback, [span(22, 28)], tmp_path)
    assert found == again != other
    index = await read_rendition(store, "sitting", found)
    assert index is not None
    assert all(entry.name.startswith(f"derived/withheld/{found}/media/") for entry in index.media)
    assert (await verify_record(store, "hearings/sitting/", key.public)).ok
    assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir()))


async def test_a_part_says_that_the_rest_is_not_part_of_it(
    court: Path, store: ObjectStore, key: SigningKey, tmp_path: Path
) -> None:
    target = ZipTarget(tmp_path / "part.zip", "part")
    await export_part(store, "sitting", target, key, [], Part(start_us=at(33), end_us=at(38)), tmp_path)
    target.close()
    report = await verify_record(ZippedRecord(tmp_path / "part.zip"), "", key.public)
    assert report.ok, sentences(report, chinese=False)
    assert (report.withheld, report.part) == (0, True)
    places = {finding.code: finding.place for finding in report.findings}
    assert places["segments-absent"] == "0 withheld, 4 outside the part, of 5"
    assert sentences(report, chinese=False)[0] == "This part of the record is complete and unaltered."
    index = playback_decoder.decode(
        await ZippedRecord(tmp_path / "part.zip").read("derived/withheld/export/playback.json")
    )
    (person,) = index.media
    assert person.person_id == "p1"
    assert 32_900 <= person.offset_ms <= 33_200
    assert 4_500 <= person.duration_ms <= 5_200


async def test_of_a_long_span_segments_are_absent_and_at_its_edges_chunks(
    store: ObjectStore, key: SigningKey, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    await export_part(store, "sitting", FolderTarget(folder), key, [span(15, 35)], None, tmp_path)
    report = await verify(folder, key.public)
    assert report.ok, sentences(report, chinese=False)
    found = {finding.code: finding.place for finding in report.findings}
    assert found["segments-absent"] == "2 withheld, 0 outside the part, of 5"
    assert "roots-unchecked" in found
    assert {name for name in names(folder) if name.startswith("raw/")} == {
        f"raw/worker.1/{name}" for name in ("000000.hrec", "000001.redacted", "000004.redacted")
    }


@pytest.mark.parametrize("why", ["sealed before roots were told", "recovered after a crash"])
async def test_a_segment_of_which_too_little_is_known_is_left_out_whole(
    court: Path, key: SigningKey, tmp_path: Path, why: str
) -> None:
    place = Path(await asyncio.to_thread(shutil.copytree, court / "store", tmp_path / "store")) / "hearings/sitting"
    manifest = manifest_decoder.decode((place / "manifest.json").read_bytes())
    for entry in manifest.objects:
        if why.startswith("sealed"):
            entry.tree_sha256 = msgspec.UNSET
        else:
            entry.recovered = True
    data = encode(manifest)
    assert (b"treeSha256" in data) != why.startswith("sealed")
    (place / "manifest.json").write_bytes(data)
    (place / "manifest.sig").write_bytes(key.sign(data))
    index = msgspec.json.decode((place / "derived/playback.json").read_bytes())
    index["manifestSha256"] = hashlib.sha256(data).hexdigest()
    (place / "derived/playback.json").write_bytes(encode(index))
    store = open_store((tmp_path / "store").as_uri())
    folder = tmp_path / "copy"
    await export_part(store, "sitting", FolderTarget(folder), key, [span(22, 27)], None, tmp_path)
    assert statement_decoder.decode((folder / "statement.json").read_bytes()).redacted == []
    assert not list(folder.rglob("*.redacted"))
    assert not (folder / "raw/worker.1/000002.hrec").exists()
    report = await verify(folder, key.public)
    assert report.ok, sentences(report, chinese=False)


async def test_a_flipped_byte_in_what_is_left_of_a_segment_is_named(
    public: Path, key: SigningKey, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(public, tmp_path / "copy"))
    path = folder / "raw/worker.1/000002.redacted"
    whole = path.read_bytes()
    gone = whole.index(b"GONE")
    for at in (3, 9, 30, 200, gone, gone + 4, gone + 20, len(whole) // 2, len(whole) - 40, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        report = await verify(folder, key.public)
        assert "redacted-altered" in errors(report), at
        assert any("000002.redacted" in finding.place for finding in report.findings), at
    path.unlink()
    assert "object-missing" in errors(await verify(folder, key.public))


@pytest.mark.parametrize("name", [name for name, (_, code) in FOLDERS.items() if code in NEW_CODES])
async def test_no_forged_copy_is_well(court: Path, public: Path, key: SigningKey, tmp_path: Path, name: str) -> None:
    """Those of the page's test that are of chunks; there the page and this check must agree."""
    genuine = Genuine(court, key)
    if not (court / "export").exists():
        store = open_store((court / "store").as_uri())
        await export_to(store, "sitting", court / "export", key.public)
    forge, expected = FOLDERS[name]
    assert expected in errors(await verify(await asyncio.to_thread(forge, genuine, tmp_path / "forged"), key.public))


async def test_a_part_beside_a_withheld_span_holds_no_chunk_of_it(
    store: ObjectStore, key: SigningKey, tmp_path: Path
) -> None:
    """The part ends before the span begins, in the same segment."""
    part = Part(start_us=at(12), end_us=at(21))
    await export_part(store, "sitting", FolderTarget(tmp_path / "part"), key, [span(24, 27)], part, tmp_path)
    report = await verify(tmp_path / "part", key.public)
    assert report.ok, sentences(report, chinese=False)
    assert report.withheld == 1
    assert {name for name in names(tmp_path / "part") if name.startswith("raw/")} == {
        "raw/worker.1/000001.hrec",
        "raw/worker.1/000002.redacted",
    }
    left = read_redacted((tmp_path / "part/raw/worker.1/000002.redacted").read_bytes())
    assert not any(touches([(at(23), at(28))], *each) for each in chunk_times(left))
    assert "said at 24" not in (tmp_path / "part/manifest.json").read_text()


def _unsigned(folder: Path, _: SigningKey) -> None:
    (folder / "statement.sig").unlink()


def _missing(folder: Path, _: SigningKey) -> None:
    (folder / "statement.json").unlink()


def _another_key(folder: Path, _: SigningKey) -> None:
    other = load_or_make(folder.parent / "other.pem")
    (folder / "statement.sig").write_bytes(other.sign((folder / "statement.json").read_bytes()))


def _one_more(folder: Path, _: SigningKey) -> None:
    (folder / "raw/worker.1/000004.hrec").unlink()


def _changed(change: Callable[[dict[str, object]], None]) -> Callable[[Path, SigningKey], None]:
    def alter(folder: Path, key: SigningKey) -> None:
        statement = json.loads((folder / "statement.json").read_bytes())
        change(statement)
        data = encode(statement)
        (folder / "statement.json").write_bytes(data)
        (folder / "statement.sig").write_bytes(key.sign(data))

    return alter


def _span_elsewhere(statement: dict[str, object]) -> None:
    statement["spans"] = [msgspec.to_builtins(span(40, 44))]


def _of_another(statement: dict[str, object]) -> None:
    statement["sittingId"] = "another"


def _hides_more(statement: dict[str, object]) -> None:
    redacted, absent = statement["redacted"], statement["withheld"]
    assert isinstance(redacted, list)
    assert isinstance(absent, list)
    absent.append({**redacted[0], "name": "raw/worker.1/000004.hrec"})


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (_unsigned, "statement-wrong"),
        (_missing, "object-missing"),
        (_missing, "statement-missing"),
        (_another_key, "statement-wrong"),
        (_one_more, "object-missing"),
        (_changed(_span_elsewhere), "statement-wrong"),
        (_changed(_of_another), "statement-wrong"),
        (_changed(_hides_more), "statement-wrong"),
    ],
)
async def test_what_no_statement_explains_is_an_error(
    public: Path, key: SigningKey, tmp_path: Path, alter: Callable[[Path, SigningKey], None], expected: str
) -> None:
    folder = Path(shutil.copytree(public, tmp_path / "copy"))
    alter(folder, key)
    report = await verify(folder, key.public)
    assert not report.ok
    assert expected in errors(report)


async def test_bytes_beside_the_span_are_checked_as_ever(public: Path, key: SigningKey, tmp_path: Path) -> None:
    for name in ("raw/worker.1/000001.hrec", "raw/worker.1/000004.hrec", "statement.json", "manifest.json"):
        folder = Path(shutil.copytree(public, tmp_path / name.replace("/", "-")))
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)
        assert not (await verify(folder, key.public)).ok, name


async def test_the_public_manifest_is_the_records_but_for_log_and_gaps(public: Path, court: Path) -> None:
    whole: Manifest = manifest_decoder.decode((court / "store/hearings/sitting/manifest.json").read_bytes())
    cut: Manifest = manifest_decoder.decode((public / "manifest.json").read_bytes())
    assert [event["name"] for event in cut.events[:3]] == ["note", "withheld", "note"]
    assert set(cut.events[1]) == {"name", "seq", "utc", "hash", "prev_hash"}
    times = withheld_times([span(22, 27)])
    assert not any(touches(times, gap.start_us + 1, gap.start_us + gap.duration_us - 1) for gap in cut.gaps)
    assert cut.gaps == public_gaps(whole.gaps, times) != whole.gaps
    assert cut.public_of == hashlib.sha256((court / "store/hearings/sitting/manifest.json").read_bytes()).hexdigest()
    cut.events, cut.gaps, cut.public_of = whole.events, whole.gaps, ""
    assert cut == whole
    statement = statement_decoder.decode((public / "statement.json").read_bytes())
    assert statement.withheld == []
    assert [entry.name for entry in statement.redacted] == CUT


async def test_a_copy_of_a_part_has_nothing_else(court: Path, key: SigningKey, tmp_path: Path) -> None:
    await asyncio.to_thread(shutil.copytree, court / "store", tmp_path / "store")
    store = open_store((tmp_path / "store").as_uri())
    told: list[m.AnyEvent] = []
    reader = RecordReader(store)
    whole = await reader.playback("sitting")
    assert whole is not None
    part = Part(start_us=at(12), end_us=at(17))
    film = m.Compose(sitting_id="sitting", job_id="film", part=part, mark="Ann Reyes")

    async def made() -> bool:
        return any(isinstance(event, m.JobState) and event.state == "done" for event in told)

    async with running(Recorder(tmp_path / "spool", store, key, publish=told.append)) as recorder:
        assert isinstance(await recorder.compose(film), m.Accepted)
        await eventually(made)
        assert isinstance(await recorder.withhold(m.Withhold(sitting_id="sitting", withheld=[], part=part)), m.Accepted)
    copy = await reader.rendition("sitting", rendition_id([], part))
    assert copy is not None
    assert await reader.rendition("sitting", rendition_id([])) is None
    assert (copy.start_us, copy.end_us) == (part.start_us, part.end_us)
    assert [entry.person_id for entry in copy.media] == [
        entry.person_id for entry in whole.media if whole.start_us + entry.offset_ms * 1000 < part.end_us
    ]
    for entry in copy.media:
        assert 4_000 < entry.offset_ms + entry.duration_ms <= 5_100
    for gap in copy.gaps:
        assert part.start_us <= gap.start_us <= gap.start_us + gap.duration_us <= part.end_us
    (export,) = await reader.exports("sitting")
    assert (export.part, export.duration_ms) == (part, 5_000)
    name = export.name.rsplit("/", 1)[1]
    assert await reader.media("sitting", name, copy, [], part) is not None
    assert await reader.media("sitting", name, copy, [], Part(start_us=at(12), end_us=at(16))) is None


async def test_the_recorder_makes_copies_and_exports_when_it_is_asked(
    court: Path, key: SigningKey, tmp_path: Path
) -> None:
    await asyncio.to_thread(shutil.copytree, court / "store", tmp_path / "store")
    store = open_store((tmp_path / "store").as_uri())
    told: list[m.AnyEvent] = []
    reader = RecordReader(store)
    spans = [span(22, 27)]
    ask = m.Excerpt(sitting_id="sitting", job_id="j1", part=Part(start_us=at(18), end_us=at(40)), withheld=spans)
    copied: list[str] = []
    async with running(Recorder(tmp_path / "spool", store, key, publish=told.append, verifier=b"<page>")) as recorder:
        assert recorder._jobs._stored == recorder.custodian.refresh
        recorder._jobs._stored = copied.append  # the custodian keeps the copy as long as the rest
        nothing = m.Excerpt(sitting_id="sitting", job_id="j0", part=Part(start_us=5, end_us=5))
        assert isinstance(await recorder.excerpt(nothing), m.Refused)
        unknown = m.Withhold(sitting_id="another", withheld=spans)
        assert isinstance(await recorder.withhold(unknown), m.Refused)
        assert isinstance(await recorder.excerpt(ask), m.Accepted)
        assert isinstance(await recorder.withhold(m.Withhold(sitting_id="sitting", withheld=spans)), m.Accepted)

        async def made() -> bool:
            done = any(isinstance(event, m.JobState) and event.state == "done" for event in told)
            return done and copied == ["sitting"]

        await eventually(made)
        assert await reader.rendition("sitting", rendition_id(spans)) is not None
        assert isinstance(await recorder.excerpt(ask), m.Accepted)  # asked again: the same file
    (name,) = {event.name for event in told if isinstance(event, m.JobState) and event.state == "done"}
    assert name is not None
    assert await reader.media("sitting", name, None, spans) is not None
    assert await reader.media("sitting", name, None, [span(30, 31)]) is None  # it has what is withheld since
    path = tmp_path / "store/hearings/sitting/derived/exports" / name
    report = await verify_record(ZippedRecord(path), "", key.public)
    assert report.ok, sentences(report, chinese=False)
    assert (report.part, report.withheld) == (True, 1)
    assert await ZippedRecord(path).read("verify.html") == b"<page>"
    assert (await verify_record(store, "hearings/sitting/", key.public)).ok
