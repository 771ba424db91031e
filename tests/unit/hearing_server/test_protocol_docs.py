"""docs/protocol.md says what the court and its HTTP API do: every route, field, transition and code."""

from __future__ import annotations

import re
from pathlib import Path

from hearing_server import api
from hearing_server.court.tables import TABLE
from hearing_server.refusals import SENTENCES
from hearing_server.web.problems import STATUS
from tests.unit.hearing_server.web.test_access import DEMANDS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_every_endpoint_has_a_heading() -> None:
    headings = set(re.findall(r"^#### `((?:GET|POST|DELETE) [^`]+)`$", DOCUMENT, re.MULTILINE))
    assert headings == {f"{method} {path}" for method, path in DEMANDS}


def test_every_field_of_the_view_is_explained() -> None:
    section = DOCUMENT.split("\n## The view\n")[1].split("\n## ")[0]
    shapes = (api.HearingView, api.PersonView, api.RecordView, api.Me, api.HearingCard)
    parts = (api.TalkView, api.StageView, api.ExhibitView, api.ObjectionView, api.TaskView, api.RulesView)
    for shape in (*shapes, *parts):
        for field in shape.__struct_encode_fields__:
            assert f"`{field}`" in section, f"{shape.__name__}.{field}"


def test_the_machines_are_those_of_the_code() -> None:
    section = DOCUMENT.split("\n## The law of the room\n")[1].split("\n## ")[0]
    found = [line for line in section.splitlines() if re.match(r"\| (sitting|record|presence) \|", line)]
    assert len(found) == len(TABLE)
    for line, row in zip(found, TABLE, strict=True):
        machine, sources, event, to, who, guards = (cell.strip() for cell in line[1:-1].split("|"))
        assert machine == row.machine.value
        assert set(re.findall(r"`([^`]+)`", sources)) == set(row.sources)
        assert (event, to) == (f"`{row.event}`", f"`{row.to}`")
        assert set(who.split(", ")) == set(row.who)
        assert tuple(re.findall(r"`([^`]+)`", guards)) == row.guards


def test_every_code_is_listed_with_its_sentence() -> None:
    section = DOCUMENT.split("\n## Codes of the court\n")[1]
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (.+) \|$", section, re.MULTILINE)
    assert {code: (int(status), message) for code, status, message in rows} == {
        code: (STATUS.get(code, 400), english) for code, (english, _) in SENTENCES.items()
    }
