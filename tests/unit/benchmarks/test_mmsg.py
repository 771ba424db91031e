"""Batched system calls against real sockets."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from benchmarks.forwarding.client import SO_TIMESTAMPNS
from benchmarks.forwarding.mmsg import Slots


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as a,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as b,
    ):
        a.bind(("127.0.0.1", 0))
        b.bind(("127.0.0.1", 0))
        a.connect(b.getsockname())
        b.connect(a.getsockname())
        yield a, b


def test_many_go_and_come_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    out, into = Slots(8, 64), Slots(8, 64)
    for i in range(8):
        struct.pack_into("!II", out.view, i * out.size, i, i * i)
        out.set_length(i, 8 + i)
    assert out.send(a.fileno(), 8) == 8
    assert into.receive(b.fileno(), 0, 5) == 5
    assert into.receive(b.fileno(), 5, 3) == 3
    assert into.lengths.tolist() == [8 + i for i in range(8)]
    assert into.data.view(">u4")[:, 1].tolist() == [i * i for i in range(8)]
    assert into.receive(b.fileno(), 0, 8) == 0


def test_long_datagrams_are_cut_to_the_slot(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    a.send(bytes(range(200)))
    into = Slots(2, 16)
    assert into.receive(b.fileno(), 0, 2) == 1
    assert into.lengths[0] == 16
    assert into.data[0].tolist() == list(range(16))


def test_arrivals_are_stamped_by_the_kernel_each_time(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    b.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    into = Slots(4, 64, stamped=True)
    for _ in range(2):
        before = time.time_ns()
        a.send(b"x")
        assert into.receive(b.fileno(), 0, 4) == 1
        stamp = int(into.stamps[0, 0]) * 1_000_000_000 + int(into.stamps[0, 1])
        assert before <= stamp <= time.time_ns()


def test_nobody_listening_is_a_loss_and_no_error(pair: tuple[socket.socket, socket.socket]) -> None:
    a, b = pair
    out = Slots(1, 16)
    b.close()
    for _ in range(3):
        out.send(a.fileno(), 1)
