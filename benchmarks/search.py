"""``python -m benchmarks.search``: finding hearings among a million, on SQLite and on PostgreSQL.

A seeded corpus goes into the court's own tables and index, in bulk; then mixed questions are asked, one after another,
through :class:`hearing_server.store.search.Search` as the archive's page asks them: the index, the facts of the
hearings on the page, and the places where the words stand.  A third of the hearings are one court's.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from hearing_server.store import Court, HearingFacts, PersonRow, Store
from hearing_server.store.search import PLACE_BITS, Query, Words, document, tsvector
from tests.servers import postgres

OUTPUT = Path(__file__).parent / "results" / "search.json"
HEARINGS = 1_000_000
QUESTIONS = 400
WARM_UP = 20
SEED = 5
NS = 1_000_000_000
#: The corpus ends here, s since 1970; a hearing every 2 minutes and a bit before it.
END_S = 1_790_000_000
EVERY_S = 127
COURTS = 40
JUDGES = 2_000
#: Rows that are written at once.
STEP = 5_000

SYLLABLES = [
    "ka",
    "ri",
    "mon",
    "del",
    "ter",
    "vos",
    "hal",
    "ben",
    "sto",
    "lin",
    "gar",
    "mey",
    "nor",
    "pel",
    "rus",
    "tam",
    "ver",
    "wil",
    "zan",
    "ho",
]
SURNAMES_ZH = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗"
GIVEN_ZH = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国文志"
GROUNDS_ZH = ("买卖合同纠纷", "民间借贷纠纷", "机动车交通事故责任纠纷", "离婚纠纷", "劳动争议", "侵害商标权纠纷")
WORDS = (
    *("crate", "photograph", "invoice", "delivery", "witness", "adjourn", "exhibit", "translation", "signature"),
    *("payment", "damage", "lorry", "dock", "warehouse", "contract", "letter", "bank", "account", "email", "receipt"),
)
WORDS_ZH = ("查看照片", "核对发票", "证人出庭", "延期审理", "补充证据", "货物损坏", "签名真实")

COLUMNS = {
    "cases": "id court_id number name name_zh",
    "hearings": "id case_id room room_zh scheduled_utc booked_utc",
    "sittings": "id hearing_id ordinal scheduled_utc state record_state present",
    "people": "id hearing_id position role name name_zh account",
    "archive_notes": "sitting_id seq utc at_utc author name name_zh role text",
    "search_documents": "place sitting_id tokens",
}


def corpus(hearings: int, seed: int) -> Iterator[tuple[HearingFacts, list[Words]]]:
    """Hearings, the oldest first, and what was noted in every fifth."""
    rng = random.Random(seed)
    courts = [Court(id=f"court-{n}", name=f"Court {n}", name_zh=f"第{n}法院", help_phone="1", time_zone="UTC")
              for n in range(COURTS)]  # fmt: skip
    for number in range(hearings):
        court = courts[0] if number % 3 == 0 else rng.choice(courts[1:])
        judge = rng.randrange(JUDGES)
        claimant, claimant_zh = _name(rng)
        respondent, respondent_zh = _name(rng)
        scheduled = (END_S - (hearings - number) * EVERY_S) * NS
        year = datetime.fromtimestamp(scheduled // NS, UTC).year
        chinese = number % 2 == 1
        sitting = f"s{number}"
        yield (
            HearingFacts(
                hearing_id=sitting,
                sitting_id=sitting,
                case_number=f"({year})沪{number % 20:02}民初{number}号" if chinese else f"HC {year}-{number:06}",
                case_name=f"{claimant.split()[1]} v {respondent.split()[1]}",
                case_name_zh=f"{claimant_zh}诉{respondent_zh}{rng.choice(GROUNDS_ZH)}",
                court=court,
                room=f"Courtroom {number % 30}",
                room_zh=f"第{number % 30}法庭",
                scheduled_utc=scheduled,
                state="closed",
                record_state="sealed",
                present=0,
                opened_utc=None,
                closed_utc=None,
                people=(
                    PersonRow(id=f"j{number}", role="judge", name=_judge(judge), name_zh=_judge_zh(judge),
                              account=f"judge.{judge}"),
                    PersonRow(id=f"c{number}", role="claimant", name=claimant, name_zh=claimant_zh),
                    PersonRow(id=f"r{number}", role="respondent", name=respondent, name_zh=respondent_zh),
                ),
            ),
            [Words(scheduled, "note", f"j{number}", _note(rng))] if number % 5 == 0 else [],
        )  # fmt: skip


def _name(rng: random.Random) -> tuple[str, str]:
    given, family = ("".join(rng.choices(SYLLABLES, k=k)).title() for k in (2, 3))
    return f"{given} {family}", rng.choice(SURNAMES_ZH) + "".join(rng.choices(GIVEN_ZH, k=2))


def _judge(number: int) -> str:
    high, low = divmod(number, len(SYLLABLES) ** 2)
    return f"Judge {SYLLABLES[high]}{SYLLABLES[low // 20]}{SYLLABLES[low % 20]}".title()


def _judge_zh(number: int) -> str:
    return SURNAMES_ZH[number % 20] + GIVEN_ZH[number // 20 % 30] + GIVEN_ZH[number // 600 % 30]


def _note(rng: random.Random) -> str:
    """Words as people use them: the first of the list often, the last seldom."""
    return " ".join(
        [WORDS[min(int(rng.paretovariate(0.7)) - 1, len(WORDS) - 1)] for _ in range(6)] + [rng.choice(WORDS_ZH)]
    )


def rows(some: Sequence[tuple[HearingFacts, list[Words]]], dialect: str) -> dict[str, list[tuple[Any, ...]]]:
    """What stands in the tables for these hearings."""
    found: dict[str, list[tuple[Any, ...]]] = {table: [] for table in COLUMNS}
    for facts, words in some:
        sitting, at = facts.sitting_id, facts.scheduled_utc
        found["cases"].append((sitting, facts.court.id, facts.case_number, facts.case_name, facts.case_name_zh))
        found["hearings"].append((sitting, sitting, facts.room, facts.room_zh, at, at))
        found["sittings"].append((sitting, sitting, 1, at, "closed", "sealed", 0))
        for place, person in enumerate(facts.people):
            found["people"].append(
                (person.id, sitting, place, person.role, person.name, person.name_zh, person.account)
            )
        for seq, word in enumerate(words, 1):
            found["archive_notes"].append((sitting, seq, at, at, word.author, "C", "书", "clerk", word.text))
        row = document(facts, words)
        said = " ".join(row) if dialect == "sqlite" else tsvector(row)
        found["search_documents"].append(((at // NS) << PLACE_BITS, sitting, said))
    return found


def fill_sqlite(path: Path, hearings: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    stale = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE name LIKE '%!_stale!_%' ESCAPE '!'"
    ).fetchall()
    for name, _ in stale:
        connection.execute(f"DROP TRIGGER {name}")
    connection.executemany(
        "INSERT INTO courts VALUES (?, ?, ?, '1', 'UTC', 'england')",
        [(f"court-{n}", f"Court {n}", f"第{n}法院") for n in range(COURTS)],
    )
    for some in _steps(hearings):
        for table, values in rows(some, "sqlite").items():
            names = COLUMNS[table].split()
            marks = ", ".join("?" * len(names))
            connection.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)
        connection.commit()
    for _, statement in stale:
        connection.execute(statement)
    connection.execute("INSERT INTO search_tokens(search_tokens) VALUES ('optimize')")
    connection.commit()
    connection.execute("ANALYZE")
    connection.close()


async def fill_postgresql(url: str, hearings: int) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("DROP INDEX ix_search_documents_tokens")
    await connection.executemany(
        "INSERT INTO courts VALUES ($1, $2, $3, '1', 'UTC', 'england')",
        [(f"court-{n}", f"Court {n}", f"第{n}法院") for n in range(COURTS)],
    )
    await connection.execute("CREATE TEMPORARY TABLE fresh (place bigint, sitting_id text, tokens text)")
    for some in _steps(hearings):
        for table, values in rows(some, "postgresql").items():
            target = "fresh" if table == "search_documents" else table
            await connection.copy_records_to_table(target, records=values, columns=COLUMNS[table].split())
        await connection.execute("INSERT INTO search_documents SELECT place, sitting_id, tokens::tsvector FROM fresh")
        await connection.execute("TRUNCATE fresh")
    await connection.execute(
        "CREATE INDEX ix_search_documents_tokens ON search_documents USING gin (tokens)", timeout=600
    )
    await connection.execute("VACUUM ANALYZE", timeout=600)
    await connection.close()


def _steps(hearings: int) -> Iterator[list[tuple[HearingFacts, list[Words]]]]:
    found = corpus(hearings, SEED)
    done = 0
    while some := list(itertools.islice(found, STEP)):
        done += len(some)
        print(f"\r{done:,} hearings ", end="", file=sys.stderr, flush=True)
        yield some
    print(file=sys.stderr)


def questions(hearings: int, count: int) -> list[tuple[str, Query]]:
    """Mixed ones, each with its kind; of a clerk of the large court, of a clerk of a small one, and of a judge."""
    rng = random.Random(SEED + 1)
    found = []
    for number in range(count):
        courts = ("court-0",) if number % 3 else (f"court-{rng.randrange(1, COURTS)}",)
        scope = {"judges": f"judge.{rng.randrange(JUDGES)}"} if number % 7 == 0 else {"courts": courts}
        person, person_zh = _name(rng)
        day = (END_S - rng.randrange(hearings) * EVERY_S) * NS
        kinds: dict[str, dict[str, Any]] = {
            "newest": {},
            "case number": {"number": f"HC {rng.randrange(hearings):06}"},
            "begin of a number": {"text": f"HC 20{rng.randrange(20, 27)}"},
            "party": {"party": person.split()[1]},
            "party, Chinese": {"text": person_zh},
            "judge": {"judge": _judge(rng.randrange(JUDGES)).split()[1]},
            "a word that is common": {"text": WORDS[0]},
            "a word that is not": {"text": rng.choice(WORDS[5:])},
            "two words": {"text": f"{rng.choice(WORDS[:4])} {rng.choice(WORDS[4:])}"},
            "Chinese words": {"text": rng.choice((*GROUNDS_ZH, *WORDS_ZH))},
            "both languages": {"text": f"{rng.choice(WORDS[:6])} {rng.choice(GROUNDS_ZH)[:4]}"},
            "words in a month": {"text": rng.choice(WORDS), "from_utc": day, "to_utc": day + 31 * 86_400 * NS},
            "nothing there": {"text": "zzyzx 饕餮"},
        }
        kind = list(kinds)[number % len(kinds)]
        found.append((kind, Query(**scope, **kinds[kind])))
    return found


async def ask(store: Store, asked: Sequence[tuple[str, Query]]) -> dict[str, Any]:
    """Milliseconds of each question after a few that are not counted."""
    for _, query in asked[:WARM_UP]:
        await store.search.find(query)
    taken: dict[str, list[float]] = {}
    found = 0
    for kind, query in asked:
        begin = time.perf_counter()
        page = await store.search.find(query)
        taken.setdefault(kind, []).append((time.perf_counter() - begin) * 1000)
        found += len(page.found)
    every = sorted(itertools.chain(*taken.values()))
    return {
        "questions": len(every),
        "rows_found": found,
        "p50_ms": round(_quantile(every, 50), 1),
        "p95_ms": round(_quantile(every, 95), 1),
        "worst_ms": round(every[-1], 1),
        "p95_ms_of": {kind: round(_quantile(some, 95), 1) for kind, some in taken.items()},
    }


def _quantile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


async def measure(url: str, hearings: int, count: int) -> dict[str, Any]:
    store = await Store.open(url)
    await store.aclose()
    begin = time.monotonic()
    if url.startswith("sqlite"):
        await asyncio.to_thread(fill_sqlite, Path(url.partition("///")[2]), hearings)
    else:
        await fill_postgresql(url, hearings)
    filled = time.monotonic() - begin
    store = await Store.open(url)
    try:
        return {"filled_s": round(filled), **await ask(store, questions(hearings, count))}
    finally:
        await store.aclose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hearings", type=int, default=HEARINGS)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    result: dict[str, Any] = {
        "benchmark": "search",
        "what": "a page of 20 results with their hits, one question at a time",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cpu": cpu, "cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1),
                    "python": platform.python_version(),
                    "sqlite": sqlite3.sqlite_version},
        "hearings": options.hearings,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        result["sqlite"] = asyncio.run(
            measure(f"sqlite+aiosqlite:///{folder}/hearings.sqlite3", options.hearings, options.questions)
        )
        print(f"SQLite: p50 {result['sqlite']['p50_ms']} ms, p95 {result['sqlite']['p95_ms']} ms", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = postgres.start(Path(folder))
        try:
            result["postgresql"] = asyncio.run(measure(server.new_database(), options.hearings, options.questions))
        finally:
            server.process.stop()
    print(f"PostgreSQL: p50 {result['postgresql']['p50_ms']} ms, p95 {result['postgresql']['p95_ms']} ms")
    options.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
