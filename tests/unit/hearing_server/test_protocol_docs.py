"""docs/protocol.md says what the court and its HTTP API do: every route, field, transition and code."""

from __future__ import annotations

import re
from pathlib import Path

from docs.tools import court_model
from hearing_server import api
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


def test_the_model_of_the_court_is_written_anew() -> None:
    """The tables, diagrams, permissions and profiles of docs/court-model.md are those of the code."""
    assert (Path(__file__).parents[3] / "docs" / "court-model.md").read_text(encoding="utf-8") == court_model.document()


def test_every_code_is_listed_with_its_sentence() -> None:
    section = DOCUMENT.split("\n## Codes of the court\n")[1]
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \| (.+) \|$", section, re.MULTILINE)
    assert {code: (int(status), message) for code, status, message in rows} == {
        code: (STATUS.get(code, 400), english) for code, (english, _) in SENTENCES.items()
    }
