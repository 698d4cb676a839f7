"""The comparison with Sanic sees what differs, and nothing else; tests/system runs it."""

import pytest

from tests.beside import differences as page
from tests.beside.requests import Answer, differences, frame, frames_in, parse

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nhi"


def test_one_answer_does_not_differ_from_itself() -> None:
    assert differences(parse(OK, "GET"), parse(OK, "GET")) == {}


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (OK.replace(b"200", b"201"), ["status"]),
        (OK.replace(b"X-A: 1", b"X-A: 2"), ["x-a"]),
        (OK.replace(b"X-A", b"X-B"), ["x-a", "x-b"]),
        (OK.replace(b"hi", b"ho"), ["body"]),
        (OK.replace(b"hi", b"h"), ["status"]),
        (b"", ["status"]),
        (b"hello", ["status"]),
    ],
    ids=["status", "field", "name of a field", "body", "cut short", "nothing", "no HTTP"],
)
def test_another_answer_differs(other: bytes, what: list[str]) -> None:
    assert sorted(differences(parse(OK, "GET"), parse(other, "GET"))) == what


@pytest.mark.parametrize("line", [b"Date: now", b'ETag: "1"', b"Connection: close"])
def test_what_is_left_out_does_not_differ(line: bytes) -> None:
    assert differences(parse(OK, "GET"), parse(OK.replace(b"X-A", line + b"\r\nX-A"), "GET")) == {}


def test_lines_with_labels_differ_by_label() -> None:
    one, other = Answer(200, {}, b"a: 1\nb: 2"), Answer(200, {}, b"a: 1\nb: 3")
    assert differences(one, other) == {"b": ("2", "3")}


def test_error_pages_differ_by_heading_and_message() -> None:
    one, other = (Answer(413, {}, f"⚠️ 413 — {name}\n===\nx\n".encode()) for name in ("Old", "New"))
    assert [*differences(one, other)] == ["heading"]


def test_frames_are_counted() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    assert [frames_in(head[:-1]), frames_in(head), frames_in(head + b"\x81\x01a\x81\x00\x81")] == [-1, 0, 2]
    assert frame(1, b"a") == b"\x81\x81\0\0\0\0a"


def test_a_difference_needs_a_row_and_a_row_a_difference() -> None:
    places = ["app: GET /app/late: route", "app: GET /app: name"]
    assert page.unexplained(places) == ["app: GET /app: name"]
    assert "Adding while it serves: app: GET /app/late: route" not in page.outdated(places)
    assert "Values in built URLs: app: GET /url_for: space" in page.outdated(places)


def test_the_page_has_the_rows_that_are_looked_for() -> None:
    assert sorted(page.rows(page.PAGE.read_text(encoding="utf-8"))) == sorted(page.PLACES)
