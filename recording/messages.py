"""What control and the recorder say to each other over the bus (JSON, camelCase, tagged by ``type``).

Requests go to the service :data:`SERVICE`; each is idempotent and is answered at once by :class:`Accepted`,
:class:`Finalised` or :class:`Refused`; the work goes on in the background.  Events are published to :data:`TOPIC`.
Nothing here is the truth: the spool, the object store and the signed manifest are.  A request is repeated until its
effect is seen, and an event that was missed is made up for by repeating the request.

Times are ns since 1970 where the name says ``wall_ns``, and seconds elsewhere.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

SERVICE = "recorder"
TOPIC = "recorder"

#: Names of recordings, writers, people and jobs are parts of object keys and of file names.
KeyPart = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$")]
ShortText = Annotated[str, msgspec.Meta(max_length=512)]


class Struct(msgspec.Struct, rename="camel", kw_only=True):
    """Base: camelCase on the wire, unknown fields ignored."""


# --- facts that only control knows -----------------------------------------------


class Participant(Struct):
    """``person_id`` is the ``peer_id`` of the tracks.  ``name_zh`` may be empty."""

    person_id: KeyPart
    name: ShortText
    role: ShortText
    name_zh: ShortText = ""


class Interruption(Struct):
    """A span that the court declared not to be on record.  ``ground``: ``recess``, ``private_evidence``, ``mediation``,
    or ``fault``."""

    start_wall_ns: int
    end_wall_ns: int
    ground: KeyPart


class Withheld(Struct):
    """A span of a record that is not for everybody, us since 1970.

    ``level``: ``confidential`` (the court's own people see it) or ``sealed`` (nobody does without an order that opens
    it).  ``order`` is the reference of the order, ``by`` who decided, and when.
    """

    start_us: int
    end_us: int
    level: Literal["confidential", "sealed"]
    order: ShortText
    by: ShortText
    by_zh: ShortText
    decided_us: int


class Part(Struct):
    """A part of a record, us since 1970."""

    start_us: int
    end_us: int


class Act(Struct):
    """What the court did, by its own account, with a recording that it added to a record after the close.

    ``add``: this file came as version ``number`` (from 1) of the recording of this title, kind and start; ``choose``:
    this version is the current one from now on; ``withdraw``: it is not to be relied on, for the reason given.
    ``serial`` counts the acts about one record, from 1; ``started_us``: when the recording began, as whoever added it
    said; ``duration_ms``: as the file says it; ``sha256``: of the file as it came, in hex; ``at_us``: when, us.
    """

    serial: Annotated[int, msgspec.Meta(ge=1, lt=1_000_000)]
    action: Literal["add", "choose", "withdraw"]
    title: ShortText
    kind: ShortText
    started_us: int
    number: int
    equipment: ShortText
    file_name: ShortText
    media_type: ShortText
    bytes: int
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
    duration_ms: int
    has_audio: bool
    by: ShortText
    by_zh: ShortText
    at_us: int
    reason: ShortText = ""


class SittingFacts(Struct):
    """What the manifest says of the sitting besides its media.

    ``opened_wall_ns`` .. ``closed_wall_ns``: the span that must be on record.  ``events`` is the sitting's log as it
    stands at the close (any JSON objects).  ``writers`` names every media worker run (``<worker_id>.<epoch>``)
    that held the room: the record is not whole before each of them has ended or was recovered.  ``interruptions``: as
    the court declared them.
    """

    court: ShortText
    case_number: ShortText
    case_name: ShortText
    hearing_id: ShortText
    opened_wall_ns: int
    closed_wall_ns: int
    participants: list[Participant]
    events: list[dict[str, Any]] = []
    writers: list[KeyPart] = []
    interruptions: list[Interruption] = []
    case_name_zh: ShortText = ""
    court_zh: ShortText = ""
    room: ShortText = ""


# --- requests ------------------------------------------------------------------------


class Request(Struct, tag_field="type"):
    """Base of all requests."""


class Finalise(Request, tag="finalise"):
    """Seal the record of this sitting and make it playable.

    Answer: :class:`Accepted` while the work goes on, :class:`Finalised` once sealed, or :class:`Refused`.  The facts
    of the first request that is sealed stand; a later one with other facts changes nothing.
    """

    sitting_id: KeyPart
    facts: SittingFacts


class Compose(Request, tag="compose"):
    """Make a composite MP4 as a background job.  Repeating a ``job_id`` starts nothing new; its state is published.

    ``locale`` chooses names and labels, ``timezone`` (IANA name) the wall clock that is burnt in; ``mark`` too is burnt
    in, and says whom the film is for.
    """

    sitting_id: KeyPart
    job_id: KeyPart
    locale: Literal["en", "zh-CN"] = "en"
    timezone: ShortText = "UTC"
    mark: ShortText = ""
    #: What it leaves out, and the part that it is of, if not the whole.
    withheld: list[Withheld] = []
    part: Part | None = None


class Excerpt(Request, tag="excerpt"):
    """Make a ZIP file of a part of the record, less what is withheld, that anybody can check; a background job as
    :class:`Compose` is."""

    sitting_id: KeyPart
    job_id: KeyPart
    part: Part
    withheld: list[Withheld] = []


class Withhold(Request, tag="withhold"):
    """Have a playable copy ready that leaves these spans out, and all that is not of this part
    (:mod:`recording.rendition`); repeat it until that is there."""

    sitting_id: KeyPart
    withheld: list[Withheld]
    part: Part | None = None


class Verify(Request, tag="verify"):
    """Check every stored byte of this record.  :class:`Verified` is published when done."""

    sitting_id: KeyPart


class Keep(Request, tag="keep"):
    """What the court decided last about the custody of this sitting's record; repeat it until it is answered by
    :class:`Kept`.

    ``serial`` counts the court's decisions.  ``retain_until_s``: lock every object until then, s since 1970; 0 leaves
    them as they are; they are never unlocked earlier.  ``hold``: under a legal hold from now on, or not any more.
    ``destroy``: all of it, if nothing of it is locked.  ``decision`` is written down with it: who, why, by which order.
    """

    sitting_id: KeyPart
    serial: int
    retain_until_s: int
    hold: bool
    destroy: bool
    decision: dict[str, Any]


class Write(Request, tag="write"):
    """Make the documents of a written record that is final, sign and store them.  ``record`` is a
    :class:`recording.written.WrittenRecord` as plain JSON.

    Answer: :class:`Accepted` while the work goes on, :class:`Written` once stored, or :class:`Refused`.  What is stored
    first stands.
    """

    sitting_id: KeyPart
    record: dict[str, Any]


class Add(Request, tag="add"):
    """Sign a statement on what the court did with a recording that it added, and enter it in the transparency log.
    Acts are stated one after the other; repeat it until it is answered by :class:`Stated`.

    Else the answer is :class:`Accepted`, or :class:`Refused`: ``invalid`` if something else was stated under this
    serial or the act cannot be, ``destroyed`` if the record is no more, ``not-sealed`` or ``busy`` to be asked later.
    """

    sitting_id: KeyPart
    act: Act


class Discard(Request, tag="discard"):
    """Remove a test recording (:func:`recording.manifest.is_test`), which no decision of a court keeps.

    Answer: :class:`Discarded`, or :class:`Refused`: ``invalid`` if it is of a hearing, ``busy`` if the store is away,
    ``locked`` while the store does not let it go.
    """

    sitting_id: KeyPart


AnyRequest = Finalise | Compose | Excerpt | Withhold | Verify | Keep | Write | Add | Discard


# --- answers ---------------------------------------------------------------------------


class Answer(Struct, tag_field="type"):
    """Base of all answers."""


class Accepted(Answer, tag="accepted"):
    """The work is under way (or queued)."""


class Finalised(Answer, tag="finalised"):
    """The record is sealed.  ``playable``: the playback index is stored too; ``partial``: a fault cost some of it.

    ``sealed_wall_ns``, ``objects``, ``bytes``: when, and what the manifest lists; all zero if that is not said.
    """

    manifest_sha256: str
    playable: bool
    partial: bool = False
    sealed_wall_ns: int = 0
    objects: int = 0
    bytes: int = 0


class Written(Answer, tag="written"):
    """The written record is stored; ``document_sha256`` is of its ``record.json``."""

    document_sha256: str


class Stated(Answer, tag="stated"):
    """The acts up to ``serial`` are stated, signed and in the transparency log."""

    serial: int


class Refused(Answer, tag="refused"):
    """``reason``: invalid, unknown-sitting, not-sealed, busy, locked (not to be destroyed yet), destroyed;
    ``detail`` is for the log."""

    reason: str
    detail: str = ""


class Kept(Answer, tag="kept"):
    """The storage obeys the court's decisions up to this one; ``objects`` are left of the record."""

    serial: int
    objects: int


