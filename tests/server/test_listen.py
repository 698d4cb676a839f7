"""Where a server listens: addresses, ports, Unix sockets, and sockets that were made elsewhere."""

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import trio

from triosanic.server import listen


def close(socks: list[socket.socket]) -> None:
    for sock in socks:
        sock.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
@pytest.mark.parametrize(
    "host", [None, "", ["127.0.0.1", "::1"], ["127.0.0.1", "::1", "127.0.0.1"]], ids=repr
)
async def test_with_port_0_every_family_gets_the_same_port(host: str | list[str] | None) -> None:
    """Design: with port 0 every family gets the same port."""
    socks = await listen(host, 0)
    try:
        assert {sock.family for sock in socks} == {socket.AF_INET, socket.AF_INET6}
        assert len(socks) == 2
        assert len({sock.getsockname()[1] for sock in socks}) == 1
        for sock in socks:
            address = "127.0.0.1" if sock.family == socket.AF_INET else "::1"
            async with await trio.open_tcp_stream(address, sock.getsockname()[1]):
                pass
    finally:
        close(socks)


@needs_ipv6
async def test_ipv6_does_not_take_ipv4_s_port() -> None:
    """IPV6_V6ONLY: the same port for both is two sockets."""
    socks = await listen("::", 0)
    try:
        port = socks[0].getsockname()[1]
        socks += await listen("0.0.0.0", port)
    finally:
        close(socks)


@pytest.mark.parametrize("call", ["__init__", "bind"])
@pytest.mark.parametrize("host", [None, "", "::", ["0.0.0.0", "::"]], ids=repr)
async def test_without_ipv6_every_interface_is_those_of_ipv4(
    host: str | list[str] | None, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without IPv6 may let it be opened, and then have no address; by name, that is an error."""
    number = errno.EAFNOSUPPORT if call == "__init__" else errno.EADDRNOTAVAIL

    working = getattr(socket.socket, call)

    def fails(self: socket.socket, *args: Any, **options: Any) -> None:
        if socket.AF_INET6 in ([*args, *options.values()][0], self.family):
            raise OSError(number, "injected")
        working(self, *args, **options)

    monkeypatch.setattr(socket.socket, call, fails, raising=False)
    if host:
        with pytest.raises(OSError, match=r"can't listen on :: port \d+: injected"):
            await listen(host, 0)
    else:
        socks = await listen(host, 0)
        assert [sock.family for sock in socks] == [socket.AF_INET]
        close(socks)


async def test_what_listens_is_ready_and_does_not_block() -> None:
    """`Server.accept` waits by Trio."""
    socks = await listen("127.0.0.1", 0)
    try:
        assert not socks[0].getblocking()
        with pytest.raises(BlockingIOError):
            socks[0].accept()
    finally:
        close(socks)


async def test_a_port_that_is_taken_is_an_oserror_that_names_it() -> None:
    """Design: a taken port is an OSError in somebody else's nursery."""
    socks = await listen("127.0.0.1", 0)
    port = socks[0].getsockname()[1]
    try:
        with pytest.raises(OSError, match=f"127.0.0.1.*{port}") as caught:
            await listen("127.0.0.1", port)
        assert caught.value.errno == errno.EADDRINUSE
    finally:
        close(socks)


@needs_ipv6
async def test_a_port_that_is_taken_in_one_family_leaves_nothing_open_in_the_other() -> None:
    """No socket is left to the garbage collector."""
    socks = await listen("::1", 0)
    port = socks[0].getsockname()[1]
    before = len(os.listdir("/dev/fd"))
    try:
        for _ in range(3):
            with pytest.raises(OSError, match=str(port)):
                await listen(["127.0.0.1", "::1"], port)
        assert len(os.listdir("/dev/fd")) == before
    finally:
        close(socks)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
async def test_an_address_that_is_not_ours_is_an_oserror(host: str) -> None:
    """RFC 5737, RFC 6761: these are nobody's."""
    with pytest.raises(OSError, match=host):
        await listen(host, 0)


async def test_a_port_can_be_used_again_at_once() -> None:
    """SO_REUSEADDR: a server that is started anew need not wait for old connections to time out."""
    socks = await listen("127.0.0.1", 0)
    address = socks[0].getsockname()
    async with await trio.open_tcp_stream(*address):
        ours, _ = socks[0].accept()
        ours.close()
    close(socks)
    close(await listen("127.0.0.1", address[1]))


async def test_sockets_that_are_bound_already_are_taken_as_they_are() -> None:
    """`sock`: one or several."""
    made = [socket.socket(), socket.socket()]
    for sock in made:
        sock.bind(("127.0.0.1", 0))
    try:
        assert await listen(None, 0, sock=made[0]) == made[:1]
        assert await listen(None, 0, sock=made) == made
        async with await trio.open_tcp_stream(*made[1].getsockname()):
            pass
        assert not made[0].getblocking()
    finally:
        close(made)


async def test_a_unix_socket_is_made_at_its_path(tmp_path: Path) -> None:
    """`unix`."""
    path = tmp_path / "s"
    socks = await listen(None, 0, unix=path)
    try:
        assert stat.S_ISSOCK(path.stat().st_mode)
        async with await trio.open_unix_socket(path):
            pass
    finally:
        close(socks)


async def test_a_unix_socket_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    """A server that was killed leaves its socket behind."""
    path = tmp_path / "s"
    close(await listen(None, 0, unix=str(path)))
    assert path.exists()
    socks = await listen(None, 0, unix=str(path))
    try:
        async with await trio.open_unix_socket(path):
            pass
    finally:
        close(socks)


async def test_a_unix_socket_that_somebody_listens_on_is_not_taken_away(tmp_path: Path) -> None:
    """A taken address is an OSError there, too."""
    path = tmp_path / "s"
    socks = await listen(None, 0, unix=path)
    try:
        with pytest.raises(OSError, match=str(path)):
            await listen(None, 0, unix=path)
        async with await trio.open_unix_socket(path):
            pass
    finally:
        close(socks)


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
async def test_what_is_no_socket_is_never_removed(kind: str, tmp_path: Path) -> None:
    """A path that was mistyped must not cost a file."""
    path = tmp_path / "s"
    (tmp_path / "target").touch()
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "target")
    with pytest.raises(ValueError, match="socket"):
        await listen(None, 0, unix=path)
    assert path.exists()


async def test_a_path_that_can_not_be_is_an_oserror(tmp_path: Path) -> None:
    """No folder, or too long a name."""
    for path in (tmp_path / "no" / "s", tmp_path / ("s" * 200)):
        with pytest.raises(OSError, match=r".+"):
            await listen(None, 0, unix=path)


async def test_two_places_at_once_are_a_mistake(tmp_path: Path) -> None:
    """`sock` and `unix` both say where."""
    with socket.socket() as sock, pytest.raises(ValueError, match="sock and unix"):
        await listen(None, 0, sock=sock, unix=tmp_path / "s")


@pytest.mark.parametrize(
    ("port", "error"), [("80", TypeError), (None, TypeError), (-1, ValueError), (65_536, ValueError)]
)
async def test_a_port_that_is_none_is_refused(port: Any, error: type[Exception]) -> None:
    """The system's own words for it name neither the argument nor the rule."""
    with pytest.raises(error, match="port must be"):
        await listen("127.0.0.1", port)
