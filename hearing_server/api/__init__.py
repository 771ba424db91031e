"""The shapes of the HTTP API and of the hearing's view: one definition for validation, OpenAPI and TypeScript.

Times are seconds since 1970 on the court's clock (float), durations are in seconds, names of states are those of the
court model in lower case.
"""

from __future__ import annotations

from .records import GapRow as GapRow
from .records import HearingRow as HearingRow
from .records import Job as Job
from .records import LevelProposal as LevelProposal
from .records import Levels as Levels
from .records import LevelSpan as LevelSpan
from .records import LogRow as LogRow
from .records import RecordPage as RecordPage
from .records import SealCheck as SealCheck
from .records import TrackRow as TrackRow
from .room import ChannelView as ChannelView
from .room import EntryView as EntryView
from .room import ExhibitView as ExhibitView
from .room import HearingView as HearingView
from .room import ObjectionView as ObjectionView
from .room import PersonNews as PersonNews
from .room import PersonView as PersonView
from .room import PointerHint as PointerHint
from .room import RecordView as RecordView
from .room import RulesView as RulesView
from .room import StageView as StageView
from .room import TalkView as TalkView
from .room import TaskView as TaskView
from .room import TypingHint as TypingHint
from .room import UnheardView as UnheardView
from .seats import HearingCard as HearingCard
from .seats import LinkRequest as LinkRequest
from .seats import Me as Me
from .seats import SessionRequest as SessionRequest
from .shapes import Consent as Consent
from .shapes import Identity as Identity
from .shapes import Locale as Locale
from .shapes import Place as Place
from .shapes import Presence as Presence
from .shapes import Problem as Problem
from .shapes import RecordState as RecordState
from .shapes import Role as Role
from .shapes import ShortText as ShortText
from .shapes import SittingState as SittingState
from .shapes import Struct as Struct
from .written import WrittenAnswer as WrittenAnswer
from .written import WrittenCorrection as WrittenCorrection
from .written import WrittenDraft as WrittenDraft
from .written import WrittenIncident as WrittenIncident
from .written import WrittenPage as WrittenPage
from .written import WrittenParagraph as WrittenParagraph
from .written import WrittenRecall as WrittenRecall
from .written import WrittenRefusal as WrittenRefusal
from .written import WrittenRefused as WrittenRefused
from .written import WrittenRequest as WrittenRequest
from .written import WrittenSigner as WrittenSigner
from .written import WrittenSigning as WrittenSigning
from .written import WrittenWithheld as WrittenWithheld