class Discarded(Answer, tag="discarded"):
    """Nothing of the test recording is left."""


AnyAnswer = Accepted | Discarded | Finalised | Kept | Stated | Written | Refused


# --- events ----------------------------------------------------------------------------


class Event(Struct, tag_field="type"):
    """Base of all events."""


class Channel(Struct):
    """The sound of one person in the archive (:mod:`recording.confidence`): how far it is stored, the loudest of its
    last seconds (0..100, 100 is full scale), and when there was sound last; 0: never."""

    person_id: str
    stored_wall_ns: int
    level: int
    sound_wall_ns: int


class Archived(Event, tag="archived"):
    """What is in the object store, read back and compared, of one live recording; about every 2 s while it grows.

    ``sealed_wall_ns``: everything captured before this time by the writers seen here is archived.  ``root`` (hex) is
    over the heads of the ``tracks`` chains that these bytes are, and ``segments`` how many of each writer it covers
    (:mod:`recording.roots`).  ``channels``: what was heard of whom; empty where playable files are not made meanwhile.
    """

    sitting_id: str
    sealed_wall_ns: int
    objects: int
    bytes: int
    root: str = ""
    tracks: int = 0
    segments: dict[str, int] = {}
    channels: list[Channel] = []


class Sealed(Event, tag="sealed"):
    """Published when the manifest is signed and stored, and again when the record can be played: as
    :class:`Finalised`."""

    sitting_id: str
    manifest_sha256: str
    playable: bool
    partial: bool = False
    sealed_wall_ns: int = 0
    objects: int = 0
    bytes: int = 0


