"""The command ``hearing`` as people and programs meet it: the demo's life, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from .harness.command import hearing, run
from .harness.scenario import until
from .harness.server import Running, children_of, fetch

ROLES = {"judge", "clerk", "claimant", "lawyer", "respondent", "witness", "interpreter", "observer"}

pytestmark = pytest.mark.slow


async def start(folder: Path, **changes: str) -> Running:
    return await Running.start("demo", data=folder / "data", log=folder / "demo.log", **changes)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0].startswith("Z")


async def gone(pids: list[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


async def test_the_demo_starts_tells_its_links_ends_and_goes_on(tmp_path: Path) -> None:
    first = await start(tmp_path)
    assert set(first.ready["links"]) == ROLES
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/"):
        assert fetch(first.base_url + path)[0] == 200, path
    children = list(first.children().values())
    assert len(children) == 2
    assert await first.stop() == 0
    assert await gone(children)

    second = await start(tmp_path)
    assert {name: second.ready[name] for name in ("hearing_id", "case_number")} == {
        name: first.ready[name] for name in ("hearing_id", "case_number")
    }
    tokens = [{role: link.rsplit("/", 1)[1] for role, link in each.ready["links"].items()} for each in (first, second)]
    assert tokens[0] == tokens[1]
    await second.stop()


async def test_https_is_trusted_by_whoever_trusts_the_local_authority(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    try:
        authority = Path(demo.ready["ca_certificate"])
        assert authority.is_absolute()
        trusting = ssl.create_default_context(cafile=authority)
        address = demo.ready["https_base_url"] or demo.base_url
        assert fetch(f"{address}/healthz", trusting)[0] == 200
        status, headers, content = fetch(f"{demo.base_url}/ca.crt")
        assert status == 200
        assert headers["content-type"] == "application/x-x509-ca-cert"
        assert content == await asyncio.to_thread(authority.read_bytes)
    finally:
        await demo.stop()


async def test_a_dead_child_is_started_again_and_that_is_said(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    try:
        for name, title in (("recorder", "recorder"), ("media-worker", "media worker")):
            dead = demo.children()[name]
            os.kill(dead, signal.SIGKILL)

            async def replaced(name: str = name, dead: int = dead) -> bool:
                return demo.children().get(name, dead) != dead

            await until(replaced, 10, f"the {name} is started again")
            sentence = f"The {title} ended unexpectedly (signal 9)"
            await until(functools.partial(_said, demo, sentence), 10, f"the {name} is spoken of")
    finally:
        await demo.stop()


async def _said(demo: Running, text: str) -> bool:
    return text in demo.log.read_text()


async def test_children_end_when_the_demo_is_killed(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    children = list(demo.children().values())
    demo.process.kill()
    await demo.process.wait()
    await until(lambda: gone(children), 15, "the children end")


async def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    children = list(children_of(demo.process.pid).values())
    for pid in children:
        os.kill(pid, signal.SIGSTOP)  # they do not hear the first
    demo.process.send_signal(signal.SIGINT)
    await until(lambda: _said(demo, "Stopping."), 10, "the first Ctrl-C is heard")
    demo.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(5):
        assert await demo.process.wait() != 0
    await until(lambda: gone(children), 15, "the children end")


async def test_a_child_that_cannot_start_stops_the_start_in_the_same_language(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, said = await run(
        *("demo", "--no-browser", "--data", tmp_path / "data", "--http-port", "0", "--https-port", "0"),
        *("--media-port", "0"),
        HEARING_SPOOL=str(tmp_path / "file"),
        HEARING_LANG="zh-CN",
    )
    assert code == 2
    assert "HEARING_SPOOL" in said
    assert "cannot be" not in said
    assert "重新启动" not in said


async def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, _, said = await run("demo", "--data", tmp_path / "data", HEARING_LOG_FILE=str(tmp_path / "file" / "log"))
    assert code == 2
    assert "HEARING_LOG_FILE" in said
    assert "Traceback" not in said


async def test_nobody_else_can_read_what_the_server_keeps(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    try:
        assert {oct(path.stat().st_mode & 0o077) for path in demo.data.rglob("*")} == {"0o0"}
        assert demo.data.stat().st_mode & 0o077 == 0
    finally:
        await demo.stop()


async def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    demo = await start(tmp_path)
    try:
        code, output, errors = await run("demo", "--json", HEARING_DATA=str(demo.data))
        assert (code, output) == (2, "")
        assert str(demo.process.pid) in errors
    finally:
        await demo.stop()


@pytest.fixture
def taken_port() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_the_demo_takes_the_next_port_and_says_which_was_in_use(tmp_path: Path, taken_port: int) -> None:
    demo = await start(tmp_path, HEARING_HTTP_PORT=str(taken_port))
    try:
        assert demo.base_url != f"http://localhost:{taken_port}"
        assert f"Port {taken_port} (HTTP) is in use" in demo.log.read_text()
    finally:
        await demo.stop()


@pytest.mark.parametrize(("lang", "words"), [("en", "is in use by another program"), ("zh-CN", "已被其他程序占用")])
async def test_serve_does_not_guess_another_port(tmp_path: Path, taken_port: int, lang: str, words: str) -> None:
    code, _, errors = await run(
        "serve",
        "--all",
        HEARING_DATA=str(tmp_path),
        HEARING_HTTP_PORT=str(taken_port),
        HEARING_HTTPS_PORT="0",
        HEARING_LANG=lang,
    )
    assert code == 2
    assert words in errors
    assert str(taken_port) in errors
    assert "HEARING_HTTP_PORT" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("command", [("demo",), ("serve", "--all")])
async def test_a_data_folder_that_cannot_be_written_is_said(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").touch()
    code, _, errors = await run(*command, HEARING_DATA=str(tmp_path / "file" / "data"), HEARING_HTTP_PORT="0")
    assert code == 2
    assert "cannot be written" in errors
    assert "Traceback" not in errors


async def test_a_process_alone_needs_a_bus_that_others_reach(tmp_path: Path) -> None:
    for command in ("serve", "media-worker", "recorder"):
        code, _, errors = await run(command, HEARING_DATA=str(tmp_path))
        assert code == 2
        assert "HEARING_BUS" in errors


async def test_an_unreachable_database_is_said(tmp_path: Path) -> None:
    code, _, errors = await run(
        "serve",
        "--all",
        HEARING_DATA=str(tmp_path),
        HEARING_DATABASE="postgresql+asyncpg://nobody@127.0.0.1:1/none",
        HEARING_HTTP_PORT="0",
        HEARING_HTTPS_PORT="0",
    )
    assert code == 2
    assert "database does not answer" in errors


async def test_the_doctor_finds_a_healthy_machine_healthy(tmp_path: Path) -> None:
    ports = dict.fromkeys(("HEARING_HTTP_PORT", "HEARING_HTTPS_PORT", "HEARING_MEDIA_PORT"), "0")
    code, found = await hearing("doctor", HEARING_DATA=str(tmp_path), **ports)
    assert code == 0, found
    assert found["ok"] is True
    assert all(check["ok"] for check in found["checks"])


async def test_the_doctor_names_what_is_wrong(tmp_path: Path, taken_port: int) -> None:
    code, found = await hearing(
        "doctor",
        HEARING_DATA=str(tmp_path),
        HEARING_HTTP_PORT=str(taken_port),
        HEARING_BUS="redis://127.0.0.1:1/0",
        HEARING_DATABASE="postgresql+asyncpg://nobody@127.0.0.1:1/none",
        HEARING_STORE="s3://bucket",
        HEARING_S3_ENDPOINT="http://127.0.0.1:1",
        HEARING_S3_KEY_ID="x",
        HEARING_S3_SECRET="y",
    )
    assert code == 1
    assert {check["name"] for check in found["checks"] if not check["ok"]} == {"ports", "database", "bus", "store"}


async def test_verify_says_when_there_is_no_record(tmp_path: Path) -> None:
    code, _, errors = await run("verify", tmp_path / "nothing")
    assert code == 2
    assert "no record" in errors


async def test_a_wrong_setting_is_one_sentence() -> None:
    code, _, errors = await run("doctor", HEARING_HTTP_PORT="eighty")
    assert code == 2
    assert errors.strip() == "The setting HEARING_HTTP_PORT cannot be “eighty”: it needs a whole number."
