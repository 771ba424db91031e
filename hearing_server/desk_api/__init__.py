"""The shapes of the HTTP API around a hearing: accounts, booking, messages, arrival, exhibits, chat, tasks.

As in :mod:`hearing_server.api`, times are seconds since 1970 on the court's clock and durations are in seconds.
"""

from __future__ import annotations

from .arrival import Check as Check
from .arrival import ConsentRequest as ConsentRequest
from .arrival import ConsentRow as ConsentRow
from .arrival import DirectionRequest as DirectionRequest
from .arrival import DocumentRow as DocumentRow
from .arrival import GuestRequest as GuestRequest
from .arrival import IdentityCheck as IdentityCheck
from .arrival import IdentityDecision as IdentityDecision
from .arrival import PublicHearing as PublicHearing
from .booking import BookedDay as BookedDay
from .booking import BookedPerson as BookedPerson
from .booking import Booking as Booking
from .booking import BookingCommand as BookingCommand
from .booking import BookingRequest as BookingRequest
from .booking import BookingRow as BookingRow
from .booking import Day as Day
from .booking import DeviceTest as DeviceTest
from .booking import MessageRow as MessageRow
from .booking import ObserverDirection as ObserverDirection
from .booking import PersonalLink as PersonalLink
from .booking import PersonReadiness as PersonReadiness
from .booking import PersonRequest as PersonRequest
from .booking import Readiness as Readiness
from .booking import SendRequest as SendRequest
from .booking import TestRow as TestRow
from .centre import CentreHearing as CentreHearing
from .centre import CentrePerson as CentrePerson
from .centre import ChatMessage as ChatMessage
from .centre import ChatRequest as ChatRequest
from .centre import CommandCentre as CommandCentre
from .centre import Conversation as Conversation
from .centre import TaskClosing as TaskClosing
from .centre import TaskRow as TaskRow
from .exhibits import ExhibitRow as ExhibitRow
from .shapes import AccountRole as AccountRole
from .shapes import BookingState as BookingState
from .shapes import Device as Device
from .shapes import ExhibitKind as ExhibitKind
from .shapes import InterpreterState as InterpreterState
from .shapes import Line as Line
from .shapes import LinkState as LinkState
from .shapes import MessageChannel as MessageChannel
from .shapes import MessageKind as MessageKind
from .shapes import MessageState as MessageState
from .shapes import Name as Name
from .shapes import Password as Password
from .shapes import Profile as Profile
from .shapes import Reason as Reason
from .shapes import RecordingPlan as RecordingPlan
from .shapes import Ref as Ref
from .shapes import Score as Score
from .shapes import Side as Side
from .shapes import Words as Words
from .sign_in import Account as Account
from .sign_in import AccountMade as AccountMade
from .sign_in import AccountRequest as AccountRequest
from .sign_in import AccountRow as AccountRow
from .sign_in import CourtRoles as CourtRoles
from .sign_in import IdentityProvider as IdentityProvider
from .sign_in import NewPasskey as NewPasskey
from .sign_in import PasskeyAnswer as PasskeyAnswer
from .sign_in import PasskeyRow as PasskeyRow
from .sign_in import PasswordChange as PasswordChange
from .sign_in import PasswordSignIn as PasswordSignIn
from .sign_in import RolesRequest as RolesRequest
from .sign_in import SignInMethods as SignInMethods