class Anchored(Event, tag="anchored"):
    """The court's transparency log has the record; ``stamped``: and a time-stamp authority has signed its manifest."""

    sitting_id: str
    stamped: bool


class JobState(Event, tag="job"):
    """A composite or an export of a part: ``progress`` 0..1; with ``done`` the name to ask
    :class:`recording.serve.RecordReader` for."""

    sitting_id: str
    job_id: str
    state: Literal["queued", "running", "done", "failed"]
    progress: float
    name: str | None = None
    bytes: int | None = None
    message: str | None = None


class Verified(Event, tag="verified"):
    """What :mod:`recording.verify` found: ``report`` is its :class:`~recording.report.Report` as plain JSON."""

    sitting_id: str
    ok: bool
    report: dict[str, Any]


class RecorderState(Event, tag="recorder"):
    """The recorder is alive; published every :data:`RECORDER_STATE_S`.

    ``fault``: nothing, ``store`` (object store refuses; the spool keeps everything), ``disk-low``, ``spool`` (the spool
    cannot be read), ``conflict`` (the store holds something else under a name) or ``internal``.  ``backlog`` counts
    closed segments that wait for the store, ``unanchored`` sealed records that the transparency log or the time-stamp
    authority has not witnessed yet, ``owed`` objects that one of two stores has and the other lacks still.
    """

    backlog: int
    spool_bytes: int
    disk_free_bytes: int
    fault: str | None = None
    detail: str = ""
    unanchored: int = 0
    owed: int = 0


AnyEvent = Archived | Sealed | Anchored | JobState | Verified | RecorderState

RECORDER_STATE_S = 2.0
#: Free space of the spool's disk below which that is said, and below which hearings that run have what is left to
#: themselves: none is opened, playable files stop growing, and no export is made.  A hearing of six takes 1 GB an hour.
DISK_LOW_BYTES = 4 * 1024**3
DISK_SHORT_BYTES = 2 * 1024**3

request_decoder: msgspec.json.Decoder[AnyRequest] = msgspec.json.Decoder(AnyRequest)
answer_decoder: msgspec.json.Decoder[AnyAnswer] = msgspec.json.Decoder(AnyAnswer)
event_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)
encode = msgspec.json.Encoder().encode
