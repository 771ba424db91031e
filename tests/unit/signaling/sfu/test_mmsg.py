from __future__ import annotations

import socket

import pytest

from signaling.sfu import mmsg

pytestmark = pytest.mark.skipif(not mmsg.AVAILABLE, reason="this system has no sendmmsg as known here")


def pair(family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    sockets = []
    for _ in range(2):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.bind((host, 0))
        except OSError:
            sock.close()
            pytest.skip("no IPv6")
        sock.settimeout(2)
        sockets.append(sock)
    return sockets[0], sockets[1]


def put(messages: mmsg.Outgoing, name: mmsg.Name, data: bytes, segment: int = 0) -> None:
    messages.view[messages.used : messages.used + len(data)] = data
    messages.add(name.address, len(data), segment)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_datagrams_out_and_in(family: socket.AddressFamily) -> None:
    a, b = pair(family)
    with a, b:
        raw = mmsg.pack_name(family, b.getsockname())
        assert mmsg.unpack_name(raw) == b.getsockname()
        messages, name = mmsg.Outgoing(family), mmsg.Name(raw)
        sent = [bytes([n]) * (n * 7 + 1) for n in range(100)]
        for data in sent:
            put(messages, name, data)
        assert messages.send(a.fileno())
        incoming, got = mmsg.Incoming(family), []
        while count := incoming.receive(b.fileno()):
            for i in range(count):
                assert incoming.peer(i) == mmsg.pack_name(family, a.getsockname())
                at = i * mmsg.RECEIVE_BYTES
                got.append(bytes(incoming.view[at : at + incoming.size(i)]))
        assert got == sent
        assert messages.count == messages.dropped == 0


def test_one_message_is_cut_into_datagrams_and_the_next_is_not() -> None:
    if not mmsg.segmentation_works():
        pytest.skip("no UDP segmentation offload")
    a, b = pair(socket.AF_INET)
    with a, b:
        messages = mmsg.Outgoing(socket.AF_INET)
        name = mmsg.Name(mmsg.pack_name(socket.AF_INET, b.getsockname()))
        put(messages, name, b"aaaabbbbcc", 4)
        put(messages, name, b"whole")
        assert messages.send(a.fileno())
        put(messages, name, b"whole again")
        assert messages.send(a.fileno())
        assert [b.recv(64) for _ in range(5)] == [b"aaaa", b"bbbb", b"cc", b"whole", b"whole again"]


def test_a_refused_segmented_message_is_sent_in_pieces() -> None:
    a, b = pair(socket.AF_INET)
    with a, b:
        messages = mmsg.Outgoing(socket.AF_INET)
        name = mmsg.Name(mmsg.pack_name(socket.AF_INET, b.getsockname()))
        data = bytes(range(200)) * 10
        put(messages, name, b"before")
        put(messages, name, data, 20)  # 100 segments, more than any kernel took when this was written
        put(messages, name, b"after")
        segmentation = messages.send(a.fileno())
        assert b.recv(64) == b"before"
        if not segmentation:
            assert [b.recv(64) for _ in range(100)] == [data[at : at + 20] for at in range(0, 2000, 20)]
            assert b.recv(64) == b"after"


def test_an_unreachable_address_costs_only_its_own_datagram() -> None:
    a, b = pair(socket.AF_INET)
    with a, b:
        messages = mmsg.Outgoing(socket.AF_INET)
        nowhere = mmsg.Name(mmsg.pack_name(socket.AF_INET, ("255.255.255.255", 9)))
        name = mmsg.Name(mmsg.pack_name(socket.AF_INET, b.getsockname()))
        put(messages, nowhere, b"lost")
        put(messages, name, b"kept")
        messages.send(a.fileno())
        assert b.recv(64) == b"kept"
        assert messages.dropped == 1
