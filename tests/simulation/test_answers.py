"""The reader of responses takes what RFC 9112 allows a server to send, and nothing else."""

import pytest

from triosanic.testing.simulation.answers import Answer, AnswerReader, Malformed

OK = b"HTTP/1.1 200 OK\r\n"


def read(data: bytes, method: str = "GET", *, http11: bool = True, expects: bool = False) -> list[Answer]:
    """Feed it byte by byte, and at once; both must be the same."""
    found: list[list[Answer]] = []
    for size in (1, len(data)):
        reader = AnswerReader()
        answers: list[Answer] = []
        for at in range(0, len(data), size):
            reader.feed(data[at : at + size])
            while reader.pending and (answer := reader.take(method, http11=http11, expects=expects)):
                answers.append(answer)
        last = reader.end()
        found.append([*answers, last] if last else answers)
        assert last or not reader.pending
    assert found[0] == found[1]
    return found[0]


def test_answers_follow_each_other() -> None:
    data = OK + b"Content-Length: 3\r\nX: a b\r\n\r\nabc"
    data += OK + b"connection: close\r\ncontent-length: 0\r\n\r\n"
    first, second = read(data)
    assert (first.status, first.body, first.closes, first["x"]) == (200, b"abc", False, "a b")
    assert (second.body, second.closes) == (b"", True)
    with pytest.raises(KeyError):
        second["x"]


def test_chunks() -> None:
    data = OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
    assert [answer.body for answer in read(data)] == [b"abc0123456789abcdef"]


def test_an_end_by_the_close() -> None:
    [answer] = read(OK + b"connection: close\r\n\r\nabc", http11=False)
    assert (answer.body, answer.closes) == (b"abc", True)


def test_no_content() -> None:
    assert read(OK + b"content-length: 9\r\n\r\n", "HEAD")[0].body == b""
    assert [answer.status for answer in read(b"HTTP/1.1 204 No Content\r\n\r\n" * 2)] == [204, 204]


def test_continue() -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 0\r\n\r\n"
    assert [answer.continued for answer in read(data, expects=True)] == [True]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200\r\n\r\n",
        b"HTTP/1.1 600 What\r\n\r\n",
        OK[:-2] + b"\nx: 1\r\n\r\n",
        OK + b"x : 1\r\n\r\n",
        OK + b" x: 1\r\n\r\n",
        OK + b"x: a\x00b\r\n\r\n",
        OK + b"x: 1\ny: 2\r\n\r\n",
        OK + b"content-length: 1\r\ncontent-length: 1\r\n\r\na",
        OK + b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\na",
        OK + b"content-length: 01\r\n\r\na",
        OK + b"content-length: +1\r\n\r\na",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\nG\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n",
        OK + b"connection: close\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)


def test_a_head_without_end() -> None:
    reader = AnswerReader()
    reader.feed(OK + b"x" * 70_000)
    with pytest.raises(Malformed):
        reader.take("GET", http11=True, expects=False)


def test_what_is_no_answer_to_this_request() -> None:
    """RFC 9112 6.1: chunked only to HTTP/1.1. RFC 9110 9.3.2: HEAD has none."""
    chunked = OK + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    for method, http11 in (("GET", False), ("HEAD", True)):
        with pytest.raises(Malformed):
            read(chunked, method, http11=http11)
    with pytest.raises(Malformed):
        read(b"HTTP/1.1 100 Continue\r\n\r\n" * 2, expects=True)
