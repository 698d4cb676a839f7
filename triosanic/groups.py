"""Blueprints taken together: one prefix, one version, and middleware for all of them."""

from collections.abc import Callable, Iterable, Iterator, MutableSequence
from typing import Any, Final, Protocol, TypeVar, overload

from triosanic.middleware import REQUEST, RESPONSE, MiddlewareDecorator, middleware
from triosanic.router import Handler, Version

_HandlerT = TypeVar("_HandlerT", bound=Handler)

DEFAULT_PREFIX: Final = "/v"


class Member(Protocol):
    """What a group holds: a blueprint, or another group."""

    url_prefix: str | None
    version: Version
    strict_slashes: bool | None
    version_prefix: str

    def register_middleware(
        self, middleware: _HandlerT, attach_to: str = REQUEST, *, priority: int = 0
    ) -> _HandlerT:
        """Record a middleware."""

    def exception(self, *exceptions: Any, apply: bool = True) -> Callable[[Any], Any]:
        """Record a handler of exceptions."""


class BlueprintGroup(MutableSequence[Member]):
    """Blueprints, and groups of them, that are mounted together; `Blueprint.group` makes one.

    Args:
        url_prefix: Put before the prefixes of its members.
        version: For members that have none.
        strict_slashes: For members that say nothing.
        version_prefix: For members that say nothing else.
        name_prefix: Put before the names of its members, with a ``_``.

    Source: Sanic 25.12 ``BlueprintGroup``.
    """

    __slots__ = ("_members", "name_prefix", "strict_slashes", "url_prefix", "version", "version_prefix")

    def __init__(
        self,
        url_prefix: str | None = None,
        version: Version = None,
        strict_slashes: bool | None = None,
        version_prefix: str = DEFAULT_PREFIX,
        name_prefix: str | None = "",
    ) -> None:
        self.url_prefix = url_prefix
        self.version = version
        self.strict_slashes = strict_slashes
        self.version_prefix = version_prefix
        self.name_prefix = name_prefix or ""
        self._members: list[Member] = []

    @property
    def blueprints(self) -> list[Member]:
        """The members, in order."""
        return self._members

    @overload
    def __getitem__(self, index: int) -> Member: ...

    @overload
    def __getitem__(self, index: slice) -> "list[Member]": ...

    def __getitem__(self, index: int | slice) -> "Member | list[Member]":
        return self._members[index]

    def __setitem__(self, index: Any, member: Any) -> None:
        self._members[index] = member

    def __delitem__(self, index: int | slice) -> None:
        del self._members[index]

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def insert(self, index: int, value: Member) -> None:
        """Put a member before the one at ``index``."""
        self._members.insert(index, value)

    middleware = middleware
    on_request = MiddlewareDecorator(REQUEST)
    on_response = MiddlewareDecorator(RESPONSE)

    def register_middleware(
        self, middleware: _HandlerT, attach_to: str = REQUEST, *, priority: int = 0
    ) -> _HandlerT:
        """Run a function for each request to a member's routes; see `Recorder.register_middleware`.

        Members that are added later do not get it. A blueprint that is in two such groups gets both.
        """
        for member in self._members:
            member.register_middleware(middleware, attach_to, priority=priority)
        return middleware

    def exception(
        self, *exceptions: type[BaseException] | Iterable[type[BaseException]], apply: bool = True
    ) -> Callable[[_HandlerT], _HandlerT]:
        """Have what is decorated answer for these exceptions of the members' routes."""

        def decorate(handler: _HandlerT) -> _HandlerT:
            for member in self._members:
                member.exception(*exceptions, apply=apply)(handler)
            return handler

        return decorate
