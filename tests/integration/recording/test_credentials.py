"""Content Credentials of a composite, read back by the library that everybody uses."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from recording import documents
from recording.credentials import CredentialsProblem, read_credentials, sign_video
from recording.documents import DocumentKey
from recording.jobs import Jobs
from recording.keys import KeyProblem, load_or_make
from recording.objects import open_store
from recording.playback import Playback
from tests.recorded import media_entry
from tests.servers.tsa import authority


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "composite.mp4"
    source = ("-f", "lavfi", "-i", "testsrc=duration=1:size=320x180:rate=10")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *source, "-movflags", "+faststart", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture
def key(tmp_path: Path) -> DocumentKey:
    return documents.load_or_make(tmp_path / "court.documents.pem", "Court of Tests")


def index() -> Playback:
    return Playback(
        version=1,
        derived=True,
        sitting_id="sitting",
        manifest_sha256="ab" * 32,
        start_us=0,
        end_us=1,
        media=[media_entry(name="derived/media/p1.webm", sha256="cd" * 32)],
        gaps=[],
        software="tests",
    )


def test_a_composite_says_of_which_record_it_was_made(video: Path, tmp_path: Path, key: DocumentKey) -> None:
    target = tmp_path / "signed.mp4"
    sign_video(video, target, key, index(), "(2026) T 1")
    state, said = read_credentials(target)
    assert state == "Valid"
    assert said == {
        "sittingId": "sitting",
        "manifestSha256": "ab" * 32,
        "madeFrom": [{"name": "derived/media/p1.webm", "sha256": "cd" * 32}],
    }


async def test_without_an_answer_of_the_authority_there_are_credentials_all_the_same(
    video: Path, tmp_path: Path, key: DocumentKey
) -> None:
    """Only the time is not witnessed; and a film that cannot be signed is handed on as it is."""
    store = open_store((tmp_path / "store").as_uri())
    signing = load_or_make(tmp_path / "court.pem")
    with authority(tmp_path) as tsa:
        tsa.refuse = True
        jobs = Jobs(store, signing, tmp_path, lambda _: None, key, tsa.url)
        signed = await jobs._with_credentials(video, index(), "(2026) T 1")
        assert tsa.asked == 1
    assert read_credentials(signed)[0] == "Valid"
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nothing that could be signed")
    assert await jobs._with_credentials(broken, index(), "(2026) T 1") == broken


def test_one_changed_byte_is_seen(video: Path, tmp_path: Path, key: DocumentKey) -> None:
    target = tmp_path / "signed.mp4"
    sign_video(video, target, key, index(), "(2026) T 1")
    data = bytearray(target.read_bytes())
    data[-200] ^= 1
    target.write_bytes(data)
    assert read_credentials(target)[0] == "Invalid"


def test_a_file_without_credentials_is_said(video: Path) -> None:
    with pytest.raises(CredentialsProblem):
        read_credentials(video)


def test_the_key_of_documents_is_made_once_and_a_bad_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "court.documents.pem"
    first = documents.load_or_make(path, "Court of Tests")
    assert documents.load_or_make(path, "Another").chain == first.chain
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(first.chain_pem)
    with pytest.raises(KeyProblem):
        documents.load_or_make(path, "Court of Tests")
