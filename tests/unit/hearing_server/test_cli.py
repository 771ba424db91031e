from __future__ import annotations

import pytest

from hearing_server import cli
from hearing_server.terminal import Terminal

COMMANDS = ("demo", "serve", "media-worker", "recorder", "verify", "log", "export", "account", "doctor")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_how_it_is_used(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert f"hearing {command}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["adjourn"], ["demo", "--http-port", "x"], ["verify"]])
def test_a_wrong_call_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: hearing" in capsys.readouterr().err


def test_a_fault_is_one_sentence_in_the_terminals_language(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEARING_LANG", "zh-CN")
    monkeypatch.setenv("HEARING_HTTP_PORT", "八千")
    assert cli.main(["doctor"]) == cli.FAULT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "HEARING_HTTP_PORT" in captured.err


def test_with_json_nothing_but_the_answer_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal("en", as_json=True)
    steps = terminal.steps(2)
    with steps.step("step-folder"):
        terminal.say("stopping")
    terminal.answer({"base_url": "http://localhost:8080"})
    captured = capsys.readouterr()
    assert captured.out == '{"base_url": "http://localhost:8080"}\n'
    assert "1/2 Data folder" in captured.err
    assert "Stopping" in captured.err


def test_a_bar_is_drawn_where_somebody_looks_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal("en")
    with terminal.bar("export-bar") as progress:
        progress(0.5)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with terminal.bar("export-bar") as progress:
        progress(0.5)
    drawn = capsys.readouterr().out
    assert "████████████░░░░░░░░░░░░  50% writing the record" in drawn
    assert drawn.endswith("\r\x1b[K")
