"""The written record of a sitting: made from the log, put before those who attended, corrected, signed, made final."""

from .service import Signing, WrittenRecords, WrittenView
from .text import paragraphs_of

__all__ = ["Signing", "WrittenRecords", "WrittenView", "paragraphs_of"]
