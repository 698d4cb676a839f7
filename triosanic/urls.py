"""Make a URL of a route's name: what ``app.url_for`` does."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

from sanic_routing.exceptions import NotFound as NoMatch
from sanic_routing.patterns import ExtParamInfo, ParamInfo

from triosanic.exceptions import URLBuildError
from triosanic.router import Route

# RFC 3986 §3.3: what a segment may hold as it is, beside letters, digits and "-._~".
_SEGMENT: Final = "!$&'()*+,;=:@"
# RFC 3986 §3.5: likewise, for what follows the "#".
_FRAGMENT: Final = _SEGMENT + "/?"
FILE: Final = "__file_uri__"


@dataclass(frozen=True, slots=True)
class Place:
    """What `url_for` is told of the URL besides the path's parameters and the query.

    Attributes:
        anchor: What follows the ``#``.
        external: Whether scheme and host are part of the URL.
        scheme: The scheme; ``""``: that of ``server``, or http.
        server: Host and port, maybe with a scheme in front; ``None``: the route's host, or ``SERVER_NAME``.
        host: Which of the route's hosts.
    """

    anchor: str
    external: bool
    scheme: str
    server: str | None
    host: str | None

    @classmethod
    def taken_from(cls, values: MutableMapping[str, Any]) -> Self:
        """Take Sanic's special arguments out of ``values``.

        Raises:
            ValueError: A scheme is named for a URL without one.
        """
        values.pop("_method", None)  # Sanic's, where it does nothing either
        host = values.pop("_host", None)
        place = cls(
            anchor=str(values.pop("_anchor", "") or ""),
            external=bool(values.pop("_external", False) or host),
            scheme=str(values.pop("_scheme", "") or ""),
            server=values.pop("_server", None),
            host=host,
        )
        if place.scheme and not place.external:
            raise ValueError("When specifying _scheme, _external must be True")
        return place

    def origin(self, route: Route, server_name: str) -> str:
        """Give the URL's begin, as ``https://example.org``, or without the scheme, or ``""``.

        Raises:
            ValueError: The route has several hosts and none is chosen, or has others.
            URLBuildError: Nothing names a server.
        """
        if not self.external:
            return f"//{self.server.rpartition('://')[2].rstrip('/')}" if self.server else ""
        server = self.server
        if server is None:
            server = self._host_of(route) or server_name
        if not server:
            raise URLBuildError(
                f"an external URL of {route.name!r} needs a server: set SERVER_NAME in the configuration, "
                "or pass _server"
            )
        named, slashes, rest = server.partition("://")
        scheme = self.scheme or (named if slashes else "http")
        if getattr(route.extra, "websocket", False) and not self.scheme:
            scheme = scheme.replace("http", "ws")
        return f"{scheme}://{(rest if slashes else server).rstrip('/')}"

    def _host_of(self, route: Route) -> str | None:
        if not route.hosts:
            return self.host
        hosts = ", ".join(route.hosts)
        if self.host is None:
            if len(route.hosts) > 1:
                raise ValueError(f"Host is ambiguous: {hosts}")
            return route.hosts[0]
        if self.host.lower() not in route.hosts:
            raise ValueError(f"Requested host ({self.host}) is not available for this route: {hosts}")
        return self.host


def build_url(route: Route, values: Mapping[str, Any], server_name: str = "") -> str:
    """Make the URL of a route.

    Args:
        route: The route.
        values: The path's parameters, Sanic's special arguments, and the query's parameters, of which a list
            gives one for each item. For a route of files, ``filename`` is the path below it.
        server_name: Host and port of external URLs, maybe with a scheme in front.

    Raises:
        URLBuildError: A parameter is missing or doesn't match, or nothing names a server.
        ValueError: What is said of the host or scheme contradicts the route or itself.

    Source: Sanic 25.12 ``app.url_for``, which does not quote.
    """
    left = dict(values)
    place = Place.taken_from(left)
    if FILE in route.labels:
        left[FILE] = str(left.pop("filename", "")).lstrip("/")
    elif getattr(route.extra, "static", False):
        left.pop("filename", None)
    parts = [part if isinstance(part, str) else _filled(part, left, route) for part in route.segments]
    query = urlencode(left, doseq=True)
    anchor = f"#{quote(place.anchor, safe=_FRAGMENT)}" if place.anchor else ""
    return f"{place.origin(route, server_name)}/{'/'.join(parts)}{'?' if query else ''}{query}{anchor}"


def _filled(param: ParamInfo, left: MutableMapping[str, Any], route: Route) -> str:
    if param.name not in left:
        error = URLBuildError(f"Required parameter `{param.name}` was not passed to url_for")
        error.add_note(f"the path is {route.uri}")
        raise error
    text = str(left.pop(param.name))
    if isinstance(param, ExtParamInfo) and "ext" in left:
        text = f"{text}.{left.pop('ext')}"
    if not _matches(param, text):
        kind = f"match pattern for type `{param.label}`:" if not param.regex else "satisfy pattern"
        raise URLBuildError(
            f'Value "{text}" for parameter `{param.name}` does not {kind} {param.pattern.pattern}'
        )
    # RFC 3986 §5.2.4: clients take these out of a path, however they are written, and the next part too.
    if any(segment in {".", ".."} for segment in text.split("/")):
        raise URLBuildError(f'Value "{text}" for parameter `{param.name}` has a part that clients remove')
    return quote(text, safe=_SEGMENT + ("/" if param.label == "path" or param.regex else ""))


def _matches(param: ParamInfo, text: str) -> bool:
    if param.pattern is not None and not param.pattern.fullmatch(text):
        return False
    if param.regex:
        return True
    try:
        param.process({}, param.cast(text))
    except (ValueError, NoMatch):
        return False
    return True
