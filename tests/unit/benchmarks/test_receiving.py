"""Counting of sequence numbers in batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.forwarding.receiving import SequenceBook, delays_ms


def add(book: SequenceBook, *packets: tuple[int, int, int]) -> list[tuple[int, list[int]]]:
    transports, ssrcs, sequences = zip(*packets, strict=True)
    return book.add(np.array(transports, np.uint64), np.array(ssrcs, np.uint64), np.array(sequences, np.int64))


def test_packets_in_order_are_counted_per_stream() -> None:
    book = SequenceBook([(7, 1), (3, 1), (3, 2)])
    assert add(book, (3, 1, 10), (7, 1, 500), (3, 2, 9), (3, 1, 11), (3, 1, 12), (7, 1, 501)) == []
    assert add(book, (3, 1, 13), (3, 2, 10)) == []
    assert book.received.tolist() == [2, 4, 2]
    assert book.gaps.sum() == 0
    assert (book.highest & 0xFFFF).tolist() == [501, 13, 10]


def test_a_gap_is_named_once_and_its_repair_is_counted() -> None:
    book = SequenceBook([(1, 1)])
    assert add(book, (1, 1, 100), (1, 1, 103)) == [(0, [101, 102])]
    assert add(book, (1, 1, 104)) == []
    assert add(book, (1, 1, 102), (1, 1, 102)) == []
    assert (book.gaps[0], book.recovered[0], book.received[0]) == (2, 1, 4)


def test_numbers_wrap_within_and_between_batches() -> None:
    book = SequenceBook([(1, 1)])
    add(book, (1, 1, 65533), (1, 1, 65534))
    assert add(book, (1, 1, 65535), (1, 1, 0), (1, 1, 1)) == []
    assert add(book, (1, 1, 4)) == [(0, [2, 3])]
    assert book.received[0] == 6
    assert book.expected(0) == 8
    assert book.extended_highest(0) == 0x10000 + 4


def test_a_packet_overtaken_on_the_way_is_a_gap_that_is_repaired() -> None:
    book = SequenceBook([(1, 1)])
    assert add(book, (1, 1, 5), (1, 1, 7), (1, 1, 6), (1, 1, 8)) == [(0, [6])]
    assert (book.gaps[0], book.recovered[0], book.received[0]) == (1, 1, 4)


def test_unknown_streams_are_counted_apart() -> None:
    book = SequenceBook([(1, 1)])
    assert add(book, (1, 2, 5), (2, 1, 6), (1, 1, 1)) == []
    assert (book.unknown, int(book.received[0])) == (2, 1)
    assert add(book, (9, 9, 9)) == []


def test_one_bad_stream_does_not_disturb_the_others_of_a_batch() -> None:
    book = SequenceBook([(1, 1), (1, 2)])
    add(book, (1, 1, 1), (1, 2, 1))
    assert add(book, (1, 1, 2), (1, 2, 5), (1, 1, 3)) == [(1, [2, 3, 4])]
    assert book.received.tolist() == [3, 2]


@given(
    first=st.integers(0, 0xFFFF),
    kept=st.lists(st.booleans(), min_size=1, max_size=200),
    cuts=st.lists(st.integers(1, 50), min_size=1),
)
def test_received_and_gaps_make_up_what_was_sent(first: int, kept: list[bool], cuts: list[int]) -> None:
    numbers = [(first + i) & 0xFFFF for i, keep in enumerate([True, *kept, True]) if keep]
    book = SequenceBook([(1, 1)])
    named = 0
    at = turn = 0
    while at < len(numbers):
        batch = numbers[at : at + cuts[turn % len(cuts)]]
        named += sum(len(missing) for _, missing in add(book, *((1, 1, number) for number in batch)))
        at, turn = at + len(batch), turn + 1
    assert book.received[0] == len(numbers)
    assert book.gaps[0] == named == kept.count(False)


def test_percentiles_are_in_milliseconds() -> None:
    found = delays_ms([1_000_000] * 99 + [50_000_000])
    assert found["p50"] == pytest.approx(1.0)
    assert found["max"] == pytest.approx(50.0)
    assert delays_ms([]) == {}
