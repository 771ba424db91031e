"""The arguments of every command, by its name: what the log holds of a command, checked and bounded.

Unknown arguments are left out, missing ones have the value said here.  Whom a
command is about is its subject and no argument.  There are no floats: instants
are whole seconds since 1970 on the court's clock.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from .states import Role, TaskKind

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Name = Annotated[str, msgspec.Meta(max_length=128)]
Text = Annotated[str, msgspec.Meta(max_length=4000)]
Written = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
Ids = Annotated[tuple[Id, ...], msgspec.Meta(max_length=200)]


class Arguments(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Base; a command without arguments has this."""


class Seat(Arguments):
    seat: Name = ""


class CheckIn(Arguments):
    declaration: bool = False
    check: Annotated[dict[Name, Name], msgspec.Meta(max_length=16)] = {}


class Writer(Arguments):
    writer: Id


#: SHA-256, hex.
Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class MediaRoot(Arguments):
    """The record's chains as the archive held them: see docs/record-format.md §4."""

    #: The root over the heads of all tracks' chains.
    media: Digest
    tracks: Annotated[int, msgspec.Meta(ge=0)] = 0
    #: How many segments of each writer it covers.
    segments: Annotated[dict[Name, Annotated[int, msgspec.Meta(ge=1)]], msgspec.Meta(max_length=10_000)] = {}


class Open(Arguments):
    #: Why the court sits without a record, where its profile allows that.
    off_record: Text = ""


class Recess(Arguments):
    #: When the court goes on, whole seconds since 1970.
    until: int | None = None


class Ground(Arguments):
    ground: Name = ""


class Grounds(Arguments):
    grounds: Written


class Category(Arguments):
    category: Id


class AnnounceStream(Arguments):
    #: Why a case of an excluded kind is streamed all the same.
    override: Text = ""


class Lift(Arguments):
    #: Who stays silent and unseen.
    keep: Ids = ()
    #: Who is seen again, with a locked microphone.
    lock: Ids = ()


class Dismiss(Arguments):
    #: A witness who is released may talk to others again and see their names.
    release: bool = False


class Invite(Arguments):
    invite: Ids = ()


class Talk(Arguments):
    consultation: Id


class MuteAll(Arguments):
    lock: bool = False


class AskRepeat(Arguments):
    #: How much of their sound never came, ms; the court's server says it, whoever asks.
    lost_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0


class Verb(Arguments):
    verb: Id


class SetStage(Arguments):
    stage: Id


class Words(Arguments):
    text: Written


class Note(Arguments):
    text: Written
    private: bool = False


class RuleObjection(Arguments):
    #: The ``id`` of the objection: the number of its event.
    objection: int
    ruling: Literal["sustained", "overruled", "noted"]
    text: Text = ""


class ShowExhibit(Arguments):
    document: Id
    page: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1


class TurnPage(Arguments):
    page: Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class Place(Arguments):
    place: Name = ""


class Language(Arguments):
    #: A BCP 47 tag; empty: the room.
    language: Annotated[str, msgspec.Meta(max_length=35)] = ""


class Device(Arguments):
    device: Literal["camera", "microphone", "both"]


class ConsentStage(Arguments):
    stage: Id


class TaskId(Arguments):
    task: Id


class OpenTask(Arguments):
    kind: TaskKind


class NewPerson(Arguments):
    id: Id
    role: Role
    side: Literal["", "claimant", "respondent"] = ""
    linked: Ids = ()
    screened_from: Ids = ()
    languages: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = ()
    deputy: bool = False


class PersonChange(Arguments):
    #: A field left out stays as it is.
    side: Literal["", "claimant", "respondent"] | None = None
    linked: Ids | None = None
    screened_from: Ids | None = None
    languages: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] | None = None
    deputy: bool | None = None


#: SHA-256, hex, or nothing where there is no record.
Root = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")]
DraftNumber = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class Circulate(Arguments):
    """The ``draft`` that is put before people, by its bytes, and the record of the media that it belongs to."""

    draft: DraftNumber
    text_hash: Digest
    #: Empty only where the court sat without a record.
    record_root: Root = ""


class RequestCorrection(Arguments):
    draft: DraftNumber
    text: Written
    #: Which paragraph of the draft, by its mark there.
    paragraph: Name = ""


class AnswerCorrection(Arguments):
    #: The ``id`` of the correction: the number of its event.
    correction: int
    answer: Literal["accepted", "refused"]
    text: Text = ""


class SignRecord(Arguments):
    draft: DraftNumber
    text_hash: Digest
    #: SHA-256 of what proves the signature: who, when, and the signature of their device.
    proof: Digest
    record_root: Root = ""


class RefuseToSign(Arguments):
    draft: DraftNumber


class MakeFinal(Arguments):
    #: SHA-256 of the document.
    document: Digest


#: Command to arguments; a command that is not here has none.
ARGUMENTS: Final[dict[str, type[Arguments]]] = {
    "sign_in": Seat,
    "change_device": Seat,
    "check_in": CheckIn,
    "writer": Writer,
    "root": MediaRoot,
    "open": Open,
    "recess": Recess,
    "convert_offline": Ground,
    "interrupt_record": Ground,
    "request_interrupt": Ground,
    "close_doors": Ground,
    "direct_public": Grounds,
    "classify": Category,
    "announce_stream": AnnounceStream,
    "object_to_stream": Words,
    "lift": Lift,
    "dismiss": Dismiss,
    "consult": Invite,
    "invite": Talk,
    "accept": Talk,
    "decline": Talk,
    "lock_consultation": Talk,
    "unlock_consultation": Talk,
    "mute_all": MuteAll,
    "grant": Verb,
    "withdraw_grant": Verb,
    "set_stage": SetStage,
    "ask_repeat": AskRepeat,
    "ruling": Words,
    "objection": Words,
    "statement": Words,
    "state_incident": Words,
    "restrict": Words,
    "note": Note,
    "rule_objection": RuleObjection,
    "show_exhibit": ShowExhibit,
    "turn_page": TurnPage,
    "order_place": Place,
    "assign_mix": Language,
    "listen": Language,
    "report_blocked": Device,
    "ask_consent": ConsentStage,
    "give_consent": ConsentStage,
    "refuse_consent": ConsentStage,
    "withdraw_consent": ConsentStage,
    "open_task": OpenTask,
    "close_task": TaskId,
    "add_person": NewPerson,
    "change_person": PersonChange,
    "excuse_leaving": Ground,
    "circulate": Circulate,
    "request_correction": RequestCorrection,
    "answer_correction": AnswerCorrection,
    "sign_record": SignRecord,
    "refuse_to_sign": RefuseToSign,
    "make_final": MakeFinal,
}


def read(command: str, detail: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments as the log holds them, or nothing if they cannot be read."""
    try:
        return msgspec.to_builtins(msgspec.convert(detail, ARGUMENTS.get(command, Arguments)))  # type: ignore[no-any-return]
    except (msgspec.ValidationError, TypeError):
        return None
