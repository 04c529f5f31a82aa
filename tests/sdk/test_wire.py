"""Frames on the app's socket."""

import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail_sdk import wire
from tests.cases import cases


@settings(max_examples=cases(50), deadline=None)
@given(st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.integers(), st.text())))
def test_a_message_arrives_as_it_was_sent(message: dict[str, object]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send_message(ours, message)
        assert wire.receive_message(theirs) == message


@settings(max_examples=cases(30), deadline=None)
@given(st.lists(st.binary(max_size=5000), max_size=8))
def test_content_arrives_whole_and_ends(chunks: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wire.send_content(ours, iter(chunks))
        wire.send_message(ours, {"after": 1})
        assert b"".join(wire.receive_content(theirs)) == b"".join(chunks)
        assert wire.receive_message(theirs) == {"after": 1}


def test_a_frame_that_is_too_long_is_refused_before_it_is_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(struct.pack(">I", 1 << 31))
        with pytest.raises(wire.Broken, match="most"):
            wire.receive_message(theirs)


def test_a_closed_socket_is_told_from_a_broken_frame() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, pytest.raises(wire.Closed):
        wire.receive_message(theirs)


def test_chunks_fit_into_frames() -> None:
    content = bytes(3 * wire.LARGEST_CHUNK + 5)
    pieces = list(wire.in_chunks(content))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= wire.LARGEST_CHUNK
