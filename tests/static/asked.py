"""One request to an app in memory, byte for byte as it is written here, and the answer to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from triosanic import Sanic
from triosanic.headers import Header
from triosanic.testing import open_raw


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, taken apart."""

    status: int
    headers: Header
    body: bytes


def request(target: str, fields: Mapping[str, str] | None = None, method: str = "GET") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (fields or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def parse(data: bytes) -> Answer:
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    pairs = [field.partition(": ") for field in fields]
    return Answer(int(line.split()[1]), Header((name, value) for name, _, value in pairs), body)


async def ask(
    app: Sanic, target: str, fields: Mapping[str, str] | None = None, method: str = "GET"
) -> Answer:
    """Ask, and read until the server closes."""
    async with open_raw(app) as conn:
        await conn.send(request(target, fields, method))
        return parse(await conn.rest())
