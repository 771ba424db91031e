"""Text cut into tokens for the full text search, the same for both databases and for both languages.

Words of Latin and other scripts with spaces are tokens as they are, without case and accents.  Chinese has no spaces:
each character gives a token of itself and its follower, so that any two characters side by side can be looked up, more
of them as a phrase, and one alone as the beginning of a token.  The databases' own tokenizers differ from each other,
and the trigrams of both find no Chinese word of two characters, which most are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import msgspec

#: Longest token, characters; what is longer is cut.
TOKEN_LIMIT = 64
#: Terms that a query may have; more are left out.
TERMS_LIMIT = 12
#: From this length on a word of a query finds longer words that begin with it.
PREFIX_LENGTH = 3

_RUN = re.compile(r"[^\W_]+")
#: Han characters with their extensions, kana and hangul syllables: scripts that are not cut at spaces.
_WIDE = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af\U00020000-\U0003ffff]+")


class Term(msgspec.Struct, frozen=True):
    """Tokens that stand side by side; ``prefix``: the last may be longer.  ``sought`` is what was typed, folded."""

    tokens: tuple[str, ...]
    prefix: bool
    sought: str


def fold(text: str) -> str:
    """Without case, width and accents."""
    apart = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", "".join(char for char in apart if not unicodedata.combining(char)))


def tokens(text: str) -> list[str]:
    """What a text is found by."""
    found: list[str] = []
    for run, wide in _runs(fold(text)):
        found.extend(run[at : at + 2] for at in range(len(run))) if wide else found.append(run[:TOKEN_LIMIT])
    return found


def terms(query: str) -> list[Term]:
    """What a query asks for: each of its words, and each stretch of Chinese as a whole."""
    found: list[Term] = []
    for run, wide in _runs(fold(query)):
        if wide and len(run) > 1:
            found.append(Term(tuple(run[at : at + 2] for at in range(len(run) - 1)), False, run))
        else:
            found.append(Term((run[:TOKEN_LIMIT],), wide or len(run) >= PREFIX_LENGTH, run))
    return list(dict.fromkeys(found))[:TERMS_LIMIT]


def mentions(text: str, sought: list[Term]) -> bool:
    """Whether a text holds any of these terms."""
    folded = fold(text)
    words = {run[:TOKEN_LIMIT] for run, wide in _runs(folded) if not wide}
    return any(_holds(folded, words, term) for term in sought)


def _holds(folded: str, words: set[str], term: Term) -> bool:
    if _WIDE.match(term.sought):
        return term.sought in folded
    (token,) = term.tokens
    return token in words or (term.prefix and any(word.startswith(token) for word in words))


def _runs(folded: str) -> Iterator[tuple[str, bool]]:
    """Stretches of letters and digits, cut where the kind of script changes."""
    for run in _RUN.findall(folded):
        at = 0
        for wide in _WIDE.finditer(run):
            if wide.start() > at:
                yield run[at : wide.start()], False
            yield wide.group(), True
            at = wide.end()
        if at < len(run):
            yield run[at:], False
