"""Words, and Chinese by pairs of characters."""

from __future__ import annotations

import pytest

from hearing_server.store.search import Query, fts5, tsquery, tsvector
from hearing_server.store.tokens import TERMS_LIMIT, Term, fold, mentions, terms, tokens


def test_case_width_and_accents_do_not_count() -> None:
    assert fold("Ｍüller STRASSE") == "muller strasse"
    assert tokens("HC 2026-00418, O'Neil") == ["hc", "2026", "00418", "o", "neil"]


def test_chinese_is_cut_into_pairs() -> None:
    assert tokens("买卖合同") == ["买卖", "卖合", "合同", "同"]
    assert tokens("原告Larkin公司") == ["原告", "告", "larkin", "公司", "司"]


def test_terms_of_a_query() -> None:
    assert terms("crate 买卖合同 王 v") == [
        Term(("crate",), True, "crate"),
        Term(("买卖", "卖合", "合同"), False, "买卖合同"),
        Term(("王",), True, "王"),
        Term(("v",), False, "v"),
    ]
    assert len(terms(" ".join(f"w{n}" for n in range(99)))) == TERMS_LIMIT


@pytest.mark.parametrize(
    ("text", "query", "found"),
    [
        ("two crates", "crate", True),
        ("two crates", "rates", False),
        ("The COURT rose", "court", True),
        ("签订买卖合同", "买卖合同", True),
        ("签订买卖合同", "卖买", False),
        ("a v b", "v", True),
        ("void", "v", False),
    ],
)
def test_where_a_term_stands(text: str, query: str, found: bool) -> None:
    assert mentions(text, terms(query)) is found


def test_nobody_may_find_anything_without_a_mark() -> None:
    assert fts5(Query(text="crate")) == "" == tsquery(Query(text="crate"))


@pytest.mark.parametrize("hostile", ['" OR x*', "') | a", "NEAR(a b)", "a:b -c ^d", "\\", "'", "null\0byte", "📦"])
def test_no_query_gets_out_of_its_quotation(hostile: str) -> None:
    asked = Query(text=hostile, courts=("c",))
    plain = set(fts5(asked)) - set('"*() ANDOR')
    assert all(char.isalnum() for char in plain)
    assert all(char.isalnum() for char in set(tsquery(asked)) - set("'|&():*<-> "))


def test_a_token_keeps_its_first_positions() -> None:
    assert tsvector(["aa", "ab", "aa"]) == "'aa':1,3 'ab':2"
    assert tsvector(["aa"] * 300).count(",") == 254
