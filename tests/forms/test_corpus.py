"""Forms byte for byte as clients write them, and what is made of each."""

from typing import Final

import pytest

from tests.forms.bodies import TYPE, field, file, form, part
from triosanic.exceptions import SanicException
from triosanic.forms import File, Form, FormLimits, parse_form

LIMITS: Final = FormLimits()

CHROMIUM: Final = (
    "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="title"\r\n\r\n'
    b"Gr\xc3\xbc\xc3\x9fe\r\nzwei\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="photo"; filename="\xe6\x97\xa5\xe6\x9c\xac %22a%22.png"\r\n'
    b"Content-Type: image/png\r\n\r\n"
    b"\x89PNG\r\n\x1a\n\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="none"; filename=""\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n",
    Form(
        {"title": ["Grüße\r\nzwei"]},
        {
            "photo": [File("image/png", b"\x89PNG\r\n\x1a\n", '日本 "a".png')],
            "none": [File("application/octet-stream", b"", "")],
        },
    ),
)
FIREFOX: Final = (
    "multipart/form-data; boundary=----geckoformboundary4b2f3e1a9c8d7e6f5a4b3c2d1e0f9a8b",
    b"------geckoformboundary4b2f3e1a9c8d7e6f5a4b3c2d1e0f9a8b\r\n"
    b'Content-Disposition: form-data; name="a%0D%0Ab"\r\n\r\n1\r\n'
    b"------geckoformboundary4b2f3e1a9c8d7e6f5a4b3c2d1e0f9a8b\r\n"
    b'Content-Disposition: form-data; name="files"; filename="dir/a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\none\r\n"
    b"------geckoformboundary4b2f3e1a9c8d7e6f5a4b3c2d1e0f9a8b\r\n"
    b'Content-Disposition: form-data; name="files"; filename="C:\\fakepath\\b.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\ntwo\r\n"
    b"------geckoformboundary4b2f3e1a9c8d7e6f5a4b3c2d1e0f9a8b--\r\n",
    Form(
        {"a\nb": ["1"]},
        {
            "files": [
                File("text/plain", b"one", "dir/a.txt"),
                File("text/plain", b"two", "C:\\fakepath\\b.txt"),
            ]
        },
    ),
)
OLD_FIREFOX: Final = (
    "multipart/form-data; boundary=---------------------------9051914041544843365972754266",
    b"-----------------------------9051914041544843365972754266\r\n"
    b'Content-Disposition: form-data; name="q"; filename="a\\"b.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nx\r\n"
    b"-----------------------------9051914041544843365972754266--\r\n",
    Form({}, {"q": [File("text/plain", b"x", 'a"b.txt')]}),
)
CURL: Final = (
    "multipart/form-data; boundary=------------------------d74496d66958873e",
    b"--------------------------d74496d66958873e\r\n"
    b'Content-Disposition: form-data; name="person"\r\n\r\nanonymous\r\n'
    b"--------------------------d74496d66958873e\r\n"
    b'Content-Disposition: attachment-not; name="x"\r\n\r\n\r\n'
    b"--------------------------d74496d66958873e--\r\n",
    400,
)
DOTNET: Final = (
    'multipart/form-data; boundary="3f6f7c2e-6f0a-4f7e-9a51-5a2f3c1b0d9e"',
    b"--3f6f7c2e-6f0a-4f7e-9a51-5a2f3c1b0d9e\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Disposition: form-data; name=comment\r\n\r\nh\xc3\xa9\r\n"
    b"--3f6f7c2e-6f0a-4f7e-9a51-5a2f3c1b0d9e\r\n"
    b"Content-Disposition: form-data; name=doc; filename=plain.pdf; filename*=utf-8''r%C3%A9sum%C3%A9.pdf\r\n"
    b"\r\n%PDF\r\n"
    b"--3f6f7c2e-6f0a-4f7e-9a51-5a2f3c1b0d9e--\r\n",
    Form({"comment": ["hé"]}, {"doc": [File("text/plain", b"%PDF", "résumé.pdf")]}),
)
MIXED: Final = (
    TYPE,
    form(
        part(
            'name="files"',
            b"--c\r\nContent-Disposition: file; filename=a\r\n\r\nA\r\n--c--\r\n",
            "Content-Type: multipart/mixed; boundary=c",
        )
    ),
    # RFC 7578 §4.3 took nesting away: it is content like any other.
    Form({"files": ["--c\r\nContent-Disposition: file; filename=a\r\n\r\nA\r\n--c--\r\n"]}, {}),
)


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        pytest.param(*CHROMIUM, id="chromium"),
        pytest.param(*FIREFOX, id="firefox"),
        pytest.param(*OLD_FIREFOX, id="old-firefox"),
        pytest.param(*CURL, id="curl-with-another-disposition"),
        pytest.param(*DOTNET, id="dotnet"),
        pytest.param(*MIXED, id="nested"),
        pytest.param(TYPE, form(), Form({}, {}), id="nothing"),
        pytest.param(TYPE, b"", Form({}, {}), id="no-body"),
        pytest.param(TYPE, form(field("", b"x")), Form({"": ["x"]}, {}), id="empty-name"),
        pytest.param(TYPE, b"\r\n" + form(field("a", b"x")), Form({"a": ["x"]}, {}), id="break-first"),
        pytest.param(TYPE, b"Hello.\r\n" + form(field("a", b"x")), Form({"a": ["x"]}, {}), id="preamble"),
        pytest.param(TYPE, form(field("a", b"x")) + b"Bye.", Form({"a": ["x"]}, {}), id="epilogue"),
        pytest.param(TYPE, form(field("a", b"x"))[:-2], Form({"a": ["x"]}, {}), id="no-last-break"),
        pytest.param(
            "Multipart/Form-Data; Boundary=b", form(field("a", b"x")), Form({"a": ["x"]}, {}), id="case"
        ),
    ],
)
def test_what_is_made_of_what_clients_send(content_type: str, body: bytes, expected: Form | int) -> None:
    assert outcome(body, content_type) == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("multipart/form-data", form(), id="no-boundary"),
        pytest.param("multipart/form-data; boundary=", form(), id="empty-boundary"),
        pytest.param(f"multipart/form-data; boundary={'a' * 71}", form(), id="long-boundary"),
        pytest.param('multipart/form-data; boundary="b "', form(), id="boundary-with-space-at-the-end"),
        pytest.param('multipart/form-data; boundary="b\\r"', form(), id="boundary-with-backslash"),
        pytest.param('multipart/form-data; boundary="bü"', form(), id="boundary-not-ascii"),
        pytest.param(TYPE, form(field("a", b"x")).replace(b"\r\n", b"\n"), id="lf-only"),
        pytest.param(TYPE, form(part('name="a"\nX: y', b"x")), id="lf-in-a-header"),
        pytest.param(TYPE, form(part('name="a\rb"', b"x")), id="cr-in-a-header"),
        pytest.param(TYPE, form(part('name="a\0b"', b"x")), id="nul-in-a-header"),
        pytest.param(TYPE, form(part('name="a"', b"x", "X: y", " z")), id="folded"),
        pytest.param(TYPE, form(part('filename="a"', b"x")), id="no-name"),
        pytest.param(
            TYPE, form(part('name="a"', b"x", 'Content-Disposition: form-data; name="b"')), id="two-names"
        ),
        pytest.param(TYPE, form(part('name="a"; name="b"', b"x")), id="two-names-in-one"),
        pytest.param(TYPE, form(part('name="a"; filename="a.png"; Filename=b.php', b"x")), id="two-files"),
        pytest.param(
            TYPE,
            form(part('name="a"', b"x", "Content-Type: text/plain", "content-type: a/b")),
            id="two-types",
        ),
        pytest.param(
            TYPE,
            form(
                part('name="a"', b"x", *(f"Content-Transfer-Encoding: {name}" for name in ("8bit", "base64")))
            ),
            id="two-encodings",
        ),
        pytest.param("multipart/form-data; boundary=c; boundary=b", form(), id="two-boundaries"),
        pytest.param(TYPE, b"--b\r\nX: y\r\n\r\nx\r\n--b--\r\n", id="no-disposition"),
        pytest.param(TYPE, b"--b\r\nno field\r\n\r\nx\r\n--b--\r\n", id="no-colon"),
        pytest.param(TYPE, b"--b\r\n\r\nx\r\n--b--\r\n", id="no-header"),
        pytest.param(TYPE, form(part('name="a"', b"x", "Content-Length: 2")), id="wrong-length"),
        pytest.param(TYPE, form(part('name="a"', b"eA==", "Content-Transfer-Encoding: base64")), id="base64"),
        pytest.param(
            TYPE, form(part('name="a"', b"=41", "Content-Transfer-Encoding: quoted-printable")), id="qp"
        ),
        pytest.param(TYPE, form(field("a", b"x")).replace(b"--b--", b"--b -"), id="padding"),
        pytest.param(TYPE, form(part('name="\xff"')).replace("ÿ".encode(), b"\xff"), id="name-not-utf-8"),
        pytest.param(TYPE, b"x" * 5000 + b"\r\n" + form(field("a", b"x")), id="long-preamble"),
        pytest.param(TYPE, b"x\n" + form(field("a", b"x")), id="boundary-inside-a-line"),
        pytest.param(TYPE, form(field("a", b"\xff")), id="field-not-utf-8"),
        pytest.param(TYPE, form(part('name="a"', b"x", "Content-Type: text/plain; charset=zlib")), id="zlib"),
        pytest.param("application/x-www-form-urlencoded", b"a=%ff", id="urlencoded-not-utf-8"),
        pytest.param("application/x-www-form-urlencoded", b"a=\xff", id="urlencoded-raw"),
        pytest.param("application/x-www-form-urlencoded; charset=punycode", b"a=b", id="punycode"),
    ],
)
def test_what_is_no_form_is_refused(content_type: str, body: bytes) -> None:
    """RFC 2046 §5.1, RFC 7578 §4; none of these comes from a browser."""
    assert outcome(body, content_type) == 400


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        ('filename="a.txt"', "a.txt"),
        ("filename=a.txt", "a.txt"),
        ('filename="../../etc/passwd"', "../../etc/passwd"),
        ('filename="a%0D%0Ab%00.txt"', "ab%00.txt"),
        ('filename="a;b.txt"', "a;b.txt"),
        ('filename="100%.txt"', "100%.txt"),
        ("filename*=UTF-8''%e2%82%ac%0a.txt", "€.txt"),
        ("filename*=iso-8859-1'en'%A3.txt; filename=\"x\"", "£.txt"),
        ("filename*=UTF-8''%ff; filename=x", "x"),
        ("filename*=utf-16''x; filename=y", "y"),
        ("filename*=UTF-8''%ff", None),
    ],
)
def test_how_the_name_of_a_file_is_read(parameters: str, filename: str | None) -> None:
    """HTML's encoding of names; RFC 8187; a name keeps no control character."""
    found = outcome(form(part(f'name="f"; {parameters}', b"x")), TYPE)
    expected = {"f": [File("text/plain", b"x", filename)]} if filename is not None else {}
    assert isinstance(found, Form)
    assert found.files == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([part('name="a"', b"\xa4", "Content-Type: text/plain; charset=iso-8859-15")], {"a": ["€"]}),
        (
            [field("_charset_", b"Windows-1252"), field("a", b"\x80")],
            {"_charset_": ["Windows-1252"], "a": ["€"]},
        ),
        (
            [
                field("_charset_", b"koi8-r"),
                part('name="a"', "ü".encode(), 'Content-Type: a/b; charset="UTF-8"'),
            ],
            {"_charset_": ["koi8-r"], "a": ["ü"]},
        ),
    ],
    ids=["part", "form", "both"],
)
def test_charsets(parts: list[bytes], expected: dict[str, list[str]]) -> None:
    """RFC 7578 §4.5 and §4.6."""
    assert outcome(form(*parts), TYPE) == Form(expected, {})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        (b"a=&b&c=+%2B%26", {"c": [" +&"]}),
        (b"a;b=c;d", {"a;b": ["c;d"]}),
        (b"a=%zz&b=100%", {"a": ["%zz"], "b": ["100%"]}),
        ("ü=é".encode(), {"ü": ["é"]}),
        (b"%C3%BC=%C3%A9", {"ü": ["é"]}),
    ],
)
def test_urlencoded(body: bytes, expected: dict[str, list[str]]) -> None:
    """WHATWG URL, application/x-www-form-urlencoded; Sanic leaves out fields without a value."""
    assert outcome(body, "application/x-www-form-urlencoded") == Form(expected, {})


def test_urlencoded_in_another_charset() -> None:
    found = outcome(b"a=%E9", "application/x-www-form-urlencoded; charset=ISO-8859-1")
    assert found == Form({"a": ["é"]}, {})


def test_blank_values_are_kept_on_demand() -> None:
    """Sanic: ``get_form(keep_blank_values=True)``."""
    body, content_type = b"a=&b", "application/x-www-form-urlencoded"
    kept = parse_form(body, content_type, LIMITS, keep_blank_values=True)
    assert kept.fields == {"a": [""], "b": [""]}


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/mixed; boundary=b", ""]
)
def test_any_other_body_is_an_empty_form(content_type: str) -> None:
    """Sanic."""
    assert outcome(form(file("a", b"x")), content_type) == Form({}, {})


def outcome(body: bytes, content_type: str) -> Form | int:
    try:
        return parse_form(body, content_type, LIMITS)
    except SanicException as exc:
        assert str(exc).isprintable()
        return exc.status_code
