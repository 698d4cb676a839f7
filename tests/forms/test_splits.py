"""Whatever pieces a form comes in, it is the same form; what another encoder writes is read back."""

from collections.abc import Sequence
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.forms.bodies import BOUNDARY, field, file, form, part, split
from triosanic.exceptions import SanicException
from triosanic.forms import File, FormLimits, parse_form
from triosanic.forms.heads import PartHead
from triosanic.forms.reader import Mark, MultipartReader

Read = list[tuple[str, str | None, str, bytes]]

FORM = form(
    field("a", b""),
    file("f", b"\r\n--\r\r\n\r\n--\r\n-\n", "x y.png"),
    part('name="e"; filename=""', b"", "Content-Type: application/octet-stream"),
    field("a", b"\r\n--"),
)


def read(pieces: Sequence[bytes], limits: FormLimits | None = None) -> Read | int:
    """Give the parts, or the status of the refusal."""
    reader = MultipartReader(BOUNDARY, limits or FormLimits())
    parts: Read = []
    head: PartHead | None = None
    content = b""
    try:
        for piece in pieces:
            for event in reader.feed(piece):
                if isinstance(event, PartHead):
                    head, content = event, b""
                elif isinstance(event, bytes):
                    assert event
                    content += event
                else:
                    assert event is Mark.PART_END
                    assert head is not None
                    parts.append((head.name, head.filename, head.content_type, content))
                    head = None
        reader.finish()
    except SanicException as exc:
        return exc.status_code
    return parts


# Pieces of which delimiters and their likes are made, and what may stand around and within parts.
fragments = st.sampled_from(
    [
        *(b"\r", b"\n", b"-", b"b", b" ", b"\r\n", b"--b", b"--b--", b"--b\r\n", b"\r\n--b", b"x"),
        *(b"\r\n--b\r\n", b"\r\n--b--", b"\r\n\r\n", b"\0", b"\xff", b"\r\n--b--\r\n"),
        b'Content-Disposition: form-data; name="a"\r\n\r\n',
        b'Content-Disposition: form-data; name="a\nb"\r\n\r\n',
        b'content-disposition: form-data; name=a; filename="b"\r\nContent-Type: a/b\r\n\r\n',
        b"Content-Length: 1\r\n",
        b"X: y\r\n z\r\n",
    ]
)
anything = st.lists(fragments, max_size=12).map(b"".join)
cuts = st.lists(st.integers(0, 200), max_size=10)


@pytest.mark.parametrize("before", [b"", b"\r\n", b"This is a message.\r\n"], ids=["none", "break", "text"])
@pytest.mark.parametrize("after", [b"", b"\r\nand more\r\n--b\r\n"], ids=["none", "text"])
def test_every_cut_in_two_gives_the_same_form(before: bytes, after: bytes) -> None:
    """RFC 2046 §5.1.1: what stands before the first and after the last delimiter does not count."""
    data = before + FORM + after
    whole = read([data])
    assert isinstance(whole, list)
    assert [name for name, *_ in whole] == ["a", "f", "e", "a"]
    for at in range(len(data) + 1):
        assert read(split(data, [at])) == whole
    assert read([data[at : at + 1] for at in range(len(data))]) == whole


@given(anything, cuts)
def test_any_split_of_anything_is_understood_alike(data: bytes, places: list[int]) -> None:
    """Design: each parser is fed every split of its input."""
    assert read(split(data, [min(place, len(data)) for place in places])) == read([data])


@given(anything, cuts)
def test_any_split_of_a_form_with_anything_in_it(content: bytes, places: list[int]) -> None:
    data = form(field("a", content), file("f", content))
    assert read(split(data, [min(place, len(data)) for place in places])) == read([data])


@given(anything, anything)
def test_no_form_that_is_cut_off_looks_whole(first: bytes, second: bytes) -> None:
    """The last delimiter is the only end."""
    data = form(file("f", b"x" + first.replace(b"--b", b"")), file("g", second.replace(b"--b", b"")))
    for at in range(1, len(data) - len(b"\r\n") - 1):
        assert read([data[:at]]) == 400, data[:at]


# HTML escapes quotes and line breaks in names; a backslash before a quote could mean two things.
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\\%"),
    min_size=1,
    max_size=20,
)


@given(st.text("ab=&%+4cC3;\n", max_size=40), st.booleans())
def test_urlencoded_is_what_urllib_understands(text: str, keep: bool) -> None:
    """Sanic reads it by urllib; what is not UTF-8 is 400 here."""
    try:
        expected = parse_qs(text, keep, errors="strict", max_num_fields=1000)
    except UnicodeDecodeError:
        expected = {"refused": ["400"]}
    try:
        body = text.encode()
        form_read = parse_form(
            body, "application/x-www-form-urlencoded", FormLimits(), keep_blank_values=keep
        )
    except SanicException as exc:
        assert expected == {"refused": [str(exc.status_code)]}
    else:
        assert form_read.fields == expected


@given(st.dictionaries(names, st.text(max_size=50), min_size=1, max_size=5))
def test_what_httpx_encodes_as_urlencoded_is_read_back(fields: dict[str, str]) -> None:
    request = httpx.Request("POST", "http://a", data=fields)
    content_type = request.headers["content-type"]
    form_read = parse_form(request.read(), content_type, FormLimits(), keep_blank_values=True)
    assert form_read.fields == {name: [value] for name, value in fields.items()}


@given(
    st.dictionaries(names, st.text(max_size=50), max_size=4),
    st.lists(st.tuples(names, names, st.binary()), min_size=1, max_size=4),
)
def test_what_httpx_encodes_as_multipart_is_read_back(
    fields: dict[str, str], files: list[tuple[str, str, bytes]]
) -> None:
    request = httpx.Request(
        "POST",
        "http://a",
        data=fields,
        files=[(name, (filename, content, "image/png")) for name, filename, content in files],
    )
    read_back = parse_form(request.read(), request.headers["content-type"], FormLimits())
    assert read_back.fields == {name: [value] for name, value in fields.items()}
    got = [(name, found) for name, found_all in read_back.files.items() for found in found_all]
    sent = [(name, File("image/png", content, filename)) for name, filename, content in files]
    assert sorted(got) == sorted(sent)
