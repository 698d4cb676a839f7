"""The cookies of a response: its Set-Cookie fields, one for each."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Final, Unpack

from multidict import MutableMultiMapping

from triosanic.cookies.cookie import Cookie, CookieOptions

_FIELD: Final = "Set-Cookie"


class CookieJar(MutableMapping[str, Any]):
    """The cookies that a response sets: a view of its Set-Cookie fields.

    ``jar["a"] = "b"`` and ``jar["a"]["httponly"] = True`` are the way of Sanic's first years: such a cookie
    has the path ``/`` and nothing else. ``del jar["a"]`` takes back one that this response sets; if it sets
    none, the client is told to delete its own.

    Args:
        headers: The response's fields.

    Source: Sanic 25.12 ``CookieJar``; up to 24.9 for the items.
    """

    __slots__ = ("_headers",)

    def __init__(self, headers: MutableMultiMapping[Any]) -> None:
        self._headers = headers

    @property
    def cookies(self) -> list[Cookie]:
        """The cookies, in the order in which they are set."""
        return [field for field in self._headers.getall(_FIELD, []) if isinstance(field, Cookie)]

    def get_cookie(
        self,
        key: str,
        path: str | None = "/",
        domain: str | None = None,
        host_prefix: bool = False,
        secure_prefix: bool = False,
    ) -> Cookie | None:
        """Return the cookie of this name, path and domain, if there is one."""
        name = Cookie.make_key(key, host_prefix, secure_prefix)
        wanted = (name, path or None, domain or None)
        return next((c for c in self.cookies if (c.key, c.path, c.domain) == wanted), None)

    def has_cookie(
        self,
        key: str,
        path: str | None = "/",
        domain: str | None = None,
        host_prefix: bool = False,
        secure_prefix: bool = False,
    ) -> bool:
        """Say whether there is a cookie of this name, path and domain."""
        return self.get_cookie(key, path, domain, host_prefix, secure_prefix) is not None

    def add_cookie(self, key: str, value: str, **attributes: Unpack[CookieOptions]) -> Cookie:
        """Set a cookie, in place of one of the same name, path and domain.

        Args:
            key: The name.
            value: The value.
            attributes: See `Cookie`, also for errors.

        Source: RFC 6265 §4.1.1: a response sets a cookie once.
        """
        cookie = Cookie(key, value, **attributes)
        self._remove(cookie)
        self._headers.add(_FIELD, cookie)
        return cookie

    def delete_cookie(
        self,
        key: str,
        *,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = True,
        host_prefix: bool = False,
        secure_prefix: bool = False,
    ) -> None:
        """Let the client delete a cookie; its path, domain and prefix must be those it was set with."""
        self.add_cookie(
            key,
            "",
            path=path,
            domain=domain,
            secure=secure,
            max_age=0,
            samesite=None,
            host_prefix=host_prefix,
            secure_prefix=secure_prefix,
        )

    def __len__(self) -> int:
        return len(self.cookies)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.key for cookie in self.cookies))

    def __getitem__(self, key: str) -> Cookie:
        for cookie in reversed(self.cookies):
            if cookie.key == key:
                return cookie
        raise KeyError(key)

    def __setitem__(self, key: str, value: str) -> None:
        if key in self:
            self[key].value = value
        else:
            self.add_cookie(key, value, secure=False, samesite=None)

    def __delitem__(self, key: str) -> None:
        if key in self:
            self._remove(self[key])
        else:
            self.delete_cookie(key, secure=False)

    def _remove(self, cookie: Cookie) -> None:
        same = self.get_cookie(cookie.key, cookie.path, cookie.domain)
        if same is not None:
            for field in self._headers.popall(_FIELD):
                if field is not same:
                    self._headers.add(_FIELD, field)
