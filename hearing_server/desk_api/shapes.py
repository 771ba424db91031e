"""What people type, and the names that several of the desk's shapes share."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

#: What a person types.  Names and titles are one line; texts may have several.
Line = Annotated[str, msgspec.Meta(max_length=256)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Words = Annotated[str, msgspec.Meta(max_length=2000)]
Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
#: Passwords are not shown to anybody, so only their length is bounded (NIST SP 800-63B §3.1.1.2).
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Ref = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
AccountRole = Literal["judge", "staff_host", "clerk", "technician", "records_custodian", "auditor", "administrator"]
LinkState = Literal["none", "works", "opened", "expired", "withdrawn"]
InterpreterState = Literal["not_needed", "linked", "missing"]
RecordingPlan = Literal["on", "off"]
ExhibitKind = Literal["document", "picture", "audio", "video"]
Device = Literal["on", "off", "none"]
MessageKind = Literal["joining", "changed", "cancelled"]
MessageChannel = Literal["email", "sms"]
MessageState = Literal["queued", "sending", "sent", "failed"]
Side = Literal["", "claimant", "respondent"]
BookingState = Literal["draft", "booked", "confirmed", "cancelled", "held", "converted_offline"]
Profile = Literal["demo", "england", "china"]
Score = Literal["good", "okay", "bad"]
